//! Plans of kernels, in the vocabulary in which the parts of the model are
//! written: one method per layer, each of which picks its variant from the
//! tuning table.

use super::block::{Block, BlockShape, KeyValues, Rows, Scratch};
use crate::device::kernel::{Kernel, Shader};
use crate::device::kernels::{
    ATTENTION_MERGE, ATTENTION_ROWS, ATTENTION_TILE, AttentionMerge, AttentionMergeParams,
    AttentionParams, AttentionRows, AttentionTile, GATE_UP_ROW, GateUpRow, GateUpRowParams,
    LINEAR_ROWS, LINEAR_TILE, LinearParams, LinearRows, LinearTile, QKV_ROW, QkvRow, QkvRowParams,
    RMS_NORM, ROPE_STORE, RmsNorm, RmsNormParams, RopeStore, RopeStoreParams, SWIGLU, Swiglu,
    SwigluParams,
};
use crate::device::plan::{Extent, Grid, ONE, Plan, PlanBuilder, Work};
use crate::device::tensor::padded;
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
    /// The class for `rows` rows.
    #[must_use]
    pub fn of(rows: usize) -> Self {
        match rows {
            0 | 1 => Self::One,
            2..=FEW_ROWS => Self::Few,
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
    pub(super) keep: f32,
    pub(super) slots: usize,
}

impl Output {
    /// Over rows of `stride` columns.
    #[must_use]
    pub fn rows(stride: usize) -> Self {
        Self {
            stride,
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
        #[expect(clippy::cast_precision_loss, reason = "row lengths are small")]
        let params = RmsNormParams {
            columns4: vectors(columns),
            inverse_columns: 1.0 / columns as f32,
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

    /// A linear layer, whose rows are normalised by `norm`'s weights and epsilon first.
    fn product(
        &mut self,
        label: &'static str,
        state: &Tensor,
        (x, y): (&Tensor, &Tensor),
        norm: Option<(&Tensor, f32)>,
        matrix: &Matrix,
        output: Output,
    ) -> Result<()> {
        let tuning = self.device.tuning;
        let (shader, preferences): (_, &[_]) = match self.class {
            RowClass::One => (&LINEAR_ROWS, tuning.linear_one),
            RowClass::Few if self.two => (&LINEAR_ROWS, tuning.linear_two),
            RowClass::Few => (&LINEAR_ROWS, tuning.linear_few),
            RowClass::Many => (&LINEAR_TILE, &[&[]]),
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
                first_output: count(part.first_row),
                stride: count(output.stride),
                keep: output.keep,
                slots: count(output.slots),
                inverse_columns: norm.map_or(0.0, |_| 1.0 / as_f32(matrix.columns)),
                epsilon: norm.map_or(0.0, |(_, epsilon)| epsilon),
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
            let norm = norm.map_or(x, |(weight, _)| weight.all());
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
            let norm = Some((weight, epsilon));
            return self.product(label, state, (x, y), norm, matrix, output);
        }
        self.rms_norm(state, (x, h), weight, matrix.columns, epsilon)?;
        self.linear(label, state, (h, y), matrix, output)
    }

    /// One transformer block over the rows in `scratch.x`.
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub fn block(
        &mut self,
        shape: &BlockShape,
        block: &Block,
        cache: &KeyValues,
        rows: &Rows,
        scratch: &Scratch,
    ) -> Result<()> {
        let state = &rows.state;
        let Scratch {
            x,
            h,
            qkv,
            attended,
            gate_up,
            gated,
        } = scratch;
        let hidden = padded(shape.hidden);
        let normed = |weight| Normed {
            x,
            h,
            weight,
            epsilon: shape.epsilon,
        };
        let one = self.class == RowClass::One;
        // The fused forms need a matrix in one binding.
        if one && block.qkv.parts.len() == 1 {
            self.qkv_row(shape, block, cache, rows, scratch)?;
        } else {
            let product = (normed(&block.attention_norm), qkv);
            let output = Output::rows(shape.qkv());
            self.norm_linear("linear qkv", state, product, &block.qkv, output)?;
            self.rope_store(shape, cache, rows, scratch)?;
        }
        self.attention(shape, cache, rows, scratch)?;
        let residual = Output::added(hidden, 1.0);
        self.linear("linear o", state, (attended, x), &block.o, residual)?;

        let mlp_input = normed(&block.mlp_norm);
        if one && block.gate_up.parts.len() == 1 {
            self.gate_up_row(state, (mlp_input, gated), &block.gate_up)?;
        } else {
            let output = Output::rows(2 * padded(shape.intermediate));
            let product = (mlp_input, gate_up);
            self.norm_linear("linear gate up", state, product, &block.gate_up, output)?;
            self.swiglu(shape, rows, scratch)?;
        }
        self.linear("linear down", state, (gated, x), &block.down, residual)
    }

    /// Keys and values that a block makes of the rows in `x`, into its ring, and
    /// nothing else of it.
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub(crate) fn keys_values(
        &mut self,
        shape: &BlockShape,
        block: &Block,
        x: &Tensor,
        (cache, rows, scratch): (&KeyValues, &Rows, &Scratch),
    ) -> Result<()> {
        let normed = Normed {
            x,
            h: &scratch.h,
            weight: &block.attention_norm,
            epsilon: shape.epsilon,
        };
        let without_queries = block.qkv.rows_from(shape.heads * shape.head);
        let (matrix, heads) = match &without_queries {
            Some(matrix) => (matrix, 0),
            None => (&block.qkv, shape.heads),
        };
        let shape = BlockShape { heads, ..*shape };
        let output = Output::rows(shape.qkv());
        let product = (normed, &scratch.qkv);
        self.norm_linear("linear kv", &rows.state, product, matrix, output)?;
        self.rope_store(&shape, cache, rows, scratch)
    }

    /// Queries, keys and values of a single row, rotated and stored.
    fn qkv_row(
        &mut self,
        shape: &BlockShape,
        block: &Block,
        cache: &KeyValues,
        rows: &Rows,
        scratch: &Scratch,
    ) -> Result<()> {
        let device = self.device;
        let matrix = &block.qkv;
        let weights = [("WEIGHTS", matrix.weights.axis())];
        let variant = device.select(&QKV_ROW, device.tuning.qkv, &weights)?;
        for part in &matrix.parts {
            let kernel = QkvRow {
                state: rows.state.all(),
                weights: part.tensor.all(),
                x: scratch.x.all(),
                norm: block.attention_norm.all(),
                angles: rows.angles.all(),
                qkv: scratch.qkv.all(),
                keys: cache.keys.all(),
                values: cache.values.all(),
            };
            let params = QkvRowParams {
                inputs4: vectors(matrix.columns),
                heads: count(shape.heads),
                kv_heads: count(shape.kv_heads),
                half_head: count(shape.head / 2),
                slots: count(cache.slots),
                absolute: u32::from(rows.absolute),
                inverse_columns: 1.0 / as_f32(matrix.columns),
                epsilon: shape.epsilon,
                group_shift: matrix.weights.group_shift(),
            };
            let work = products(part.rows, matrix);
            let grid = [Extent::Items(matrix.rows), ONE];
            self.push("qkv_row", &kernel, variant, params, grid, work);
        }
        Ok(())
    }

    /// `y = silu(h gate^T) * (h up^T)`, h = RMSNorm(x), for a single row; gate and up
    /// lie one below the other in `matrix`, which must be one part.
    fn gate_up_row(
        &mut self,
        state: &Tensor,
        (normed, y): (Normed<'_>, &Tensor),
        matrix: &Matrix,
    ) -> Result<()> {
        let device = self.device;
        let weights = [("WEIGHTS", matrix.weights.axis())];
        let variant = device.select(&GATE_UP_ROW, device.tuning.gate_up, &weights)?;
        let outputs = matrix.rows / 2;
        for part in &matrix.parts {
            let kernel = GateUpRow {
                state: state.all(),
                weights: part.tensor.all(),
                x: normed.x.all(),
                norm: normed.weight.all(),
                y: y.all(),
            };
            let params = GateUpRowParams {
                inputs4: vectors(matrix.columns),
                outputs: count(outputs),
                inverse_columns: 1.0 / as_f32(matrix.columns),
                epsilon: normed.epsilon,
                group_shift: matrix.weights.group_shift(),
            };
            let work = products(part.rows, matrix);
            let grid = [Extent::Items(outputs), ONE];
            self.push("gate_up_row", &kernel, variant, params, grid, work);
        }
        Ok(())
    }

    fn swiglu(&mut self, shape: &BlockShape, rows: &Rows, scratch: &Scratch) -> Result<()> {
        let variant = self.device.select(&SWIGLU, &[&[]], &[])?;
        let columns = padded(shape.intermediate);
        let kernel = Swiglu {
            state: rows.state.all(),
            gate_up: scratch.gate_up.all(),
            y: scratch.gated.all(),
        };
        self.builder.push(
            "swiglu",
            &kernel,
            variant,
            SwigluParams {
                columns4: vectors(columns),
            },
            [Extent::Items(columns / 4), self.rows],
            Work {
                flops_per_row: 5.0 * as_f64(columns),
                bytes_per_row: 12.0 * as_f64(columns),
                ..Work::default()
            },
        );
        Ok(())
    }

    fn rope_store(
        &mut self,
        shape: &BlockShape,
        cache: &KeyValues,
        rows: &Rows,
        scratch: &Scratch,
    ) -> Result<()> {
        let variant = self.device.select(&ROPE_STORE, &[&[]], &[])?;
        let kernel = RopeStore {
            state: rows.state.all(),
            angles: rows.angles.all(),
            qkv: scratch.qkv.all(),
            keys: cache.keys.all(),
            values: cache.values.all(),
        };
        let params = RopeStoreParams {
            heads: count(shape.heads),
            kv_heads: count(shape.kv_heads),
            half_head: count(shape.head / 2),
            slots: count(cache.slots),
            absolute: u32::from(rows.absolute),
        };
        let pairs = shape.qkv() / 2;
        self.builder.push(
            "rope_store",
            &kernel,
            variant,
            params,
            [Extent::Items(pairs), self.rows],
            Work {
                flops_per_row: 6.0 * as_f64(pairs),
                bytes_per_row: 16.0 * as_f64(pairs),
                ..Work::default()
            },
        );
        Ok(())
    }

    fn attention(
        &mut self,
        shape: &BlockShape,
        cache: &KeyValues,
        rows: &Rows,
        scratch: &Scratch,
    ) -> Result<()> {
        let tuning = self.device.tuning;
        // Scores and sums over as many keys as the ring can hold: an upper bound.
        let keys = as_f64(cache.slots / 2);
        let width = shape.heads * shape.head;
        let work = Work {
            flops_per_row: 4.0 * keys * as_f64(width),
            bytes: 8.0 * keys * as_f64(shape.stored()),
            bytes_per_row: 8.0 * as_f64(width),
        };
        let splits = self.splits(shape, cache, rows, scratch);
        let params = AttentionParams {
            heads: count(shape.heads),
            kv_heads: count(shape.kv_heads),
            head4: vectors(shape.head),
            slots: count(cache.slots),
            splits: count(splits),
            scale: 1.0 / as_f32(shape.head).sqrt(),
        };
        let (state, spans) = (rows.state.all(), rows.spans.all());
        let (qkv, y) = (scratch.qkv.all(), scratch.attended.all());
        let (keys, values) = (cache.keys.all(), cache.values.all());
        if self.class == RowClass::Many {
            let fixed = [head_choice(&ATTENTION_TILE, shape.head)];
            let variant = self.device.select(&ATTENTION_TILE, &[&[]], &fixed)?;
            let kernel = AttentionTile {
                state,
                spans,
                qkv,
                keys,
                values,
                y,
            };
            let grid = [self.rows, Extent::Items(shape.heads)];
            self.builder
                .push("attention_tile", &kernel, variant, params, grid, work);
            return Ok(());
        }
        let fixed = [head_choice(&ATTENTION_ROWS, shape.head)];
        let variant = self
            .device
            .select(&ATTENTION_ROWS, tuning.attention, &fixed)?;
        // What gate and up will overwrite.
        let parts = scratch.gate_up.all();
        let kernel = AttentionRows {
            state,
            spans,
            qkv,
            keys,
            values,
            y: if splits == 1 { y } else { parts },
        };
        let grid = [Extent::Items(shape.heads * splits), self.rows];
        self.builder
            .push("attention_rows", &kernel, variant, params, grid, work);
        if splits > 1 {
            let variant = self.device.select(&ATTENTION_MERGE, &[&[]], &[])?;
            let kernel = AttentionMerge {
                state,
                spans,
                parts,
                y,
            };
            let params = AttentionMergeParams {
                heads: count(shape.heads),
                head4: vectors(shape.head),
                slots: count(cache.slots),
                splits: count(splits),
            };
            let work = Work {
                bytes_per_row: 4.0 * as_f64((splits + 1) * width),
                ..Work::default()
            };
            let grid = [Extent::Items(width / 4), self.rows];
            self.builder
                .push("attention_merge", &kernel, variant, params, grid, work);
        }
        Ok(())
    }

    /// Parts that the keys of a row are cut into: one where they are few.
    fn splits(
        &self,
        shape: &BlockShape,
        cache: &KeyValues,
        rows: &Rows,
        scratch: &Scratch,
    ) -> usize {
        // The ring of a window has room for the rows of a run as well.
        let keys = if rows.absolute {
            cache.slots
        } else {
            cache.slots / 4
        };
        if self.class == RowClass::Many || keys <= self.device.tuning.attention_keys {
            return 1;
        }
        let splits = (keys / 256).clamp(2, MAX_SPLITS);
        // Sums, maximum and total of each part.
        let parts = FEW_ROWS * shape.heads * splits * (shape.head + 4);
        if scratch.gate_up.bytes() < 4 * parts as u64 {
            return 1;
        }
        splits
    }
}

/// Parts of a row's keys at most.
const MAX_SPLITS: usize = 16;
/// The most rows of [`RowClass::Few`].
const FEW_ROWS: usize = 8;

/// The choice of an attention kernel's `HEAD` axis: the least columns at most.
pub(crate) fn head_choice(shader: &Shader, head: usize) -> (&'static str, &'static str) {
    let of = shader.variants.iter().flat_map(|variant| variant.choices);
    let fits = of.filter(|(axis, most)| {
        *axis == "HEAD" && most.parse().is_ok_and(|most: usize| head <= most)
    });
    // The variants begin with the narrowest.
    fits.copied().next().unwrap_or(("HEAD", "256"))
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
fn products(outputs: usize, matrix: &Matrix) -> Work {
    Work {
        flops_per_row: 2.0 * as_f64(matrix.columns) * as_f64(outputs),
        bytes: as_f64(outputs * matrix.row_bytes()),
        bytes_per_row: 4.0 * as_f64(matrix.columns + outputs),
    }
}
