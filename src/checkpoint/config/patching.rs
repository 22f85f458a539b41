//! How the checkpoint wants its bytes cut into patches.

use serde::Serialize;

use super::section::Section;
use crate::Result;

/// The threshold of both released models, and of a transformers config that
/// names none.
const RELEASED_THRESHOLD: f32 = 1.335_442_1;

/// The rules a config can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PatchingMode {
    /// By the entropy of the next byte.
    Entropy,
    /// Patches of one size.
    Static,
    /// At spaces and their like.
    Space,
    /// Every byte its own patch.
    Byte,
    /// At delimiters that an external tokenizer put in.
    Bpe,
    /// At delimiters that the entropy model predicts.
    BpePatcher,
}

/// The patching keys of a config.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PatchingConfig {
    /// The rule.
    pub mode: PatchingMode,
    /// The entropy above which a patch starts, in nats.
    pub threshold: Option<f32>,
    /// The size of [`PatchingMode::Static`] patches, and the mean that a
    /// threshold was chosen for.
    pub patch_size: f32,
    /// Longer patches are cut.
    pub max_patch_length: Option<u32>,
    /// Whether the threshold is on the rise of the entropy, not on its height.
    pub monotonic: bool,
    /// A second threshold, on the rise. Only a value other than 0 counts:
    /// converters write 0 for "none".
    pub threshold_add: Option<f32>,
}

impl PatchingConfig {
    /// `whole`: the config is that of a whole BLT, whose absent threshold means
    /// transformers' default.
    pub(super) fn read(section: &Section<'_>, whole: bool) -> Result<Self> {
        let any = |key| section.number(key, "a finite number", |_| true);
        let threshold = any("patching_threshold")?;
        let default = whole && !section.has("patching_threshold");
        Ok(Self {
            mode: mode(section)?,
            threshold: threshold.or(default.then_some(RELEASED_THRESHOLD)),
            patch_size: section
                .number("patch_size", "a number of at least 1", |n| n >= 1.0)?
                .unwrap_or(4.0),
            max_patch_length: section.count("max_patch_length", u32::MAX)?,
            monotonic: section.flag("monotonicity")?.unwrap_or(false),
            threshold_add: any("patching_threshold_add")?.filter(|&n| n != 0.0),
        })
    }
}

fn mode(section: &Section<'_>) -> Result<PatchingMode> {
    Ok(match section.text("patching_mode")?.unwrap_or("entropy") {
        "entropy" => PatchingMode::Entropy,
        "static" => PatchingMode::Static,
        "space" => PatchingMode::Space,
        "byte" => PatchingMode::Byte,
        "bpe" => PatchingMode::Bpe,
        "bpe_patcher" => PatchingMode::BpePatcher,
        _ => {
            return Err(section.wrong(
                "patching_mode",
                "entropy, static, space, byte, bpe or bpe_patcher",
            ));
        }
    })
}
