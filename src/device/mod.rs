//! Devices that run plans of kernels: a graphics adapter, or the processor.
//!
//! Nothing here knows what a language model is. What is above speaks of a
//! [`Device`], of [`Tensor`]s on it and of [`plan::Plan`]s, and never asks which
//! kind of device it is. A kernel is a WGSL file and a Rust function of the same
//! name; the build script reflects the bindings and parameters of both from the
//! WGSL.

pub mod bindings;
mod choices;
pub(crate) mod cpu;
mod failure;
pub mod faults;
pub mod gpu;
pub mod kernel;
pub mod kernels;
mod open;
mod padding;
pub mod plan;
pub mod profile;
pub(crate) mod readback;
pub(crate) mod recorder;
mod select;
mod slice;
mod stages;
pub(crate) mod step_batch;
pub mod summary;
pub mod tensor;
pub mod tier;
pub(crate) mod trials;
pub mod tuning;

pub use choices::StepShape;
pub use gpu::Gpu;
pub use open::{Device, DeviceOptions, devices};
pub use profile::Profile;
pub use select::Selected;
pub use slice::Slice;
pub(crate) use stages::Stages;
pub use summary::{AdapterChoice, DeviceClass, DeviceSummary};
pub use tensor::Tensor;
pub use tier::Tier;
pub use trials::Timing;
pub use tuning::Tune;
