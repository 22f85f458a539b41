//! Embedding gather: `x[t, :] = table[ids[t], :]`, where that row lies in this part.

use super::linear::{q4, q8};
use super::size;
use crate::device::bindings::{EmbedCpu, EmbedParams, Weights};
use crate::device::cpu::Cpu;
use crate::device::cpu::raw::{Bf16, F16, F32, Lanes, RowFormat, Work};

pub(crate) fn run(k: EmbedCpu<'_>, p: &EmbedParams, cpu: &Cpu) {
    let EmbedCpu {
        weights,
        ids,
        x,
        state,
        ..
    } = k;
    let x = &mut x[..size(state.rows) * 4 * size(p.columns4)];
    match weights {
        Weights::F32(table) => embed(F32, table, ids, x, p, cpu),
        Weights::F16(table) => embed(F16, table, ids, x, p, cpu),
        Weights::Bf16(table) => embed(Bf16, table, ids, x, p, cpu),
        Weights::Q8(table) => embed(q8(p.group_shift), table, ids, x, p, cpu),
        Weights::Q4(table) => embed(q4(p.group_shift), table, ids, x, p, cpu),
    }
}

fn embed<F: RowFormat>(
    format: F,
    table: &[F::Word],
    ids: &[u32],
    x: &mut [f32],
    p: &EmbedParams,
    cpu: &Cpu,
) {
    let columns = 4 * size(p.columns4);
    let (words, work) = (format.row_words(columns), x.len());
    cpu.rows(x, columns, work, |row, x| {
        let entry = ids[row].min(p.vocabulary.saturating_sub(1));
        if let Some(entry) = entry
            .checked_sub(p.first_row)
            .filter(|entry| *entry < p.part_rows)
        {
            let from = &table[size(entry) * words..][..words];
            cpu.lanes(Widen { format, from, x });
        }
    });
}

/// A row of stored weights written over `x`.
pub(crate) struct Widen<'a, F: RowFormat> {
    pub(crate) format: F,
    pub(crate) from: &'a [F::Word],
    pub(crate) x: &'a mut [f32],
}

impl<F: RowFormat> Work for Widen<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        self.format.widen(l, self.from, self.x);
    }
}
