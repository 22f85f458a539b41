//! Kernels that multiply a single row by weights, as a product between two ends, so that rows
//! of several sessions can share a product.

use crate::device::cpu::Call;

/// The place of the weights among the bindings of all of them.
pub(crate) const WEIGHTS: usize = 1;

/// The ends of such a kernel.
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
