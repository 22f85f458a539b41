//! A tensor as it lies in the file: name, dtype, shape, bytes; nothing copied.

use std::ops::Range;

use bytes::Bytes;
use half::{bf16, f16};
use serde::Serialize;

use crate::error::Result;
use crate::numerics::random_weight;

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

    /// As the safetensors format has it.
    pub(super) fn stored(self) -> safetensors::Dtype {
        match self {
            Self::F32 => safetensors::Dtype::F32,
            Self::F16 => safetensors::Dtype::F16,
            Self::Bf16 => safetensors::Dtype::BF16,
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

/// Where the elements of a weight come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TensorData<'a> {
    /// A mapped or embedded file: little-endian, row-major and **not necessarily
    /// aligned** to the element size. Files promise no alignment, so the bytes
    /// must not be cast to a slice of a wider type without a check.
    Bytes(&'a [u8]),
    /// Numbers made from their index, for a model that has no weights.
    Random(Random),
    /// Ones, the weights of a norm that does nothing else.
    Ones,
}

/// Weights that are made where they are needed; see [`random_weight`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Random {
    /// The tensor's own seed.
    pub seed: u32,
    /// The power of two that its odd whole numbers are multiplied with.
    pub exponent: i32,
}

/// A weight: stored in a file, or made on demand.
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a> {
    /// Its name in the transformers layout.
    pub name: &'a str,
    /// The type of its elements.
    pub dtype: Dtype,
    /// Its dimensions, outermost first; a linear layer's are `[out, in]`.
    pub shape: &'a [usize],
    /// Its elements; where they are bytes, exactly `elements() * dtype.size()`.
    pub data: TensorData<'a>,
    /// What the bytes are a part of, where they can outlive the checkpoint.
    pub whole: Option<&'a Bytes>,
}

impl<'a> TensorView<'a> {
    /// The number of elements.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The elements as they lie in a file; `None` if they are in none.
    #[must_use]
    pub fn bytes(&self) -> Option<&'a [u8]> {
        match self.data {
            TensorData::Bytes(bytes) => Some(bytes),
            TensorData::Random(_) | TensorData::Ones => None,
        }
    }

    /// The elements as they lie in a file, to be kept without the checkpoint; `None`
    /// if they are in none.
    #[must_use]
    pub fn shared(&self) -> Option<Bytes> {
        let bytes = self.bytes().filter(|bytes| !bytes.is_empty())?;
        let whole = self.whole?;
        let inside = whole.as_ptr_range();
        let part = bytes.as_ptr_range();
        (inside.start <= part.start && part.end <= inside.end).then(|| whole.slice_ref(bytes))
    }

    /// Whether the file that it is in is still what was opened.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) that names the file which another program has changed.
    pub fn check_file(&self) -> Result<()> {
        #[cfg(not(target_arch = "wasm32"))]
        if let Some(file) = self.bytes().and_then(crate::mapped::file_of) {
            return file.check();
        }
        Ok(())
    }

    /// Appends the elements of a row as a file would hold them.
    pub fn append_row(&self, row: usize, bytes: &mut Vec<u8>) {
        let columns: usize = self.shape.iter().skip(1).product();
        match self.data {
            TensorData::Bytes(all) => {
                let size = columns * self.dtype.size();
                bytes.extend(all.get(row * size..(row + 1) * size).unwrap_or_default());
            }
            TensorData::Ones | TensorData::Random(_) => {
                for column in 0..columns {
                    let value = self.made(row * columns + column);
                    match self.dtype {
                        Dtype::F32 => bytes.extend(value.to_le_bytes()),
                        Dtype::F16 => bytes.extend(f16::from_f32(value).to_le_bytes()),
                        Dtype::Bf16 => bytes.extend(bf16::from_f32(value).to_le_bytes()),
                    }
                }
            }
        }
    }

    /// An element that is in no file.
    fn made(&self, index: usize) -> f32 {
        match self.data {
            // The index wraps, as it does on a GPU.
            #[expect(clippy::cast_possible_truncation)]
            TensorData::Random(Random { seed, exponent }) => {
                random_weight(seed, index as u32, exponent)
            }
            TensorData::Ones | TensorData::Bytes(_) => 1.0,
        }
    }

    /// The elements as `f32`; exact for every dtype, whatever the alignment.
    #[must_use]
    pub fn to_f32(&self) -> Vec<f32> {
        self.part_to_f32(0..self.elements())
    }

    /// Some of the elements as `f32`; none if they are not all there.
    #[must_use]
    pub fn part_to_f32(&self, part: Range<usize>) -> Vec<f32> {
        if part.end > self.elements() {
            return Vec::new();
        }
        let bytes = match self.data {
            TensorData::Bytes(bytes) => {
                let size = self.dtype.size();
                bytes
                    .get(part.start * size..part.end * size)
                    .unwrap_or_default()
            }
            TensorData::Ones | TensorData::Random(_) => {
                return part.map(|i| self.made(i)).collect();
            }
        };
        let pairs = || bytes.as_chunks::<2>().0.iter().copied();
        match self.dtype {
            Dtype::F32 => {
                let (words, _) = bytes.as_chunks::<4>();
                words.iter().copied().map(f32::from_le_bytes).collect()
            }
            Dtype::F16 => pairs().map(|b| f16::from_le_bytes(b).to_f32()).collect(),
            Dtype::Bf16 => pairs().map(|b| bf16::from_le_bytes(b).to_f32()).collect(),
        }
    }
}
