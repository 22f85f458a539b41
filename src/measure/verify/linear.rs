//! The linear kernels, for every type of weights.

use super::weights::split_weights;
use super::{Check, padded_rows, some};
use crate::device::Tensor;
use crate::device::kernels::{GateUpRow, GateUpRowParams, LinearParams, LinearRows, LinearTile};
use crate::device::plan::{Extent, ONE};
use crate::device::tensor::padded;
use crate::error::Result;
use crate::model::part::count;
use crate::reference;
use crate::weights::Matrix;

/// Rows, inputs, outputs: one, odd, padded, beyond a tile.
const FEW: [(usize, usize, usize); 5] = [
    (1, 4, 1),
    (1, 85, 7),
    (8, 260, 33),
    (5, 192, 130),
    (3, 20, 64),
];
const MANY: [(usize, usize, usize); 5] = [
    (1, 4, 1),
    (9, 85, 7),
    (65, 60, 70),
    (130, 36, 5),
    (17, 192, 130),
];

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

const MODES: [Mode; 3] = [Mode::Over, Mode::Added, Mode::Ring];

/// One product, in every mode.
struct Case {
    rows: usize,
    outputs: usize,
    stride: usize,
    x: Vec<f32>,
    x_in: Tensor,
    state: Tensor,
    weights: Vec<f32>,
    matrix: Matrix,
}

impl Case {
    async fn new(
        check: &mut Check<'_>,
        (rows, inputs, outputs): (usize, usize, usize),
    ) -> Result<Self> {
        let x = check.values(rows * inputs, 2.0);
        // Every other shape as where a binding is too small for all outputs.
        let first = if outputs % 2 == 1 { outputs / 2 } else { 0 };
        let mut parts = vec![first, outputs - first];
        parts.retain(|rows| *rows > 0);
        let (weights, matrix) = split_weights(check, &parts, inputs).await?;
        Ok(Self {
            rows,
            outputs,
            // Wider than the outputs, as when several products share a row.
            stride: padded(outputs) + 4,
            x_in: check.tensor(&padded_rows(&x, inputs, padded(inputs), 0.0, 3)),
            // The slot only counts in a ring.
            state: check.state(rows, rows),
            x,
            weights,
            matrix,
        })
    }

    fn params(&self, part: usize, mode: Mode) -> LinearParams {
        LinearParams {
            inputs4: count(self.matrix.columns.div_ceil(4)),
            outputs: count(self.matrix.parts[part].rows),
            first_output: count(self.matrix.parts[part].first_row),
            stride: count(self.stride),
            keep: if mode == Mode::Added { 2.0 } else { 0.0 },
            slots: if mode == Mode::Ring {
                count(self.rows + 1)
            } else {
                0
            },
        }
    }

    /// The output before the kernel: poison, or what it shall be added to.
    fn before(&self, check: &mut Check<'_>, mode: Mode) -> (Vec<Option<f32>>, Tensor) {
        let size = (self.rows + 3) * self.stride;
        if mode == Mode::Added {
            let values = check.values(size, 1.0);
            let tensor = check.tensor(&values);
            (some(&values), tensor)
        } else {
            (vec![None; size], check.poisoned(size))
        }
    }

    /// What the output holds after the product.
    fn want(&self, mode: Mode, mut want: Vec<Option<f32>>) -> Vec<Option<f32>> {
        let product = reference::linear(&self.x, &self.weights, self.matrix.columns);
        for (row, sums) in product.chunks_exact(self.outputs).enumerate() {
            let row = if mode == Mode::Ring {
                (self.rows + row) % (self.rows + 1)
            } else {
                row
            };
            for (column, sum) in sums.iter().enumerate() {
                let at = row * self.stride + column;
                want[at] = Some(want[at].map_or(*sum, |before| 2.0 * before + sum));
            }
        }
        want
    }
}

pub(super) async fn linear_rows(check: &mut Check<'_>) -> Result<f64> {
    for shape in FEW {
        let case = Case::new(check, shape).await?;
        for mode in MODES {
            let (before, y) = case.before(check, mode);
            for (part, weights) in case.matrix.parts.iter().enumerate() {
                let kernel = LinearRows {
                    state: case.state.all(),
                    weights: weights.tensor.all(),
                    x: case.x_in.all(),
                    y: y.all(),
                };
                let grid = [Extent::Items(weights.rows), Extent::Rows];
                check
                    .run(&kernel, case.params(part, mode), grid, case.rows)
                    .await?;
            }
            check.floats(&y, case.want(mode, before)).await?;
        }
    }
    Ok(1e-5)
}

pub(super) async fn linear_tile(check: &mut Check<'_>) -> Result<f64> {
    for shape in MANY {
        let case = Case::new(check, shape).await?;
        for mode in MODES {
            let (before, y) = case.before(check, mode);
            for (part, weights) in case.matrix.parts.iter().enumerate() {
                let kernel = LinearTile {
                    state: case.state.all(),
                    weights: weights.tensor.all(),
                    x: case.x_in.all(),
                    y: y.all(),
                };
                let params = case.params(part, mode);
                let grid = [Extent::Items(weights.rows), Extent::Rows];
                check.run(&kernel, params, grid, case.rows).await?;
            }
            check.floats(&y, case.want(mode, before)).await?;
        }
    }
    Ok(1e-5)
}

pub(super) async fn gate_up_row(check: &mut Check<'_>) -> Result<f64> {
    for (inputs, outputs) in [(4, 4), (85, 12), (260, 36), (192, 132)] {
        let x = check.values(inputs, 2.0);
        let (weights, matrix) = split_weights(check, &[2 * outputs], inputs).await?;
        let mut x_in = x.clone();
        x_in.resize(padded(inputs), 0.0);
        let (x_in, state) = (check.tensor(&x_in), check.state(1, 0));
        let y = check.poisoned(outputs + 9);
        let kernel = GateUpRow {
            state: state.all(),
            weights: matrix.parts[0].tensor.all(),
            x: x_in.all(),
            y: y.all(),
        };
        let params = GateUpRowParams {
            inputs4: count(inputs.div_ceil(4)),
            outputs: count(outputs),
        };
        check
            .run(&kernel, params, [Extent::Items(outputs), ONE], 1)
            .await?;
        let both = reference::linear(&x, &weights, inputs);
        let want = reference::swiglu(&both, outputs);
        let want = some(&want).into_iter().chain(std::iter::repeat(None));
        check.floats(&y, want).await?;
    }
    Ok(1e-5)
}
