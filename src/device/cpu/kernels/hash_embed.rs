//! Embeddings of bytes, hashed n-grams included: `x[t, :] = own[id[t], :] + sum_e
//! table[e * V + r, :]`, `r = (sum_j id[t - n + 1 + j] * prime^j) mod V` in wrapping signed
//! 64-bit arithmetic with floor modulo; over the rows that lie in this part, in the order
//! of the tables.

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
        own,
        ids,
        grams,
        powers,
        x,
        state,
        ..
    } = k;
    let x = &mut x[..size(state.rows) * 4 * size(p.columns4)];
    let bytes = Bytes {
        own,
        ids,
        grams,
        powers,
    };
    match weights {
        Weights::F32(table) => sum(F32, table, bytes, x, p, cpu),
        Weights::F16(table) => sum(F16, table, bytes, x, p, cpu),
        Weights::Bf16(table) => sum(Bf16, table, bytes, x, p, cpu),
        Weights::Q8(table) => sum(q8(p.group_shift), table, bytes, x, p, cpu),
        Weights::Q4(table) => sum(q4(p.group_shift), table, bytes, x, p, cpu),
    }
}

/// What a byte's embedding begins with, and what its n-grams are found by.
#[derive(Clone, Copy)]
struct Bytes<'a> {
    own: &'a [f32],
    ids: &'a [u32],
    grams: &'a [u32],
    powers: &'a [u32],
}

impl Bytes<'_> {
    /// The row of a table for a row of the run.
    fn hashed(&self, row: usize, table: usize, p: &HashEmbedParams) -> usize {
        let (length, first_power) = (size(self.grams[2 * table]), size(self.grams[2 * table + 1]));
        let ids = &self.ids[row + size(p.history) + 1 - length..][..length];
        let powers = self.powers[2 * first_power..].chunks_exact(2);
        let sum = ids.iter().zip(powers).fold(0u64, |sum, (id, power)| {
            let power = u64::from(power[1]) << 32 | u64::from(power[0]);
            sum.wrapping_add(u64::from(*id).wrapping_mul(power))
        });
        let id = sum.cast_signed().rem_euclid(i64::from(p.vocabulary));
        // At least 0 and below the vocabulary.
        size(u32::try_from(id).unwrap_or_default())
    }
}

fn sum<F: RowFormat>(
    format: F,
    table: &[F::Word],
    bytes: Bytes<'_>,
    x: &mut [f32],
    p: &HashEmbedParams,
    cpu: &Cpu,
) {
    let (columns, tables) = (4 * size(p.columns4), size(p.tables));
    let (words, work) = (format.row_words(columns), tables * x.len());
    cpu.rows(x, columns, work, |row, x| {
        if p.adds == 0 {
            let id = bytes.ids[row + size(p.history)].min(p.own_rows.saturating_sub(1));
            x.copy_from_slice(&bytes.own[size(id) * columns..][..columns]);
        }
        let mut scratch = Scratch::new(columns);
        let found = scratch.numbers();
        for e in 0..tables {
            let entry = if p.gathered == 1 {
                row * tables + e
            } else {
                // A row before this part wraps to a large number.
                (e * size(p.vocabulary) + bytes.hashed(row, e, p)).wrapping_sub(size(p.first_row))
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
