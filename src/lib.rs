//! The Byte Latent Transformer on any GPU through WebGPU, and on any processor.

// A page has no memory maps, no threads, and no commands.
#![cfg_attr(target_arch = "wasm32", allow(dead_code))]

pub mod bytes;
pub mod checkpoint;
mod clock;
#[cfg(all(feature = "corpus", not(target_arch = "wasm32")))]
pub mod corpus;
pub mod device;
pub mod error;
mod files;
pub mod generate;
#[cfg(not(target_arch = "wasm32"))]
mod mapped;
pub mod measure;
pub mod model;
pub mod numerics;
#[cfg(all(feature = "window", target_arch = "wasm32"))]
mod page;
pub mod patch;
pub mod record;
pub mod samples;
pub mod session;
#[cfg(not(target_arch = "wasm32"))]
pub mod signals;
pub mod text_file;
pub mod verify;
pub mod weights;
#[cfg(feature = "window")]
pub mod window;

pub use error::{Error, Result};
