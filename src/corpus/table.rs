//! Tables as inputs: Parquet, and Arrow's files and streams.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, DataType, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::document::{Bad, Columns, Document, Entry};
use super::input::{Input, unread};
use crate::{Error, Result};

/// Rows of a Parquet file at a time.
const ROWS: usize = 128;

/// Bytes of an input that have been read.
pub(super) type Position = Arc<AtomicU64>;
pub(super) type Entries = Box<dyn Iterator<Item = Result<Entry>>>;

/// The rows of a Parquet file.
///
/// # Errors
/// [`Error::Io`] if it is none, [`Error::Argument`] without the columns.
pub(super) fn of_parquet(
    file: File,
    input: &Input,
    columns: &Columns,
    position: &Position,
) -> Result<Entries> {
    let broken = |error| unread(&input.path, std::io::Error::other(error));
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(broken)?;
    let wanted = Wanted::of(builder.schema(), input, columns)?;
    let roots = ProjectionMask::roots(builder.parquet_schema(), wanted.places.clone());
    let rows = builder.metadata().file_metadata().num_rows();
    let total = u64::try_from(rows).unwrap_or(0);
    let batches = builder.with_projection(roots).with_batch_size(ROWS).build();
    let share = Share::new(input, total, position);
    Ok(entries(batches.map_err(broken)?, wanted, input, share))
}

/// The rows of an Arrow file or stream, whichever it is.
///
/// # Errors
/// [`Error::Io`] if it is neither, [`Error::Argument`] without the columns.
pub(super) fn of_arrow(
    open: &impl Fn() -> Result<File>,
    input: &Input,
    columns: &Columns,
    position: &Position,
) -> Result<Entries> {
    let broken = |error| unread(&input.path, source_of(error));
    let mut magic = [0; 6];
    let is_file = open()?.read_exact(&mut magic).is_ok() && &magic == b"ARROW1";
    if is_file {
        let first = FileReader::try_new(open()?, None).map_err(broken)?;
        let wanted = Wanted::of(&first.schema(), input, columns)?;
        let total = first.num_batches() as u64;
        let places = Some(wanted.places.clone());
        let batches = FileReader::try_new(BufReader::new(open()?), places).map_err(broken)?;
        let share = Share::new(input, total, position);
        return Ok(entries(batches, wanted, input, share.of_batches()));
    }
    let first = StreamReader::try_new(open()?, None).map_err(broken)?;
    let wanted = Wanted::of(&first.schema(), input, columns)?;
    let mut file = BufReader::new(open()?);
    file.rewind().map_err(|error| unread(&input.path, error))?;
    let batches = StreamReader::try_new(file, Some(wanted.places.clone())).map_err(broken)?;
    Ok(entries(
        batches,
        wanted,
        input,
        Share::new(input, 0, position),
    ))
}

/// What the system says, if it is to blame.
pub(super) fn source_of(error: ArrowError) -> std::io::Error {
    match error {
        ArrowError::IoError(_, source) => source,
        other => std::io::Error::other(other),
    }
}

/// The columns of a table that may be text or name.
struct Wanted {
    /// Where they are in the table, in its order.
    places: Vec<usize>,
    /// Those of texts among them, the likeliest first.
    texts: Vec<usize>,
    /// Those of names among them, the likeliest first.
    ids: Vec<usize>,
    columns: Columns,
}

impl Wanted {
    fn of(schema: &Schema, input: &Input, columns: &Columns) -> Result<Self> {
        let find = |names: Vec<&str>| -> Vec<usize> {
            let found = names
                .into_iter()
                .filter_map(|name| schema.index_of(name).ok());
            found.collect()
        };
        let (texts, ids) = (find(columns.texts()), find(columns.ids()));
        let refused = |reason: String| {
            let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
            Error::Argument(format!(
                "{} has no such column: {reason} (it has {})",
                input.path.display(),
                names.join(", ")
            ))
        };
        if texts.is_empty() {
            return Err(refused(columns.no_text()));
        }
        if let Some(reason) = columns.no_id().filter(|_| ids.is_empty()) {
            return Err(refused(reason));
        }
        for at in &texts {
            let field = schema.field(*at);
            if !is_text(field.data_type()) {
                return Err(Error::Argument(format!(
                    "the column `{}` of {} is no text but {}",
                    field.name(),
                    input.path.display(),
                    field.data_type()
                )));
            }
        }
        let mut places: Vec<usize> = texts.iter().chain(&ids).copied().collect();
        places.sort_unstable();
        places.dedup();
        let among = |wanted: Vec<usize>| {
            let place = |at| places.iter().position(|other| *other == at);
            wanted.into_iter().filter_map(place).collect()
        };
        Ok(Self {
            texts: among(texts),
            ids: among(ids),
            places: places.clone(),
            columns: columns.clone(),
        })
    }

