//! A tensor as it lies in the file: name, dtype, shape, bytes; nothing copied.

use half::{bf16, f16};
use serde::Serialize;

/// The dtypes a weight may have. Files may hold others; they are listed by
/// [`inspect`](super::Checkpoint::inspect) and refused when asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Dtype {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of an `F32`.
    #[serde(rename = "BF16")]
    Bf16,
}

impl Dtype {
    /// Bytes per element.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    pub(super) fn of(stored: safetensors::Dtype) -> Option<Self> {
        match stored {
            safetensors::Dtype::F32 => Some(Self::F32),
            safetensors::Dtype::F16 => Some(Self::F16),
            safetensors::Dtype::BF16 => Some(Self::Bf16),
            _ => None,
        }
    }
}

impl std::fmt::Display for Dtype {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
        })
    }
}

/// A weight inside a mapped or embedded file.
///
/// The bytes are little-endian, row-major and **not necessarily aligned** to
/// the element size: the format promises no alignment, so they must not be
/// cast to a slice of a wider type without a check.
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a> {
    /// Its name in the file.
    pub name: &'a str,
    /// The type of its elements.
    pub dtype: Dtype,
    /// Its dimensions, outermost first; a linear layer's are `[out, in]`.
    pub shape: &'a [usize],
    /// Exactly `elements() * dtype.size()` bytes.
    pub bytes: &'a [u8],
}

impl TensorView<'_> {
    /// The number of elements.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.bytes.len() / self.dtype.size()
    }

    /// The elements as `f32`; exact for every dtype, whatever the alignment.
    #[must_use]
    pub fn to_f32(&self) -> Vec<f32> {
        let pairs = || self.bytes.as_chunks::<2>().0.iter().copied();
        match self.dtype {
            Dtype::F32 => {
                let (words, _) = self.bytes.as_chunks::<4>();
                words.iter().copied().map(f32::from_le_bytes).collect()
            }
            Dtype::F16 => pairs().map(|b| f16::from_le_bytes(b).to_f32()).collect(),
            Dtype::Bf16 => pairs().map(|b| bf16::from_le_bytes(b).to_f32()).collect(),
        }
    }
}
