//! How often a device that was lost is asked for again.

use std::time::Duration;

/// Tries to open a device that was lost: a driver may need a moment after the machine has
/// slept.
#[derive(Debug, Default)]
pub(super) struct Reopening {
    tried: u32,
}

impl Reopening {
    const MOST: u32 = 6;

    /// It is open.
    pub(super) fn done(&mut self) {
        self.tried = 0;
    }

    /// It could not be opened; when to try again, or that it is over.
    pub(super) fn failed(&mut self) -> Option<Duration> {
        self.tried += 1;
        (self.tried < Self::MOST).then(|| Duration::from_millis(250) * self.tried)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_opened_again_a_few_times() {
        let mut reopening = Reopening::default();
        let pauses: Vec<_> = std::iter::from_fn(|| reopening.failed()).collect();
        assert_eq!(pauses.len(), 5);
        assert!(pauses.iter().sum::<Duration>() < Duration::from_secs(5));
        reopening.done();
        assert!(reopening.failed().is_some());
    }
}
