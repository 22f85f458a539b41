//! Tensors of files that are neither mapped nor in memory: parts of them are read when they
//! are needed. In a page all large files are such.

use std::ops::Range;

use super::dtype::Dtype;
use super::sentence::{refuse, unreadable};
use crate::error::Result;
use crate::files::Blob;

/// The bytes of a tensor in such a file.
#[derive(Clone, Debug)]
pub(super) struct FileRange {
    pub(super) blob: Blob,
    /// What to call the file in a sentence.
    pub(super) file: String,
    pub(super) range: Range<u64>,
}

impl FileRange {
    /// The bytes of some rows of `row` bytes each.
    pub(super) async fn read(&self, rows: &[Range<usize>], row: usize) -> Result<Vec<u8>> {
        let at = |index: usize| self.range.start + index as u64 * row as u64;
        let ranges: Vec<_> = rows.iter().map(|r| at(r.start)..at(r.end)).collect();
        let read = self.blob.read(&ranges).await;
        let bytes = read.map_err(|error| unreadable(&self.file, error))?;
        let wanted: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        match bytes.len() as u64 == wanted {
            true => Ok(bytes),
            false => Err(refuse(format!(
                "{} has become shorter since it was opened; open the model again",
                self.file
            ))),
        }
    }
}

/// A tensor of a file that is read in pieces, by [`TensorView::rows`](super::TensorView::rows).
#[derive(Clone, Copy, Debug)]
pub struct Unread<'a> {
    /// Its elements; if it is quantised its packed numbers, scales and biases.
    pub(super) parts: &'a [FileRange],
    /// The type of scales and biases, if it has such.
    pub(super) pairs: Option<Dtype>,
}

impl PartialEq for Unread<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.parts, other.parts)
    }
}

impl Eq for Unread<'_> {}
