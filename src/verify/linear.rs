//! The linear kernels, for every type of weights.

use super::case::{Case, padded_rows};
use super::{Inputs, POISON, plain};
use crate::device::kernel::Kernel;
use crate::device::kernels::{GateUpRow, GateUpRowParams, LinearParams, LinearRows, LinearTile};
use crate::device::plan::{Extent, ONE};
use crate::device::tensor::{count, padded};

/// Rows, inputs and outputs of a product.
type Shape = (usize, usize, usize);

/// What a product does to the output.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// Replaces it.
    Over,
    /// Is added to twice as much, as after cross-attention.
    Added,
    /// Replaces rows of a ring that wraps within the run.
    Ring,
}

fn product<'a, K>(inputs: &mut Inputs, (rows, columns, outputs): Shape, mode: Mode) -> Case
where
    K: Kernel<'a, Params = LinearParams>,
{
    let mut case = inputs.case();
    let x = case.numbers(rows * columns, 2.0);
    // Every other shape as where a binding is too small for all outputs.
    let first = if outputs % 2 == 1 { outputs / 2 } else { 0 };
    let weights = case.weights(&[first, outputs - first], columns);
    let x_in = case.input(&padded_rows(&x, columns, padded(columns), 0.0, 3));
    // Wider than the outputs, as when several products share a row.
    let stride = padded(outputs) + 4;
    let slots = if mode == Mode::Ring { rows + 1 } else { 0 };
    let written = slots.max(rows) * stride;
    let mut want = match mode {
        Mode::Added => case.numbers(written, 1.0),
        _ => vec![f32::from_bits(POISON); written],
    };
    want.resize((rows + 3) * stride, f32::from_bits(POISON));
    let kept = want.len() - written;
    let y = case.in_place(&want, kept);
    for part in &weights.parts {
        let params = LinearParams {
            inputs4: count(columns.div_ceil(4)),
            outputs: count(part.rows),
            first_output: count(part.first_row),
            stride: count(stride),
            keep: if mode == Mode::Added { 2.0 } else { 0.0 },
            slots: count(slots),
        };
        let grid = [Extent::Items(part.rows), Extent::Rows];
        let buffers = [part.buffer, x_in, y];
        // The slot only counts in a ring.
        case.step_in_ring::<K>((rows, rows), &buffers, params, grid);
    }
    let products = plain::linear(&x, &weights.values, columns);
    for (row, sums) in products.chunks_exact(outputs).enumerate() {
        let row = if slots > 0 { (rows + row) % slots } else { row };
        for (y, sum) in want[row * stride..].iter_mut().zip(sums) {
            *y = if mode == Mode::Added {
                2.0 * *y + sum
            } else {
                *sum
            };
        }
    }
    case.expect(y, &want);
    case
}

fn products<'a, K>(inputs: &mut Inputs, shapes: &[Shape]) -> Vec<Case>
where
    K: Kernel<'a, Params = LinearParams>,
{
    let mut cases = Vec::new();
    for shape in shapes {
        for mode in [Mode::Over, Mode::Added, Mode::Ring] {
            cases.push(product::<K>(inputs, *shape, mode));
        }
    }
    cases
}

// One row and column, odd ones, padded ones, beyond a tile.

pub(super) fn linear_rows(inputs: &mut Inputs) -> Vec<Case> {
    let shapes = [
        (1, 4, 1),
        (1, 85, 7),
        (8, 260, 33),
        (5, 192, 130),
        (3, 20, 64),
    ];
    products::<LinearRows>(inputs, &shapes)
}

pub(super) fn linear_tile(inputs: &mut Inputs) -> Vec<Case> {
    let shapes = [
        (1, 4, 1),
        (9, 85, 7),
        (65, 60, 70),
        (130, 36, 5),
        (17, 192, 130),
    ];
    products::<LinearTile>(inputs, &shapes)
}

pub(super) fn gate_up_row(inputs: &mut Inputs) -> Vec<Case> {
    let shapes = [(4, 4), (85, 12), (260, 36), (192, 132)];
    let case = |(columns, outputs)| {
        let mut case = inputs.case();
        let x = case.numbers(columns, 2.0);
        let weights = case.weights(&[2 * outputs], columns);
        let x_in = case.input(&padded_rows(&x, columns, padded(columns), 0.0, 0));
        let y = case.output(outputs, 9);
        let params = GateUpRowParams {
            inputs4: count(columns.div_ceil(4)),
            outputs: count(outputs),
        };
        let buffers = [weights.parts[0].buffer, x_in, y];
        case.step::<GateUpRow>(1, &buffers, params, [Extent::Items(outputs), ONE]);
        let both = plain::linear(&x, &weights.values, columns);
        let (gate, up) = both.split_at(outputs);
        let gated = gate.iter().zip(up).map(|(g, u)| g / (1.0 + (-g).exp()) * u);
        case.expect(y, &gated.collect::<Vec<f32>>());
        case
    };
    shapes.map(case).into()
}
