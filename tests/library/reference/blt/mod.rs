//! The whole BLT on the CPU: encoder, latent model and decoder.
//!
//! It is told where patches start; entropies are [`EntropyMatrices`]' affair.
//! [`BltMatrices::forward`] computes a whole text at once and keeps every stage;
//! [`Incremental`] takes it token by token. Both mask documents: nothing sees
//! past an EOS (spec section 2).
//!
//! [`EntropyMatrices`]: super::EntropyMatrices

mod cross;
mod forward;
mod incremental;

pub(crate) use cross::CrossMatrices;
pub(crate) use forward::Stages;
pub(crate) use incremental::Incremental;

use super::{BlockMatrices, BlockShape, KeyValues, Pooling};

/// Sizes and choices of a whole BLT that its matrices do not show.
#[derive(Clone, Debug)]
pub(crate) struct BltShape {
    /// Vectors of the local width D that a patch has in the decoder's
    /// cross-attention, and in the encoder's.
    pub(crate) k: usize,
    /// Lengths of the hashed n-grams.
    pub(crate) groups: Vec<u32>,
    /// Hash functions per length.
    pub(crate) functions: usize,
    /// Rows of each hash table.
    pub(crate) hash_vocabulary: u32,
    /// How the bytes of a patch become one vector, `[pools * D]` in this order.
    pub(crate) pooling: Vec<Pooling>,
    /// Only without cross-attention in the encoder, and instead of pooling: the
    /// vectors of so many bytes up to the end of the patch, side by side,
    /// `[N * D]`. They may reach into the patches before; position 0 stands for
    /// those before it.
    pub(crate) concatenate: Option<usize>,
    /// Pool anew for every cross-attention of the encoder and forget the earlier
    /// ones, as transformers does with more than one (spec section 12).
    pub(crate) repool: bool,
    /// Patches whose bytes the encoder's cross-attention sees; 1 in the released
    /// models.
    pub(crate) encoder_window: usize,
    /// Patches that the decoder's cross-attention sees; 1 in the released models.
    pub(crate) decoder_window: usize,
}

/// A part of the model that is a stack of transformer blocks.
#[derive(Clone, Debug)]
pub(crate) struct Stack {
    /// The sizes of its blocks.
    pub(crate) shape: BlockShape,
    /// Keys that a row sees, its own included; `None` for all of its document.
    pub(crate) window: Option<usize>,
    /// Its blocks, first to last.
    pub(crate) layers: Vec<BlockMatrices>,
}

/// The whole BLT, row-major `[out, in]`. D is the local width, G the latent one.
#[derive(Clone, Debug)]
pub(crate) struct BltMatrices {
    /// Sizes and choices.
    pub(crate) shape: BltShape,
    /// `[vocabulary, D]`
    pub(crate) embed: Vec<f32>,
    /// The hash tables one below the other, `[E * hash_vocabulary, D]`.
    pub(crate) hash_tables: Vec<f32>,
    /// The local encoder.
    pub(crate) encoder: Stack,
    /// None, one after the last layer, or one after each.
    pub(crate) encoder_cross: Vec<CrossMatrices>,
    /// `[k * D, pools * D]`; absent without cross-attention in the encoder.
    pub(crate) encoder_projection: Option<Vec<f32>>,
    /// `[G, width of a patch]`, where they differ.
    pub(crate) latent_projection: Option<Vec<f32>>,
    /// The latent model.
    pub(crate) latent: Stack,
    /// `[k * D, G]`, or `[D, G]` without cross-attention in the decoder; may be
    /// absent where that is square.
    pub(crate) decoder_projection: Option<Vec<f32>>,
    /// The local decoder.
    pub(crate) decoder: Stack,
    /// None, one before the first layer, or one before each.
    pub(crate) decoder_cross: Vec<CrossMatrices>,
    /// `[D]`
    pub(crate) decoder_norm: Vec<f32>,
    /// `[vocabulary, D]`; the embedding once more where they are tied.
    pub(crate) head: Vec<f32>,
}

impl Stack {
    /// An empty cache for every layer.
    fn caches(&self) -> Vec<KeyValues> {
        vec![KeyValues::default(); self.layers.len()]
    }
}
