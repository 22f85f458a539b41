//! `y[t, i] = silu(gate[t, i]) * up[t, i]`.

use super::size;
use crate::device::bindings::{SwigluCpu, SwigluParams};
use crate::device::cpu::Cpu;
use crate::device::cpu::raw::{Lanes, Work, exp};

pub(crate) fn run(k: SwigluCpu<'_>, p: &SwigluParams, cpu: &Cpu) {
    let SwigluCpu {
        state, y, gate_up, ..
    } = k;
    let (rows, columns) = (size(state.rows), 4 * size(p.columns4));
    let y = &mut y[..rows * columns];
    cpu.rows(y, columns, 4 * rows * columns, |row, y| {
        let (gate, up) = gate_up[2 * row * columns..][..2 * columns].split_at(columns);
        cpu.lanes(Gate { gate, up, y });
    });
}

/// `y = silu(gate) * up`.
pub(super) struct Gate<'a> {
    pub(super) gate: &'a [f32],
    pub(super) up: &'a [f32],
    pub(super) y: &'a mut [f32],
}

impl Work for Gate<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let parts = self.gate.chunks(L::LANES).zip(self.up.chunks(L::LANES));
        for (y, (gate, up)) in self.y.chunks_mut(L::LANES).zip(parts) {
            let (gate, up) = (l.load_part(gate, 0.0), l.load_part(up, 0.0));
            l.store_part(gated(l, gate, up), y);
        }
    }
}

/// `silu(gate) * up`, with `silu(z) = z / (1 + exp(-z))`.
#[inline(always)]
fn gated<L: Lanes>(l: L, gate: L::V, up: L::V) -> L::V {
    let beside = exp(l, l.sub(l.splat(0.0), gate));
    l.mul(l.div(gate, l.add(l.splat(1.0), beside)), up)
}
