//! The local decoder and the head: patches back to bytes (paper section 3.3,
//! spec section 9).

use super::block::{Block, KeyValues, Rows, Scratch};
use super::cross::{CrossKeys, Crossings, Queries};
use super::ends::per_row;
use super::part::{Normed, Output, PartPlan, RowClass, count, vectors};
use super::patches::PatchBuffers;
use super::rotary::Rotary;
use super::sizes::{DecoderSizes, Sizes};
use crate::checkpoint::BltWeights;
use crate::device::Tensor;
use crate::device::kernels::{GATHER_ADD, GatherAdd, GatherAddParams};
use crate::device::plan::Extent;
use crate::device::tensor::{Allocator, padded};
use crate::error::Result;
use crate::weights::{Matrix, Uploader, fused};

/// The local decoder's weights on the device, with the head.
#[derive(Debug)]
pub struct Decoder {
    sizes: DecoderSizes,
    pub(crate) rotary: Rotary,
    projection: Option<Matrix>,
    layers: Vec<Block>,
    /// For each layer before which the bytes attend to the patches.
    cross: Crossings,
    norm: Tensor,
    head: Matrix,
}

impl Decoder {
    pub(super) async fn load(
        uploader: &mut Uploader<'_>,
        weights: &BltWeights<'_>,
        sizes: DecoderSizes,
    ) -> Result<Self> {
        let shape = sizes.shape;
        let projection = match &weights.decoder_projection {
            Some(view) => {
                let columns = view.shape.get(1).copied().unwrap_or(shape.hidden);
                Some(fused(uploader, "decoder projection", columns, &[view], 0).await?)
            }
            None => None,
        };
        let layers = Block::load_all(uploader, &shape, &weights.decoder).await?;
        let cross = Crossings::load(uploader, &shape, &weights.decoder_cross).await?;
        let norm = uploader.vector("norm", &weights.decoder_norm).await?;
        let head = fused(uploader, "head", shape.hidden, &[&weights.head], 0).await?;
        Ok(Self {
            rotary: Rotary::new(shape.head, weights.config.decoder.rope_theta),
            sizes,
            projection,
            layers,
            cross,
            norm,
            head,
        })
    }
}

/// What the decoder of one session computes in and remembers.
#[derive(Debug)]
pub struct DecoderBuffers {
    pub(crate) caches: Vec<KeyValues>,
    /// Per crossing layer, keys and values of the last patches.
    pub(crate) keys: Vec<CrossKeys>,
    /// Without cross-attention: vectors of the last patches.
    pub(crate) vectors: Tensor,
    pub(crate) patch_slots: usize,
    projected: Tensor,
    h: Tensor,
    pub(crate) logits: Tensor,
    /// Entropy and log-probability of the target, `[T]` pairs.
    pub(crate) result: Tensor,
}

impl DecoderBuffers {
    /// Buffers of a session of these sizes.
    #[must_use]
    pub(crate) fn new(tensors: &Allocator<'_>, own: &DecoderSizes, sizes: &Sizes) -> Self {
        let (rows, patch_slots, shape) = (sizes.rows, sizes.patch_slots, &own.shape);
        let gathered = if own.crossings == 0 { shape.hidden } else { 0 };
        let projected = rows * own.k * shape.hidden;
        Self {
            caches: KeyValues::of_layers(tensors, own.layers, shape, sizes.local_slots),
            keys: CrossKeys::of_layers(tensors, own.crossings, shape, patch_slots * own.k),
            vectors: tensors.tensor("patch vectors", patch_slots * gathered),
            patch_slots,
            projected: tensors.tensor("projected", projected),
            h: tensors.tensor("projected h", projected),
            logits: tensors.tensor("logits", rows * padded(own.vocabulary)),
            result: tensors.tensor("result", rows * 2),
        }
    }
}

