//! Kernels that do for a single row in one step what many rows do in several: a
//! short step costs about as much to start as to run.

use super::block::{BlockShape, KeyValues, Rows, Scratch};
use super::part::{PartPlan, as_f32, as_f64, count, vectors};
use crate::error::Result;
use crate::gpu::Tensor;
use crate::gpu::kernels::{
    ATTENTION_STEP, AttentionStep, AttentionStepParams, GATE_UP_ROW, GateUpRow, GateUpRowParams,
};
use crate::gpu::plan::{Extent, ONE, Work};
use crate::gpu::tensor::Matrix;

impl PartPlan<'_> {
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
            let work = Work {
                flops_per_row: 2.0 * as_f64(matrix.columns) * as_f64(matrix.rows),
                bytes: as_f64(matrix.rows * matrix.columns * matrix.weights.size()),
                bytes_per_row: 4.0 * as_f64(matrix.columns + outputs),
            };
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
        let variant = self.gpu().select(&ATTENTION_STEP, &[&[]], &[])?;
        let kernel = AttentionStep {
            state: rows.state.all(),
            spans: rows.spans.all(),
            angles: rows.angles.all(),
            qkv: scratch.qkv.all(),
            keys: cache.keys.all(),
            values: cache.values.all(),
            y: scratch.attended.all(),
        };
        let params = AttentionStepParams {
            heads: count(shape.heads),
            kv_heads: count(shape.kv_heads),
            head4: vectors(shape.head),
            slots: count(cache.slots),
            absolute: u32::from(rows.absolute),
            scale: 1.0 / as_f32(shape.head).sqrt(),
        };
        // As many keys as half the ring: an upper bound in most models.
        let keys = as_f64(cache.slots / 2);
        let work = Work {
            flops_per_row: 4.0 * keys * as_f64(shape.heads * shape.head),
            bytes: 8.0 * keys * as_f64(shape.stored()),
            bytes_per_row: 8.0 * as_f64(shape.heads * shape.head),
        };
        let grid = [Extent::Items(shape.heads), ONE];
        self.push("attention_step", &kernel, variant, params, grid, work);
        Ok(())
    }
}
