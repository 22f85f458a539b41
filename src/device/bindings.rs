//! Parameters and bindings of the kernels as plain data, reflected from
//! `shaders/*.wgsl` by the build script: what a GPU reads and what a CPU form is
//! given.

/// How the weights of a step are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoredAs {
    F32,
    F16,
    Bf16,
}

/// Weights as they are stored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Weights<'a> {
    F32(&'a [f32]),
    F16(&'a [u16]),
    Bf16(&'a [u16]),
}

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