impl Decoder {
    /// Records the patches of a run: the latent model's output `latent` `[P, G]`
    /// to what bytes attend to. `class` is that of the patches.
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub fn record_patches(
        &self,
        plan: &mut PartPlan<'_>,
        patches: &PatchBuffers,
        latent: &Tensor,
        buffers: &DecoderBuffers,
        class: RowClass,
    ) -> Result<()> {
        let state = patches.state();
        if self.cross.layers.is_empty() {
            return match &self.projection {
                Some(matrix) => {
                    let output = Output::ring(self.sizes.shape.hidden, buffers.patch_slots);
                    let y = (latent, &buffers.vectors);
                    plan.linear("linear decoder", &state, y, matrix, output)
                }
                None => {
                    let ring = (&buffers.vectors, buffers.patch_slots);
                    plan.ring_store(&state, latent, ring, self.sizes.shape.hidden)
                }
            };
        }
        let x = match &self.projection {
            Some(matrix) => {
                let output = Output::rows(matrix.rows);
                let y = (latent, &buffers.projected);
                plan.linear("linear decoder", &state, y, matrix, output)?;
                &buffers.projected
            }
            None => latent,
        };
        let vectors = patches.vectors_state();
        plan.rows_times(self.sizes.k, class.times(self.sizes.k));
        let (x, shape) = ((x, &buffers.h), &self.sizes.shape);
        plan.all_cross_keys(&vectors, x, shape, &self.cross, &buffers.keys)?;
        plan.rows_times(1, class);
        Ok(())
    }

    /// Records the bytes of a run: the encoder's states in `scratch.x` to
    /// logits, and log-probabilities of `targets` where there are any.
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub fn record_bytes(
        &self,
        plan: &mut PartPlan<'_>,
        rows: &Rows,
        targets: Option<&Tensor>,
        patches: &PatchBuffers,
        buffers: &DecoderBuffers,
        scratch: &Scratch,
    ) -> Result<()> {
        let state = &rows.state;
        let ranges = patches.byte_ranges();
        if self.cross.layers.is_empty() {
            self.gather(plan, state, patches, buffers, scratch)?;
        }
        for (layer, (block, cache)) in self.layers.iter().zip(&buffers.caches).enumerate() {
            if let (Some(cross), Some(keys)) =
                (self.cross.layers.get(layer), buffers.keys.get(layer))
            {
                let queries = Queries {
                    x: &scratch.x,
                    h: &scratch.h,
                    q: &scratch.qkv,
                    attended: &scratch.attended,
                    ranges: &ranges,
                    group: 1,
                    range_stride: 1,
                    sees: self.sizes.sees,
                };
                plan.cross_attention(state, &queries, &self.sizes.shape, cross, keys)?;
            }
            plan.block(&self.sizes.shape, block, cache, rows, scratch)?;
        }
        let normed = Normed {
            x: &scratch.x,
            h: &scratch.h,
            weight: &self.norm,
            epsilon: self.sizes.shape.epsilon,
        };
        let output = Output::rows(padded(self.sizes.vocabulary));
        let logits = &buffers.logits;
        plan.norm_linear("linear head", state, (normed, logits), &self.head, output)?;
        match targets {
            Some(targets) => {
                let result = (targets, logits, &buffers.result);
                plan.entropy(state, result, self.sizes.vocabulary)
            }
            None => Ok(()),
        }
    }

    fn gather(
        &self,
        plan: &mut PartPlan<'_>,
        state: &Tensor,
        patches: &PatchBuffers,
        buffers: &DecoderBuffers,
        scratch: &Scratch,
    ) -> Result<()> {
        let device = plan.device();
        let variant = device.select(&GATHER_ADD, &[&[]], &[])?;
        let columns = self.sizes.shape.hidden;
        let kernel = GatherAdd {
            state: state.all(),
            patches: patches.patches.all(),
            vectors: buffers.vectors.all(),
            x: scratch.x.all(),
        };
        let params = GatherAddParams {
            columns4: vectors(columns),
            slots: count(buffers.patch_slots),
        };
        let grid = [Extent::Items(columns / 4), Extent::Rows];
        let work = per_row(1.0, columns * 12);
        plan.push("gather_add", &kernel, variant, params, grid, work);
        Ok(())
    }
}
