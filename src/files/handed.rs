//! Those that a page has been handed: in memory, or read in pieces.

use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// What is written and read again, and vanishes with its owner.
pub(crate) type Scratch = Cursor<Vec<u8>>;

static FILES: Mutex<BTreeMap<PathBuf, Handed>> = Mutex::new(BTreeMap::new());

#[derive(Clone, Debug)]
enum Handed {
    Whole(Bytes),
    InPieces(Blob),
}

fn files() -> MutexGuard<'static, BTreeMap<PathBuf, Handed>> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The page has been handed a file.
pub(crate) fn hand_over(path: PathBuf, bytes: Vec<u8>) {
    files().insert(path, Handed::Whole(bytes.into()));
}

/// The page has been handed a file that is too large for its memory.
pub(crate) fn hand_over_blob(path: PathBuf, blob: Blob) {
    files().insert(path, Handed::InPieces(blob));
}

/// Nothing that was handed over is at or below a path any more.
pub(crate) fn forget_below(path: &Path) {
    files().retain(|file, _| !file.starts_with(path));
}

/// Reads ranges of a file, one after the other.
pub(crate) trait ReadRanges: std::fmt::Debug + Send + Sync {
    fn read(&self, ranges: &[Range<u64>]) -> Read;
}

/// The bytes that are being read.
pub(crate) type Read = Pin<Box<dyn Future<Output = io::Result<Vec<u8>>>>>;

/// A file whose parts are read when they are needed. A clone is the same file.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    begin: Bytes,
    length: u64,
    reader: Arc<dyn ReadRanges>,
    /// What was read last, and where it begins.
    ahead: Arc<Mutex<(u64, Bytes)>>,
}

/// Bytes that are read where fewer are asked for: those behind them are asked for next,
/// and a page may draw itself between one reading and another.
const AHEAD: u64 = 1 << 20;

/// A file that is read in pieces.
pub(crate) fn open_blob(path: &Path) -> io::Result<Blob> {
    match files().get(path) {
        Some(Handed::InPieces(blob)) => Ok(blob.clone()),
        Some(Handed::Whole(bytes)) => {
            let (length, reader) = (bytes.len() as u64, InMemory(bytes.clone()));
            Ok(Blob::new(bytes.clone(), length, Arc::new(reader)))
        }
        None => Err(io::ErrorKind::NotFound.into()),
    }
}

/// A file that is small enough to be here.
#[derive(Debug)]
struct InMemory(Bytes);

impl ReadRanges for InMemory {
    fn read(&self, ranges: &[Range<u64>]) -> Read {
        let parts = ranges.iter().map(|range| part(&self.0, range));
        let all = parts.collect::<Vec<_>>().concat();
        Box::pin(std::future::ready(Ok(all)))
    }
}

fn part<'a>(bytes: &'a [u8], range: &Range<u64>) -> &'a [u8] {
    let end = |at: u64| usize::try_from(at).map_or(bytes.len(), |at| at.min(bytes.len()));
    bytes
        .get(end(range.start)..end(range.end))
        .unwrap_or_default()
}

impl Blob {
    /// A file of `length` bytes, which begins with `begin`.
    pub(crate) fn new(begin: Bytes, length: u64, reader: Arc<dyn ReadRanges>) -> Self {
        Self {
            begin,
            length,
            reader,
            ahead: Arc::default(),
        }
    }

    /// Its bytes.
    pub(crate) fn length(&self) -> io::Result<u64> {
        Ok(self.length)
    }

    /// The first of its bytes, as far as they are there without waiting.
    pub(crate) fn begin(&self, bytes: u64) -> io::Result<Vec<u8>> {
        Ok(part(&self.begin, &(0..bytes)).to_vec())
    }

    /// The bytes of some ranges, one after the other.
    pub(crate) async fn read(&self, ranges: &[Range<u64>]) -> io::Result<Vec<u8>> {
        let range = match ranges {
            [one] if one.end.saturating_sub(one.start) < AHEAD => one,
            _ => return self.reader.read(ranges).await,
        };
        let ahead = || self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let (begin, bytes) = ahead().clone();
        if begin <= range.start && range.end <= begin + bytes.len() as u64 {
            return Ok(part(&bytes, &(range.start - begin..range.end - begin)).to_vec());
        }
        let end = self.length.min(range.start + AHEAD);
        let bytes: Bytes = self.reader.read(&[range.start..end]).await?.into();
        let found = part(&bytes, &(0..range.end - range.start)).to_vec();
        *ahead() = (range.start, bytes);
        Ok(found)
    }
}

#[derive(Debug)]
pub(super) struct File(Bytes);

pub(super) fn open(path: &Path) -> io::Result<Option<File>> {
    match whole(path) {
        Ok(bytes) => Ok(Some(File(bytes))),
        Err(_) if is_folder(path) => Ok(None),
        Err(error) => Err(error),
    }
}

fn whole(path: &Path) -> io::Result<Bytes> {
    match files().get(path) {
        Some(Handed::Whole(bytes)) => Ok(bytes.clone()),
        Some(Handed::InPieces(_)) => Err(io::Error::other(
            "a page reads files of this size only as the weights of a model",
        )),
        None => Err(io::ErrorKind::NotFound.into()),
    }
}

/// The content of a file.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    whole(path).map(|bytes| bytes.to_vec())
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
        Ok(part(&self.0, &range).to_vec())
    }
}

/// Whether a path is that of a file.
pub(crate) fn is_file(path: &Path) -> bool {
    files().contains_key(path)
}

/// The names in a folder, sorted.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let files = files();
    let below = files
        .keys()
        .filter_map(|file| file.strip_prefix(folder).ok());
    let first = below.filter_map(|rest| match rest.components().next() {
        Some(Component::Normal(name)) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    let mut names: Vec<_> = first.collect();
    names.dedup();
    names
}

/// Whether a path is that of a folder.
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
