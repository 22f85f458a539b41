//! The Byte Latent Transformer on any GPU, through WebGPU.

pub mod bytes;
pub mod checkpoint;
mod clock;
pub mod error;
pub mod generate;
pub mod gpu;
pub mod measure;
pub mod model;
pub mod patch;
pub mod record;
pub mod reference;
pub mod samples;
pub mod session;
#[cfg(all(feature = "window", not(target_arch = "wasm32")))]
pub mod window;

pub use error::{Error, Result};
