//! Parameters and bindings of the kernels as plain data, reflected from
//! `shaders/*.wgsl` by the build script: what a GPU reads and what a CPU form is
//! given.

use super::padding::padded;
use crate::numerics::Quantisation;

/// How weights are stored on the device: as they are in the file, or quantised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WeightType {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of a single.
    Bf16,
    /// 8 or 4 bits. Rows are whole groups, in the form of [`Quantisation`].
    Quantised(Quantisation),
}

impl WeightType {
    /// Bytes per weight, or per word of quantised ones.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::F32 | Self::Quantised(_) => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// Bytes of a row of `columns` weights, with padding or scales.
    #[must_use]
    pub fn row_bytes(self, columns: usize) -> usize {
        match self {
            Self::Quantised(quantisation) => 4 * quantisation.row_words(columns),
            plain => padded(columns) * plain.size(),
        }
    }

    /// The parameter `group_shift` of the shaders.
    #[must_use]
    pub fn group_shift(self) -> u32 {
        match self {
            Self::Quantised(quantisation) => (quantisation.group() / 4).ilog2(),
            _ => 0,
        }
    }

    /// The value of the shaders' `WEIGHTS` axis that reads it.
    #[must_use]
    pub fn axis(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Quantised(quantisation) if quantisation.bits() == 8 => "q8",
            Self::Quantised(_) => "q4",
        }
    }

    /// The type that a value of that axis names, quantised ones in groups of that size.
    pub(crate) fn of_axis(value: &str, group: usize) -> Option<Self> {
        let quantised = |bits| Quantisation::new(bits, group).map(Self::Quantised);
        match value {
            "f32" => Some(Self::F32),
            "f16" => Some(Self::F16),
            "bf16" => Some(Self::Bf16),
            "q8" => quantised(8),
            "q4" => quantised(4),
            _ => None,
        }
    }
}

/// Weights as they are stored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Weights<'a> {
    F32(&'a [f32]),
    F16(&'a [u16]),
    Bf16(&'a [u16]),
    Q8(&'a [u32]),
    Q4(&'a [u32]),
}

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
