//! The steps of a transformer block.

use super::block::{Block, BlockShape, KeyValues, Rows, Scratch};
use super::part::{Normed, Output, PartPlan, RowClass, as_f32, as_f64, count, products, vectors};
use crate::device::Tensor;
use crate::device::kernels::{
    GATE_UP_ROW, GateUpRow, GateUpRowParams, QKV_ROW, QkvRow, QkvRowParams, ROPE_STORE, RopeStore,
    RopeStoreParams, SWIGLU, Swiglu, SwigluParams,
};
use crate::device::plan::{Extent, ONE, Work};
use crate::device::tensor::padded;
use crate::error::Result;
use crate::weights::Matrix;

impl PartPlan<'_> {
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
        let one = self.class() == RowClass::One;
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
        let without_queries = block.qkv.slice(shape.heads * shape.head..block.qkv.rows);
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
        let device = self.device();
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
        let device = self.device();
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
        let variant = self.device().select(&SWIGLU, &[&[]], &[])?;
        let columns = padded(shape.intermediate);
        let kernel = Swiglu {
            state: rows.state.all(),
            gate_up: scratch.gate_up.all(),
            y: scratch.gated.all(),
        };
        self.push(
            "swiglu",
            &kernel,
            variant,
            SwigluParams {
                columns4: vectors(columns),
            },
            [Extent::Items(columns / 4), self.rows()],
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
        let variant = self.device().select(&ROPE_STORE, &[&[]], &[])?;
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
        self.push(
            "rope_store",
            &kernel,
            variant,
            params,
            [Extent::Items(pairs), self.rows()],
            Work {
                flops_per_row: 6.0 * as_f64(pairs),
                bytes_per_row: 16.0 * as_f64(pairs),
                ..Work::default()
            },
        );
        Ok(())
    }
}
