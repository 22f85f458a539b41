//! Kernels in which each row stands alone.

use super::Inputs;
use super::case::{Case, padded_rows};
use crate::device::kernels::{
    Entropy, EntropyParams, Peak, PeakParams, RmsNorm, RmsNormParams, Swiglu, SwigluParams, TopK,
    TopKParams,
};
use crate::device::plan::{Extent, ONE};
use crate::device::tensor::{count, padded};

/// Rows and columns: one, odd, beyond a workgroup.
pub(super) const SHAPES: [(usize, usize); 5] = [(1, 4), (3, 7), (9, 260), (65, 33), (70, 515)];

pub(super) fn rms_norm(inputs: &mut Inputs) -> Vec<Case> {
    let case = |(rows, columns)| {
        let mut case = inputs.case();
        let stride = padded(columns);
        let weight = case.numbers(columns, 2.0);
        let x = case.numbers(rows * columns, 3.0);
        let buffers = [
            case.input(&padded_rows(&weight, columns, stride, 0.0, 0)),
            case.input(&padded_rows(&x, columns, stride, 0.0, 3)),
            case.output(rows * stride, 3 * stride),
        ];
        #[expect(clippy::cast_precision_loss, reason = "small sizes")]
        let params = RmsNormParams {
            columns4: count(stride / 4),
            inverse_columns: 1.0 / columns as f32,
            epsilon: 1e-2,
        };
        case.step::<RmsNorm>(rows, &buffers, params, [Extent::Rows, ONE]);
        case
    };
    SHAPES.map(case).into()
}

pub(super) fn swiglu(inputs: &mut Inputs) -> Vec<Case> {
    let case = |(rows, columns)| {
        let mut case = inputs.case();
        let columns = padded(columns);
        let mut gate_up = case.numbers((rows + 3) * 2 * columns, 8.0);
        // Gates at which the exponential overflows.
        (gate_up[0], gate_up[1]) = (-120.0, 120.0);
        let buffers = [
            case.input(&gate_up),
            case.output(rows * columns, 3 * columns),
        ];
        let params = SwigluParams {
            columns4: count(columns / 4),
        };
        let grid = [Extent::Items(columns / 4), Extent::Rows];
        case.step::<Swiglu>(rows, &buffers, params, grid);
        case
    };
    SHAPES.map(case).into()
}

/// Logits `[rows + 3, padded]` with ties, a near certainty and an even row.
fn logits(case: &mut Case, rows: usize, vocabulary: usize) -> Vec<f32> {
    let mut logits = case.numbers(rows * vocabulary, 6.0);
    for value in logits.iter_mut().step_by(3) {
        *value = value.round();
    }
    logits[vocabulary / 2] = 60.0;
    if rows > 1 {
        logits[vocabulary..2 * vocabulary].fill(-3.5);
    }
    padded_rows(&logits, vocabulary, padded(vocabulary), 99.0, 3)
}

pub(super) fn entropy(inputs: &mut Inputs) -> Vec<Case> {
    let shapes = [(1, 260), (3, 1), (7, 5), (65, 260), (12, 515)];
    let case = |(rows, vocabulary)| {
        let mut case = inputs.case();
        let logits = logits(&mut case, rows, vocabulary);
        let target = |_| case.below(count(vocabulary));
        let mut targets: Vec<u32> = (0..rows + 3).map(target).collect();
        // The last row's byte is not known yet.
        targets[rows - 1] = u32::MAX;
        let buffers = [
            case.input(&targets),
            case.input(&logits),
            case.output(2 * rows, 2 * 3),
        ];
        let params = EntropyParams {
            vocabulary: count(vocabulary),
            stride: count(padded(vocabulary)),
        };
        case.step::<Entropy>(rows, &buffers, params, [Extent::Rows, ONE]);
        case
    };
    shapes.map(case).into()
}

pub(super) fn top_k(inputs: &mut Inputs) -> Vec<Case> {
    let shapes = [(1, 260, 5), (3, 1, 1), (7, 5, 5), (66, 260, 8)];
    let case = |(rows, vocabulary, k)| {
        let mut case = inputs.case();
        let logits = logits(&mut case, rows, vocabulary);
        let buffers = [
            case.input(&logits),
            case.output(rows * k, 3 * k),
            case.output(rows * k, 3 * k),
        ];
        let params = TopKParams {
            vocabulary: count(vocabulary),
            stride: count(padded(vocabulary)),
            k: count(k),
        };
        case.step::<TopK>(rows, &buffers, params, [Extent::Rows, ONE]);
        case
    };
    shapes.map(case).into()
}

pub(super) fn peak(inputs: &mut Inputs) -> Vec<Case> {
    let mut case = inputs.case();
    let y = case.output(128, 0);
    let grid = [Extent::Items(128), ONE];
    case.step::<Peak>(2, &[y], PeakParams { turns: 5 }, grid);
    vec![case]
}
