//! A weight matrix, in one piece or in several.

use std::ops::Range;

use crate::checkpoint::Dtype;
use crate::device::Tensor;
use crate::device::bindings::WeightType;
use crate::device::tensor::PART_ALIGNMENT;

impl From<Dtype> for WeightType {
    fn from(dtype: Dtype) -> Self {
        match dtype {
            Dtype::F32 => Self::F32,
            Dtype::F16 => Self::F16,
            Dtype::Bf16 => Self::Bf16,
            Dtype::Quantised(quantisation) => Self::Quantised(quantisation),
        }
    }
}

/// A weight matrix `[rows, columns]`, stored row by row in its file's type or quantised;
/// rows are padded with zeros to a multiple of four columns.
#[derive(Debug)]
pub struct Matrix {
    /// Its rows, in order, where they are not known to be zero.
    pub parts: Vec<MatrixPart>,
    /// Number of rows (outputs).
    pub rows: usize,
    /// Number of columns (inputs), without padding.
    pub columns: usize,
    /// Type of the stored weights.
    pub weights: WeightType,
}

impl Matrix {
    /// Size in bytes, padding included.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.tensor.bytes()).sum()
    }

    /// Size of a row in bytes, padding and scales included.
    #[must_use]
    pub fn row_bytes(&self) -> usize {
        self.weights.row_bytes(self.columns)
    }

    /// Some of its rows, in the same memory; `None` where no binding can begin at the
    /// first of them.
    #[must_use]
    pub(crate) fn slice(&self, wanted: Range<usize>) -> Option<Self> {
        let row_bytes = self.row_bytes();
        let mut parts = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let skip = wanted.start.saturating_sub(part.first_row).min(part.rows);
            let end = wanted.end.saturating_sub(part.first_row).min(part.rows);
            let rows = end.saturating_sub(skip);
            if rows == 0 {
                continue;
            }
            if !(skip * row_bytes).is_multiple_of(PART_ALIGNMENT) {
                return None;
            }
            let values = words(rows * row_bytes);
            parts.push(MatrixPart {
                tensor: part.tensor.part(skip * row_bytes / 4, values),
                first_row: part.first_row + skip - wanted.start,
                rows,
            });
        }
        Some(Self {
            parts,
            rows: wanted.len(),
            columns: self.columns,
            weights: self.weights,
        })
    }
}

/// 32-bit words for `bytes` bytes of weights, which kernels read 16 bytes at a time.
pub(super) fn words(bytes: usize) -> usize {
    bytes.div_ceil(16) * 4
}

/// Some consecutive rows of a [`Matrix`].
#[derive(Debug)]
pub struct MatrixPart {
    /// The rows.
    pub tensor: Tensor,
    /// Index of the first of them in the matrix.
    pub first_row: usize,
    /// Their number.
    pub rows: usize,
}
