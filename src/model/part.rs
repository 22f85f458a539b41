//! Plans of kernels, in the vocabulary in which the parts of the model are
//! written: one method per layer, each of which picks its variant from the
//! tuning table.

use crate::device::kernel::Kernel;
use crate::device::kernels::{
    LINEAR_ROWS, LINEAR_TILE, LinearParams, LinearRows, LinearTile, RMS_NORM, RmsNorm,
    RmsNormParams,
};
use crate::device::plan::{Extent, Grid, ONE, Plan, PlanBuilder, Work};
pub(crate) use crate::device::tensor::{as_f64, count};
use crate::device::{Device, Selected, Slice, Tensor};
use crate::error::Result;
use crate::weights::Matrix;

/// How many rows a plan is for; each size has its own kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowClass {
    /// Exactly one.
    One,
    /// 2 to 8.
    Few,
    /// More.
    Many,
}

impl RowClass {
    /// The most rows of [`RowClass::Few`].
    pub(crate) const FEW: usize = 8;

    /// The class for `rows` rows.
    #[must_use]
    pub fn of(rows: usize) -> Self {
        match rows {
            0 | 1 => Self::One,
            2..=Self::FEW => Self::Few,
            _ => Self::Many,
        }
    }

    /// Its place in a list of plans for all classes.
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::One => 0,
            Self::Few => 1,
            Self::Many => 2,
        }
    }

    /// The class of up to `factor` times as many rows.
    #[must_use]
    pub fn times(self, factor: usize) -> Self {
        match self {
            Self::One => Self::of(factor),
            Self::Few if factor == 1 => Self::Few,
            _ => Self::Many,
        }
    }
}

/// Where a linear layer writes.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    pub(super) stride: usize,
    /// The first of its columns in those rows.
    pub(super) first: usize,
    pub(super) keep: f32,
    pub(super) slots: usize,
}

impl Output {
    /// Over rows of `stride` columns.
    #[must_use]
    pub fn rows(stride: usize) -> Self {
        Self {
            stride,
            first: 0,
            keep: 0.0,
            slots: 0,
        }
    }

    /// Added to rows of `stride` columns that are multiplied by `keep` before: 1
    /// for a residual, 2 for BLT's double one (spec section 7).
    #[must_use]
    pub fn added(stride: usize, keep: f32) -> Self {
        Self {
            keep,
            ..Self::rows(stride)
        }
    }

    /// Over rows of a ring of `slots` rows, from the state's first slot on.
    #[must_use]
    pub fn ring(stride: usize, slots: usize) -> Self {
        Self {
            slots,
            ..Self::rows(stride)
        }
    }
}

/// Rows with the norm that precedes a layer.
#[derive(Clone, Copy)]
pub struct Normed<'a> {
    /// The rows, `[T, columns]`.
    pub x: &'a Tensor,
    /// Room for their normalised copy.
    pub h: &'a Tensor,
    /// The norm's weights, `[columns]`.
    pub weight: &'a Tensor,
    /// Added to the mean square.
    pub epsilon: f32,
}

/// The norms of layers that are one product.
#[derive(Clone, Copy)]
pub(super) struct Norm<'a> {
    /// `[norms, columns]`
    pub(super) weight: &'a Tensor,
    pub(super) epsilon: f32,
    /// Outputs that share the weights of a norm.
    pub(super) outputs: u32,
}

/// A plan under construction for one class of row counts: the vocabulary in
/// which the parts of the model are written.
pub struct PartPlan<'g> {
    device: &'g Device,
    class: RowClass,
    /// Are there just two rows?
    two: bool,
    rows: Extent,
    builder: PlanBuilder<'g>,
}

impl<'g> PartPlan<'g> {
    /// An empty plan.
    #[must_use]
    pub fn new(device: &'g Device, class: RowClass) -> Self {
        Self {
            device,
            class,
            two: false,
            rows: Extent::Rows,
            builder: PlanBuilder::new(device),
        }
    }

    /// From here on, steps have `factor` rows per row of the run: a patch has k
    /// vectors.
    pub fn rows_times(&mut self, factor: usize, class: RowClass) {
        self.two = factor == 2 && self.class == RowClass::One;
        self.rows = if factor == 1 {
            Extent::Rows
        } else {
            Extent::Times(factor)
        };
        self.class = class;
    }

    /// The rows of a step.
    #[must_use]
    pub fn rows(&self) -> Extent {
        self.rows
    }

    /// The class of a step's rows.
    #[must_use]
    pub fn class(&self) -> RowClass {
        self.class
    }

    /// Are there just two rows?
    #[must_use]
    pub(super) fn two(&self) -> bool {
        self.two
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> &'g Device {
        self.device
    }

