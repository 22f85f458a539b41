//! The local encoder: bytes to patches (paper section 3.2, spec section 7).

use std::sync::Arc;

use super::block::{Block, KeyValues, Rows, Scratch};
use super::cross::{Cross, CrossKeys, Queries};
use super::ends::per_row;
use super::hash_embedding::{HashBuffers, HashEmbedding, Tables};
use super::part::{Output, PartPlan, RowClass, count, vectors};
use super::patches::PatchBuffers;
use super::rotary::Rotary;
use super::sizes::{EncoderSizes, Sizes, crossings};
use crate::checkpoint::{BltWeights, Checkpoint, Pooling};
use crate::device::kernels::{CONCATENATE, Concatenate, ConcatenateParams, POOL, Pool, PoolParams};
use crate::device::plan::Extent;
use crate::device::tensor::Allocator;
use crate::device::{Device, Tensor};
use crate::error::Result;
use crate::weights::{Matrix, Uploader, fused};

/// The local encoder's weights on the device, with the byte embedding.
#[derive(Debug)]
pub struct Encoder {
    sizes: EncoderSizes,
    pub(crate) rotary: Rotary,
    pub(crate) hash: HashEmbedding,
    layers: Vec<Block>,
    cross: Vec<Cross>,
    projection: Option<Matrix>,
    kind: Kind,
    /// The layer whose rows are pooled.
    pooled_layer: usize,
    /// Layers after which the patches attend to the bytes, with their weights'
    /// place in `cross`.
    crossings: Vec<(usize, usize)>,
}

/// How the bytes of a patch become its vectors.
#[derive(Debug)]
enum Kind {
    Pooled(Vec<Pooling>),
    Concatenated(usize),
}

impl Encoder {
    pub(super) async fn load(
        device: &Device,
        uploader: &mut Uploader<'_>,
        weights: &BltWeights<'_>,
        sizes: EncoderSizes,
        (host_tables, repool): (Option<&Arc<Checkpoint>>, bool),
    ) -> Result<Self> {
        let config = weights.config;
        let shape = sizes.shape;
        let tables = match host_tables {
            Some(checkpoint) => Tables::Host(Arc::clone(checkpoint)),
            None => {
                let views: Vec<_> = weights.hash_tables.iter().collect();
                Tables::Device(fused(uploader, "hash tables", shape.hidden, &views, 0).await?)
            }
        };
        let dtype = weights
            .hash_tables
            .first()
            .map_or(weights.embed.dtype, |t| t.dtype);
        let hash = HashEmbedding::new(device, &config.hash, &weights.embed, dtype, tables).await?;
        let layers = Block::load_all(uploader, &shape, &weights.encoder).await?;
        let mut cross = Vec::new();
        for weights in &weights.encoder_cross {
            cross.push(Cross::load(uploader, &shape, weights).await?);
        }
        let projection = match &weights.encoder_projection {
            Some(view) => {
                let columns = view.shape.get(1).copied().unwrap_or(shape.hidden);
                Some(fused(uploader, "encoder projection", columns, &[view], 0).await?)
            }
            None => None,
        };
        let last = layers.len().saturating_sub(1);
        let crossings = crossings(config, repool);
        Ok(Self {
            rotary: Rotary::new(shape.head, config.encoder.rope_theta),
            pooled_layer: crossings.first().map_or(last, |(layer, _)| *layer),
            kind: match config.concatenate {
                Some(bytes) if !config.encoder_cross => Kind::Concatenated(bytes as usize),
                _ => Kind::Pooled(config.pooling.clone()),
            },
            sizes,
            hash,
            layers,
            cross,
            projection,
            crossings,
        })
    }
}

/// What the encoder of one session computes in and remembers.
#[derive(Debug)]
pub struct EncoderBuffers {
    pub(crate) caches: Vec<KeyValues>,
    pub(crate) hash: HashBuffers,
    /// Rows of the bytes that an open patch may reach back to.
    pub(crate) ring: Tensor,
    pub(crate) ring_slots: usize,
    pub(crate) keys: Vec<CrossKeys>,
    pooled: Tensor,
    h: Tensor,
    q: Tensor,
    attended: Tensor,
}

impl EncoderBuffers {
    /// Buffers of a session of these sizes.
    #[must_use]
    pub(crate) fn new(tensors: &Allocator<'_>, own: &EncoderSizes, sizes: &Sizes) -> Self {
        let (rows, shape) = (sizes.rows, &own.shape);
        let vectors = rows * own.k;
        let width = shape.heads * shape.head;
        let (ring, keys) = Self::rings(tensors, own, sizes.ring_slots);
        Self {
            caches: KeyValues::of_layers(tensors, own.layers, shape, sizes.local_slots),
            hash: HashBuffers::new(tensors, own, rows),
            ring,
            ring_slots: sizes.ring_slots,
            keys,
            pooled: tensors.tensor("pooled", rows * own.pooled),
            h: tensors.tensor("patch h", vectors * shape.hidden),
            q: tensors.tensor("patch q", vectors * width),
            attended: tensors.tensor("patch attended", vectors * width),
        }
    }

