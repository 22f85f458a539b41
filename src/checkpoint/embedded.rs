//! The entropy model inside the binary (feature `embedded-model`).

use super::Checkpoint;
use crate::Result;

impl Checkpoint {
    /// The trained entropy model that is part of this build.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) if this build has none
    /// (it was made without the feature `embedded-model`).
    pub fn embedded() -> Result<Self> {
        #[cfg(feature = "embedded-model")]
        {
            const CONFIG: &[u8] = include_bytes!("../../assets/entropy/config.json");
            const WEIGHTS: &[u8] = include_bytes!("../../assets/entropy/model.safetensors");
            Self::from_bytes(CONFIG, WEIGHTS, "the embedded model")
        }
        #[cfg(not(feature = "embedded-model"))]
        Err(super::sentence::refuse(
            "this build has no embedded model (it was made without the feature `embedded-model`); \
             name another model with -m",
        ))
    }
}
