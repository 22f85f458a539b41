//! Embedding gather: `x[t, :] = table[ids[t], :]`, where that row lies in this part.

use super::size;
use crate::device::bindings::{EmbedCpu, EmbedParams, Weights};
use crate::device::cpu::Cpu;
use crate::device::cpu::raw::{Bf16, F16, F32, Lanes, Stored, Work, load_weights};

pub(crate) fn run(k: EmbedCpu<'_>, p: &EmbedParams, cpu: &Cpu) {
    let EmbedCpu {
        weights,
        ids,
        x,
        state,
        ..
    } = k;
    match weights {
        Weights::F32(table) => embed::<F32>(table, ids, x, size(state.rows), p, cpu),
        Weights::F16(table) => embed::<F16>(table, ids, x, size(state.rows), p, cpu),
        Weights::Bf16(table) => embed::<Bf16>(table, ids, x, size(state.rows), p, cpu),
    }
}

fn embed<S: Stored>(
    table: &[S::Word],
    ids: &[u32],
    x: &mut [f32],
    rows: usize,
    p: &EmbedParams,
    cpu: &Cpu,
) {
    let columns = 4 * size(p.columns4);
    cpu.rows(
        &mut x[..rows * columns],
        columns,
        rows * columns,
        |row, x| {
            let entry = ids[row].min(p.vocabulary.saturating_sub(1));
            if let Some(entry) = entry
                .checked_sub(p.first_row)
                .filter(|entry| *entry < p.part_rows)
            {
                let from = &table[size(entry) * columns..][..columns];
                cpu.lanes(Widen::<S> {
                    from,
                    add: false,
                    x,
                });
            }
        },
    );
}

/// Stored weights written over `x`, or added to it.
pub(crate) struct Widen<'a, S: Stored> {
    pub(crate) from: &'a [S::Word],
    pub(crate) add: bool,
    pub(crate) x: &'a mut [f32],
}

impl<S: Stored> Work for Widen<'_, S> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        for (x, from) in self.x.chunks_mut(L::LANES).zip(self.from.chunks(L::LANES)) {
            let mut value = load_weights::<S, L>(l, from);
            if self.add {
                value = l.add(l.load_part(x, 0.0), value);
            }
            l.store_part(value, x);
        }
    }
}
