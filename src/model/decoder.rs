//! The local decoder and the head: patches back to bytes (paper section 3.3,
//! spec section 9).

use std::ops::ControlFlow;

use super::block::{Block, BlockShape, KeyValues, Rows, Scratch};
use super::cross::{Cross, CrossKeys, Queries};
use super::ends::per_row;
use super::part::{Normed, Output, PartPlan, RowClass, count, vectors};
use super::patches::PatchBuffers;
use super::rotary::Rotary;
use crate::checkpoint::BltWeights;
use crate::device::kernels::{GATHER_ADD, GatherAdd, GatherAddParams};
use crate::device::plan::Extent;
use crate::device::tensor::padded;
use crate::device::{Device, Tensor};
use crate::error::Result;
use crate::weights::{Matrix, Uploader, fused};

/// The local decoder's weights on the device, with the head.
#[derive(Debug)]
pub struct Decoder {
    pub(crate) shape: BlockShape,
    pub(crate) rotary: Rotary,
    pub(crate) vocabulary: usize,
    projection: Option<Matrix>,
    layers: Vec<Block>,
    /// For each layer before which the bytes attend to the patches.
    cross: Vec<Cross>,
    norm: Tensor,
    head: Matrix,
    /// Vectors per patch.
    k: usize,
}

impl Decoder {
    pub(super) async fn load<P: FnMut(u64) -> ControlFlow<()>>(
        uploader: &mut Uploader<'_, P>,
        weights: &BltWeights<'_>,
    ) -> Result<Self> {
        let config = weights.config;
        let shape = BlockShape::of(&config.decoder, "the local decoder")?;
        let projection = match &weights.decoder_projection {
            Some(view) => {
                let columns = view.shape.get(1).copied().unwrap_or(shape.hidden);
                Some(fused(uploader, "decoder projection", columns, &[view], 0).await?)
            }
            None => None,
        };
        let layers = Block::load_all(uploader, &shape, &weights.decoder).await?;
        let mut cross = Vec::new();
        for weights in &weights.decoder_cross {
            cross.push(Cross::load(uploader, &shape, weights).await?);
        }
        let norm = uploader.vector("norm", &weights.decoder_norm.to_f32());
        let head = fused(uploader, "head", shape.hidden, &[&weights.head], 0).await?;
        Ok(Self {
            rotary: Rotary::new(shape.head, config.decoder.rope_theta),
            vocabulary: config.vocab_size as usize,
            k: if config.decoder_cross {
                config.cross_attn_k as usize
            } else {
                1
            },
            shape,
            projection,
            layers,
            cross,
            norm,
            head,
        })
    }

    /// Number of layers.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Vectors of a patch that a byte sees.
    #[must_use]
    pub fn k(&self) -> usize {
        self.k
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
    /// Buffers for runs of up to `rows` rows, `slots` cached positions and the
    /// vectors of `patch_slots` patches.
    #[must_use]
    pub fn new(
        device: &Device,
        decoder: &Decoder,
        rows: usize,
        slots: usize,
        patch_slots: usize,
    ) -> Self {
        let shape = &decoder.shape;
        let (k, hidden) = (decoder.k, shape.hidden);
        let gathered = if decoder.cross.is_empty() { hidden } else { 0 };
        Self {
            caches: (0..decoder.layers.len())
                .map(|_| KeyValues::new(device, shape, slots))
                .collect(),
            keys: (0..decoder.cross.len())
                .map(|_| CrossKeys::new(device, shape, patch_slots * k))
                .collect(),
            vectors: Tensor::new(device, "patch vectors", patch_slots * gathered),
            patch_slots,
            projected: Tensor::new(device, "projected", rows * k * hidden),
            h: Tensor::new(device, "projected h", rows * k * hidden),
            logits: Tensor::new(device, "logits", rows * padded(decoder.vocabulary)),
            result: Tensor::new(device, "result", rows * 2),
        }
    }

    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.caches.iter().map(KeyValues::bytes).sum::<u64>()
            + self.keys.iter().map(|k| k.kv.bytes()).sum::<u64>()
            + self.vectors.bytes()
            + self.projected.bytes()
            + self.h.bytes()
            + self.logits.bytes()
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
        if self.cross.is_empty() {
            return match &self.projection {
                Some(matrix) => {
                    let output = Output::ring(self.shape.hidden, buffers.patch_slots);
                    let y = (latent, &buffers.vectors);
                    plan.linear("linear decoder", &state, y, matrix, output)
                }
                None => {
                    let ring = (&buffers.vectors, buffers.patch_slots);
                    plan.ring_store(&state, latent, ring, self.shape.hidden)
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
        plan.rows_times(self.k, class.times(self.k));
        for (cross, keys) in self.cross.iter().zip(&buffers.keys) {
            plan.cross_keys(&vectors, (x, &buffers.h), &self.shape, cross, keys)?;
        }
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
        if self.cross.is_empty() {
            self.gather(plan, state, patches, buffers, scratch)?;
        }
        for (layer, (block, cache)) in self.layers.iter().zip(&buffers.caches).enumerate() {
            if let (Some(cross), Some(keys)) = (self.cross.get(layer), buffers.keys.get(layer)) {
                let queries = Queries {
                    x: &scratch.x,
                    h: &scratch.h,
                    q: &scratch.qkv,
                    attended: &scratch.attended,
                    ranges: &ranges,
                    group: 1,
                    range_stride: 1,
                };
                plan.cross_attention(state, &queries, &self.shape, cross, keys)?;
            }
            plan.block(&self.shape, block, cache, rows, scratch)?;
        }
        let normed = Normed {
            x: &scratch.x,
            h: &scratch.h,
            weight: &self.norm,
            epsilon: self.shape.epsilon,
        };
        let output = Output::rows(padded(self.vocabulary));
        let logits = &buffers.logits;
        plan.norm_linear("linear head", state, (normed, logits), &self.head, output)?;
        match targets {
            Some(targets) => {
                let result = (targets, logits, &buffers.result);
                plan.entropy(state, result, self.vocabulary)
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
        let columns = self.shape.hidden;
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
