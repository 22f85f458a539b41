//! The two ends of a model of bytes: embeddings in; distributions over the next
//! byte, and what is decided from them, out.

use super::part::{PartPlan, count, vectors};
use crate::device::Tensor;
use crate::device::kernels::{
    EMBED, ENTROPY, Embed, EmbedParams, Entropy, EntropyParams, TOP_K, TopK, TopKParams,
};
use crate::device::plan::{Extent, ONE, Work};
use crate::device::tensor::padded;
use crate::error::Result;
use crate::weights::Matrix;

impl PartPlan<'_> {
    /// `x[t, :] = table[ids[t], :]`.
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub fn embed(
        &mut self,
        state: &Tensor,
        table: &Matrix,
        (ids, x): (&Tensor, &Tensor),
    ) -> Result<()> {
        let device = self.device();
        let weights = [("WEIGHTS", table.weights.axis())];
        let variant = device.select(&EMBED, &[&[]], &weights)?;
        let columns4 = vectors(table.columns);
        for part in &table.parts {
            let kernel = Embed {
                state: state.all(),
                weights: part.tensor.all(),
                ids: ids.all(),
                x: x.all(),
            };
            let params = EmbedParams {
                columns4,
                vocabulary: count(table.rows),
                first_row: count(part.first_row),
                part_rows: count(part.rows),
                group_shift: table.weights.group_shift(),
            };
            let grid = [Extent::Items(columns4 as usize), Extent::Rows];
            let work = per_row(0.0, table.columns * 6);
            self.push("embed", &kernel, variant, params, grid, work);
        }
        Ok(())
    }

    /// Entropies of the next byte and log-probabilities of the targets.
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub fn entropy(
        &mut self,
        state: &Tensor,
        (targets, logits, result): (&Tensor, &Tensor, &Tensor),
        vocabulary: usize,
    ) -> Result<()> {
        let device = self.device();
        let variant = device.select(&ENTROPY, device.tuning.entropy, &[])?;
        let kernel = Entropy {
            state: state.all(),
            targets: targets.all(),
            logits: logits.all(),
            result: result.all(),
        };
        let params = EntropyParams {
            vocabulary: count(vocabulary),
            stride: count(padded(vocabulary)),
        };
        let work = per_row(10.0, vocabulary * 8);
        self.push(
            "entropy",
            &kernel,
            variant,
            params,
            [Extent::Rows, ONE],
            work,
        );
        Ok(())
    }

    /// The k most likely next tokens of each row.
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub fn top_k(
        &mut self,
        state: &Tensor,
        logits: &Tensor,
        (ids, log_p): (&Tensor, &Tensor),
        vocabulary: usize,
        k: usize,
    ) -> Result<()> {
        let device = self.device();
        let variant = device.select(&TOP_K, &[&[]], &[])?;
        let kernel = TopK {
            state: state.all(),
            logits: logits.all(),
            best_ids: ids.all(),
            best_log_p: log_p.all(),
        };
        let params = TopKParams {
            vocabulary: count(vocabulary),
            stride: count(padded(vocabulary)),
            k: count(k),
        };
        let work = per_row(4.0, vocabulary * 4 * (k + 2));
        self.push("top_k", &kernel, variant, params, [Extent::Rows, ONE], work);
        Ok(())
    }
}

/// Work that depends on the rows alone.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub(super) fn per_row(flops_per_row: f64, bytes_per_row: usize) -> Work {
    Work {
        flops_per_row,
        bytes: 0.0,
        bytes_per_row: bytes_per_row as f64,
    }
}
