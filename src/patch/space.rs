//! Patches that end with a space-like byte (paper, section 2.2; SpaceByte).

use super::{Known, Patcher};
use crate::bytes;

/// A patch ends with the first of a run of space-like bytes, so that it is
/// about a word and the space, comma or bracket after it.
///
/// Space-like is every byte that is no ASCII letter or digit and no UTF-8
/// continuation byte: punctuation, white space, and the lead byte of every
/// multi-byte character. A special id ends a patch too.
#[derive(Clone, Debug)]
pub struct Space {
    first: bool,
    after_space: bool,
}

impl Space {
    /// The rule; it has no parameter.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            first: true,
            after_space: false,
        }
    }
}

impl Default for Space {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a token is space-like; special ids are.
fn space_like(id: u32) -> bool {
    bytes::byte_of(id).is_none_or(|b| !b.is_ascii_alphanumeric() && !(0x80..0xC0).contains(&b))
}

impl Patcher for Space {
    fn next_starts(&mut self, known: &Known) -> bool {
        let first = std::mem::take(&mut self.first);
        let space = space_like(known.id);
        let after_space = std::mem::replace(&mut self.after_space, space);
        first || (space && !after_space) || known.id < bytes::OFFSET
    }

    fn reset(&mut self) {
        *self = Self::new();
    }

    fn fork(&self) -> Box<dyn Patcher + Send> {
        Box::new(self.clone())
    }
}
