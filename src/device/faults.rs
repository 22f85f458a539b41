//! Faults on purpose: a device that is lost, or has no memory left, at a chosen moment, and
//! drivers with a tier that does not do what they say. For tests of what is above it.

use std::sync::atomic::{AtomicU64, Ordering};

use super::tier::Tier;

/// What is wrong on a graphics adapter with a tier that it says it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TierFault {
    /// The driver refuses to open a device with its features.
    Refused(Tier),
    /// Kernels that need it do not compile.
    NotCompiled(Tier),
    /// Kernels that need it compute wrong numbers.
    WrongNumbers(Tier),
}

/// What goes wrong on a device of the processor, and when. A clone of the
/// `Arc` it is in counts with it.
#[derive(Debug)]
pub struct Faults {
    lost_at: u64,
    refused_at: u64,
    submissions: AtomicU64,
    allocations: AtomicU64,
}

impl Faults {
    /// The device is lost at this submission, counted from 0.
    #[must_use]
    pub const fn lost_at(submission: u64) -> Self {
        Self::at(submission, u64::MAX)
    }

    /// This allocation, counted from 0, is refused.
    #[must_use]
    pub const fn refused_at(allocation: u64) -> Self {
        Self::at(u64::MAX, allocation)
    }

    const fn at(lost_at: u64, refused_at: u64) -> Self {
        Self {
            lost_at,
            refused_at,
            submissions: AtomicU64::new(0),
            allocations: AtomicU64::new(0),
        }
    }

    /// Whether the fault has been.
    #[must_use]
    pub fn has_been(&self) -> bool {
        self.submissions.load(Ordering::Relaxed) > self.lost_at
            || self.allocations.load(Ordering::Relaxed) > self.refused_at
    }

    /// Counts a submission; whether the device is lost at it.
    pub(super) fn loses(&self) -> bool {
        self.submissions.fetch_add(1, Ordering::Relaxed) == self.lost_at
    }

    /// Counts an allocation; whether it is refused.
    pub(super) fn refuses(&self) -> bool {
        self.allocations.fetch_add(1, Ordering::Relaxed) == self.refused_at
    }
}
