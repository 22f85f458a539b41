//! The bytes of the file that is shown, as far as they show.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::files::OpenFile;
use crate::window::error_message::ErrorMessage;

/// Why a file cannot be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It is a folder, a pipe or something else without a length.
    NoFile,
    /// The system refuses, and how it says so.
    Unreadable(String),
    /// It has become shorter.
    Shorter {
        /// Its bytes when it was opened.
        was: u64,
        /// Its bytes now.
        is: u64,
    },
    /// There is another file in its place.
    Changed,
    /// The scan has ended, in a sentence.
    Scan(ErrorMessage),
}

/// A file whose bytes are read where they show, and only then: a window of a file
/// that has been cut short gets fewer bytes, where a map would end the program.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    file: OpenFile,
    length: u64,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, Trouble> {
        let unreadable = |error: std::io::Error| Trouble::Unreadable(error.to_string());
        let Some(file) = OpenFile::open(path).map_err(unreadable)? else {
            return Err(Trouble::NoFile);
        };
        let length = file.length().map_err(unreadable)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            length,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The last part of its path.
    pub(super) fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// Its bytes when it was opened.
    pub(super) fn len(&self) -> u64 {
        self.length
    }

    /// The bytes of a range, as far as the file went when it was opened.
    pub(super) fn read(&mut self, range: Range<u64>) -> Result<Vec<u8>, Trouble> {
        let unreadable = |error: std::io::Error| Trouble::Unreadable(error.to_string());
        let is = self.file.length().map_err(unreadable)?;
        let shorter = |is| Trouble::Shorter {
            was: self.length,
            is,
        };
        if is < self.length {
            return Err(shorter(is));
        }
        let end = range.end.min(self.length);
        let wanted = end.saturating_sub(range.start);
        let bytes = self.file.read(range.start..end).map_err(unreadable)?;
        match bytes.len() as u64 == wanted {
            true => Ok(bytes),
            false => Err(shorter(range.start + bytes.len() as u64)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use std::io::Write;

    use super::*;

    #[test]
    fn ranges_are_read_as_far_as_the_file_goes() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"0123456789").unwrap();
        let mut source = Source::open(file.path()).unwrap();
        assert_eq!(source.len(), 10);
        assert_eq!(source.read(2..5).unwrap(), b"234");
        assert_eq!(source.read(8..50).unwrap(), b"89");
        assert!(source.read(50..60).unwrap().is_empty());
        // What comes behind the end was not there.
        file.write_all(b"more").unwrap();
        assert_eq!(source.read(8..50).unwrap(), b"89");
    }

    #[test]
    fn what_is_no_longer_there_is_said() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1000).unwrap();
        let mut source = Source::open(file.path()).unwrap();
        file.as_file().set_len(10).unwrap();
        let shorter = Trouble::Shorter { was: 1000, is: 10 };
        assert_eq!(source.read(0..5), Err(shorter));
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Source::open(folder.path()).unwrap_err(), Trouble::NoFile);
        let missing = Source::open(&folder.path().join("missing")).unwrap_err();
        assert!(matches!(missing, Trouble::Unreadable(_)));
    }

    #[test]
    fn far_places_of_a_large_file_are_read() {
        // Without data, so it takes no room.
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(5 << 30).unwrap();
        let mut source = Source::open(file.path()).unwrap();
        let end = source.len();
        assert_eq!(source.read(end - 3..end + 9).unwrap(), [0; 3]);
    }
}
