//! The model inside the binary (feature `embedded-model`).

use super::Checkpoint;
use crate::Result;

/// Bytes at an address at which weights are aligned to their elements: in the
/// file they begin at a multiple of 8 bytes.
#[cfg(feature = "embedded-model")]
#[repr(C, align(8))]
struct Aligned<B: ?Sized>(B);

#[cfg(feature = "embedded-model")]
static WEIGHTS: &Aligned<[u8]> = &Aligned(*include_bytes!("../../assets/blt/model.safetensors"));

impl Checkpoint {
    /// The trained model that is part of this build: a whole BLT, with its
    /// [`card`](Self::card).
    ///
    /// Its weights are views into the program: opening it copies nothing but
    /// the names and shapes of the tensors, and what nobody uploads is never
    /// read.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) if this build has none
    /// (it was made without the feature `embedded-model`).
    pub fn embedded() -> Result<Self> {
        #[cfg(feature = "embedded-model")]
        {
            const CONFIG: &[u8] = include_bytes!("../../assets/blt/config.json");
            const CARD: &str = include_str!("../../assets/blt/README.md");
            Ok(Self {
                card: Some(CARD),
                ..Self::from_bytes(CONFIG, &WEIGHTS.0, "the embedded model")?
            })
        }
        #[cfg(not(feature = "embedded-model"))]
        Err(super::sentence::refuse(
            "this build has no embedded model (it was made without the feature `embedded-model`); \
             name another model with -m",
        ))
    }
}
