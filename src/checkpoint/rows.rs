//! Rows of tensors, read when they are needed where the file is read in pieces.

use std::ops::Range;

use super::dtype::Dtype;
use super::tensor::{Packed, TensorData, TensorView};
use crate::error::Result;

/// Some rows of a tensor in memory; see [`TensorView::rows`].
#[derive(Debug)]
pub struct Rows<'a> {
    of: TensorView<'a>,
    rows: Range<usize>,
    read: Option<Read>,
}

/// What was read of a file.
#[derive(Debug)]
struct Read {
    shape: [usize; 2],
    /// Elements, or packed numbers; then scales and biases.
    bytes: [Vec<u8>; 3],
    pairs: Option<Dtype>,
}

impl Rows<'_> {
    /// A tensor that has these rows.
    #[must_use]
    pub fn view(&self) -> TensorView<'_> {
        let Some(read) = &self.read else {
            return self.of;
        };
        let [elements, scales, biases] = &read.bytes;
        TensorView {
            shape: &read.shape,
            data: match read.pairs {
                None => TensorData::Bytes(elements),
                Some(pairs) => TensorData::Packed(Packed {
                    numbers: elements,
                    scales,
                    biases,
                    pairs,
                }),
            },
            whole: None,
            ..self.of
        }
    }

    /// Which of its rows they are.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.rows.clone()
    }
}

impl<'a> TensorView<'a> {
    /// Whether its elements have to be read before they are in memory.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        matches!(self.data, TensorData::Unread(_))
    }

    /// Number of rows; a vector is one.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.shape
            .split_last()
            .map_or(1, |(_, rows)| rows.iter().product())
    }

    /// Some rows, in memory: read where the tensor is in a file that is read in pieces, and
    /// where they are otherwise.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) that names the file which cannot be read.
    pub async fn rows(&self, rows: Range<usize>) -> Result<Rows<'a>> {
        match self.read(std::slice::from_ref(&rows)).await? {
            None => Ok(Rows {
                of: *self,
                rows,
                read: None,
            }),
            Some(read) => Ok(Rows {
                of: *self,
                rows: 0..rows.len(),
                read: Some(read),
            }),
        }
    }

    /// All elements as `f32`, like [`TensorView::to_f32`].
    ///
    /// # Errors
    /// As for [`TensorView::rows`].
    pub async fn values(&self) -> Result<Vec<f32>> {
        Ok(self.rows(0..self.row_count()).await?.view().to_f32())
    }

    /// Rows from anywhere in the tensor, one after the other, as
    /// [`TensorView::append_row`] gives them.
    ///
    /// # Errors
    /// As for [`TensorView::rows`] and [`TensorView::append_row`].
    pub async fn gather_rows(&self, rows: &[usize]) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(rows.len() * self.dtype.row_bytes(self.columns()));
        let ranges: Vec<_> = rows.iter().map(|row| *row..row + 1).collect();
        match self.read(&ranges).await? {
            None => {
                for row in rows {
                    self.append_row(*row, &mut bytes)?;
                }
            }
            Some(read) => {
                let (of, rows) = (*self, 0..rows.len());
                let read = Rows {
                    of,
                    rows,
                    read: Some(read),
                };
                for row in read.range() {
                    read.view().append_row(row, &mut bytes)?;
                }
            }
        }
        Ok(bytes)
    }

    /// Reads some rows, one below the other; `None` if they need not be read.
    async fn read(&self, rows: &[Range<usize>]) -> Result<Option<Read>> {
        let TensorData::Unread(unread) = self.data else {
            return Ok(None);
        };
        let columns = self.columns();
        let sizes = match (self.source, unread.pairs) {
            (Dtype::Quantised(quantisation), Some(pairs)) => {
                let pairs = quantisation.groups(columns) * pairs.size();
                [quantisation.packed_words(columns) * 4, pairs, pairs]
            }
            (plain, _) => [plain.row_bytes(columns), 0, 0],
        };
        let mut bytes = [const { Vec::new() }; 3];
        for ((part, size), bytes) in unread.parts.iter().zip(sizes).zip(&mut bytes) {
            *bytes = part.read(rows, size).await?;
        }
        Ok(Some(Read {
            shape: [rows.iter().map(ExactSizeIterator::len).sum(), columns],
            bytes,
            pairs: unread.pairs,
        }))
    }
}
