//! Files that the user has chosen: those of the system, or in a browser those that the
//! page has been handed, which are in memory.

#![cfg_attr(
    not(feature = "window"),
    allow(dead_code, unused_imports, reason = "the window opens more")
)]

use std::io;
use std::ops::Range;
use std::path::Path;

#[cfg(not(target_arch = "wasm32"))]
use self::system as place;
#[cfg(target_arch = "wasm32")]
use handed as place;

#[cfg(target_arch = "wasm32")]
pub(crate) use handed::hand_over;
pub(crate) use place::{Aside, Scratch, is_folder, keep_aside, read, scratch, scratch_folder};

/// A file of any size, read where it is looked at.
///
/// It is not mapped: a mapped file that another program shortens raises a signal where a
/// read says so.
#[derive(Debug)]
pub(crate) struct OpenFile(place::File);

impl OpenFile {
    /// Opens what is a file with a length; `None` is anything else, as a pipe, whose
    /// opening would wait for whoever writes into it.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn open(path: &Path) -> io::Result<Option<Self>> {
        Ok(place::open(path)?.map(Self))
    }

    /// Its bytes now.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn length(&self) -> io::Result<u64> {
        self.0.length()
    }

    /// The bytes of a range, as far as there are any.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn read(&mut self, range: Range<u64>) -> io::Result<Vec<u8>> {
        self.0.read(range)
    }
}

/// The content of a file, a pipe's too; `None` if it has more bytes than `most`.
///
/// # Errors
/// The system's.
pub(crate) fn read_at_most(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    place::read_at_most(path, most)
}

/// The content of a file with a length; `None` if it has more bytes than `most`, or is
/// something else, whose opening might wait.
///
/// # Errors
/// The system's.
pub(crate) fn read_small(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let Some(mut file) = OpenFile::open(path)? else {
        return Ok(None);
    };
    match file.length()? {
        length if length <= most => file.read(0..length).map(Some),
        _ => Ok(None),
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod system {
    use std::io::{self, Read, Seek, SeekFrom, Write};
    use std::ops::Range;
    use std::path::{Path, PathBuf};

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
            // What is no plain file does not say how long it is.
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
}

#[cfg(target_arch = "wasm32")]
mod handed {
    use std::collections::BTreeMap;
    use std::io::{self, Cursor};
    use std::ops::Range;
    use std::path::{Path, PathBuf};
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use bytes::Bytes;

    /// What is written and read again, and vanishes with its owner.
    pub(crate) type Scratch = Cursor<Vec<u8>>;

    static FILES: Mutex<BTreeMap<PathBuf, Bytes>> = Mutex::new(BTreeMap::new());

    fn files() -> MutexGuard<'static, BTreeMap<PathBuf, Bytes>> {
        FILES.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The page has been handed a file.
    pub(crate) fn hand_over(path: PathBuf, bytes: Vec<u8>) {
        files().insert(path, bytes.into());
    }

    #[derive(Debug)]
    pub(super) struct File(Bytes);

    pub(super) fn open(path: &Path) -> io::Result<Option<File>> {
        let bytes = files().get(path).cloned();
        match bytes {
            Some(bytes) => Ok(Some(File(bytes))),
            None if is_folder(path) => Ok(None),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// The content of a file.
    pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
        let bytes = files().get(path).cloned();
        Ok(bytes.ok_or(io::ErrorKind::NotFound)?.to_vec())
    }

    pub(super) fn read_at_most(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
        let bytes = read(path)?;
        Ok((bytes.len() as u64 <= most).then_some(bytes))
    }

    impl File {
        pub(super) fn length(&self) -> io::Result<u64> {
            Ok(self.0.len() as u64)
        }

        pub(super) fn read(&mut self, range: Range<u64>) -> io::Result<Vec<u8>> {
            let end = |at: u64| usize::try_from(at).map_or(self.0.len(), |at| at.min(self.0.len()));
            let (start, end) = (end(range.start), end(range.end));
            Ok(self.0.get(start..end).unwrap_or_default().to_vec())
        }
    }

    pub(crate) fn is_folder(path: &Path) -> bool {
        let files = files();
        files
            .keys()
            .any(|file| file != path && file.starts_with(path))
    }

    /// Something in memory that is like a file.
    pub(crate) fn scratch() -> io::Result<Scratch> {
        Ok(Cursor::default())
    }

    /// Where it is: nowhere.
    pub(crate) fn scratch_folder() -> PathBuf {
        PathBuf::new()
    }

    /// What is handed over by nobody, as a paste, and vanishes with its owner.
    #[derive(Debug)]
    pub(crate) struct Aside(PathBuf);

    impl Aside {
        pub(crate) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Aside {
        fn drop(&mut self) {
            files().remove(&self.0);
        }
    }

    /// Makes such a file.
    pub(crate) fn keep_aside(begin: &str, end: &str, bytes: &[u8]) -> io::Result<Aside> {
        let mut paths = (0u64..).map(|at| PathBuf::from(format!("{begin}{at}{end}")));
        let free = paths.find(|path| !files().contains_key(path));
        let path = free.ok_or(io::ErrorKind::AlreadyExists)?;
        hand_over(path.clone(), bytes.to_vec());
        Ok(Aside(path))
    }
}
