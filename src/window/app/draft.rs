//! The text of the patch screen, kept from one time to the next.

use std::io::{ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::window::screens::FIRST_TEXT;
use crate::window::screens::patch::MOST_BYTES;
use crate::window::storage;

/// The name of its file, beside the settings.
const NAME: &str = "draft.txt";
/// The most bytes that are kept: more than a paste can be, less than a nuisance.
const MOST: usize = 4 * MOST_BYTES;
/// So long after the last change, in seconds, it is written, and so long after the first
/// one that is not: a program that is killed has lost no more.
const AFTER: f64 = 1.0;
const AT_LATEST: f64 = 3.0;

/// Where the text is kept, and how far it is.
#[derive(Debug, Default)]
pub(super) struct Draft {
    path: Option<PathBuf>,
    /// The text that needs no keeping any more.
    kept: Arc<Vec<u8>>,
    /// The text as it was seen last, and since when in seconds.
    seen: Arc<Vec<u8>>,
    since: f64,
    /// When it first was another one than what was kept.
    first: Option<f64>,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Later(Duration),
    Now,
}

impl Draft {
    /// That beside some settings.
    pub(super) fn beside(settings: Option<&Path>) -> Self {
        Self {
            path: settings.map(|path| path.with_file_name(NAME)),
            ..Self::default()
        }
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What was kept the last time, if anything was.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn read(&self) -> Result<Option<Vec<u8>>> {
        let Some(path) = &self.path else {
            return Ok(None);
        };
        storage::read(path, MOST)
    }

    /// Begins with a text, which is kept, or not the user's.
    pub(super) fn begin(&mut self, text: &Arc<Vec<u8>>) {
        self.kept = Arc::clone(text);
        self.seen = Arc::clone(text);
    }

    fn is_kept(&self, text: &Arc<Vec<u8>>) -> bool {
        self.path.is_none() || Arc::ptr_eq(&self.kept, text)
    }

    /// Looks at the text, at a time in seconds.
    pub(super) fn look(&mut self, text: &Arc<Vec<u8>>, now: f64) -> Due {
        if self.is_kept(text) {
            return Due::Nothing;
        }
        if !Arc::ptr_eq(&self.seen, text) {
            self.seen = Arc::clone(text);
            self.since = now;
        }
        let first = *self.first.get_or_insert(now);
        match (self.since + AFTER).min(first + AT_LATEST) - now {
            left if left > 0.0 => Due::Later(Duration::from_secs_f64(left)),
            _ => Due::Now,
        }
    }

    /// Writes the text, all of it or nothing; one that is not the user's takes the
    /// file away. It is not tried again before the text changes.
    ///
    /// # Errors
    /// The system's, and [`ErrorKind::FileTooLarge`] for a text that is too large.
    pub(super) fn keep(&mut self, text: &Arc<Vec<u8>>) -> Result<()> {
        if self.is_kept(text) {
            return Ok(());
        }
        self.kept = Arc::clone(text);
        self.first = None;
        let Some(path) = &self.path else {
            return Ok(());
        };
        if text.is_empty() || text.as_slice() == FIRST_TEXT.as_bytes() {
            return storage::remove(path);
        }
        if text.len() > MOST {
            return Err(ErrorKind::FileTooLarge.into());
        }
        storage::keep(path, text)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    fn text(bytes: &[u8]) -> Arc<Vec<u8>> {
        Arc::new(bytes.to_vec())
    }

    #[test]
    fn what_is_kept_comes_back_whatever_bytes_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let settings = folder.path().join("deep/window.json");
        let mut draft = Draft::beside(Some(&settings));
        assert_eq!(draft.read().unwrap(), None);
        let first = text(b"as it began");
        draft.begin(&first);
        assert_eq!(draft.look(&first, 0.0), Due::Nothing);
        draft.keep(&first).unwrap();
        assert_eq!(draft.read().unwrap(), None, "nothing was changed");
        let changed = text(b"\xFF \xED\x95\x9C\n");
        draft.keep(&changed).unwrap();
        let again = Draft::beside(Some(&settings));
        assert_eq!(again.read().unwrap().unwrap(), **changed);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(again.path().unwrap()).unwrap();
            assert_eq!(mode.permissions().mode() & 0o77, 0);
        }
        // No text, and that of the first start, are none to keep.
        for none in ["", FIRST_TEXT] {
            draft.keep(&changed).unwrap();
            draft.keep(&text(none.as_bytes())).unwrap();
            assert_eq!(again.read().unwrap(), None);
        }
    }

    #[test]
    fn it_is_written_when_the_keys_rest() {
        let mut draft = Draft::beside(Some(Path::new("nowhere/window.json")));
        let (a, b) = (text(b"a"), text(b"b"));
        let later = |seconds| Due::Later(Duration::from_secs_f64(seconds));
        assert_eq!(draft.look(&a, 10.0), later(1.0));
        assert_eq!(draft.look(&a, 10.5), later(0.5));
        assert_eq!(draft.look(&b, 10.75), later(1.0));
        assert_eq!(draft.look(&b, 11.75), Due::Now);
        assert_eq!(Draft::default().look(&b, 99.0), Due::Nothing);
    }

    /// Who types without a pause loses no more than a few seconds either.
    #[test]
    fn it_is_written_while_the_keys_never_rest() {
        let folder = tempfile::tempdir().unwrap();
        let mut draft = Draft::beside(Some(&folder.path().join("window.json")));
        let mut written = 0;
        for key in 0..100u8 {
            let (now, text) = (f64::from(key) * 0.1, text(&[key]));
            if draft.look(&text, now) == Due::Now {
                draft.keep(&text).unwrap();
                written += 1;
            }
        }
        assert!((3..=4).contains(&written), "{written}");
    }

    #[test]
    fn what_cannot_be_kept_is_refused_once_and_harms_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "in the way").unwrap();
        let mut draft = Draft::beside(Some(&file.join("window.json")));
        let words = text(b"words");
        assert!(draft.keep(&words).is_err());
        assert!(draft.keep(&words).is_ok(), "the same text is tried once");
        assert_eq!(std::fs::read(&file).unwrap(), b"in the way");
        let mut draft = Draft::beside(Some(&folder.path().join("window.json")));
        draft.keep(&words).unwrap();
        let large = draft.keep(&text(&vec![b'x'; MOST + 1])).unwrap_err();
        assert_eq!(large.kind(), ErrorKind::FileTooLarge);
        assert_eq!(draft.read().unwrap().unwrap(), b"words");
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(names.len(), 2, "{names:?}");
        // Something else of that name is not read.
        std::fs::write(draft.path().unwrap(), vec![0; MOST + 1]).unwrap();
        assert!(draft.read().is_err());
    }
}
