//! Files that the user has chosen: those of the system, or in a browser those that the
//! page has been handed.

#![cfg_attr(
    not(feature = "window"),
    allow(dead_code, unused_imports, reason = "the window opens more")
)]

use std::io;
use std::ops::Range;
use std::path::Path;

#[cfg(target_arch = "wasm32")]
mod handed;
#[cfg(not(target_arch = "wasm32"))]
mod system;

#[cfg(target_arch = "wasm32")]
use handed as place;
#[cfg(not(target_arch = "wasm32"))]
use system as place;

#[cfg(target_arch = "wasm32")]
pub(crate) use handed::{Read, ReadRanges, forget_below, hand_over, hand_over_blob};
pub(crate) use place::{
    Aside, Blob, Scratch, is_file, is_folder, keep_aside, names, open_blob, read, scratch,
    scratch_folder,
};

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
