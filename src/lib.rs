//! The Byte Latent Transformer on any GPU, through WebGPU.

pub mod error;
pub mod gpu;
pub mod reference;

pub use error::{Error, Result};
