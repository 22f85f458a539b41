//! The parts of the model, as plans of kernels over weights on the device.

mod attention;
pub mod block;
mod block_steps;
pub mod blt;
pub(crate) mod buffers;
pub mod cross;
pub mod decoder;
pub mod encoder;
mod ends;
pub mod entropy;
pub mod hash_embedding;
pub mod latent;
pub(crate) mod layer_inputs;
mod load;
pub mod memory;
pub mod part;
pub mod patches;
pub mod rotary;
pub(crate) mod sizes;
