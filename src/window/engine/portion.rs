//! How much of a long text is done before other work gets in between.

use std::time::Duration;

use super::task::SLICE;

/// The fewest and the most bytes of a slice.
const BYTES: (usize, usize) = (32, 1 << 20);

/// The bytes of the next slice, by how long the last ones took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Portion(usize);

impl Default for Portion {
    fn default() -> Self {
        Self(256)
    }
}

impl Portion {
    pub(super) fn bytes(self) -> usize {
        self.0
    }

    /// The last slice took so long.
    pub(super) fn took(&mut self, time: Duration) {
        let least = (self.0 / 2).max(BYTES.0);
        let most = self.0.saturating_mul(2);
        let fitting = self.0 as u128 * SLICE.as_micros() / time.as_micros().max(1);
        self.0 = usize::try_from(fitting)
            .unwrap_or(usize::MAX)
            .clamp(least, most)
            .min(BYTES.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_become_as_long_as_they_should() {
        let mut portion = Portion::default();
        for _ in 0..20 {
            // A hundred bytes in a millisecond.
            portion.took(Duration::from_micros(portion.bytes() as u64 * 10));
        }
        assert_eq!(portion.bytes(), 8000);
        let mut least = Portion(BYTES.0);
        least.took(Duration::from_secs(9));
        assert_eq!(least.bytes(), BYTES.0);
        let mut most = Portion(BYTES.1);
        most.took(Duration::ZERO);
        assert_eq!(most.bytes(), BYTES.1);
    }
}
