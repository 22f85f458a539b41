//! Patches that start where a byte-level model expects a delimiter.

use super::{Known, Patcher};
use crate::bytes::DELIMITER;

/// A patch starts where the most probable next token is the delimiter: BPE
/// patching without the tokenizer, from a byte model that has learned to
/// predict where its tokens end.
#[derive(Clone, Debug)]
pub struct DelimiterPredicted {
    first: bool,
}

impl DelimiterPredicted {
    /// The rule; it has no parameter.
    #[must_use]
    pub const fn new() -> Self {
        Self { first: true }
    }
}

impl Default for DelimiterPredicted {
    fn default() -> Self {
        Self::new()
    }
}

impl Patcher for DelimiterPredicted {
    fn next_starts(&mut self, known: &Known) -> bool {
        std::mem::take(&mut self.first) || known.best == Some(DELIMITER)
    }

    fn reset(&mut self) {
        self.first = true;
    }

    fn needs_best(&self) -> bool {
        true
    }

    fn fork(&self) -> Box<dyn Patcher + Send> {
        Box::new(self.clone())
    }
}
