//! The first half of SwiGLU for a single row, which is normalised first:
//! `y[i] = silu(gate_i) * up_i`, gates and then ups being the rows of the weights.

use super::linear::{q4, q8};
use super::linear_few::{Arrange, piece};
use super::one_row::{OneRow, Product, input};
use super::rms_norm::{Mean, normalise};
use super::scratch::Scratch;
use super::size;
use super::swiglu::{Gate, gated};
use crate::device::bindings::{GateUpRowCpu, GateUpRowParams, Weights};
use crate::device::cpu::Cpu;
use crate::device::cpu::raw::{Bf16, F16, F32, Lanes, MAX_LANES, RowFormat, Work};

/// See [`OneRow`].
pub(super) const ONE_ROW: OneRow = OneRow {
    product: |call| {
        let p: GateUpRowParams = call.params();
        Product {
            inputs4: p.inputs4,
            outputs: 2 * p.outputs,
            group_shift: p.group_shift,
        }
    },
    input: |call, to| {
        let p: GateUpRowParams = call.params();
        let mean = Mean {
            inverse_columns: p.inverse_columns,
            epsilon: p.epsilon,
        };
        input(call, Some(mean), to);
    },
    output: |mut call, products| {
        let (gate, up) = products.split_at(products.len() / 2);
        let y = &mut call.write(4)[..gate.len()];
        call.cpu().lanes(Gate { gate, up, y });
    },
};

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

fn gate_up<F: RowFormat>(format: F, weights: &[F::Word], x: &[f32], y: &mut [f32], cpu: &Cpu) {
    let (mut x, inputs) = (x, x.len());
    let numbers = format.arranged(inputs);
    let mut scratch = Scratch::new(if F::ARRANGED { numbers } else { 0 });
    if F::ARRANGED {
        let to = &mut *scratch.numbers();
        cpu.lanes(Arrange { format, x, to });
        x = to;
    }
    let (gates, ups) = weights.split_at(y.len() * format.row_words(inputs));
    let products = y.len() * inputs;
    let outputs = (piece(2 * products, cpu) / 2 / inputs.max(1))
        .next_multiple_of(BLOCK)
        .max(BLOCK);
    cpu.chunks(y, outputs, 4 * products, |number, y| {
        let first = number * outputs;
        cpu.lanes(GateUp {
            format,
            gates,
            ups,
            x,
            inputs,
            first,
            y,
        });
    });
}

/// Outputs that are summed together.
const BLOCK: usize = 4;

struct GateUp<'a, F: RowFormat> {
    format: F,
    /// `[outputs, inputs]`
    gates: &'a [F::Word],
    /// `[outputs, inputs]`
    ups: &'a [F::Word],
    /// In the form that the weights want.
    x: &'a [f32],
    inputs: usize,
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
            inputs,
            first,
            y,
        } = self;
        let words = format.row_words(inputs);
        // A vector of sums at a time, for the exponential's sake.
        for (part, y) in y.chunks_mut(L::LANES).enumerate() {
            let mut sums = [[0.0; MAX_LANES]; 2];
            let last = y.len() - 1;
            for (sums, weights) in sums.iter_mut().zip([gates, ups]) {
                for at in (0..y.len()).step_by(BLOCK) {
                    let w = std::array::from_fn(|o| {
                        let output = first + part * L::LANES + (at + o).min(last);
                        &weights[output * words..(output + 1) * words]
                    });
                    let [found] = format.dots::<L, 1, BLOCK>(l, [x], w);
                    sums[at..at + BLOCK].copy_from_slice(&found);
                }
            }
            l.store_part(gated(l, l.load(&sums[0]), l.load(&sums[1])), y);
        }
    }
}
