//! A file of any size, mapped read-only.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::error::{Error, Result};

/// A file of any size, mapped read-only; its length is that of its opening.
#[derive(Debug)]
pub(super) struct MappedFile {
    path: PathBuf,
    file: File,
    /// `None` for an empty file, of which there is nothing to map.
    map: Option<Mmap>,
}

impl MappedFile {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let io = |action, source| Error::Io {
            action,
            path: path.into(),
            source,
        };
        // Opening a pipe would wait for whoever writes into it.
        let facts = std::fs::metadata(path).map_err(|source| io("read", source))?;
        if !facts.is_file() {
            return Err(Error::Argument(format!(
                "{} is not a file; a scan needs one with a length",
                path.display()
            )));
        }
        let file = File::open(path).map_err(|source| io("read", source))?;
        let length = file.metadata().map_err(|source| io("read", source))?.len();
        // SAFETY: the mapping is read-only and seen only as `&[u8]`, for which every bit pattern
        // is valid. Another process can still change the file. Bytes that change under a reader
        // are other bytes: no decision here is taken on one byte twice, and what is handed to the
        // model is copied first. A file that becomes shorter has pages that nothing is behind, and
        // touching one ends the process (SIGBUS), so every access asks for the length first and
        // `bytes` refuses what is no longer there; the moment between the two remains, as it does
        // for any mapped file.
        let map = match length {
            0 => None,
            _ => Some(unsafe { Mmap::map(&file) }.map_err(|source| io("map", source))?),
        };
        Ok(Self {
            path: path.into(),
            file,
            map,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of the file when it was opened.
    pub(super) fn len(&self) -> u64 {
        self.map.as_ref().map_or(0, |map| map.len() as u64)
    }

    /// Refuses a file that has become shorter than it was.
    pub(super) fn check(&self) -> Result<()> {
        let facts = self.file.metadata().map_err(|source| Error::Io {
            action: "read",
            path: self.path.clone(),
            source,
        })?;
        if facts.len() >= self.len() {
            return Ok(());
        }
        Err(Error::Argument(format!(
            "{} has become shorter while it was open, from {} to {} bytes; open it again",
            self.path.display(),
            self.len(),
            facts.len()
        )))
    }

    /// The bytes of a range, as far as the file goes.
    pub(super) fn bytes(&self, range: Range<u64>) -> Result<&[u8]> {
        self.check()?;
        let all = self.map.as_deref().unwrap_or_default();
        let at = |byte: u64| usize::try_from(byte).unwrap_or(usize::MAX).min(all.len());
        Ok(all.get(at(range.start)..at(range.end)).unwrap_or_default())
    }
}
