//! config.json: what a checkpoint says about itself, checked for the possible.

mod blt;
mod entropy;
mod patching;
mod pooling;
mod section;
mod stack;

use serde::Serialize;
use serde_json::Value;

pub use blt::{BltConfig, HashConfig};
pub use entropy::EntropyConfig;
pub use patching::{PatchingConfig, PatchingMode};
pub use pooling::Pooling;
pub use stack::StackConfig;

use super::sentence::refuse;
use crate::{Result, text_file};
pub(super) use section::Section;

/// A whole config.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Config {
    /// How to cut bytes into patches.
    pub patching: PatchingConfig,
    /// The entropy model; `None` if a whole BLT has none inside.
    pub entropy: Option<EntropyConfig>,
    /// The rest of a whole BLT; `None` for an entropy model alone.
    pub blt: Option<BltConfig>,
}

impl Config {
    /// Parses the text of the config `file`, a name for error messages only.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) for anything but the config of a BLT or of an entropy
    /// model with possible values throughout.
    pub fn parse(text: &[u8], file: &str) -> Result<Self> {
        Self::read(&json(text, file)?, file)
    }

    /// The same of JSON that is parsed already.
    pub(super) fn read(json: &Value, file: &str) -> Result<Self> {
        let root = Section::root(file, json)?;
        match root.text("model_type")? {
            Some("blt") => {
                let blt = BltConfig::read(&root)?;
                let entropy = if blt.patch_in_forward {
                    Some(EntropyConfig::read(
                        &root.needed_section("patcher_config")?,
                    )?)
                } else {
                    None
                };
                Ok(Self {
                    patching: PatchingConfig::read(&root, true)?,
                    entropy,
                    blt: Some(blt),
                })
            }
            Some("blt_patcher") => Ok(Self {
                patching: PatchingConfig::read(&root, false)?,
                entropy: Some(EntropyConfig::read(&root)?),
                blt: None,
            }),
            None if root.has("args") => Err(refuse(format!(
                "{file} is in Meta's own layout, which is read from a folder; name the folder it is in"
            ))),
            _ => Err(root.wrong(
                "model_type",
                "\"blt\", or \"blt_patcher\" for an entropy model alone",
            )),
        }
    }
}

/// The text of a config as JSON.
pub(super) fn json(text: &[u8], file: &str) -> Result<Value> {
    text_file::json(text, "is not valid JSON").map_err(|said| refuse(format!("{file} {said}")))
}
