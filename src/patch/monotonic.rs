//! Entropy that rises (paper, section 2.3, "approximate monotonic constraint").

use super::{Known, Patcher};

/// A patch starts where the entropy breaks its fall: `H(i) - H(i-1) > threshold`.
///
/// The difference needs two entropies of bytes, and the one at BOS is no use,
/// so position 2 always starts a patch.
#[derive(Clone, Debug)]
pub struct Monotonic {
    threshold: f32,
    position: u8,
    previous: Option<f32>,
}

impl Monotonic {
    /// The rule with the least rise, in nats, that starts a patch (strictly above).
    #[must_use]
    pub const fn new(threshold: f32) -> Self {
        Self {
            threshold,
            position: 0,
            previous: None,
        }
    }
}

impl Patcher for Monotonic {
    fn next_starts(&mut self, known: &Known) -> bool {
        let position = self.position;
        self.position = position.saturating_add(1);
        let previous = std::mem::replace(&mut self.previous, known.entropy);
        match (previous, known.entropy) {
            _ if position < 2 => true,
            (Some(before), Some(now)) => now - before > self.threshold,
            _ => false,
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.threshold);
    }

    fn needs_entropy(&self) -> bool {
        true
    }

    fn fork(&self) -> Box<dyn Patcher + Send> {
        Box::new(self.clone())
    }
}
