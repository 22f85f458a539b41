//! Entropy that is high and has risen: both constraints of the paper's section 2.3.

use super::{Known, Patcher};

/// A patch starts where the entropy is above a threshold *and* has risen by
/// more than another: `H(i) > threshold` and `H(i) - H(i-1) > threshold_add`.
///
/// As in the published code, position 2 always starts a patch and position 3
/// never does.
#[derive(Clone, Debug)]
pub struct Both {
    threshold: f32,
    threshold_add: f32,
    position: u8,
    previous: Option<f32>,
}

impl Both {
    /// The rule with the threshold of the entropy and that of its rise, in nats.
    #[must_use]
    pub const fn new(threshold: f32, threshold_add: f32) -> Self {
        Self {
            threshold,
            threshold_add,
            position: 0,
            previous: None,
        }
    }
}

impl Patcher for Both {
    fn next_starts(&mut self, known: &Known) -> bool {
        let position = self.position;
        self.position = position.saturating_add(1);
        let previous = std::mem::replace(&mut self.previous, known.entropy);
        match (previous, known.entropy) {
            _ if position < 2 => true,
            _ if position == 2 => false,
            (Some(before), Some(now)) => now - before > self.threshold_add && now > self.threshold,
            _ => false,
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.threshold, self.threshold_add);
    }

    fn needs_entropy(&self) -> bool {
        true
    }

    fn fork(&self) -> Box<dyn Patcher + Send> {
        Box::new(self.clone())
    }
}
