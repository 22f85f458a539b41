//! Rows of the hashed n-gram tables: `rows[t, e] = (sum_j id[t - n + 1 + j] * prime^j) mod V`
//! in wrapping signed 64-bit arithmetic with floor modulo; the oldest id has power 0.

use super::size;
use crate::device::bindings::{HashIdsCpu, HashIdsParams};
use crate::device::cpu::Cpu;

pub(crate) fn run(k: HashIdsCpu<'_>, p: &HashIdsParams, cpu: &Cpu) {
    let HashIdsCpu {
        state,
        rows: entries,
        grams,
        ids,
        powers,
        ..
    } = k;
    let (rows, tables) = (size(state.rows), size(p.tables));
    cpu.chunks(
        &mut entries[..rows * tables],
        tables,
        16 * rows * tables,
        |row, entries| {
            for (entry, gram) in entries.iter_mut().zip(grams.chunks_exact(2)) {
                let (length, first_power) = (size(gram[0]), size(gram[1]));
                let ids = &ids[row + size(p.history) + 1 - length..][..length];
                let powers = powers[2 * first_power..].chunks_exact(2);
                let sum = ids.iter().zip(powers).fold(0u64, |sum, (id, power)| {
                    let power = u64::from(power[1]) << 32 | u64::from(power[0]);
                    sum.wrapping_add(u64::from(*id).wrapping_mul(power))
                });
                let id = sum.cast_signed().rem_euclid(i64::from(p.vocabulary));
                // At least 0 and below the vocabulary.
                *entry = u32::try_from(id).unwrap_or_default();
            }
        },
    );
}
