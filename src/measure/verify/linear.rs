//! The linear kernels, for every type of weights.

use half::{bf16, f16};

use super::{Check, padded_rows};
use crate::error::Result;
use crate::gpu::Tensor;
use crate::gpu::kernels::{LinearRows, LinearRowsParams, LinearTile, LinearTileParams};
use crate::gpu::plan::Extent;
use crate::gpu::tensor::{Matrix, RowBlock, Uploader, WeightType, padded};
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

/// Random weights `[rows, columns]` of the variant's type, as numbers and as a
/// matrix on the GPU.
pub(super) async fn weights(
    check: &mut Check<'_>,
    rows: usize,
    columns: usize,
) -> Result<(Vec<f32>, Matrix)> {
    #[expect(clippy::cast_precision_loss, reason = "small sizes")]
    let values = check.values(rows * columns, (3.0 / columns as f32).sqrt());
    let (weights, stored, bytes) = if check.chose("WEIGHTS", "f32") {
        (
            WeightType::F32,
            values.clone(),
            bytemuck::cast_slice(&values).to_vec(),
        )
    } else if check.chose("WEIGHTS", "bf16") {
        let short: Vec<bf16> = values.iter().map(|v| bf16::from_f32(*v)).collect();
        let stored = short.iter().map(|v| v.to_f32()).collect();
        (
            WeightType::Bf16,
            stored,
            bytemuck::cast_slice(&short).to_vec(),
        )
    } else {
        let short: Vec<f16> = values.iter().map(|v| f16::from_f32(*v)).collect();
        let stored = short.iter().map(|v| v.to_f32()).collect();
        (
            WeightType::F16,
            stored,
            bytemuck::cast_slice(&short).to_vec(),
        )
    };
    let mut uploader = Uploader::new(check.gpu, |_| ());
    let block = RowBlock {
        rows,
        bytes: &bytes,
    };
    Ok((
        stored,
        uploader
            .matrix("weights", weights, columns, &[block])
            .await?,
    ))
}

/// What remains of the output: nothing, or as much as BLT's double residual keeps.
fn keep_of(accumulate: bool) -> f32 {
    if accumulate { 2.0 } else { 0.0 }
}

/// One product, overwriting and then adding.
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
        let (weights, matrix) = weights(check, outputs, inputs).await?;
        Ok(Self {
            rows,
            outputs,
            // Wider than the outputs, as when several products share a row.
            stride: padded(outputs) + 4,
            x_in: check.tensor(&padded_rows(&x, inputs, padded(inputs), 0.0, 3)),
            state: check.state(rows, 0),
            x,
            weights,
            matrix,
        })
    }

    fn params(&self, part: usize, accumulate: bool) -> LinearRowsParams {
        LinearRowsParams {
            inputs4: count(self.matrix.columns.div_ceil(4)),
            outputs: count(self.matrix.parts[part].rows),
            first_output: count(self.matrix.parts[part].first_row),
            stride: count(self.stride),
            keep: keep_of(accumulate),
            slots: 0,
        }
    }

    /// The output before the kernel: poison, or what it shall be added to.
    fn before(&self, check: &mut Check<'_>, accumulate: bool) -> (Option<Vec<f32>>, Tensor) {
        if accumulate {
            let values = check.values((self.rows + 3) * self.stride, 1.0);
            let tensor = check.tensor(&values);
            (Some(values), tensor)
        } else {
            (None, check.poisoned((self.rows + 3) * self.stride))
        }
    }

    fn want(&self, before: Option<&[f32]>) -> Vec<Option<f32>> {
        let product = reference::linear(&self.x, &self.weights, self.matrix.columns);
        let mut want: Vec<Option<f32>> = match before {
            Some(values) => values.iter().copied().map(Some).collect(),
            None => vec![None; (self.rows + 3) * self.stride],
        };
        for (row, sums) in product.chunks_exact(self.outputs).enumerate() {
            for (column, sum) in sums.iter().enumerate() {
                let at = row * self.stride + column;
                want[at] = Some(keep_of(true) * want[at].unwrap_or(0.0) + sum);
            }
        }
        want
    }
}

pub(super) async fn linear_rows(check: &mut Check<'_>) -> Result<f64> {
    for shape in FEW {
        let case = Case::new(check, shape).await?;
        for accumulate in [false, true] {
            let (before, y) = case.before(check, accumulate);
            for (part, weights) in case.matrix.parts.iter().enumerate() {
                let kernel = LinearRows {
                    state: case.state.all(),
                    weights: weights.tensor.all(),
                    x: case.x_in.all(),
                    y: y.all(),
                };
                let grid = [Extent::Items(weights.rows), Extent::Rows];
                check
                    .run(&kernel, case.params(part, accumulate), grid, case.rows)
                    .await?;
            }
            check.floats(&y, case.want(before.as_deref())).await?;
        }
    }
    Ok(1e-5)
}

pub(super) async fn linear_tile(check: &mut Check<'_>) -> Result<f64> {
    for shape in MANY {
        let case = Case::new(check, shape).await?;
        for accumulate in [false, true] {
            let (before, y) = case.before(check, accumulate);
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
                } = case.params(part, accumulate);
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
            check.floats(&y, case.want(before.as_deref())).await?;
        }
    }
    Ok(1e-5)
}
