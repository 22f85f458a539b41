//! The entries of an input, one after another.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use flate2::bufread::MultiGzDecoder;

use super::document::{Bad, Columns, Entry, of_json};
use super::input::{Input, Kind, unread};
use super::table::{self, Position};
use crate::text_file::unmarked;
use crate::{Error, Result};

/// Bytes read from a file at a time.
const READ: usize = 256 << 10;

/// The entries of an input, and how far they have been read.
pub(super) struct Source {
    entries: Box<dyn Iterator<Item = Result<Entry>>>,
    position: Position,
}

impl Source {
    /// Opens an input.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Argument`] for a table without the
    /// columns.
    pub(super) fn open(input: &Input, columns: &Columns) -> Result<Self> {
        let position = Position::default();
        let file = || File::open(&input.path).map_err(|error| unread(&input.path, error));
        let counted = || {
            let position = Arc::clone(&position);
            Ok::<_, Error>(BufReader::with_capacity(
                READ,
                Counted {
                    file: file()?,
                    position,
                },
            ))
        };
        let entries: Box<dyn Iterator<Item = Result<Entry>>> = match input.kind {
            Kind::Json => Box::new(lines(counted()?, input, columns)),
            Kind::JsonGzip => {
                let text = BufReader::with_capacity(READ, MultiGzDecoder::new(counted()?));
                Box::new(lines(text, input, columns))
            }
            Kind::JsonZstd => {
                let text = zstd::stream::read::Decoder::with_buffer(counted()?);
                let text = text.map_err(|error| unread(&input.path, error))?;
                Box::new(lines(BufReader::with_capacity(READ, text), input, columns))
            }
            Kind::Parquet => table::of_parquet(file()?, input, columns, &position)?,
            Kind::Arrow => table::of_arrow(&file, input, columns, &position)?,
        };
        Ok(Self { entries, position })
    }

    /// Bytes of the input that have been read.
    pub(super) fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// The next line or row; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Io`] if the rest cannot be read.
    pub(super) fn next(&mut self) -> Result<Option<Entry>> {
        self.entries.next().transpose()
    }
}

/// A file that counts what is read from it.
struct Counted {
    file: File,
    position: Position,
}

impl Read for Counted {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(to)?;
        self.position.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// The lines of a text that hold something.
fn lines<R: BufRead + 'static>(
    mut text: R,
    input: &Input,
    columns: &Columns,
) -> impl Iterator<Item = Result<Entry>> + use<R> {
    let (path, name, columns) = (input.path.clone(), input.name.clone(), columns.clone());
    let mut line = 0u64;
    let mut ended = false;
    std::iter::from_fn(move || {
        while !ended {
            let mut raw = Vec::new();
            match text.read_until(b'\n', &mut raw) {
                Ok(0) => return None,
                Ok(_) => line += 1,
                Err(error) => {
                    ended = true;
                    return Some(Err(unread(&path, error)));
                }
            }
            if line == 1 {
                match first_line(&raw, &path) {
                    Ok(unmarked) => raw = unmarked,
                    Err(error) => {
                        ended = true;
                        return Some(Err(error));
                    }
                }
            }
            if raw.trim_ascii().is_empty() {
                continue;
            }
            let place = || format!("{name}:{line}");
            return Some(Ok(match of_json(&raw, &columns, place) {
                Ok(document) => Entry::Document(document),
                Err(reason) => Entry::Bad(Bad { line, reason, raw }),
            }));
        }
        None
    })
}

/// A line without the mark that some editors put before the first.
fn first_line(raw: &[u8], path: &Path) -> Result<Vec<u8>> {
    match unmarked(raw) {
        Ok(raw) => Ok(raw.to_vec()),
        Err(what) => Err(Error::Argument(format!("{} {what}", path.display()))),
    }
}
