//! An upper bound on the length of patches, on top of any rule.

use super::{Known, Patcher};

/// Starts a patch where the wrapped rule does, and wherever the open patch
/// already has the greatest allowed length.
///
/// The bound is applied after the rule, which never learns of it; the length
/// counts from the start of the open patch, whoever started it, and the byte to
/// come counts as any other (the published semantics, which keep the patches of
/// a prefix the prefix of the patches).
#[derive(Clone, Debug)]
pub struct MaxLength {
    inner: Box<dyn Patcher + Send>,
    max: u32,
    length: u32,
}

impl MaxLength {
    /// Bounds a rule to patches of at most `max` tokens; 0 counts as 1 (a
    /// [`super::Rule`] refuses it).
    #[must_use]
    pub fn new(inner: Box<dyn Patcher + Send>, max: u32) -> Self {
        Self {
            inner,
            max: max.max(1),
            length: 0,
        }
    }
}

impl Patcher for MaxLength {
    fn next_starts(&mut self, known: &Known) -> bool {
        self.length += 1;
        let starts = self.inner.next_starts(known) || self.length >= self.max;
        if starts {
            self.length = 0;
        }
        starts
    }

    fn reset(&mut self) {
        self.inner.reset();
        self.length = 0;
    }

    fn needs_entropy(&self) -> bool {
        self.inner.needs_entropy()
    }

    fn needs_best(&self) -> bool {
        self.inner.needs_best()
    }

    fn fork(&self) -> Box<dyn Patcher + Send> {
        Box::new(self.clone())
    }
}
