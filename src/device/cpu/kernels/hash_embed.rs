//! Hashed n-gram embeddings: `x[t, :] += sum_e table[e * V + rows[t, e], :]`,
//! over the rows that lie in this part, in the order of the tables.

use super::embed::Widen;
use super::linear::{q4, q8};
use super::scratch::Scratch;
use super::size;
use crate::device::bindings::{HashEmbedCpu, HashEmbedParams, Weights};
use crate::device::cpu::Cpu;
use crate::device::cpu::raw::{Bf16, F16, F32, RowFormat};

pub(crate) fn run(k: HashEmbedCpu<'_>, p: &HashEmbedParams, cpu: &Cpu) {
    let HashEmbedCpu {
        weights,
        rows: entries,
        x,
        state,
        ..
    } = k;
    let x = &mut x[..size(state.rows) * 4 * size(p.columns4)];
    match weights {
        Weights::F32(table) => sum(F32, table, entries, x, p, cpu),
        Weights::F16(table) => sum(F16, table, entries, x, p, cpu),
        Weights::Bf16(table) => sum(Bf16, table, entries, x, p, cpu),
        Weights::Q8(table) => sum(q8(p.group_shift), table, entries, x, p, cpu),
        Weights::Q4(table) => sum(q4(p.group_shift), table, entries, x, p, cpu),
    }
}

fn sum<F: RowFormat>(
    format: F,
    table: &[F::Word],
    entries: &[u32],
    x: &mut [f32],
    p: &HashEmbedParams,
    cpu: &Cpu,
) {
    let (columns, tables) = (4 * size(p.columns4), size(p.tables));
    let (words, work) = (format.row_words(columns), tables * x.len());
    cpu.rows(x, columns, work, |row, x| {
        let mut scratch = Scratch::new(columns);
        let found = scratch.numbers();
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
                let from = &table[entry * words..][..words];
                let to = &mut *found;
                cpu.lanes(Widen {
                    format,
                    from,
                    x: to,
                });
                for (x, found) in x.iter_mut().zip(to) {
                    *x += *found;
                }
            }
        }
    });
}
