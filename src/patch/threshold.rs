//! Entropy above a global threshold (paper, section 2.3, "global constraint").

use super::{Known, Patcher};

/// A patch starts where the entropy of the next byte is strictly above a
/// threshold: `H(i) > threshold`. What the released models use.
///
/// The entropy at position 0, of the first byte after BOS, is ignored: that
/// byte starts a patch in any case.
#[derive(Clone, Debug)]
pub struct Threshold {
    threshold: f32,
    first: bool,
}

impl Threshold {
    /// The rule with a threshold in nats.
    #[must_use]
    pub const fn new(threshold: f32) -> Self {
        Self {
            threshold,
            first: true,
        }
    }
}

impl Patcher for Threshold {
    fn next_starts(&mut self, known: &Known) -> bool {
        std::mem::take(&mut self.first) || known.entropy.is_some_and(|h| h > self.threshold)
    }

    fn reset(&mut self) {
        self.first = true;
    }

    fn needs_entropy(&self) -> bool {
        true
    }

    fn fork(&self) -> Box<dyn Patcher + Send> {
        Box::new(self.clone())
    }
}
