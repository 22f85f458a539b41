//! How a model is loaded.

use std::sync::Arc;

use super::entropy::EntropyModel;
use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};

/// Where the hash tables go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashTables {
    /// On the device if everything fits there, else with the host.
    #[default]
    Auto,
    /// On the device.
    Device,
    /// In the mapped file; the host gathers the rows that are needed.
    Host,
}

impl std::str::FromStr for HashTables {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            "device" | "gpu" => Ok(Self::Device),
            "host" => Ok(Self::Host),
            _ => Err(Error::Argument(format!(
                "hash tables are placed by auto, device or host, not by {text:?}"
            ))),
        }
    }
}

/// Bits per weight at most; see [`MemoryPlan::choose`](super::memory::MemoryPlan::choose).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WeightBits {
    /// As many as fit.
    #[default]
    Auto,
    /// As the checkpoint has them.
    Stored,
    /// 8.
    Eight,
    /// 4 for hash tables and the latent model, 8 for the rest.
    Mixed,
    /// 4.
    Four,
}

impl WeightBits {
    /// The checkpoint with its weights in at most this many bits.
    #[must_use]
    pub fn of(self, checkpoint: &Arc<Checkpoint>) -> Arc<Checkpoint> {
        match self {
            Self::Auto | Self::Stored => Arc::clone(checkpoint),
            Self::Eight => Arc::new(checkpoint.in_bits(8)),
            Self::Mixed => Arc::new(checkpoint.in_mixed_bits()),
            Self::Four => Arc::new(checkpoint.in_bits(4)),
        }
    }
}

impl std::str::FromStr for WeightBits {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            "16" => Ok(Self::Stored),
            "8" => Ok(Self::Eight),
            "mixed" => Ok(Self::Mixed),
            "4" => Ok(Self::Four),
            _ => Err(Error::Argument(format!(
                "weights have auto, 16, 8, mixed or 4 bits, not {text:?}"
            ))),
        }
    }
}

/// How to load a model.
#[derive(Clone, Debug, Default)]
pub struct BltLoad {
    /// Where the hash tables go.
    pub hash_tables: HashTables,
    /// Pool anew after each encoder layer, as transformers does, where the
    /// encoder attends after all of them (spec section 12).
    pub hf_compat: bool,
    /// An entropy model in place of the checkpoint's own.
    pub entropy: Option<Arc<EntropyModel>>,
}
