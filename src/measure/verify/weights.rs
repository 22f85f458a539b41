//! Weights of every type, uploaded and made on the device.

use std::ops::ControlFlow;

use half::{bf16, f16};

use super::{Check, some};
use crate::device::kernels::{RandomWeights, RandomWeightsParams};
use crate::device::plan::Extent;
use crate::device::tensor::padded;
use crate::error::Result;
use crate::model::part::count;
use crate::numerics;
use crate::weights::{Matrix, RowBlock, RowSource, Uploader, WeightType};

/// Random weights `[rows, columns]` of the variant's type, as numbers and as a
/// matrix on the device, in parts of these numbers of rows, as where a binding is too small
/// for all of them.
pub(super) async fn split_weights(
    check: &mut Check<'_>,
    parts: &[usize],
    columns: usize,
) -> Result<(Vec<f32>, Matrix)> {
    let rows: usize = parts.iter().sum();
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
    let mut uploader = Uploader::new(check.device, |_| ControlFlow::Continue(()));
    let mut whole = Matrix {
        parts: Vec::new(),
        rows,
        columns,
        weights,
    };
    let mut first_row = 0;
    for rows in parts {
        let row = columns * weights.size();
        let bytes = &bytes[first_row * row..][..rows * row];
        let block = [RowBlock {
            rows: *rows,
            source: RowSource::Bytes(bytes),
        }];
        let piece = uploader.matrix("weights", weights, columns, &block).await?;
        for mut part in piece.parts {
            part.first_row += first_row;
            whole.parts.push(part);
        }
        first_row += rows;
    }
    Ok((stored, whole))
}

/// Rows of the part before those that are made.
const SKIP: usize = 2;

pub(super) async fn random_weights(check: &mut Check<'_>) -> Result<f64> {
    // Rows before this part, rows, columns, rows of the grid. In the last one
    // the index of an element wraps.
    let shapes = [
        (0, 1, 4, 1),
        (3, 7, 5, 2),
        (100, 130, 70, 130),
        (1 << 29, 9, 41, 4),
    ];
    for (first_row, rows, columns, turn) in shapes {
        let stride = padded(columns);
        for exponent in [-14, 0, 9] {
            let seed = check.below(u32::MAX);
            let mut values = Vec::new();
            for row in 0..rows {
                let index = |column| (first_row + row) as u64 * columns as u64 + column as u64;
                values.extend((0..stride).map(|column| {
                    if column >= columns {
                        return 0.0;
                    }
                    #[expect(clippy::cast_possible_truncation, reason = "the index wraps")]
                    numerics::random_weight(seed, index(column) as u32, exponent)
                }));
            }
            let words: Vec<u32> = if check.chose("WEIGHTS", "f32") {
                values.iter().map(|v| v.to_bits()).collect()
            } else {
                let bits = |v: &f32| {
                    if check.chose("WEIGHTS", "bf16") {
                        bf16::from_f32(*v).to_bits()
                    } else {
                        f16::from_f32(*v).to_bits()
                    }
                };
                let halves: Vec<u32> = values.iter().map(|v| u32::from(bits(v))).collect();
                let pairs = halves.chunks_exact(2);
                pairs.map(|pair| pair[0] | pair[1] << 16).collect()
            };
            let per_word = if check.chose("WEIGHTS", "f32") { 1 } else { 2 };
            let skipped = SKIP * stride / per_word;
            let (state, y) = (check.state(1, 0), check.poisoned(skipped + words.len() + 9));
            let kernel = RandomWeights {
                state: state.all(),
                y: y.all(),
            };
            let params = RandomWeightsParams {
                seed,
                columns: count(columns),
                padded: count(stride),
                first_row: count(first_row),
                rows: count(rows),
                skip: count(SKIP),
                turn: count(turn),
                scale: 2f32.powi(exponent),
            };
            let grid = [Extent::Items(words.len() / rows), Extent::Items(turn)];
            check.run(&kernel, params, grid, 1).await?;
            let want = std::iter::repeat_n(None, skipped)
                .chain(some(&words))
                .chain(std::iter::repeat(None));
            check.integers(&y, want).await?;
        }
    }
    Ok(0.0)
}
