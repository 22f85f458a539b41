//! An encoder without cross-attention: `y[p, n, :]` = the n-th of the last N bytes
//! up to the end of patch p, rows of the ring; before the text its first byte.

use super::size;
use crate::device::bindings::{ConcatenateCpu, ConcatenateParams};
use crate::device::cpu::Cpu;

pub(crate) fn run(k: ConcatenateCpu<'_>, p: &ConcatenateParams, _: &Cpu) {
    let ConcatenateCpu {
        state,
        ranges,
        y,
        ring,
        ..
    } = k;
    let (columns, bytes) = (4 * size(p.columns4), size(p.bytes));
    for row in 0..size(state.rows) {
        let own = 2 * (2 * row + 1);
        let end = size(ranges[own]) + size(ranges[own + 1]);
        for n in 0..bytes {
            let slot = end.saturating_sub(bytes - n) % size(p.slots);
            let y = &mut y[(row * bytes + n) * columns..][..columns];
            y.copy_from_slice(&ring[slot * columns..][..columns]);
        }
    }
}
