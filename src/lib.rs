//! The Byte Latent Transformer on any GPU through WebGPU, and on any processor.

pub mod bytes;
pub mod checkpoint;
mod clock;
#[cfg(all(feature = "corpus", not(target_arch = "wasm32")))]
pub mod corpus;
pub mod device;
pub mod error;
pub mod generate;
#[cfg(not(target_arch = "wasm32"))]
mod mapped;
pub mod measure;
pub mod model;
pub mod numerics;
pub mod patch;
pub mod record;
pub mod samples;
pub mod session;
#[cfg(not(target_arch = "wasm32"))]
pub mod signals;
pub mod text_file;
pub mod verify;
pub mod weights;
#[cfg(all(feature = "window", not(target_arch = "wasm32")))]
pub mod window;

pub use error::{Error, Result};
