//! One type per shader: its buffers, parameters and variants, generated from
//! `shaders/*.wgsl` by the build script.

pub use super::bindings::*;
use super::cpu;
use super::kernel::{Binding, BindingKind, CpuForm, Kernel, Shader, Variant};
use super::slice::Slice;
use super::tier::Tier;

include!(concat!(env!("OUT_DIR"), "/kernels.rs"));
