//! Rotates queries and keys (interleaved RoPE) and stores keys and values in the
//! ring: `y[2j] = x[2j] cos - x[2j+1] sin`, `y[2j+1] = x[2j+1] cos + x[2j] sin`.

use super::size;
use crate::device::bindings::{RopeStoreCpu, RopeStoreParams};
use crate::device::cpu::Cpu;

/// Slots of a piece.
const SLOTS: usize = 16;

pub(crate) fn run(k: RopeStoreCpu<'_>, p: &RopeStoreParams, cpu: &Cpu) {
    let RopeStoreCpu {
        state,
        angles,
        qkv,
        keys,
        values,
        ..
    } = k;
    let (rows, half) = (size(state.rows), size(p.half_head));
    let (slots, first_slot) = (size(p.slots), size(state.first_slot));
    let queries = 2 * size(p.heads) * half;
    let stored = 2 * size(p.kv_heads) * half;
    let columns = queries + 2 * stored;
    if rows == 0 || half == 0 {
        return;
    }
    let first_angle = size(p.absolute) * first_slot;
    let angles = |row: usize| &angles[2 * (first_angle + row) * half..][..2 * half];

    // The keys first, from where they lie between queries and values.
    let qkv = &mut qkv[..rows * columns];
    {
        let qkv = &*qkv;
        let key = |row: usize, to: &mut [f32]| {
            to.copy_from_slice(&qkv[row * columns + queries..][..stored]);
            rotate(to, angles(row));
        };
        let value = |row: usize, to: &mut [f32]| {
            to.copy_from_slice(&qkv[row * columns + queries + stored..][..stored]);
        };
        let work = 2 * rows * stored;
        store(keys, slots, first_slot, rows, stored, work, key, cpu);
        store(values, slots, first_slot, rows, stored, work, value, cpu);
    }
    cpu.rows(qkv, columns, 2 * rows * queries, |row, qkv| {
        rotate(&mut qkv[..queries], angles(row));
    });
}

/// Turns the pairs of each head by a row's angles, (cos, sin) each.
fn rotate(x: &mut [f32], angles: &[f32]) {
    for head in x.chunks_exact_mut(angles.len()) {
        for (pair, angle) in head
            .as_chunks_mut::<2>()
            .0
            .iter_mut()
            .zip(angles.as_chunks::<2>().0)
        {
            let ([a, b], [cos, sin]) = (*pair, *angle);
            *pair = [a * cos - b * sin, b * cos + a * sin];
        }
    }
}

/// Writes row t to slot `(first_slot + t) & (slots - 1)` of a ring `[slots, columns]`.
/// Of rows that meet in a slot the last one stays.
#[expect(clippy::too_many_arguments, reason = "a ring and what goes there")]
fn store(
    ring: &mut [f32],
    slots: usize,
    first_slot: usize,
    rows: usize,
    columns: usize,
    work: usize,
    write: impl Fn(usize, &mut [f32]) + Sync,
    cpu: &Cpu,
) {
    let ring = &mut ring[..slots * columns];
    if rows < SLOTS {
        for row in 0..rows {
            let slot = (first_slot + row) & (slots - 1);
            write(row, &mut ring[slot * columns..][..columns]);
        }
        return;
    }
    cpu.chunks(ring, SLOTS * columns, work, |number, part| {
        for (i, to) in part.chunks_exact_mut(columns).enumerate() {
            let first = (number * SLOTS + i).wrapping_sub(first_slot) & (slots - 1);
            if first < rows {
                let last = first + (rows - 1 - first) / slots * slots;
                write(last, to);
            }
        }
    });
}
