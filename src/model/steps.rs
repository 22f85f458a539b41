//! Kernels that do for a single row in one step what many rows do in several: a
//! short step costs about as much to start as to run.

use super::block::{BlockShape, KeyValues, Rows, Scratch};
use super::part::{Output, PartPlan, RowClass, as_f32, as_f64, count, vectors};
use crate::error::Result;
use crate::gpu::Tensor;
use crate::gpu::kernels::{
    ATTENTION_HELD, ATTENTION_STEP, AttentionHeld, AttentionHeldParams, AttentionStep,
    AttentionStepParams, GATE_UP_ROW, GATED_ROW, GateUpRow, GateUpRowParams, GatedRow,
    GatedRowParams, LINEAR_ROW, LinearRow, LinearRowParams,
};
use crate::gpu::plan::{Extent, ONE, Work};
use crate::gpu::tensor::Matrix;

/// Rows with the norm that precedes a layer.
#[derive(Clone, Copy)]
pub struct Normed<'a> {
    /// The rows, `[T, columns]`.
    pub x: &'a Tensor,
    /// Room for their normalised copy, where the norm is a step of its own.
    pub h: &'a Tensor,
    /// The norm's weights, `[columns]`.
    pub weight: &'a Tensor,
    /// Added to the mean square.
    pub epsilon: f32,
}