    /// Rings for the bytes of open patches.
    pub(crate) fn rings(
        tensors: &Allocator<'_>,
        own: &EncoderSizes,
        slots: usize,
    ) -> (Tensor, Vec<CrossKeys>) {
        let ring = tensors.tensor("byte rows", slots * own.shape.hidden);
        let keys = (0..own.crossings).map(|_| CrossKeys::new(tensors, &own.shape, slots));
        (ring, keys.collect())
    }
}

impl Encoder {
    /// Records the bytes of a run: ids, with those before the run, to states in
    /// `scratch.x`, and what their patches will need of them.
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub fn record_bytes(
        &self,
        plan: &mut PartPlan<'_>,
        rows: &Rows,
        ids: &Tensor,
        buffers: &EncoderBuffers,
        scratch: &Scratch,
    ) -> Result<()> {
        let state = &rows.state;
        let (x, h, shape) = (&scratch.x, &scratch.h, &self.sizes.shape);
        plan.hash_embedding(state, &self.hash, &buffers.hash, (ids, x))?;
        for (layer, (block, cache)) in self.layers.iter().zip(&buffers.caches).enumerate() {
            plan.block(shape, block, cache, rows, scratch)?;
            let mut crossings = self.crossings.iter().zip(&buffers.keys);
            let crossing = crossings.find(|((after, _), _)| *after == layer);
            let crossing = crossing.map(|((_, cross), keys)| (&self.cross[*cross], keys));
            let ring = (&buffers.ring, buffers.ring_slots);
            match crossing {
                Some(crossing) if layer == self.pooled_layer => {
                    plan.keep_row(state, (x, h), ring, shape, crossing)?;
                }
                Some((cross, keys)) => plan.cross_keys(state, (x, h), shape, cross, keys)?,
                None if layer == self.pooled_layer => {
                    plan.ring_store(state, x, ring, shape.hidden)?;
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Records the patches that a run closes: their bytes to `y`,
    /// `[P, patch_columns]`. `class` is that of the patches.
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub fn record_patches(
        &self,
        plan: &mut PartPlan<'_>,
        patches: &PatchBuffers,
        buffers: &EncoderBuffers,
        y: &Tensor,
        class: RowClass,
    ) -> Result<()> {
        let state = patches.state();
        let ranges = patches.patch_ranges();
        let pooled = if self.projection.is_some() {
            &buffers.pooled
        } else {
            y
        };
        self.pool(plan, &state, &ranges, buffers, pooled)?;
        if let Some(matrix) = &self.projection {
            let output = Output::rows(matrix.rows);
            plan.linear("linear patch", &state, (pooled, y), matrix, output)?;
        }
        let vectors = patches.vectors_state();
        plan.rows_times(self.sizes.k, class.times(self.sizes.k));
        for ((_, cross), keys) in self.crossings.iter().zip(&buffers.keys) {
            let queries = Queries {
                x: y,
                h: &buffers.h,
                q: &buffers.q,
                attended: &buffers.attended,
                ranges: &ranges,
                group: self.sizes.k,
                range_stride: 2,
                sees: usize::MAX,
            };
            plan.cross_attention(
                &vectors,
                &queries,
                &self.sizes.shape,
                &self.cross[*cross],
                keys,
            )?;
        }
        plan.rows_times(1, class);
        Ok(())
    }

    fn pool(
        &self,
        plan: &mut PartPlan<'_>,
        state: &Tensor,
        ranges: &Tensor,
        buffers: &EncoderBuffers,
        y: &Tensor,
    ) -> Result<()> {
        let device = plan.device();
        let hidden = self.sizes.shape.hidden;
        match &self.kind {
            Kind::Pooled(kinds) => {
                for (place, kind) in kinds.iter().enumerate() {
                    let kernel = Pool {
                        state: state.all(),
                        ranges: ranges.all(),
                        ring: buffers.ring.all(),
                        y: y.all(),
                    };
                    let params = PoolParams {
                        columns4: vectors(hidden),
                        slots: count(buffers.ring_slots),
                        kind: match kind {
                            Pooling::Max => 0,
                            Pooling::Mean => 1,
                            Pooling::Min => 2,
                        },
                        stride4: vectors(self.sizes.pooled),
                        first4: vectors(place * hidden),
                    };
                    let variant = device.select(&POOL, &[&[]], &[])?;
                    let grid = [Extent::Items(hidden / 4), Extent::Rows];
                    let work = per_row(5.0, hidden * 24);
                    plan.push("pool", &kernel, variant, params, grid, work);
                }
            }
            Kind::Concatenated(bytes) => {
                let kernel = Concatenate {
                    state: state.all(),
                    ranges: ranges.all(),
                    ring: buffers.ring.all(),
                    y: y.all(),
                };
                let params = ConcatenateParams {
                    columns4: vectors(hidden),
                    slots: count(buffers.ring_slots),
                    bytes: count(*bytes),
                };
                let variant = device.select(&CONCATENATE, &[&[]], &[])?;
                let grid = [Extent::Items(bytes * hidden / 4), Extent::Rows];
                let work = per_row(0.0, bytes * hidden * 8);
                plan.push("concatenate", &kernel, variant, params, grid, work);
            }
        }
        Ok(())
    }
}
