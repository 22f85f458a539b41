//! Those of the system.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is written and read again, and vanishes with its owner.
pub(crate) type Scratch = std::fs::File;

#[derive(Debug)]
pub(super) struct File(std::fs::File);

pub(super) fn open(path: &Path) -> io::Result<Option<File>> {
    match std::fs::metadata(path)?.is_file() {
        true => std::fs::File::open(path).map(File).map(Some),
        false => Ok(None),
    }
}

/// The content of a file, a pipe's too.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    std::fs::read(path)
}

pub(super) fn read_at_most(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let file = std::fs::File::open(path)?;
    let mut bytes = Vec::new();
    let is_large = file.metadata()?.len() > most
        // A pipe does not say how long it is.
        || file.take(most.saturating_add(1)).read_to_end(&mut bytes)? as u64 > most;
    Ok((!is_large).then_some(bytes))
}

impl File {
    pub(super) fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    pub(super) fn read(&mut self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let wanted = range.end.saturating_sub(range.start);
        let mut bytes = Vec::new();
        self.0.seek(SeekFrom::Start(range.start))?;
        (&self.0).take(wanted).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// A file whose parts are read when they are needed. A clone is the same file.
#[derive(Clone, Debug)]
pub(crate) struct Blob(Arc<Mutex<File>>);

/// Opens a file to be read in pieces.
pub(crate) fn open_blob(path: &Path) -> io::Result<Blob> {
    let file = File(std::fs::File::open(path)?);
    Ok(Blob(Arc::new(Mutex::new(file))))
}

impl Blob {
    fn file(&self) -> MutexGuard<'_, File> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its bytes now.
    pub(crate) fn length(&self) -> io::Result<u64> {
        self.file().length()
    }

    /// The first of its bytes, as far as they are there without waiting.
    pub(crate) fn begin(&self, bytes: u64) -> io::Result<Vec<u8>> {
        self.file().read(0..bytes)
    }

    /// The bytes of some ranges, one after the other.
    #[expect(clippy::unused_async, reason = "a page waits for them")]
    pub(crate) async fn read(&self, ranges: &[Range<u64>]) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        for range in ranges {
            all.extend(self.file().read(range.clone())?);
        }
        Ok(all)
    }
}

/// Whether a path is that of a file.
pub(crate) fn is_file(path: &Path) -> bool {
    path.is_file()
}

/// The names in a folder, sorted; none if it cannot be read.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    names
}

/// Whether a path is that of a folder.
pub(crate) fn is_folder(path: &Path) -> bool {
    path.is_dir()
}

/// A file that vanishes with its owner.
#[derive(Debug)]
pub(crate) struct Aside(tempfile::NamedTempFile);

impl Aside {
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Writes such a file.
pub(crate) fn keep_aside(begin: &str, end: &str, bytes: &[u8]) -> io::Result<Aside> {
    let mut file = tempfile::Builder::new()
        .prefix(begin)
        .suffix(end)
        .tempfile()?;
    file.write_all(bytes)?;
    Ok(Aside(file))
}

/// A file without a name.
pub(crate) fn scratch() -> io::Result<Scratch> {
    tempfile::tempfile()
}

/// Where it is.
pub(crate) fn scratch_folder() -> PathBuf {
    std::env::temp_dir()
}
