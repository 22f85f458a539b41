//! Consecutive texts of an input, which are read and kept together.

use super::bad::BadLine;
use super::document::{Document, Entry};
use super::input::Input;
use super::read::Source;
use crate::Result;

/// Texts of a batch at most, bad lines included.
const TEXTS: usize = 1000;
/// Bytes of text after which a batch ends: about half a minute of a processor with two
/// cores, which is the most that a run which is killed loses.
const BYTES: usize = 512 << 10;

/// Consecutive texts of an input, and the bad lines among them.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) documents: Vec<Document>,
    pub(super) bad: Vec<BadLine>,
}

impl Batch {
    /// Bytes of its texts.
    pub(super) fn bytes(&self) -> u64 {
        let bytes = self.documents.iter();
        bytes.map(|document| document.text.len() as u64).sum()
    }
}

/// The next batch of an input; `None` at the end.
///
/// # Errors
/// What the input says.
pub(super) fn next_batch(source: &mut Source, input: &Input) -> Result<Option<Batch>> {
    let mut batch = Batch::default();
    let mut bytes = 0;
    while batch.documents.len() + batch.bad.len() < TEXTS && bytes < BYTES {
        match source.next()? {
            Some(Entry::Document(document)) => {
                bytes += document.text.len();
                batch.documents.push(document);
            }
            Some(Entry::Bad(bad)) => {
                // A file of anything but texts is not held in memory.
                bytes += bad.raw.len();
                batch.bad.push(BadLine::new(input, &bad));
            }
            None if batch.documents.is_empty() && batch.bad.is_empty() => return Ok(None),
            None => break,
        }
    }
    Ok(Some(batch))
}
