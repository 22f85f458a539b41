//! The Byte Latent Transformer on any GPU, through WebGPU.

pub mod error;
pub mod gpu;

pub use error::{Error, Result};
