//! Files that appear when they are whole.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use data_encoding::HEXLOWER;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use sha2::{Digest, Sha256};

use super::input::unread;
use super::layout::TableFormat;
use super::table::source_of;
use crate::{Error, Result};

/// Rows of a record batch, as the reference trainer has them.
const ROWS: usize = 1000;
/// Bytes after which a record batch ends, whatever its rows: its offsets are of 31 bits.
const BATCH_BYTES: usize = 512 << 20;
/// Bytes of rows that a Parquet file holds back before it writes a row group.
const GROUP_BYTES: usize = 64 << 20;

pub(super) fn unwritten(path: &Path, source: io::Error) -> Error {
    Error::Io {
        action: "write",
        path: path.into(),
        source,
    }
}

/// Writes a file under another name, which it loses when it is whole and on the disk. A
/// file that was there goes only then.
///
/// # Errors
/// [`Error::Io`] if it cannot be written; nothing is left of it.
pub(super) fn appear(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.part"));
    let written = File::create(&temporary).and_then(|file| {
        let mut file = BufWriter::with_capacity(256 << 10, file);
        write(&mut file)?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&temporary, path)
    });
    written.map_err(|source| {
        // Nobody looks for it; if it cannot be removed, the next try overwrites it.
        let _ = fs::remove_file(&temporary);
        unwritten(path, source)
    })
}

/// Writes the rows of a batch.
///
/// # Errors
/// [`Error::Io`] if it cannot be written.
pub(super) fn write_part(path: &Path, rows: &RecordBatch) -> Result<()> {
    appear(path, |file| {
        let mut writer = FileWriter::try_new(file, &rows.schema()).map_err(source_of)?;
        writer.write(rows).map_err(source_of)?;
        writer.finish().map_err(source_of)
    })
}

/// Joins the rows of batches into a file, and gives its hash.
///
/// # Errors
/// [`Error::Io`] if it cannot be written, or a part not be read.
pub(super) fn join(
    parts: &[PathBuf],
    schema: &SchemaRef,
    format: TableFormat,
    path: &Path,
) -> Result<String> {
    let mut hash = Sha256::new();
    appear(path, |file| {
        let file = Hashed {
            file,
            hash: &mut hash,
        };
        match format {
            TableFormat::Arrow => {
                let mut writer = FileWriter::try_new(file, schema).map_err(source_of)?;
                for_batches(parts, schema, |rows| writer.write(rows).map_err(source_of))?;
                writer.finish().map_err(source_of)
            }
            TableFormat::Parquet => {
                let level = ZstdLevel::try_new(3).map_err(of_parquet)?;
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(level))
                    .build();
                let schema = SchemaRef::clone(schema);
                let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties));
                let mut writer = writer.map_err(of_parquet)?;
                for_batches(parts, &schema, |rows| {
                    writer.write(rows).map_err(of_parquet)?;
                    if writer.in_progress_size() > GROUP_BYTES {
                        writer.flush().map_err(of_parquet)?;
                    }
                    Ok(())
                })?;
                writer.close().map(drop).map_err(of_parquet)
            }
        }
    })?;
    Ok(HEXLOWER.encode(&hash.finalize()))
}

fn of_parquet(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => *source,
            Err(source) => io::Error::other(source),
        },
        other => io::Error::other(other),
    }
}

/// The rows of parts in batches of [`ROWS`], the last one with fewer.
fn for_batches(
    parts: &[PathBuf],
    schema: &SchemaRef,
    mut each: impl FnMut(&RecordBatch) -> io::Result<()>,
) -> io::Result<()> {
    let mut held: Vec<RecordBatch> = Vec::new();
    let mut rows = 0;
    let mut give = |held: &mut Vec<RecordBatch>| {
        let batch = concat_batches(schema, held.iter()).map_err(source_of)?;
        held.clear();
        each(&batch)
    };
    for part in parts {
        let file = BufReader::new(File::open(part)?);
        for batch in FileReader::try_new(file, None).map_err(source_of)? {
            let mut batch = batch.map_err(source_of)?;
            while batch.num_rows() > 0 {
                let bytes: usize = held.iter().map(RecordBatch::get_array_memory_size).sum();
                if bytes + batch.get_array_memory_size() > BATCH_BYTES && rows > 0 {
                    give(&mut held)?;
                    rows = 0;
                }
                let now = batch.num_rows().min(ROWS - rows);
                held.push(batch.slice(0, now));
                batch = batch.slice(now, batch.num_rows() - now);
                rows += now;
                if rows == ROWS {
                    give(&mut held)?;
                    rows = 0;
                }
            }
        }
    }
    if rows > 0 {
        give(&mut held)?;
    }
    Ok(())
}

/// Hashes what is written.
struct Hashed<'a, W> {
    file: W,
    hash: &'a mut Sha256,
}

impl<W: Write> Write for Hashed<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Makes a folder and those above it.
///
/// # Errors
/// [`Error::Io`] if it cannot be made.
pub(super) fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|source| Error::Io {
        action: "create",
        path: path.into(),
        source,
    })
}

/// Reads a file of JSON that this program has written.
///
/// # Errors
/// [`Error::Io`] if it cannot be read.
pub(super) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read(path).map_err(|source| unread(path, source))?;
    serde_json::from_slice(&text).map_err(|error| unread(path, error.into()))
}

/// Writes a file of JSON.
///
/// # Errors
/// [`Error::Io`] if it cannot be written.
pub(super) fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<()> {
    appear(path, |file| Ok(serde_json::to_writer(file, value)?))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    /// What a kill at any moment of writing would leave.
    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let named = || {
            let entries = fs::read_dir(folder.path()).unwrap().map(Result::unwrap);
            let names = entries.map(|entry| entry.file_name().into_string().unwrap());
            names.filter(|name| !name.starts_with('.')).count()
        };
        appear(&path, |file| {
            file.write_all(b"first")?;
            file.flush()?;
            assert_eq!(named(), 0);
            Ok(())
        })
        .unwrap();
        let failed = appear(&path, |file| {
            file.write_all(b"second")?;
            file.flush()?;
            assert_eq!(fs::read(&path)?, b"first");
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(failed.unwrap_err().to_string().contains("cannot write"));
        assert_eq!((fs::read(&path).unwrap(), named()), (b"first".to_vec(), 1));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        appear(&path, |file| file.write_all(b"third")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
    }
}
