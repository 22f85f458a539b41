//! The files whose bytes the tensors of a device use where they lie.

#[cfg(not(target_arch = "wasm32"))]
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::error::Result;
#[cfg(not(target_arch = "wasm32"))]
use crate::mapped::{self, Watched};

/// A file is on the list as long as it is mapped.
#[derive(Debug, Default)]
pub(in crate::device) struct Files {
    #[cfg(not(target_arch = "wasm32"))]
    all: Mutex<Vec<Weak<Watched>>>,
}

#[cfg(not(target_arch = "wasm32"))]
impl Files {
    /// Adds the file that bytes are a part of; none if they are in the program.
    pub(in crate::device) fn add(&self, bytes: &[u8]) {
        let Some(file) = mapped::file_of(bytes) else {
            return;
        };
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| other.strong_count() > 0);
        if !all.iter().any(|other| other.as_ptr() == Arc::as_ptr(&file)) {
            all.push(Arc::downgrade(&file));
        }
    }

    /// Whether bytes of one of them were missing.
    pub(super) fn check_faults(&self) -> Result<()> {
        match mapped::any_fault() {
            true => self.each(Watched::check_faults),
            false => Ok(()),
        }
    }

    /// Whether they are still what was opened.
    pub(in crate::device) fn check(&self) -> Result<()> {
        self.each(Watched::check)
    }

    fn each(&self, check: impl Fn(&Watched) -> Result<()>) -> Result<()> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let mut mapped = all.iter().filter_map(Weak::upgrade);
        mapped.try_for_each(|file| check(&file))
    }
}

/// Without files there is nothing to look after.
#[cfg(target_arch = "wasm32")]
impl Files {
    pub(in crate::device) fn add(&self, _: &[u8]) {}

    pub(super) fn check_faults(&self) -> Result<()> {
        Ok(())
    }

    pub(in crate::device) fn check(&self) -> Result<()> {
        Ok(())
    }
}
