//! `y[t, o] = keep * y[t, o] + sum_i x[t, i] * weights[o, i]`, of rows of x that are
//! normalised first or not.

use std::ops::Range;

use super::linear_few::few;
use super::linear_many::many;
use super::one_row::{OneRow, Product, input};
use super::rms_norm::{Mean, normalise};
use super::scratch::Scratch;
use super::size;
use crate::device::bindings::{LinearCpu, LinearParams, State, Weights};
use crate::device::cpu::Cpu;
use crate::device::cpu::raw::{Bf16, F16, F32, Quantised, RowFormat};

/// Up to this many rows are multiplied straight from the stored weights, each of
/// which is read once for all of them.
pub(crate) const FEW_ROWS: usize = 32;

/// Runs `linear_rows` or `linear_tile`: they differ on GPUs only.
pub(crate) fn run(k: LinearCpu<'_>, p: &LinearParams, cpu: &Cpu) {
    let LinearCpu {
        weights,
        state,
        x,
        norm,
        y,
        ..
    } = k;
    let mut product = |x: &[f32], outputs: Range<usize>| {
        let y = &mut *y;
        match weights {
            Weights::F32(w) => linear(F32, w, state, (x, y), (p, outputs), cpu),
            Weights::F16(w) => linear(F16, w, state, (x, y), (p, outputs), cpu),
            Weights::Bf16(w) => linear(Bf16, w, state, (x, y), (p, outputs), cpu),
            Weights::Q8(w) => linear(q8(p.group_shift), w, state, (x, y), (p, outputs), cpu),
            Weights::Q4(w) => linear(q4(p.group_shift), w, state, (x, y), (p, outputs), cpu),
        }
    };
    let outputs = size(p.outputs);
    if p.inverse_columns <= 0.0 {
        return product(x, 0..outputs);
    }
    let columns = 4 * size(p.inputs4);
    let mut scratch = Scratch::new(size(state.rows) * columns);
    let normed = scratch.numbers();
    let mean = Mean {
        inverse_columns: p.inverse_columns,
        epsilon: p.epsilon,
    };
    let (before, same) = (size(p.first_output), size(p.norm_outputs));
    let mut first = 0;
    while first < outputs {
        let which = (before + first) / same;
        let end = outputs.min((which + 1) * same - before);
        normalise(x, &norm[which * columns..][..columns], normed, mean, cpu);
        product(normed, first..end);
        first = end;
    }
}

/// See [`OneRow`].
pub(super) const ONE_ROW: OneRow = OneRow {
    product: |call| {
        let p: LinearParams = call.params();
        Product {
            inputs4: p.inputs4,
            outputs: p.outputs,
            group_shift: p.group_shift,
        }
    },
    input: |call, to| {
        let p: LinearParams = call.params();
        let mean = Mean {
            inverse_columns: p.inverse_columns,
            epsilon: p.epsilon,
        };
        input(call, (p.inverse_columns > 0.0).then_some(mean), to);
    },
    output: |mut call, products| {
        let p: LinearParams = call.params();
        let place = Place::new(call.state(0), &p);
        let first = place.row(0) * place.stride + place.first_output;
        let y: &mut [f32] = call.write(4);
        for (y, product) in y[first..].iter_mut().zip(products) {
            *y = place.put(*y, *product);
        }
    },
};

/// Weights in 8 bits, by the shaders' parameter.
pub(crate) fn q8(group_shift: u32) -> Quantised<8> {
    Quantised {
        group: 4 << group_shift,
    }
}

/// Weights in 4 bits, by the shaders' parameter.
pub(crate) fn q4(group_shift: u32) -> Quantised<4> {
    Quantised {
        group: 4 << group_shift,
    }
}

fn linear<F: RowFormat>(
    format: F,
    weights: &[F::Word],
    state: &State,
    (x, y): (&[f32], &mut [f32]),
    (p, outputs): (&LinearParams, Range<usize>),
    cpu: &Cpu,
) {
    let (rows, inputs) = (size(state.rows), 4 * size(p.inputs4));
    if rows == 0 || outputs.is_empty() {
        return;
    }
    let mut place = Place::new(state, p);
    place.first_output += outputs.start;
    let words = format.row_words(inputs);
    let layer = Layer {
        format,
        weights: &weights[outputs.start * words..outputs.end * words],
        x: &x[..rows * inputs],
        rows,
        inputs,
        outputs: outputs.len(),
        place,
    };
    if rows <= FEW_ROWS {
        few(layer, y, cpu);
    } else {
        many(layer, y, cpu);
    }
}

/// A linear layer and its inputs.
#[derive(Clone, Copy)]
pub(crate) struct Layer<'a, F: RowFormat> {
    /// How its weights are stored.
    pub(crate) format: F,
    /// `[outputs, inputs]`
    pub(crate) weights: &'a [F::Word],
    /// `[rows, inputs]`
    pub(crate) x: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) place: Place,
}

impl<'a, F: RowFormat> Layer<'a, F> {
    /// The weights of an output.
    #[inline(always)]
    pub(crate) fn output(&self, output: usize) -> &'a [F::Word] {
        let words = self.format.row_words(self.inputs);
        &self.weights[output * words..(output + 1) * words]
    }
}

/// Where the outputs go.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// Column of the first of them in y.
    pub(crate) first_output: usize,
    /// Columns of y.
    pub(crate) stride: usize,
    /// Times what y holds is added; 0 overwrites.
    pub(crate) keep: f32,
    first_slot: usize,
    /// Rows of the ring that y is; 0: it is none.
    pub(crate) slots: usize,
}

impl Place {
    fn new(state: &State, p: &LinearParams) -> Self {
        Self {
            first_output: size(p.first_output),
            stride: size(p.stride),
            keep: p.keep,
            first_slot: size(state.first_slot),
            slots: size(p.slots),
        }
    }

    /// What becomes of an output when a product comes to it.
    #[inline(always)]
    pub(crate) fn put(&self, y: f32, product: f32) -> f32 {
        if self.keep == 0.0 {
            product
        } else {
            self.keep * y + product
        }
    }

    /// The row of y for a row of x.
    #[inline(always)]
    pub(crate) fn row(&self, row: usize) -> usize {
        if self.slots == 0 {
            row
        } else {
            (self.first_slot + row) % self.slots
        }
    }
}
