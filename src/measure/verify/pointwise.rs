//! Kernels in which each row stands alone.

use super::weights::split_weights;
use super::{Check, padded_rows, some};
use crate::device::kernels::{
    Embed, EmbedParams, Entropy, EntropyParams, Peak, PeakParams, RmsNorm, RmsNormParams, Swiglu,
    SwigluParams, TopK, TopKParams,
};
use crate::device::plan::{Extent, ONE};
use crate::device::tensor::padded;
use crate::error::Result;
use crate::model::part::count;
use crate::reference;

/// Rows and columns: one, odd, beyond a workgroup.
const SHAPES: [(usize, usize); 5] = [(1, 4), (3, 7), (9, 260), (65, 33), (70, 515)];

pub(super) async fn embed(check: &mut Check<'_>) -> Result<f64> {
    for (rows, columns) in SHAPES {
        let vocabulary = 2 + columns / 3;
        // As where a binding is too small for the table.
        let parts = [vocabulary / 2, vocabulary - vocabulary / 2];
        let (table, matrix) = split_weights(check, &parts, columns).await?;
        let mut ids: Vec<u32> = (0..rows).map(|_| check.below(count(vocabulary))).collect();
        // Ids beyond the vocabulary are clamped.
        ids[rows / 2] = u32::MAX;
        let stride = padded(columns);
        let (state, x) = (check.state(rows, 0), check.poisoned((rows + 3) * stride));
        let ids_in = check.tensor(&[&ids[..], &[0; 3]].concat());
        for part in &matrix.parts {
            let kernel = Embed {
                state: state.all(),
                weights: part.tensor.all(),
                ids: ids_in.all(),
                x: x.all(),
            };
            let params = EmbedParams {
                columns4: count(stride / 4),
                vocabulary: count(vocabulary),
                first_row: count(part.first_row),
                part_rows: count(part.rows),
            };
            check
                .run(
                    &kernel,
                    params,
                    [Extent::Items(stride / 4), Extent::Rows],
                    rows,
                )
                .await?;
        }
        let want = reference::embed(&ids, &table, columns);
        let want = padded_rows(&some(&want), columns, stride, Some(0.0), 0);
        check
            .floats(&x, want.into_iter().chain(std::iter::repeat(None)))
            .await?;
    }
    Ok(0.0)
}

pub(super) async fn rms_norm(check: &mut Check<'_>) -> Result<f64> {
    for (rows, columns) in SHAPES {
        let (weight, x) = (
            check.values(columns, 2.0),
            check.values(rows * columns, 3.0),
        );
        let stride = padded(columns);
        let x_in = check.tensor(&padded_rows(&x, columns, stride, 0.0, 3));
        let weight_in = check.tensor(&padded_rows(&weight, columns, stride, 0.0, 0));
        let (state, y) = (check.state(rows, 0), check.poisoned((rows + 3) * stride));
        let kernel = RmsNorm {
            state: state.all(),
            weight: weight_in.all(),
            x: x_in.all(),
            y: y.all(),
        };
        #[expect(clippy::cast_precision_loss, reason = "small sizes")]
        let params = RmsNormParams {
            columns4: count(stride / 4),
            inverse_columns: 1.0 / columns as f32,
            epsilon: 1e-5,
        };
        check
            .run(&kernel, params, [Extent::Rows, ONE], rows)
            .await?;
        let want = reference::rms_norm(&x, &weight, 1e-5);
        let want = padded_rows(&some(&want), columns, stride, Some(0.0), 0);
        check
            .floats(&y, want.into_iter().chain(std::iter::repeat(None)))
            .await?;
    }
    Ok(1e-5)
}

pub(super) async fn swiglu(check: &mut Check<'_>) -> Result<f64> {
    for (rows, columns) in SHAPES {
        let columns = padded(columns);
        let mut gate_up = check.values(rows * 2 * columns, 8.0);
        // Gates at which the exponential overflows.
        (gate_up[0], gate_up[1]) = (-120.0, 120.0);
        let input = check.tensor(&padded_rows(&gate_up, columns, columns, 0.0, 6));
        let (state, y) = (check.state(rows, 0), check.poisoned((rows + 3) * columns));
        let kernel = Swiglu {
            state: state.all(),
            gate_up: input.all(),
            y: y.all(),
        };
        let params = SwigluParams {
            columns4: count(columns / 4),
        };
        check
            .run(
                &kernel,
                params,
                [Extent::Items(columns / 4), Extent::Rows],
                rows,
            )
            .await?;
        let want = some(&reference::swiglu(&gate_up, columns));
        check
            .floats(&y, want.into_iter().chain(std::iter::repeat(None)))
            .await?;
    }
    Ok(1e-5)
}

