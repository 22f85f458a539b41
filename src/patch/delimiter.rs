//! Patches closed by the delimiter that a tokenizer has put into the text
//! (BPE patching, paper, section 2.4).

use super::{Known, Patcher};
use crate::bytes::DELIMITER;

/// A patch starts after each delimiter; the delimiter closes its patch.
///
/// The published code makes an exception of a delimiter that is the last token
/// of a text. A causal rule cannot know which token is the last, so here the
/// next byte starts a patch there too. The flag in question is the one past
/// the end: no token of the text changes its patch.
#[derive(Clone, Debug)]
pub struct Delimiter {
    first: bool,
}

impl Delimiter {
    /// The rule; it has no parameter.
    #[must_use]
    pub const fn new() -> Self {
        Self { first: true }
    }
}

impl Default for Delimiter {
    fn default() -> Self {
        Self::new()
    }
}

impl Patcher for Delimiter {
    fn next_starts(&mut self, known: &Known) -> bool {
        std::mem::take(&mut self.first) || known.id == DELIMITER
    }

    fn reset(&mut self) {
        self.first = true;
    }

    fn fork(&self) -> Box<dyn Patcher + Send> {
        Box::new(self.clone())
    }
}
