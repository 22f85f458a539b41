//! Keeps rows for later runs: `ring[(first_slot + t) mod slots, :] = x[t, :]`.

use super::size;
use crate::device::bindings::{RingStoreCpu, RingStoreParams};
use crate::device::cpu::Cpu;

pub(crate) fn run(k: RingStoreCpu<'_>, p: &RingStoreParams, _: &Cpu) {
    let RingStoreCpu { state, ring, x, .. } = k;
    let columns = 4 * size(p.columns4);
    for row in 0..size(state.rows) {
        let slot = (size(state.first_slot) + row) % size(p.slots);
        ring[slot * columns..][..columns].copy_from_slice(&x[row * columns..][..columns]);
    }
}
