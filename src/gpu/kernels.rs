//! One type per shader: its buffers, parameters and variants, generated from
//! `shaders/*.wgsl` by the build script.

use super::kernel::{Binding, BindingKind, Kernel, Shader, Variant};
use super::tensor::Slice;
use super::tier::Tier;

include!(concat!(env!("OUT_DIR"), "/kernels.rs"));
