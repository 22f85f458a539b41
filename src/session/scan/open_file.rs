//! A file of any size, read where it is looked at.
//!
//! It is not mapped: a mapped file that another program shortens raises a signal where
//! a read says so, and what is looked at is little at a time.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};

/// A file of any size; its length is that of its opening.
#[derive(Debug)]
pub(super) struct OpenFile {
    path: PathBuf,
    file: Mutex<File>,
    length: u64,
}

impl OpenFile {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let refused = |source| Error::Io {
            action: "read",
            path: path.into(),
            source,
        };
        // Opening a pipe would wait for whoever writes into it.
        if !std::fs::metadata(path).map_err(refused)?.is_file() {
            return Err(Error::Argument(format!(
                "{} is not a file; a scan needs one with a length",
                path.display()
            )));
        }
        let file = File::open(path).map_err(refused)?;
        Ok(Self {
            path: path.into(),
            length: file.metadata().map_err(refused)?.len(),
            file: Mutex::new(file),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of the file when it was opened.
    pub(super) fn len(&self) -> u64 {
        self.length
    }

    fn refused(&self, source: std::io::Error) -> Error {
        Error::Io {
            action: "read",
            path: self.path.clone(),
            source,
        }
    }

    fn file(&self) -> std::sync::MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses a file that has become shorter than it was.
    pub(super) fn check(&self) -> Result<()> {
        let facts = self.file().metadata().map_err(|e| self.refused(e))?;
        match facts.len() {
            now if now < self.length => Err(self.shorter(now)),
            _ => Ok(()),
        }
    }

    fn shorter(&self, now: u64) -> Error {
        Error::Argument(format!(
            "{} has become shorter while it was open, from {} to {now} bytes; open it again",
            self.path.display(),
            self.length
        ))
    }

    /// The bytes of a range, as far as the file goes.
    pub(super) fn bytes(&self, range: Range<u64>) -> Result<Vec<u8>> {
        self.check()?;
        let end = range.end.min(self.length);
        let start = range.start.min(end);
        let wanted = end - start;
        let mut bytes = Vec::with_capacity(usize::try_from(wanted).unwrap_or(0));
        let mut file = self.file();
        file.seek(SeekFrom::Start(start))
            .and_then(|_| (&mut *file).take(wanted).read_to_end(&mut bytes))
            .map_err(|e| self.refused(e))?;
        match bytes.len() as u64 {
            read if read < wanted => Err(self.shorter(start + read)),
            _ => Ok(bytes),
        }
    }
}
