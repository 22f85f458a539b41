//! The Byte Latent Transformer on any GPU, through WebGPU.

pub mod checkpoint;
pub mod error;

pub use error::{Error, Result};
