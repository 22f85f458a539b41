//! How large a session is, by the sizes of the model alone.

use super::block::{BlockShape, KeyValues};
use crate::checkpoint::{BltConfig, BltWeights, EntropyConfig, TensorView};
use crate::device::tensor::Allocator;
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
        let encoder = patches_seen(config.cross_window_encoder);
        let decoder = patches_seen(config.cross_window_decoder);
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
    pub(crate) shape: BlockShape,
    pub(crate) layers: usize,
    pub(crate) vocabulary: usize,
    pub(crate) window: Option<usize>,
}

impl EntropySizes {
    pub(super) fn of(config: &EntropyConfig) -> Result<Self> {
        Ok(Self {
            shape: BlockShape::of(&config.stack, "the entropy model")?,
            layers: config.stack.layers as usize,
            vocabulary: config.vocab_size as usize,
            window: config.window.map(|window| window as usize),
        })
    }

    /// Keys and values of `slots` positions.
    pub(crate) fn caches(&self, tensors: &Allocator<'_>, slots: usize) -> Vec<KeyValues> {
        KeyValues::of_layers(tensors, self.layers, &self.shape, slots)
    }
}

/// What the encoder's share of a session depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EncoderSizes {
    pub(crate) shape: BlockShape,
    pub(crate) layers: usize,
    /// Layers after which the patches attend to the bytes.
    pub(crate) crossings: usize,
    /// Vectors per patch.
    pub(crate) k: usize,
    /// Columns of a pooled patch.
    pub(crate) pooled: usize,
    /// Bytes of the rows that a byte needs of hash tables on the host.
    pub(crate) gathered: usize,
}

/// What the latent model's share of a session depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LatentSizes {
    pub(crate) shape: BlockShape,
    pub(crate) layers: usize,
    /// Columns of what it is given; 0 where that is not projected.
    pub(crate) given: usize,
    /// Base of the rotary embedding.
    pub(crate) theta: f32,
}

/// What the decoder's share of a session depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DecoderSizes {
    pub(crate) shape: BlockShape,
    pub(crate) layers: usize,
    /// Layers before which the bytes attend to the patches.
    pub(crate) crossings: usize,
    /// Vectors of a patch that a byte sees.
    pub(crate) k: usize,
    /// Vectors that a byte sees at most, those of all patches in its window.
    pub(crate) sees: usize,
    pub(crate) vocabulary: usize,
}

/// What a session of a whole model depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ModelSizes {
    pub(crate) entropy: Option<EntropySizes>,
    pub(crate) encoder: EncoderSizes,
    pub(crate) latent: LatentSizes,
    pub(crate) decoder: DecoderSizes,
}

impl ModelSizes {
    /// `host_tables`: do the hash tables stay with the host? `repool` as in
    /// [`super::load::BltLoad::hf_compat`].
    pub(super) fn of(
        weights: &BltWeights<'_>,
        entropy: Option<EntropySizes>,
        host_tables: bool,
        repool: bool,
    ) -> Result<Self> {
        let config = weights.config;
        let shape = BlockShape::of(&config.encoder, "the local encoder")?;
        let vectors = |crosses| match crosses {
            true => config.cross_attn_k as usize,
            false => 1,
        };
        let pooled = match (config.concatenate, config.encoder_cross) {
            (Some(bytes), false) => bytes as usize,
            _ => config.pooling.len(),
        } * shape.hidden;
        let projection = weights.encoder_projection.as_ref();
        let patch = projection.map_or(pooled, |view| view.shape.first().copied().unwrap_or(0));
        let row = |view: &TensorView<'_>| view.dtype.row_bytes(view.columns());
        let row = weights.hash_tables.first().map(row);
        Ok(Self {
            entropy,
            encoder: EncoderSizes {
                shape,
                layers: config.encoder.layers as usize,
                crossings: crossings(config, repool).len(),
                k: vectors(config.encoder_cross),
                pooled,
                gathered: match host_tables {
                    true => config.hash.tables() as usize * row.unwrap_or(0),
                    false => 0,
                },
            },
            latent: LatentSizes {
                shape: BlockShape::of(&config.latent, "the latent model")?,
                layers: config.latent.layers as usize,
                given: weights.latent_projection.as_ref().map_or(0, |_| patch),
                theta: config.latent.rope_theta,
            },
            decoder: DecoderSizes {
                shape: BlockShape::of(&config.decoder, "the local decoder")?,
                layers: config.decoder.layers as usize,
                crossings: weights.decoder_cross.len(),
                k: vectors(config.decoder_cross),
                sees: vectors(config.decoder_cross) * patches_seen(config.cross_window_decoder),
                vocabulary: config.vocab_size as usize,
            },
        })
    }
}

/// Patches that one of a cross-attention's sides sees of the other.
pub(super) fn patches_seen(window: Option<u32>) -> usize {
    window.map_or(1, |patches| patches.max(1) as usize)
}

/// Layers after which the patches attend to the bytes, with their weights' places.
pub(super) fn crossings(config: &BltConfig, repool: bool) -> Vec<(usize, usize)> {
    let layers = config.encoder.layers as usize;
    let last = layers.saturating_sub(1);
    // transformers pools anew for every layer and so keeps only the last.
    match (config.encoder_cross, config.encoder_cross_all) {
        (false, _) => Vec::new(),
        (true, false) => vec![(last, 0)],
        (true, true) if repool => vec![(last, last)],
        (true, true) => (0..layers).map(|layer| (layer, layer)).collect(),
    }
}
