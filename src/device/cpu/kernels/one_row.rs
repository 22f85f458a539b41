//! Kernels that multiply a single row by weights, in three parts, so that rows of several
//! sessions can share a product: the row that goes in, the product, what becomes of it.

use super::rms_norm::{Mean, normalise};
use crate::device::bindings::LinearParams;
use crate::device::cpu::Call;

/// The places of weights, row and norm among the bindings of all of them.
pub(crate) const WEIGHTS: usize = 1;
const X: usize = 2;
const NORM: usize = 3;

/// The parts of such a kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OneRow {
    /// What is multiplied.
    pub(super) product: fn(&Call<'_>) -> Product,
    /// Writes the row that is multiplied.
    pub(super) input: fn(Call<'_>, &mut [f32]),
    /// Takes the products.
    pub(super) output: fn(Call<'_>, &mut [f32]),
}

/// A product of rows with the weights.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Product {
    pub(super) inputs4: u32,
    pub(super) outputs: u32,
    pub(super) group_shift: u32,
}

impl Product {
    /// What `linear` takes for products side by side, of rows that are normalised first or not.
    pub(super) fn params(self, mean: Option<Mean>) -> LinearParams {
        let (inverse_columns, epsilon) =
            mean.map_or((0.0, 0.0), |mean| (mean.inverse_columns, mean.epsilon));
        LinearParams {
            inputs4: self.inputs4,
            outputs: self.outputs,
            first_output: 0,
            stride: self.outputs,
            keep: 0.0,
            slots: 0,
            inverse_columns,
            epsilon,
            norm_outputs: self.outputs.max(1),
            group_shift: self.group_shift,
        }
    }
}

/// The row as it is, or normalised.
pub(super) fn input(mut call: Call<'_>, mean: Option<Mean>, to: &mut [f32]) {
    let x: &[f32] = &call.read(X)[..to.len()];
    match mean {
        Some(mean) => normalise(x, &call.read(NORM)[..to.len()], to, mean, call.cpu()),
        None => to.copy_from_slice(x),
    }
}
