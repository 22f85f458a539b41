//! The ids that may come next.

use crate::bytes::{EOS, OFFSET, VOCAB, id_of};

/// The ids that may come next. Of the special ones only [`EOS`] ever can: BOE,
/// BOS and the delimiter are part of no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    ids: [bool; VOCAB as usize],
}

impl Allowed {
    /// Every byte, and the end of the text.
    #[must_use]
    pub fn all() -> Self {
        Self::bytes(|_| true).with_end(true)
    }

    /// The bytes that `may` come next, and not the end of the text.
    #[must_use]
    pub fn bytes(may: impl Fn(u8) -> bool) -> Self {
        let mut ids = [false; VOCAB as usize];
        for (byte, slot) in (0..=255_u8).zip(ids.iter_mut().skip(OFFSET as usize)) {
            *slot = may(byte);
        }
        Self { ids }
    }

    /// The same bytes, and whether the text may end here.
    #[must_use]
    pub fn with_end(mut self, end: bool) -> Self {
        if let Some(slot) = self.ids.get_mut(EOS as usize) {
            *slot = end;
        }
        self
    }

    /// Whether an id may come next; what is no id may not.
    #[must_use]
    pub fn has(&self, id: u32) -> bool {
        usize::try_from(id)
            .ok()
            .and_then(|id| self.ids.get(id))
            .is_some_and(|allowed| *allowed)
    }

    /// Whether a byte may come next.
    #[must_use]
    pub fn has_byte(&self, byte: u8) -> bool {
        self.has(id_of(byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::{BOE, BOS, DELIMITER};

    #[test]
    fn special_ids_are_never_allowed_but_the_end() {
        let all = Allowed::all();
        let count = (0..VOCAB).filter(|id| all.has(*id)).count();
        assert_eq!(count, 257);
        for id in [BOE, BOS, DELIMITER, VOCAB, u32::MAX] {
            assert!(!all.has(id));
        }
        assert!(all.has(EOS) && !all.clone().with_end(false).has(EOS));
        let letters = Allowed::bytes(|byte| byte.is_ascii_lowercase());
        assert_eq!((0..VOCAB).filter(|id| letters.has(*id)).count(), 26);
        assert!(letters.has_byte(b'q') && !letters.has_byte(b'Q'));
    }
}
