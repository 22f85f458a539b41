//! Files that are mapped instead of read: weights that are used where they lie.
//!
//! Another program can cut or rewrite a file while it is mapped. Reading past a cut
//! would end the process (SIGBUS); [`fault`] puts zeros there instead and marks the
//! file. Numbers that were computed meanwhile mean nothing, so whoever hands results
//! on calls [`Watched::check`] first, which names the file.

mod fault;

use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Instant, SystemTime};

use memmap2::Mmap;

use crate::error::{Error, Result};
use fault::Place;

/// Milliseconds between two looks at the facts of a file.
const PAUSE: u64 = 100;

/// The files that are mapped now.
static OPEN: Mutex<Vec<Arc<Watched>>> = Mutex::new(Vec::new());

/// A mapped file; its length is that of its opening.
#[derive(Debug)]
pub(crate) struct MappedFile {
    watched: Arc<Watched>,
    map: Arc<Mmap>,
}

/// What is known of a mapped file.
#[derive(Debug)]
pub(crate) struct Watched {
    path: PathBuf,
    file: File,
    length: u64,
    /// When it was written last; `None` where the system does not say.
    written: Option<SystemTime>,
    /// When its facts were looked at last, in milliseconds since the first file.
    looked: AtomicU64,
    place: &'static Place,
    map: Weak<Mmap>,
}

impl MappedFile {
    /// Maps a file that is not empty.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let io = |action, source| Error::Io {
            action,
            path: path.into(),
            source,
        };
        let file = File::open(path).map_err(|e| io("read", e))?;
        // SAFETY: the mapping is read-only and only ever seen as `&[u8]`, for which every
        // bit pattern is valid. Another program can change the file, and no system lets a
        // reader forbid that: bytes that change are other bytes, and no decision is taken on
        // one byte twice (headers are parsed once into owned values whose ranges were checked
        // against the length of the mapping, which cannot change). Bytes that are cut off
        // read as zeros (`fault`), and `check` tells of both.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| io("map", e))?;
        let facts = file.metadata().map_err(|e| io("read", e))?;
        let start = map.as_ptr().addr();
        let map = Arc::new(map);
        let watched = Arc::new(Watched {
            path: path.into(),
            length: map.len() as u64,
            written: facts.modified().ok(),
            file,
            looked: AtomicU64::new(now()),
            place: Place::new(start..start + map.len()),
            map: Arc::downgrade(&map),
        });
        open().push(Arc::clone(&watched));
        Ok(Self { watched, map })
    }

    /// What is known of it.
    pub(crate) fn watched(&self) -> &Arc<Watched> {
        &self.watched
    }
}

impl AsRef<[u8]> for MappedFile {
    fn as_ref(&self) -> &[u8] {
        &self.map
    }
}

impl Drop for MappedFile {
    fn drop(&mut self) {
        open().retain(|other| !Arc::ptr_eq(other, &self.watched));
        // Before the addresses can become something else's.
        self.watched.place.forget();
    }
}

impl Watched {
    /// Gives back the memory that a part of it takes; it is read again when it is next
    /// looked at.
    pub(crate) fn forget(&self, part: &[u8]) {
        #[cfg(unix)]
        if let Some(map) = self.map.upgrade() {
            /// The largest page there is.
            const PAGE: usize = 1 << 16;
            let start = part.as_ptr().addr() - map.as_ptr().addr();
            // Neighbours may still be in use, so pages at the ends stay.
            let (first, end) = (
                start.next_multiple_of(PAGE),
                (start + part.len()) / PAGE * PAGE,
            );
            if first < end {
                let advice = memmap2::UncheckedAdvice::DontNeed;
                // SAFETY: the mapping is of a file and never written, so pages that are
                // given up come back with the bytes of the file.
                let advised = unsafe { map.unchecked_advise_range(advice, first, end - first) };
                // It is advice.
                let _ = advised;
            }
        }
        #[cfg(not(unix))]
        let _ = (part, &self.map);
    }

    /// Whether bytes were asked for that are no longer there, or cannot be read; costs
    /// next to nothing.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] that names the file.
    pub(crate) fn check_faults(&self) -> Result<()> {
        match self.place.is_damaged() {
            false => Ok(()),
            true => Err(self.damaged()),
        }
    }

    /// Whether the file is still what was opened, as far as its length and the time of its
    /// last change tell; the system is asked for these ten times a second at most.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] that names the file.
    pub(crate) fn check(&self) -> Result<()> {
        self.check_faults()?;
        let (now, looked) = (now(), self.looked.load(Ordering::Relaxed));
        match now < looked.saturating_add(PAUSE) {
            true => Ok(()),
            false => self.look(now),
        }
    }

    fn look(&self, now: u64) -> Result<()> {
        self.check_faults()?;
        match self.file.metadata() {
            Ok(facts) if self.is_changed(&facts) => return Err(self.changed(&facts)),
            // Where the system does not say, only a fault can tell.
            _ => self.looked.store(now, Ordering::Relaxed),
        }
        Ok(())
    }

    fn is_changed(&self, facts: &Metadata) -> bool {
        facts.len() != self.length || facts.modified().ok() != self.written
    }

    fn changed(&self, facts: &Metadata) -> Error {
        let path = self.path.display();
        Error::Checkpoint(match facts.len() {
            now if now == self.length => format!(
                "{path} was written to by another program while it was in use; once that is done, \
                 run this again"
            ),
            now => format!(
                "{path} was changed by another program while it was in use, from {} to {now} bytes; \
                 put the whole file back, then run this again",
                self.length
            ),
        })
    }

    fn damaged(&self) -> Error {
        match self.file.metadata() {
            Ok(facts) if facts.len() < self.length => self.changed(&facts),
            Ok(_) => Error::Checkpoint(format!(
                "a part of {} could not be read while it was in use: another program changed the \
                 file, or the disk fails; run this again, or take another copy",
                self.path.display()
            )),
            Err(source) => Error::Io {
                action: "read",
                path: self.path.clone(),
                source,
            },
        }
    }
}

/// What is known of the mapped file that bytes are a part of; `None` if they are in none.
pub(crate) fn file_of(bytes: &[u8]) -> Option<Arc<Watched>> {
    let all = open();
    let mut found = all.iter().filter(|file| file.place.holds(bytes));
    found.next().cloned()
}

/// Whether bytes of any file were ever missing; costs nothing.
pub(crate) fn any_fault() -> bool {
    fault::ANY.load(Ordering::Acquire)
}

/// Looks at every file of weights that this process uses: whether it is still what was
/// opened. For a program with one model, before it writes its last result.
///
/// # Errors
/// [`Error::Checkpoint`] that names the first that is not what was opened.
pub fn check_all() -> Result<()> {
    let all: Vec<Arc<Watched>> = open().clone();
    all.iter().try_for_each(|file| file.look(now()))
}

fn open() -> std::sync::MutexGuard<'static, Vec<Arc<Watched>>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Milliseconds since the first call.
fn now() -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let passed = FIRST.get_or_init(Instant::now).elapsed();
    u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