impl PartPlan<'_> {
    /// `y = keep y + RMSNorm(x) w^T`; see [`Output`].
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
        if self.joins(matrix) {
            let norm = Some((weight, epsilon));
            return self.linear_row(label, state, (x, norm, y), matrix, output);
        }
        self.rms_norm(state, (x, h), weight, matrix.columns, epsilon)?;
        self.linear(label, state, (h, y), matrix, output)
    }

    /// Do the layers of a single row come in one step with the norm before them?
    pub(super) fn joins(&self, matrix: &Matrix) -> bool {
        self.class() == RowClass::One
            && !self.gpu().tuning.linear_row.is_empty()
            && matrix.columns.is_multiple_of(8)
    }

    /// `y = keep y + z w^T` for a single row; z is x, or its norm.
    pub(super) fn linear_row(
        &mut self,
        label: &'static str,
        state: &Tensor,
        (x, norm, y): (&Tensor, Option<(&Tensor, f32)>, &Tensor),
        matrix: &Matrix,
        output: Output,
    ) -> Result<()> {
        let gpu = self.gpu();
        let mut forms = gpu.tuning.linear_row.iter();
        let form = forms.find(|(fewest, _)| *fewest <= matrix.rows);
        let preferences = form.map_or(&[][..], |(_, preferences)| *preferences);
        let fixed = [
            ("WEIGHTS", gpu.weights_axis(matrix.weights)),
            ("NORM", if norm.is_some() { "yes" } else { "no" }),
        ];
        let variant = gpu.select(&LINEAR_ROW, preferences, &fixed)?;
        let (weight, epsilon) = norm.unwrap_or((x, 0.0));
        for part in &matrix.parts {
            let kernel = LinearRow {
                state: state.all(),
                weights: part.tensor.all(),
                norm: weight.all(),
                x: x.all(),
                y: y.all(),
            };
            let params = LinearRowParams {
                inputs8: count(matrix.columns / 8),
                outputs: count(part.rows),
                first_output: count(part.first_row),
                stride: count(output.stride),
                keep: output.keep,
                slots: count(output.slots),
                inverse_columns: 1.0 / as_f32(matrix.columns),
                epsilon,
            };
            let grid = [Extent::Items(part.rows), ONE];
            let work = products(part.rows, matrix);
            self.push(label, &kernel, variant, params, grid, work);
        }
        Ok(())
    }

    /// `y = silu(z gate^T) * (z up^T)` with z = RMSNorm(x) for a single row; gate
    /// and up lie one below the other in `matrix`, which must be one part.
    pub(super) fn gated_row(
        &mut self,
        state: &Tensor,
        (normed, y): (Normed<'_>, &Tensor),
        matrix: &Matrix,
    ) -> Result<()> {
        let gpu = self.gpu();
        let weights = [("WEIGHTS", gpu.weights_axis(matrix.weights))];
        let variant = gpu.select(&GATED_ROW, &[&[]], &weights)?;
        let outputs = matrix.rows / 2;
        for part in &matrix.parts {
            let kernel = GatedRow {
                state: state.all(),
                weights: part.tensor.all(),
                norm: normed.weight.all(),
                x: normed.x.all(),
                y: y.all(),
            };
            let params = GatedRowParams {
                inputs8: count(matrix.columns / 8),
                outputs: count(outputs),
                inverse_columns: 1.0 / as_f32(matrix.columns),
                epsilon: normed.epsilon,
            };
            let grid = [Extent::Items(outputs), ONE];
            let work = products(part.rows, matrix);
            self.push("gated_row", &kernel, variant, params, grid, work);
        }
        Ok(())
    }

    /// `y = silu(x gate^T) * (x up^T)` for a single row; gate and up lie one
    /// below the other in `matrix`, which must be one part.
    pub(super) fn gate_up(
        &mut self,
        state: &Tensor,
        (x, y): (&Tensor, &Tensor),
        matrix: &Matrix,
    ) -> Result<()> {
        let gpu = self.gpu();
        let weights = [("WEIGHTS", gpu.weights_axis(matrix.weights))];
        let variant = gpu.select(&GATE_UP_ROW, gpu.tuning.gate_up, &weights)?;
        let outputs = matrix.rows / 2;
        for part in &matrix.parts {
            let kernel = GateUpRow {
                state: state.all(),
                weights: part.tensor.all(),
                x: x.all(),
                y: y.all(),
            };
            let params = GateUpRowParams {
                inputs4: vectors(matrix.columns),
                outputs: count(outputs),
            };
            let work = products(part.rows, matrix);
            let grid = [Extent::Items(outputs), ONE];
            self.push("gate_up_row", &kernel, variant, params, grid, work);
        }
        Ok(())
    }

    /// Rotation, store and attention of a single row.
    pub(super) fn attention_step(
        &mut self,
        shape: &BlockShape,
        cache: &KeyValues,
        rows: &Rows,
        scratch: &Scratch,
    ) -> Result<()> {
        // As many keys as half the ring: an upper bound in most models.
        let keys = as_f64(cache.slots / 2);
        let work = Work {
            flops_per_row: 4.0 * keys * as_f64(shape.heads * shape.head),
            bytes: 8.0 * keys * as_f64(shape.stored()),
            bytes_per_row: 8.0 * as_f64(shape.heads * shape.head),
        };
        let grid = [Extent::Items(shape.heads), ONE];
        let (heads, kv_heads) = (count(shape.heads), count(shape.kv_heads));
        let (slots, absolute) = (count(cache.slots), u32::from(rows.absolute));
        let scale = 1.0 / as_f32(shape.head).sqrt();
        let (state, spans, angles) = (rows.state.all(), rows.spans.all(), rows.angles.all());
        let (qkv, y) = (scratch.qkv.all(), scratch.attended.all());
        let (keys, values) = (cache.keys.all(), cache.values.all());

        let gpu = self.gpu();
        let head4 = vectors(shape.head);
        let mut held = gpu.tuning.held_heads.iter();
        if let Some(head) = held.find(|head| head.parse() == Ok(head4)) {
            let variant = gpu.select(&ATTENTION_HELD, &[&[]], &[("HEAD", head)])?;
            let kernel = AttentionHeld {
                state,
                spans,
                angles,
                qkv,
                keys,
                values,
                y,
            };
            let params = AttentionHeldParams {
                heads,
                kv_heads,
                slots,
                absolute,
                scale,
            };
            self.push("attention_held", &kernel, variant, params, grid, work);
            return Ok(());
        }
        let variant = gpu.select(&ATTENTION_STEP, &[&[]], &[])?;
        let kernel = AttentionStep {
            state,
            spans,
            angles,
            qkv,
            keys,
            values,
            y,
        };
        let params = AttentionStepParams {
            heads,
            kv_heads,
            head4,
            slots,
            absolute,
            scale,
        };
        self.push("attention_step", &kernel, variant, params, grid, work);
        Ok(())
    }
}

/// The work of a single row times so many rows of a matrix.
fn products(outputs: usize, matrix: &Matrix) -> Work {
    Work {
        flops_per_row: 2.0 * as_f64(matrix.columns) * as_f64(outputs),
        bytes: as_f64(outputs * matrix.columns * matrix.weights.size()),
        bytes_per_row: 4.0 * as_f64(matrix.columns + outputs),
    }
}
