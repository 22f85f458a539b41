//! The parts of a whole BLT around its entropy model.

use serde::Serialize;

use super::entropy::{vocab_size, window};
use super::pooling::{Pooling, pooling};
use super::section::Section;
use super::stack::StackConfig;
use crate::Result;

/// The architecture of encoder, latent model and decoder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BltConfig {
    /// Number of token ids.
    pub vocab_size: u32,
    /// The local encoder, over bytes.
    pub encoder: StackConfig,
    /// The latent model, over patches (transformers: global transformer).
    pub latent: StackConfig,
    /// The local decoder, over bytes.
    pub decoder: StackConfig,
    /// Vectors of the encoder's width that make up one patch, and the rows that
    /// a byte of the decoder sees of it.
    pub cross_attn_k: u32,
    /// Whether patches attend to the encoder's bytes; if not, patches are only
    /// pooled or joined (spec section 7).
    pub encoder_cross: bool,
    /// Whether the decoder's bytes attend to patches; if not, patches are added
    /// to them (spec section 9).
    pub decoder_cross: bool,
    /// How the bytes of a patch become one vector; several results are
    /// concatenated in the order given here. Empty where `concatenate` says how.
    pub pooling: Vec<Pooling>,
    /// Without cross-attention in the encoder: join this many last byte
    /// vectors of a patch instead of pooling.
    pub concatenate: Option<u32>,
    /// The encoder's cross-attention also sees the bytes of this many patches less
    /// one before; `None` sees those of the own patch.
    pub cross_window_encoder: Option<u32>,
    /// The decoder's cross-attention also sees this many patches less one before;
    /// `None` sees one patch.
    pub cross_window_decoder: Option<u32>,
    /// Whether the encoder attends to patches after every layer, not only the last.
    pub encoder_cross_all: bool,
    /// Whether the decoder attends to patches before every layer, not only the first.
    pub decoder_cross_all: bool,
    /// The hashed n-gram embeddings.
    pub hash: HashConfig,
    /// Attention window of encoder and decoder, in bytes.
    pub local_window: Option<u32>,
    /// Whether one table serves as byte embedding and as head.
    pub tied: bool,
    /// Whether the checkpoint brings its own entropy model.
    pub patch_in_forward: bool,
}

/// The hashed n-gram embeddings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HashConfig {
    /// The lengths of the n-grams.
    pub group_sizes: Vec<u32>,
    /// Rows per length and function.
    pub vocab: u32,
    /// Hash functions per length.
    pub functions: u32,
}

impl HashConfig {
    /// Tables: one per hash function and n-gram length, in this order.
    #[must_use]
    pub fn tables(&self) -> u32 {
        let sizes = u32::try_from(self.group_sizes.len()).unwrap_or(u32::MAX);
        sizes.saturating_mul(self.functions)
    }

    /// Rows of the fused table.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.group_sizes.len() as u64 * u64::from(self.functions) * u64::from(self.vocab)
    }
}

impl BltConfig {
    /// Positions that a text may have, that of BOS counted; `None` if the config
    /// names no limit.
    #[must_use]
    pub fn max_positions(&self) -> Option<u32> {
        let local = [self.encoder.max_positions, self.decoder.max_positions];
        local.into_iter().flatten().min()
    }

    pub(super) fn read(root: &Section<'_>) -> Result<Self> {
        let encoder_section = root.needed_section("encoder_config")?;
        let latent_section = root.needed_section("global_config")?;
        let decoder_section = root.needed_section("decoder_config")?;
        let encoder = StackConfig::read(&encoder_section, 500_000.0)?;
        let latent = StackConfig::read(&latent_section, 500_000.0)?;
        let decoder = StackConfig::read(&decoder_section, 500_000.0)?;

        let vocab_size = vocab_size(root)?;
        let cross_attn_k = root.count("cross_attn_k", 1024)?.unwrap_or(2);
        decoder_section.agrees("hidden_size", encoder.hidden_size, "as in `encoder_config`")?;
        for local in [&encoder_section, &decoder_section] {
            local.agrees("vocab_size", vocab_size, "as in the whole model")?;
            local.agrees("cross_attn_k", cross_attn_k, "as in the whole model")?;
            local.agrees(
                "hidden_size_global",
                latent.hidden_size,
                "the `hidden_size` of `global_config`",
            )?;
        }
        let encoder_cross = root.flag("cross_attn_encoder")?.unwrap_or(true);
        let (pooling, concatenate) = pooling(root, encoder_cross)?;
        Ok(Self {
            vocab_size,
            encoder,
            latent,
            decoder,
            cross_attn_k,
            encoder_cross,
            decoder_cross: root.flag("cross_attn_decoder")?.unwrap_or(true),
            pooling,
            concatenate,
            cross_window_encoder: root.count("cross_attn_window_encoder", u32::MAX)?,
            cross_window_decoder: root.count("cross_attn_window_decoder", u32::MAX)?,
            encoder_cross_all: encoder_section
                .flag("cross_attn_all_layers")?
                .unwrap_or(false),
            decoder_cross_all: decoder_section
                .flag("cross_attn_all_layers")?
                .unwrap_or(true),
            hash: hash(root)?,
            local_window: window(root, "local_attention_window_len")?,
            tied: root.flag("tie_word_embeddings")?.unwrap_or(false),
            patch_in_forward: root.flag("patch_in_forward")?.unwrap_or(true),
        })
    }
}

impl BltConfig {
    /// Columns of a patch between encoder and latent model (spec sections 7 and 8).
    #[must_use]
    pub fn patch_width(&self) -> u32 {
        let vectors = match (self.encoder_cross, self.concatenate) {
            (true, _) => self.cross_attn_k,
            (false, Some(last)) => last,
            (false, None) => self.pools(),
        };
        vectors * self.encoder.hidden_size
    }

    /// Cross-attention layers of the encoder.
    pub(in crate::checkpoint) fn encoder_crosses(&self) -> u32 {
        crosses(
            self.encoder_cross,
            self.encoder_cross_all,
            self.encoder.layers,
        )
    }

    /// Cross-attention layers of the decoder.
    pub(in crate::checkpoint) fn decoder_crosses(&self) -> u32 {
        crosses(
            self.decoder_cross,
            self.decoder_cross_all,
            self.decoder.layers,
        )
    }

    /// Vectors that pooling makes of a patch.
    pub(in crate::checkpoint) fn pools(&self) -> u32 {
        u32::try_from(self.pooling.len()).unwrap_or(u32::MAX)
    }
}

fn crosses(any: bool, all: bool, layers: u32) -> u32 {
    match (any, all) {
        (false, _) => 0,
        (true, false) => 1,
        (true, true) => layers,
    }
}

fn hash(root: &Section<'_>) -> Result<HashConfig> {
    let hash = HashConfig {
        group_sizes: root
            .counts("encoder_hash_byte_group_size", 512)?
            .unwrap_or_else(|| (3..=8).collect()),
        vocab: root
            .count("encoder_hash_byte_group_vocab", 1 << 28)?
            .unwrap_or(500_002),
        functions: root
            .count("encoder_hash_byte_group_nb_functions", 64)?
            .unwrap_or(1),
    };
    if u32::try_from(hash.rows()).is_err() {
        let must = format!(
            "smaller: {} n-gram lengths make {} rows of it",
            hash.group_sizes.len(),
            hash.rows()
        );
        return Err(root.wrong("encoder_hash_byte_group_vocab", &must));
    }
    Ok(hash)
}
