//! The first half of SwiGLU for a single row, which is normalised first:
//! `y[i] = silu(gate_i) * up_i`, gates and then ups being the rows of the weights.

use super::linear::{q4, q8};
use super::linear_few::Arrange;
use super::rms_norm::{Mean, normalise};
use super::scratch::Scratch;
use super::size;
use super::swiglu::gated;
use crate::device::bindings::{GateUpRowCpu, GateUpRowParams, Weights};
use crate::device::cpu::Cpu;
use crate::device::cpu::raw::{Bf16, F16, F32, Lanes, RowFormat, Work};

pub(crate) fn run(k: GateUpRowCpu<'_>, p: &GateUpRowParams, cpu: &Cpu) {
    let GateUpRowCpu {
        state,
        x,
        norm,
        y,
        weights,
        ..
    } = k;
    if state.rows == 0 {
        return;
    }
    let (inputs, outputs) = (4 * size(p.inputs4), size(p.outputs));
    let mean = Mean {
        inverse_columns: p.inverse_columns,
        epsilon: p.epsilon,
    };
    let mut scratch = Scratch::new(inputs);
    let normed = scratch.numbers();
    normalise(x, &norm[..inputs], normed, mean, cpu);
    let (x, y) = (&*normed, &mut y[..outputs]);
    match weights {
        Weights::F32(weights) => gate_up(F32, weights, x, y, cpu),
        Weights::F16(weights) => gate_up(F16, weights, x, y, cpu),
        Weights::Bf16(weights) => gate_up(Bf16, weights, x, y, cpu),
        Weights::Q8(weights) => gate_up(q8(p.group_shift), weights, x, y, cpu),
        Weights::Q4(weights) => gate_up(q4(p.group_shift), weights, x, y, cpu),
    }
}

/// Fewest and most weights of a piece, gates or ups.
const PIECE: (usize, usize) = (8 << 10, 128 << 10);

fn gate_up<F: RowFormat>(format: F, weights: &[F::Word], x: &[f32], y: &mut [f32], cpu: &Cpu) {
    let mut x = x;
    let mut scratch = Scratch::new(if F::ARRANGED { x.len() } else { 0 });
    if F::ARRANGED {
        let to = &mut *scratch.numbers();
        cpu.lanes(Arrange { format, x, to });
        x = to;
    }
    let (gates, ups) = weights.split_at(y.len() * format.row_words(x.len()));
    let products = y.len() * x.len();
    let piece = (products / 64).clamp(PIECE.0, PIECE.1);
    let outputs = (piece / x.len().max(1)).next_multiple_of(BLOCK).max(BLOCK);
    cpu.chunks(y, outputs, 4 * products, |number, y| {
        let first = number * outputs;
        cpu.lanes(GateUp {
            format,
            gates,
            ups,
            x,
            first,
            y,
        });
    });
}

/// Outputs whose weights are read side by side.
const BLOCK: usize = 2;

struct GateUp<'a, F: RowFormat> {
    format: F,
    /// `[outputs, inputs]`
    gates: &'a [F::Word],
    /// `[outputs, inputs]`
    ups: &'a [F::Word],
    x: &'a [f32],
    /// The first output of `y`.
    first: usize,
    y: &'a mut [f32],
}

impl<F: RowFormat> Work for GateUp<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Self {
            format,
            gates,
            ups,
            x,
            first,
            y,
        } = self;
        let words = format.row_words(x.len());
        let row = |output: usize| output * words..(output + 1) * words;
        // A vector of sums at a time, for the exponential's sake.
        for (part, y) in y.chunks_mut(L::LANES).enumerate() {
            let mut sums = [[0.0; crate::device::cpu::raw::MAX_LANES]; 2];
            for at in (0..y.len()).step_by(BLOCK) {
                let output = first + part * L::LANES + at;
                let last = first + part * L::LANES + y.len() - 1;
                let [a, b] = [row(output), row((output + 1).min(last))];
                let w = [&gates[a.clone()], &gates[b.clone()], &ups[a], &ups[b]];
                let [found] = format.dots::<L, 1, 4>(l, [x], w, BLOCK * words);
                sums[0][at..at + 2].copy_from_slice(&found[..2]);
                sums[1][at..at + 2].copy_from_slice(&found[2..]);
            }
            l.store_part(gated(l, l.load(&sums[0]), l.load(&sums[1])), y);
        }
    }
}