    /// The steps of the plan, not yet built.
    pub(crate) fn into_builder(self) -> PlanBuilder<'g> {
        self.builder
    }

    /// The plan.
    ///
    /// # Errors
    /// The device's errors.
    pub fn build(self) -> Result<Plan> {
        self.builder.build()
    }

    /// The plan, whose number of rows is in `state` on the device; see
    /// [`PlanBuilder::build_indirect`].
    ///
    /// # Errors
    /// The device's errors.
    pub fn build_indirect(self, state: &Tensor) -> Result<Plan> {
        self.builder.build_indirect(state)
    }

    /// Adds one use of a kernel; see [`PlanBuilder::push`].
    pub fn push<'a, K: Kernel<'a>>(
        &mut self,
        label: &'static str,
        kernel: &K,
        variant: impl Into<Selected>,
        params: K::Params,
        grid: Grid,
        work: Work,
    ) {
        self.builder
            .push(label, kernel, variant, params, grid, work);
    }

    /// `y = RMSNorm(x; weight)`.
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub fn rms_norm(
        &mut self,
        state: &Tensor,
        (x, y): (&Tensor, &Tensor),
        weight: &Tensor,
        columns: usize,
        epsilon: f32,
    ) -> Result<()> {
        let variant = self
            .device
            .select(&RMS_NORM, self.device.tuning.rms_norm, &[])?;
        let kernel = RmsNorm {
            state: state.all(),
            weight: weight.all(),
            x: x.all(),
            y: y.all(),
        };
        let params = RmsNormParams {
            columns4: vectors(columns),
            inverse_columns: 1.0 / as_f32(columns),
            epsilon,
        };
        self.builder.push(
            "rms_norm",
            &kernel,
            variant,
            params,
            [self.rows, ONE],
            Work {
                flops_per_row: 4.0 * as_f64(columns),
                bytes_per_row: 8.0 * as_f64(columns),
                ..Work::default()
            },
        );
        Ok(())
    }

    /// `y = keep y + x w^T`; see [`Output`].
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub fn linear(
        &mut self,
        label: &'static str,
        state: &Tensor,
        (x, y): (&Tensor, &Tensor),
        matrix: &Matrix,
        output: Output,
    ) -> Result<()> {
        self.product(label, state, (x, y), None, matrix, output)
    }

    /// A linear layer, whose rows are normalised first.
    pub(super) fn product(
        &mut self,
        label: &'static str,
        state: &Tensor,
        (x, y): (&Tensor, &Tensor),
        norm: Option<Norm<'_>>,
        matrix: &Matrix,
        output: Output,
    ) -> Result<()> {
        let tuning = self.device.tuning;
        let (shader, preferences) = match self.class {
            RowClass::One => (&LINEAR_ROWS, tuning.linear_one),
            RowClass::Few if self.two => (&LINEAR_ROWS, tuning.linear_two),
            RowClass::Few => (&LINEAR_ROWS, tuning.linear_few),
            RowClass::Many => (&LINEAR_TILE, tuning.linear_many),
        };
        let normed = ("NORM", if norm.is_some() { "yes" } else { "no" });
        let fixed = [("WEIGHTS", matrix.weights.axis()), normed];
        let fixed = match self.class {
            RowClass::Many => &fixed[..1],
            _ => &fixed[..],
        };
        let variant = self.device.select(shader, preferences, fixed)?;
        for part in &matrix.parts {
            let params = LinearParams {
                inputs4: vectors(matrix.columns),
                outputs: count(part.rows),
                first_output: count(output.first + part.first_row),
                stride: count(output.stride),
                keep: output.keep,
                slots: count(output.slots),
                inverse_columns: norm.map_or(0.0, |_| 1.0 / as_f32(matrix.columns)),
                epsilon: norm.map_or(0.0, |norm| norm.epsilon),
                norm_outputs: norm.map_or(1, |norm| norm.outputs),
                group_shift: matrix.weights.group_shift(),
            };
            let work = Work {
                flops_per_row: 2.0 * as_f64(matrix.columns) * as_f64(part.rows),
                bytes: as_f64(part.rows * matrix.row_bytes()),
                bytes_per_row: 4.0 * as_f64(matrix.columns + part.rows),
            };
            let grid = [Extent::Items(part.rows), self.rows];
            let (state, weights) = (state.all(), part.tensor.all());
            let (x, y): (Slice<'_>, Slice<'_>) = (x.all(), y.all());
            // Without a norm its binding is never read.
            let norm = norm.map_or(x, |norm| norm.weight.all());
            if self.class == RowClass::Many {
                let kernel = LinearTile {
                    state,
                    weights,
                    x,
                    norm,
                    y,
                };
                self.builder
                    .push(label, &kernel, variant, params, grid, work);
            } else {
                let kernel = LinearRows {
                    state,
                    weights,
                    x,
                    norm,
                    y,
                };
                self.builder
                    .push(label, &kernel, variant, params, grid, work);
            }
        }
        Ok(())
    }

    /// `y = keep y + RMSNorm(x) w^T`; see [`Output`]. In one step where there are one or
    /// two rows.
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub fn norm_linear(
        &mut self,
        label: &'static str,
        state: &Tensor,
        (normed, y): (Normed<'_>, &Tensor),
        matrix: &Matrix,
        output: Output,
    ) -> Result<()> {
        let Normed {
            x,
            h,
            weight,
            epsilon,
        } = normed;
        if self.class == RowClass::One || self.two {
            let norm = Norm {
                weight,
                epsilon,
                outputs: u32::MAX,
            };
            return self.product(label, state, (x, y), Some(norm), matrix, output);
        }
        self.rms_norm(state, (x, h), weight, matrix.columns, epsilon)?;
        self.linear(label, state, (h, y), matrix, output)
    }
}

/// Vectors of four that hold `columns` columns.
pub(crate) fn vectors(columns: usize) -> u32 {
    count(columns.div_ceil(4))
}

#[expect(clippy::cast_precision_loss, reason = "a head is small")]
pub(crate) fn as_f32(value: usize) -> f32 {
    value as f32
}

/// The work of a single row times `outputs` rows of a matrix.
pub(super) fn products(outputs: usize, matrix: &Matrix) -> Work {
    Work {
        flops_per_row: 2.0 * as_f64(matrix.columns) * as_f64(outputs),
        bytes: as_f64(outputs * matrix.row_bytes()),
        bytes_per_row: 4.0 * as_f64(matrix.columns + outputs),
    }
}
