//! The GPU layer: adapters, devices, buffers, kernels and plans.
//!
//! Nothing here knows what a language model is.

pub mod adapter;
pub mod device;
pub mod kernel;
pub mod kernels;
mod memory;
pub mod plan;
pub mod profile;
pub mod readback;
pub mod tensor;
pub mod tier;
pub mod tuning;

pub use adapter::{AdapterChoice, AdapterClass, AdapterSummary, adapters};
pub use device::{Gpu, GpuOptions};
pub use profile::Profile;
pub use tensor::{Slice, Tensor};
pub use tier::Tier;
