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
    /// Its blocks.
    #[serde(flatten)]
    pub stack: StackConfig,
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
            stack,
            window: window(section, "sliding_window")?,
            tied: section.flag("tie_word_embeddings")?.unwrap_or(false),
        })
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
