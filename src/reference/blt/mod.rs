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

pub use cross::CrossMatrices;
pub use forward::Stages;
pub use incremental::Incremental;

use super::{BlockMatrices, BlockShape, KeyValues, Pooling};

/// Sizes and choices of a whole BLT that its matrices do not show.
#[derive(Clone, Debug)]
pub struct BltShape {
    /// Vectors of the local width D that a patch has in the decoder's
    /// cross-attention, and in the encoder's.
    pub k: usize,
    /// Lengths of the hashed n-grams.
    pub groups: Vec<u32>,
    /// Hash functions per length.
    pub functions: usize,
    /// Rows of each hash table.
    pub hash_vocabulary: u32,
    /// How the bytes of a patch become one vector, `[pools * D]` in this order.
    pub pooling: Vec<Pooling>,
    /// Only without cross-attention in the encoder, and instead of pooling: the
    /// vectors of so many bytes up to the end of the patch, side by side,
    /// `[N * D]`. They may reach into the patches before; position 0 stands for
    /// those before it.
    pub concatenate: Option<usize>,
    /// Pool anew for every cross-attention of the encoder and forget the earlier
    /// ones, as transformers does with more than one (spec section 12).
    pub repool: bool,
    /// Patches whose bytes the encoder's cross-attention sees; 1 in the released
    /// models.
    pub encoder_window: usize,
    /// Patches that the decoder's cross-attention sees; 1 in the released models.
    pub decoder_window: usize,
}

/// A part of the model that is a stack of transformer blocks.
#[derive(Clone, Debug)]
pub struct Stack {
    /// The sizes of its blocks.
    pub shape: BlockShape,
    /// Keys that a row sees, its own included; `None` for all of its document.
    pub window: Option<usize>,
    /// Its blocks, first to last.
    pub layers: Vec<BlockMatrices>,
}

/// The whole BLT, row-major `[out, in]`. D is the local width, G the latent one.
#[derive(Clone, Debug)]
pub struct BltMatrices {
    /// Sizes and choices.
    pub shape: BltShape,
    /// `[vocabulary, D]`
    pub embed: Vec<f32>,
    /// The hash tables one below the other, `[E * hash_vocabulary, D]`.
    pub hash_tables: Vec<f32>,
    /// The local encoder.
    pub encoder: Stack,
    /// None, one after the last layer, or one after each.
    pub encoder_cross: Vec<CrossMatrices>,
    /// `[k * D, pools * D]`; absent without cross-attention in the encoder.
    pub encoder_projection: Option<Vec<f32>>,
    /// `[G, width of a patch]`, where they differ.
    pub latent_projection: Option<Vec<f32>>,
    /// The latent model.
    pub latent: Stack,
    /// `[k * D, G]`, or `[D, G]` without cross-attention in the decoder; may be
    /// absent where that is square.
    pub decoder_projection: Option<Vec<f32>>,
    /// The local decoder.
    pub decoder: Stack,
    /// None, one before the first layer, or one before each.
    pub decoder_cross: Vec<CrossMatrices>,
    /// `[D]`
    pub decoder_norm: Vec<f32>,
    /// `[vocabulary, D]`; the embedding once more where they are tied.
    pub head: Vec<f32>,
}

impl Stack {
    /// An empty cache for every layer.
    fn caches(&self) -> Vec<KeyValues> {
        vec![KeyValues::default(); self.layers.len()]
    }
}
