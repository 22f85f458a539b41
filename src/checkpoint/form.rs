//! What the files of a checkpoint may settle in more than one way.

use super::config::{BltConfig, Config};
use super::files::Weights;
use super::naming::PATCHER;

pub(super) const HASH_TABLES: &str = "model.encoder_hash_tok_embedding";
pub(super) const DECODER_PROJECTION: &str = "model.local_decoder.patch_embedding_projection.weight";

/// The form in which files hold what a config describes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// What the names of the entropy model start with.
    pub(super) entropy_prefix: &'static str,
    /// One hash table per n-gram length and function (Meta's layout), not one in all.
    pub(super) split_tables: bool,
    /// Whether the decoder projects patches (spec section 9).
    pub(super) decoder_projection: bool,
}

impl Form {
    /// The form that transformers writes.
    pub(super) fn transformers(config: &Config) -> Self {
        Self {
            entropy_prefix: if config.blt.is_some() { PATCHER } else { "" },
            split_tables: false,
            decoder_projection: config.blt.as_ref().is_none_or(needs_projection),
        }
    }

    /// The form of these files.
    pub(super) fn of(config: &Config, weights: &Weights) -> Self {
        let mut form = Self::transformers(config);
        let Some(blt) = &config.blt else {
            if weights.iter().any(|t| t.name.starts_with("patcher.")) {
                form.entropy_prefix = "patcher.";
            }
            return form;
        };
        form.split_tables = weights.get(&table(0)).is_some();
        let held = weights.get(DECODER_PROJECTION).is_some();
        // Meta's code has no projection between equal widths; transformers always has.
        let spared = form.split_tables && blt.decoder_cross && unprojected(blt);
        form.decoder_projection = held || (needs_projection(blt) && !spared);
        form
    }
}

/// The name of one of several hash tables.
pub(super) fn table(index: u32) -> String {
    format!("{HASH_TABLES}.{index}.weight")
}

/// A patch that is merely added needs one only between different widths.
fn needs_projection(blt: &BltConfig) -> bool {
    blt.decoder_cross || blt.latent.hidden_size != blt.decoder.hidden_size
}

fn unprojected(blt: &BltConfig) -> bool {
    blt.cross_attn_k == 1 && blt.latent.hidden_size == blt.decoder.hidden_size
}
