//! Hashed n-gram embeddings: `x[t, :] += sum_e table[e * V + rows[t, e], :]`,
//! over the rows that lie in this part, in the order of the tables.

use super::embed::Widen;
use super::size;
use crate::device::bindings::{HashEmbedCpu, HashEmbedParams, Weights};
use crate::device::cpu::Cpu;
use crate::device::cpu::raw::{Bf16, F16, F32, Stored};

pub(crate) fn run(k: HashEmbedCpu<'_>, p: &HashEmbedParams, cpu: &Cpu) {
    let HashEmbedCpu {
        weights,
        rows: entries,
        x,
        state,
        ..
    } = k;
    match weights {
        Weights::F32(table) => sum::<F32>(table, entries, x, size(state.rows), p, cpu),
        Weights::F16(table) => sum::<F16>(table, entries, x, size(state.rows), p, cpu),
        Weights::Bf16(table) => sum::<Bf16>(table, entries, x, size(state.rows), p, cpu),
    }
}

fn sum<S: Stored>(
    table: &[S::Word],
    entries: &[u32],
    x: &mut [f32],
    rows: usize,
    p: &HashEmbedParams,
    cpu: &Cpu,
) {
    let (columns, tables) = (4 * size(p.columns4), size(p.tables));
    let work = rows * tables * columns;
    cpu.rows(&mut x[..rows * columns], columns, work, |row, x| {
        for e in 0..tables {
            let at = row * tables + e;
            let entry = if p.gathered == 1 {
                at
            } else {
                let own = size(entries[at].min(p.vocabulary.saturating_sub(1)));
                // A row before this part wraps to a large number.
                (e * size(p.vocabulary) + own).wrapping_sub(size(p.first_row))
            };
            if entry < size(p.part_rows) {
                let from = &table[entry * columns..][..columns];
                cpu.lanes(Widen::<S> { from, add: true, x });
            }
        }
    });
}
