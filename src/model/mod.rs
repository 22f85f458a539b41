//! The parts of the model, as plans of kernels over weights on the GPU.

pub mod block;
mod ends;
pub mod entropy;
pub mod part;
pub mod rotary;
