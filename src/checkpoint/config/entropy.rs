//! The entropy model's part of a config.

use serde::Serialize;

use super::section::Section;
use super::stack::StackConfig;
use crate::Result;

/// The architecture of the entropy model (transformers calls it the patcher).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EntropyConfig {
    /// Number of token ids: 256 bytes and 4 special ones, or more.
    pub vocab_size: u32,
    /// Width of the residual stream.
    pub hidden_size: u32,
    /// Number of blocks.
    pub layers: u32,
    /// Query heads.
    pub heads: u32,
    /// Key and value heads; divides `heads`.
    pub kv_heads: u32,
    /// Width of a head, `hidden_size / heads`; even, at most 256.
    pub head_dim: u32,
    /// Width of the feed-forward layer.
    pub intermediate_size: u32,
    /// Added to the mean square in every RMS norm.
    pub norm_eps: f32,
    /// Base of the rotary frequencies.
    pub rope_theta: f32,
    /// Positions it was trained for; `None` if the config names no limit.
    pub max_positions: Option<u32>,
    /// Keys that a query sees, itself included; `None` sees all before it.
    pub window: Option<u32>,
    /// Whether one table serves as embedding and as head.
    pub tied: bool,
}

impl EntropyConfig {
    pub(super) fn read(section: &Section<'_>) -> Result<Self> {
        let stack = StackConfig::read(section, 10_000.0)?;
        Ok(Self {
            vocab_size: vocab_size(section)?,
            hidden_size: stack.hidden_size,
            layers: stack.layers,
            heads: stack.heads,
            kv_heads: stack.kv_heads,
            head_dim: stack.head_dim,
            intermediate_size: stack.intermediate_size,
            norm_eps: stack.norm_eps,
            rope_theta: stack.rope_theta,
            max_positions: stack.max_positions,
            window: window(section, "sliding_window")?,
            tied: section.flag("tie_word_embeddings")?.unwrap_or(false),
        })
    }

    /// The sizes of its blocks.
    #[must_use]
    pub fn stack(&self) -> StackConfig {
        StackConfig {
            hidden_size: self.hidden_size,
            layers: self.layers,
            heads: self.heads,
            kv_heads: self.kv_heads,
            head_dim: self.head_dim,
            intermediate_size: self.intermediate_size,
            norm_eps: self.norm_eps,
            rope_theta: self.rope_theta,
            max_positions: self.max_positions,
        }
    }
}

/// Ids run to 259, so fewer than 260 rows cannot be; more are merely unused.
pub(super) fn vocab_size(section: &Section<'_>) -> Result<u32> {
    match section.count("vocab_size", 1 << 16)? {
        None => Ok(260),
        Some(n) if n >= 260 => Ok(n),
        Some(_) => Err(section.wrong(
            "vocab_size",
            "at least 260, for 256 bytes and 4 special ids",
        )),
    }
}

/// An attention window: 512 when the key is absent, none when it is `null`.
pub(super) fn window(section: &Section<'_>, key: &str) -> Result<Option<u32>> {
    if section.has(key) {
        section.count(key, 1 << 30)
    } else {
        Ok(Some(512))
    }
}
