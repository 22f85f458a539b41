//! The Byte Latent Transformer on any GPU, through WebGPU.

pub mod bytes;
pub mod error;
pub mod patch;
pub mod record;

pub use error::{Error, Result};
