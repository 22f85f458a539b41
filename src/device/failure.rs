//! The first error that a device reported outside any call.

use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};

/// What went wrong.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    Device(String),
    OutOfMemory(String),
    Lost(String),
}

/// Where a device keeps its failure.
#[derive(Debug, Default)]
pub(super) struct FailureSlot(Mutex<Option<Failure>>);

impl FailureSlot {
    /// Keeps the first failure, which is the cause; a lost device outranks it,
    /// because everything after it fails too.
    pub(super) fn record(&self, failure: Failure) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.is_none() || matches!(failure, Failure::Lost(_)) {
            *slot = Some(failure);
        }
    }

    /// The failure as an error.
    ///
    /// # Errors
    /// [`Error::Device`], [`Error::OutOfMemory`] or [`Error::DeviceLost`].
    pub(super) fn check(&self) -> Result<()> {
        let slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            None => Ok(()),
            Some(Failure::Device(message)) => Err(Error::Device(message.clone())),
            Some(Failure::OutOfMemory(message)) => Err(Error::OutOfMemory(message.clone())),
            Some(Failure::Lost(message)) => Err(Error::DeviceLost(message.clone())),
        }
    }
}