    /// The entries of a batch whose first row is the `line`-th of the input, from 1.
    fn entries(
        &self,
        batch: &RecordBatch,
        name: &str,
        line: u64,
    ) -> Result<Vec<Entry>, ArrowError> {
        let options = FormatOptions::default();
        let texts = self.texts.iter().map(|at| {
            let column = batch.column(*at);
            Ok((column, cast(column, &DataType::LargeUtf8)?))
        });
        let texts = texts.collect::<Result<Vec<(&ArrayRef, ArrayRef)>, ArrowError>>()?;
        let ids = self.ids.iter().map(|at| {
            let column = batch.column(*at);
            Ok((column, ArrayFormatter::try_new(column.as_ref(), &options)?))
        });
        let ids = ids.collect::<Result<Vec<(&ArrayRef, ArrayFormatter<'_>)>, ArrowError>>()?;
        let entry = |row: usize| {
            let line = line + row as u64;
            let id = ids.iter().find(|(column, _)| column.is_valid(row));
            let id = match (id, self.columns.no_id()) {
                (Some((_, shown)), _) => shown.value(row).to_string(),
                (None, None) => format!("{name}:{line}"),
                (None, Some(reason)) => return bad(line, reason),
            };
            match texts.iter().find(|(column, _)| column.is_valid(row)) {
                None => bad(line, self.columns.no_text()),
                Some((_, text)) if text.is_null(row) => {
                    bad(line, "its text is no UTF-8".to_owned())
                }
                Some((_, text)) => Entry::Document(Document {
                    id,
                    text: text.as_string::<i64>().value(row).to_owned(),
                }),
            }
        };
        Ok((0..batch.num_rows()).map(entry).collect())
    }
}

fn bad(line: u64, reason: String) -> Entry {
    Entry::Bad(Bad {
        line,
        reason,
        raw: Vec::new(),
    })
}

fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => true,
        DataType::Dictionary(_, value) => is_text(value),
        _ => false,
    }
}

/// How much of the input each row or batch stands for.
struct Share {
    bytes: u64,
    total: u64,
    by_batches: bool,
    done: u64,
    position: Position,
}

impl Share {
    fn new(input: &Input, total: u64, position: &Position) -> Self {
        Self {
            bytes: input.bytes,
            total,
            by_batches: false,
            done: 0,
            position: Arc::clone(position),
        }
    }

    fn of_batches(self) -> Self {
        Self {
            by_batches: true,
            ..self
        }
    }

    fn add(&mut self, rows: usize) {
        self.done += if self.by_batches { 1 } else { rows as u64 };
        if self.total > 0 {
            let part = u128::from(self.bytes) * u128::from(self.done) / u128::from(self.total);
            let part = u64::try_from(part).unwrap_or(self.bytes);
            self.position.store(part.min(self.bytes), Ordering::Relaxed);
        }
    }
}

fn entries(
    mut batches: impl Iterator<Item = Result<RecordBatch, ArrowError>> + 'static,
    wanted: Wanted,
    input: &Input,
    mut share: Share,
) -> Entries {
    let (path, name) = (input.path.clone(), input.name.clone());
    let mut rows = 0u64;
    let mut held: std::vec::IntoIter<Entry> = Vec::new().into_iter();
    let mut ended = false;
    Box::new(std::iter::from_fn(move || {
        loop {
            if let Some(entry) = held.next() {
                return Some(Ok(entry));
            }
            if ended {
                return None;
            }
            let found = batches.next()?.and_then(|batch| {
                share.add(batch.num_rows());
                let found = wanted.entries(&batch, &name, rows + 1)?;
                rows += batch.num_rows() as u64;
                Ok(found)
            });
            match found {
                Ok(found) => held = found.into_iter(),
                Err(error) => {
                    ended = true;
                    return Some(Err(refused(&path, error)));
                }
            }
        }
    }))
}

fn refused(path: &Path, error: ArrowError) -> Error {
    unread(path, source_of(error))
}
