//! The linear kernels, for every type of weights.

use super::weights::split_weights;
use super::{Check, padded_rows, some};
use crate::error::Result;
use crate::gpu::Tensor;
use crate::gpu::kernels::{
    LinearRow, LinearRowParams, LinearRows, LinearRowsParams, LinearTile, LinearTileParams,
};
use crate::gpu::plan::{Extent, ONE};
use crate::gpu::tensor::{Matrix, padded};
use crate::model::part::count;
use crate::reference;

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

    fn params(&self, part: usize, mode: Mode) -> LinearRowsParams {
        LinearRowsParams {
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

    fn want(&self, mode: Mode, want: Vec<Option<f32>>) -> Vec<Option<f32>> {
        self.want_of(&self.x, mode, want)
    }

    /// What the output holds after the product of `x`.
    fn want_of(&self, x: &[f32], mode: Mode, mut want: Vec<Option<f32>>) -> Vec<Option<f32>> {
        let product = reference::linear(x, &self.weights, self.matrix.columns);
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

pub(super) async fn linear_row(check: &mut Check<'_>) -> Result<f64> {
    for (inputs, outputs) in [(8, 1), (88, 7), (264, 33), (192, 130), (24, 64)] {
        let case = Case::new(check, (1, inputs, outputs)).await?;
        let norm = check.values(inputs, 2.0);
        let norm_in = check.tensor(&norm);
        let epsilon = 1e-2;
        let x = if check.chose("NORM", "yes") {
            reference::rms_norm(&case.x, &norm, epsilon)
        } else {
            case.x.clone()
        };
        for mode in MODES {
            let (before, y) = case.before(check, mode);
            for (part, weights) in case.matrix.parts.iter().enumerate() {
                let kernel = LinearRow {
                    state: case.state.all(),
                    weights: weights.tensor.all(),
                    norm: norm_in.all(),
                    x: case.x_in.all(),
                    y: y.all(),
                };
                let LinearRowsParams {
                    outputs,
                    first_output,
                    stride,
                    keep,
                    slots,
                    ..
                } = case.params(part, mode);
                #[expect(clippy::cast_precision_loss, reason = "rows are short")]
                let params = LinearRowParams {
                    inputs8: count(inputs / 8),
                    outputs,
                    first_output,
                    stride,
                    keep,
                    slots,
                    inverse_columns: 1.0 / inputs as f32,
                    epsilon,
                };
                let grid = [Extent::Items(weights.rows), ONE];
                check.run(&kernel, params, grid, 1).await?;
            }
            check.floats(&y, case.want_of(&x, mode, before)).await?;
        }
    }
    Ok(1e-5)
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
                let LinearRowsParams {
                    inputs4,
                    outputs,
                    first_output,
                    stride,
                    keep,
                    slots,
                } = case.params(part, mode);
                let params = LinearTileParams {
                    inputs4,
                    outputs,
                    first_output,
                    stride,
                    keep,
                    slots,
                };
                let grid = [Extent::Items(weights.rows), Extent::Rows];
                check.run(&kernel, params, grid, case.rows).await?;
            }
            check.floats(&y, case.want(mode, before)).await?;
        }
    }
    Ok(1e-5)
}