/// Logits `[rows, stride]` with ties, a near certainty and an even row.
fn logits(check: &mut Check<'_>, rows: usize, vocabulary: usize) -> Vec<f32> {
    let mut logits = check.values(rows * vocabulary, 6.0);
    for value in logits.iter_mut().step_by(3) {
        *value = value.round();
    }
    logits[vocabulary / 2] = 60.0;
    if rows > 1 {
        logits[vocabulary..2 * vocabulary].fill(-3.5);
    }
    logits
}

pub(super) async fn entropy(check: &mut Check<'_>) -> Result<f64> {
    for (rows, vocabulary) in [(1, 260), (3, 1), (7, 5), (65, 260), (12, 515)] {
        let logits = logits(check, rows, vocabulary);
        let mut targets: Vec<u32> = (0..rows).map(|_| check.below(count(vocabulary))).collect();
        // The last row's byte is not known yet.
        targets[rows - 1] = u32::MAX;
        let stride = padded(vocabulary);
        let logits_in = check.tensor(&padded_rows(&logits, vocabulary, stride, 99.0, 3));
        let targets_in = check.tensor(&[&targets[..], &[0; 3]].concat());
        let (state, result) = (check.state(rows, 0), check.poisoned((rows + 3) * 2));
        let kernel = Entropy {
            state: state.all(),
            targets: targets_in.all(),
            logits: logits_in.all(),
            result: result.all(),
        };
        let params = EntropyParams {
            vocabulary: count(vocabulary),
            stride: count(stride),
        };
        check
            .run(&kernel, params, [Extent::Rows, ONE], rows)
            .await?;
        let want = reference::entropy(&logits, &targets, vocabulary);
        let want = some(want.as_flattened());
        check
            .floats(&result, want.into_iter().chain(std::iter::repeat(None)))
            .await?;
    }
    Ok(1e-5)
}

pub(super) async fn top_k(check: &mut Check<'_>) -> Result<f64> {
    for (rows, vocabulary, k) in [(1, 260, 5), (3, 1, 1), (7, 5, 5), (66, 260, 8)] {
        let logits = logits(check, rows, vocabulary);
        let stride = padded(vocabulary);
        let logits_in = check.tensor(&padded_rows(&logits, vocabulary, stride, 99.0, 3));
        let best_ids = check.poisoned((rows + 3) * k);
        let best_log_p = check.poisoned((rows + 3) * k);
        let state = check.state(rows, 0);
        let kernel = TopK {
            state: state.all(),
            logits: logits_in.all(),
            best_ids: best_ids.all(),
            best_log_p: best_log_p.all(),
        };
        let params = TopKParams {
            vocabulary: count(vocabulary),
            stride: count(stride),
            k: count(k),
        };
        check
            .run(&kernel, params, [Extent::Rows, ONE], rows)
            .await?;
        let want: Vec<(u32, f32)> = logits
            .chunks_exact(vocabulary)
            .flat_map(|row| reference::top_k(row, k))
            .collect();
        let ids = want.iter().map(|(id, _)| Some(*id));
        check
            .integers(&best_ids, ids.chain(std::iter::repeat(None)))
            .await?;
        let log_p = want.iter().map(|(_, log_p)| Some(*log_p));
        check
            .floats(&best_log_p, log_p.chain(std::iter::repeat(None)))
            .await?;
    }
    Ok(1e-5)
}

pub(super) async fn peak(check: &mut Check<'_>) -> Result<f64> {
    let invocations = 128;
    let (state, y) = (check.state(2, 0), check.poisoned(invocations));
    let kernel = Peak {
        state: state.all(),
        y: y.all(),
    };
    let grid = [Extent::Items(invocations), ONE];
    check.run(&kernel, PeakParams { turns: 5 }, grid, 0).await?;
    let want: Vec<_> = (0..count(invocations))
        .map(|i| Some(reference::peak(i, 5)))
        .collect();
    check.floats(&y, want).await?;
    Ok(1e-5)
}
