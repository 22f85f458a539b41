//! What a text takes of the adapter's memory beside the weights, by the sizes of
//! the model alone: keys and values that later bytes need, and buffers that one
//! run computes in.

use super::block::BlockShape;
use crate::checkpoint::{BltConfig, BltWeights, EntropyConfig};
use crate::device::tensor::padded;
use crate::error::Result;

/// Positions that a part without a window looks back over at most.
pub(crate) const UNBOUNDED: usize = 8192;
/// Positions that can be taken back without a recompute, beside a run's.
const SLACK: usize = 256;
/// Patches that a new session has room for.
const FIRST_PATCHES: usize = 256;

/// How much a session has room for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Rows of a run at most.
    pub(crate) rows: usize,
    /// Cached positions of the entropy model.
    pub(crate) entropy_slots: usize,
    /// Cached positions of encoder and decoder.
    pub(crate) local_slots: usize,
    /// Bytes that open patches may reach back to.
    pub(crate) ring_slots: usize,
    /// Patches whose vectors the decoder keeps.
    pub(crate) patch_slots: usize,
    /// Patches that the latent model has room for.
    pub(crate) patches: usize,
}

impl Sizes {
    /// Those of a new session, whose runs have up to `rows` rows.
    pub(crate) fn new(rows: usize, config: &BltConfig, entropy_window: Option<usize>) -> Self {
        let slots = |window: Option<usize>| {
            let window = window.unwrap_or(UNBOUNDED);
            (window + rows + SLACK).next_power_of_two()
        };
        let patches = |window: Option<u32>| window.map_or(1, |n| n.max(1) as usize);
        let encoder = patches(config.cross_window_encoder);
        let decoder = patches(config.cross_window_decoder);
        Self {
            rows,
            entropy_slots: slots(entropy_window),
            local_slots: slots(config.local_window.map(|window| window as usize)),
            ring_slots: (rows + SLACK).next_power_of_two(),
            patch_slots: rows + SLACK + encoder.max(decoder),
            patches: FIRST_PATCHES.max(rows.next_power_of_two()),
        }
    }
}

/// What an entropy model's share of a session depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EntropySizes {
    pub(super) shape: BlockShape,
    pub(super) layers: usize,
    pub(super) vocabulary: usize,
    pub(super) window: Option<usize>,
}

impl EntropySizes {
    pub(super) fn of(config: &EntropyConfig) -> Result<Self> {
        Ok(Self {
            shape: BlockShape::of(&config.stack(), "the entropy model")?,
            layers: config.layers as usize,
            vocabulary: config.vocab_size as usize,
            window: config.window.map(|window| window as usize),
        })
    }
}

/// What a session takes of the adapter's memory, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct SessionBytes {
    /// Before its first token.
    pub(super) new: u64,
    /// More for each patch that it needs room for beyond its first.
    pub(super) patch: u64,
    /// Patches that a new session has room for.
    pub(super) patches: usize,
}

impl SessionBytes {
    /// For runs of up to `rows` rows. `gathered` is the size of a weight of hash
    /// tables that stay with the host, `repool` as in
    /// [`super::blt::BltLoad::hf_compat`].
    pub(super) fn of(
        weights: &BltWeights<'_>,
        entropy: Option<&EntropySizes>,
        rows: usize,
        gathered: Option<usize>,
        repool: bool,
    ) -> Result<Self> {
        let config = weights.config;
        let sizes = Sizes::new(rows, config, entropy.and_then(|e| e.window));
        let encoder = BlockShape::of(&config.encoder, "the local encoder")?;
        let decoder = BlockShape::of(&config.decoder, "the local decoder")?;
        let latent = BlockShape::of(&config.latent, "the latent model")?;
        let k = config.cross_attn_k as usize;

        let pooled = match (config.concatenate, config.encoder_cross) {
            (Some(bytes), false) => bytes as usize,
            _ => config.pooling.len(),
        } * encoder.hidden;
        let projection = weights.encoder_projection.as_ref();
        let patch = projection.map_or(pooled, |view| view.shape.first().copied().unwrap_or(0));
        let given = if weights.latent_projection.is_some() {
            rows * patch
        } else {
            0
        };
        let latent_patch = config.latent.layers as usize * keys_and_values(&latent) + latent.head;

        let words = entropy.map_or(0, |entropy| of_entropy(entropy, &sizes))
            + of_hashes(config, rows, gathered)
            + {
                let crossings = match (config.encoder_cross, config.encoder_cross_all && !repool) {
                    (false, _) => 0,
                    (true, false) => 1,
                    (true, true) => config.encoder.layers as usize,
                };
                let per_patch = if config.encoder_cross { k } else { 1 };
                let queries = encoder.hidden + 2 * encoder.heads * encoder.head;
                config.encoder.layers as usize * sizes.local_slots * keys_and_values(&encoder)
                    + sizes.ring_slots * (encoder.hidden + crossings * keys_and_values(&encoder))
                    + rows * (pooled + per_patch * queries)
            }
            + {
                let crossings = weights.decoder_cross.len();
                let per_patch = if config.decoder_cross { k } else { 1 };
                let added = if crossings == 0 { decoder.hidden } else { 0 };
                config.decoder.layers as usize * sizes.local_slots * keys_and_values(&decoder)
                    + sizes.patch_slots * crossings * per_patch * keys_and_values(&decoder)
                    + (sizes.patch_slots * added).max(1)
                    + rows * (2 * per_patch * decoder.hidden + padded(config.vocab_size as usize))
            }
            + scratch(&[encoder, decoder], rows)
            + scratch(&[latent], rows)
            + given
            + sizes.patches * latent_patch;
        Ok(Self {
            new: words as u64 * 4,
            patch: latent_patch as u64 * 4,
            patches: sizes.patches,
        })
    }
}

/// Words per position and layer.
fn keys_and_values(shape: &BlockShape) -> usize {
    2 * shape.stored()
}

/// Words that blocks of these shapes compute in.
fn scratch(shapes: &[BlockShape], rows: usize) -> usize {
    let most = |size: fn(&BlockShape) -> usize| shapes.iter().map(size).max().unwrap_or(0);
    let stream = most(|s| padded(s.hidden));
    let gate = most(|s| padded(s.intermediate));
    rows * (2 * stream + most(BlockShape::qkv) + most(|s| s.heads * s.head) + 3 * gate)
}

fn of_entropy(entropy: &EntropySizes, sizes: &Sizes) -> usize {
    scratch(&[entropy.shape], sizes.rows)
        + sizes.rows * padded(entropy.vocabulary)
        + entropy.layers * sizes.entropy_slots * keys_and_values(&entropy.shape)
}

fn of_hashes(config: &BltConfig, rows: usize, gathered: Option<usize>) -> usize {
    let entries = rows * config.hash.tables() as usize;
    let columns = config.encoder.hidden_size as usize;
    let gathered = gathered.map_or(0, |size| (entries * columns * size).div_ceil(4));
    entries.max(1) + gathered.max(1)
}
