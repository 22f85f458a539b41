//! Parameters and bindings of the kernels as plain data, reflected from
//! `shaders/*.wgsl` by the build script: what a GPU reads and what a CPU form is
//! given.

/// How weights are stored on the device: as they are in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WeightType {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of a single.
    Bf16,
}

impl WeightType {
    /// Bytes per weight.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// The value of the shaders' `WEIGHTS` axis that reads it.
    #[must_use]
    pub fn axis(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }

    /// The type that a value of that axis names.
    pub(crate) fn of_axis(value: &str) -> Option<Self> {
        let all = [Self::F32, Self::F16, Self::Bf16];
        all.into_iter().find(|weights| weights.axis() == value)
    }
}

/// Weights as they are stored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Weights<'a> {
    F32(&'a [f32]),
    F16(&'a [u16]),
    Bf16(&'a [u16]),
}

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
