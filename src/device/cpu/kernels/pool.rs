//! Pools the bytes of each closed patch: max, mean or min over the rows of the
//! ring that are its own bytes.

use super::size;
use crate::device::bindings::{PoolCpu, PoolParams};
use crate::device::cpu::Cpu;

pub(crate) fn run(k: PoolCpu<'_>, p: &PoolParams, _: &Cpu) {
    let PoolCpu {
        state,
        ranges,
        ring,
        y,
        ..
    } = k;
    let (columns, slots) = (4 * size(p.columns4), size(p.slots));
    let combine: fn(f32, f32) -> f32 = match p.kind {
        0 => f32::max,
        1 => |a, b| a + b,
        _ => f32::min,
    };
    for row in 0..size(state.rows) {
        let own = 2 * (2 * row + 1);
        let (first, count) = (size(ranges[own]), size(ranges[own + 1]));
        let byte = |j: usize| &ring[(first + j) % slots * columns..][..columns];
        let y = &mut y[4 * (row * size(p.stride4) + size(p.first4))..][..columns];
        y.copy_from_slice(byte(0));
        for j in 1..count.min(slots) {
            for (y, value) in y.iter_mut().zip(byte(j)) {
                *y = combine(*y, *value);
            }
        }
        if p.kind == 1 {
            #[expect(clippy::cast_precision_loss, reason = "patches are short")]
            y.iter_mut().for_each(|y| *y /= count as f32);
        }
    }
}
