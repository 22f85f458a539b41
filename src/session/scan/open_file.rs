//! The text of a scan: a file of any size.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::files;

/// A file of any size; its length is that of its opening.
#[derive(Debug)]
pub(super) struct OpenFile {
    path: PathBuf,
    file: Mutex<files::OpenFile>,
    length: u64,
}

impl OpenFile {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let refused = |source| Error::Io {
            action: "read",
            path: path.into(),
            source,
        };
        let Some(file) = files::OpenFile::open(path).map_err(refused)? else {
            return Err(Error::Argument(format!(
                "{} is not a file; a scan needs one with a length",
                path.display()
            )));
        };
        Ok(Self {
            path: path.into(),
            length: file.length().map_err(refused)?,
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

    fn file(&self) -> std::sync::MutexGuard<'_, files::OpenFile> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses a file that has become shorter than it was.
    pub(super) fn check(&self) -> Result<()> {
        match self.file().length().map_err(|e| self.refused(e))? {
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
        let read = self.file().read(start..end);
        let bytes = read.map_err(|e| self.refused(e))?;
        match bytes.len() as u64 {
            read if read < wanted => Err(self.shorter(start + read)),
            _ => Ok(bytes),
        }
    }
}
