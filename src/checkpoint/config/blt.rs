//! The parts of a whole BLT around its entropy model.

use serde::Serialize;

use super::entropy::{vocab_size, window};
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
    /// Vectors of the encoder's width that make up one patch.
    pub cross_attn_k: u32,
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
    /// Rows of the fused table.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.group_sizes.len() as u64 * u64::from(self.functions) * u64::from(self.vocab)
    }
}

impl BltConfig {
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
        Ok(Self {
            vocab_size,
            encoder,
            latent,
            decoder,
            cross_attn_k,
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
