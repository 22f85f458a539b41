//! Patches of a fixed number of bytes (paper, section 2.1, "strided"; MegaByte).

use super::{Known, Patcher};

/// A patch starts every `size` bytes, counted from the first byte; BOS is a
/// patch of its own as everywhere (the published code reaches the same by
/// prepending `size - 1` BOE tokens).
#[derive(Clone, Debug)]
pub struct Static {
    size: u32,
    length: u32,
}

impl Static {
    /// The rule with the bytes per patch; a size of 0 counts as 1 (a [`super::Rule`] refuses it).
    #[must_use]
    pub const fn new(size: u32) -> Self {
        let size = if size == 0 { 1 } else { size };
        // BOS stands for the last byte of a patch that precedes the text.
        Self {
            size,
            length: size - 1,
        }
    }
}

impl Patcher for Static {
    fn next_starts(&mut self, _: &Known) -> bool {
        self.length += 1;
        let full = self.length == self.size;
        if full {
            self.length = 0;
        }
        full
    }

    fn reset(&mut self) {
        *self = Self::new(self.size);
    }

    fn fork(&self) -> Box<dyn Patcher + Send> {
        Box::new(self.clone())
    }
}
