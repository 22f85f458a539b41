//! Well-formed UTF-8: which bytes may follow, and what to show in place of
//! those that cannot be.

use super::Allowed;

/// What becomes of bytes that are no UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Utf8Mode {
    /// Nothing: the bytes are given as they come.
    #[default]
    Raw,
    /// They are shown as U+FFFD; the model still sees what it chose.
    Replace,
    /// They are never chosen.
    Constrain,
}

/// Where in a character a text of UTF-8 stands (RFC 3629: no overlong forms, no
/// surrogates, nothing above U+10FFFF).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utf8State {
    /// The bytes that the character still needs.
    needed: u8,
    /// The least and the largest byte that may come next if any is needed.
    next: (u8, u8),
}

const CONTINUATION: (u8, u8) = (0x80, 0xBF);

impl Default for Utf8State {
    /// Between two characters.
    fn default() -> Self {
        Self {
            needed: 0,
            next: CONTINUATION,
        }
    }
}

impl Utf8State {
    /// Where a text stands after its last byte, whatever was wrong before.
    #[must_use]
    pub fn after(text: &[u8]) -> Self {
        let mut state = Self::default();
        for byte in text {
            // What breaks a character may begin the next.
            state = state
                .step(*byte)
                .or_else(|| Self::default().step(*byte))
                .unwrap_or_default();
        }
        state
    }

    /// Takes a byte; `None` if the text is then not well-formed.
    #[must_use]
    pub fn step(self, byte: u8) -> Option<Self> {
        let (needed, next) = match (self.needed, byte) {
            (0, 0x00..=0x7F) => (0, CONTINUATION),
            (0, 0xC2..=0xDF) => (1, CONTINUATION),
            (0, 0xE0) => (2, (0xA0, 0xBF)),
            (0, 0xED) => (2, (0x80, 0x9F)),
            (0, 0xE1..=0xEF) => (2, CONTINUATION),
            (0, 0xF0) => (3, (0x90, 0xBF)),
            (0, 0xF1..=0xF3) => (3, CONTINUATION),
            (0, 0xF4) => (3, (0x80, 0x8F)),
            (0, _) => return None,
            (needed, byte) if (self.next.0..=self.next.1).contains(&byte) => {
                (needed - 1, CONTINUATION)
            }
            _ => return None,
        };
        Some(Self { needed, next })
    }

    /// The bytes that the character still needs; 0 between two characters.
    #[must_use]
    pub const fn needed(self) -> u64 {
        self.needed as u64
    }

    /// The ids that keep the text well-formed: the bytes that may follow and,
    /// between two characters, the end. A character is begun only if it can be
    /// ended within `room` bytes.
    #[must_use]
    pub fn allowed(self, room: u64) -> Allowed {
        let boundary = self.needed == 0;
        Allowed::bytes(|byte| {
            self.step(byte)
                .is_some_and(|after| !boundary || after.needed() < room)
        })
        .with_end(boundary)
    }
}

/// Bytes on their way to a reader who wants text: what is no UTF-8 becomes
/// U+FFFD, one per maximal part of a character, as `String::from_utf8_lossy`
/// does; an incomplete character waits for its last byte.
#[derive(Clone, Debug, Default)]
pub struct Utf8Text {
    state: Utf8State,
    held: Vec<u8>,
}

const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();

impl Utf8Text {
    /// Takes a byte and appends what it settles.
    pub fn push(&mut self, byte: u8, out: &mut Vec<u8>) {
        let state = match self.state.step(byte) {
            Some(state) => Some(state),
            None => {
                self.finish(out);
                self.state.step(byte)
            }
        };
        match state {
            None => out.extend_from_slice(REPLACEMENT),
            Some(state) => {
                self.state = state;
                self.held.push(byte);
                if state.needed == 0 {
                    out.append(&mut self.held);
                }
            }
        }
    }

    /// Appends U+FFFD for a character that will not be completed.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.held.is_empty() {
            out.extend_from_slice(REPLACEMENT);
            self.held.clear();
        }
        self.state = Utf8State::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::{BOE, BOS, DELIMITER, EOS};

    fn state(bytes: &[u8]) -> Option<Utf8State> {
        bytes
            .iter()
            .try_fold(Utf8State::default(), |state, byte| state.step(*byte))
    }

    /// The standard library's opinion: can the bytes be continued, and are they whole?
    fn opinion(bytes: &[u8]) -> (bool, bool) {
        match std::str::from_utf8(bytes) {
            Ok(_) => (true, true),
            Err(error) => (error.error_len().is_none(), false),
        }
    }

    #[test]
    fn all_triples_agree_with_the_standard_library() {
        let agree = |bytes: &[u8]| {
            let found = state(bytes);
            let found = (found.is_some(), found.is_some_and(|s| s.needed() == 0));
            assert_eq!(found, opinion(bytes), "{bytes:x?}");
        };
        for a in 0..=255 {
            agree(&[a]);
            for b in 0..=255 {
                agree(&[a, b]);
                for c in 0..=255 {
                    agree(&[a, b, c]);
                }
            }
        }
    }

    #[test]
    fn all_four_byte_characters_agree_with_the_standard_library() {
        for a in 0xEF..=0xFF {
            for b in 0x70..=0xC1 {
                for c in [0x00, 0x7F, 0x80, 0xA5, 0xBF, 0xC0, 0xFF] {
                    for d in [0x00, 0x7F, 0x80, 0xA5, 0xBF, 0xC0, 0xFF] {
                        let bytes = [a, b, c, d];
                        let found = state(&bytes);
                        let found = (found.is_some(), found.is_some_and(|s| s.needed() == 0));
                        assert_eq!(found, opinion(&bytes), "{bytes:x?}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_text_may_end_only_between_characters() {
        for text in ["", "a", "é", "한", "😀"] {
            assert!(Utf8State::after(text.as_bytes()).allowed(9).has(EOS));
            for cut in 1..text.len() {
                let allowed = Utf8State::after(&text.as_bytes()[..cut]).allowed(9);
                assert!(!allowed.has(EOS) && !allowed.has_byte(b'a'));
                assert!(allowed.has_byte(text.as_bytes()[cut]));
            }
        }
        let allowed = Utf8State::default().allowed(9);
        assert!([BOE, BOS, DELIMITER].iter().all(|id| !allowed.has(*id)));
    }

    #[test]
    fn a_character_is_begun_only_if_it_fits() {
        let first = |room| {
            let allowed = Utf8State::default().allowed(room);
            [b'a', 0xC3, 0xED, 0xF0].map(|byte| allowed.has_byte(byte))
        };
        assert_eq!(first(1), [true, false, false, false]);
        assert_eq!(first(2), [true, true, false, false]);
        assert_eq!(first(3), [true, true, true, false]);
        assert_eq!(first(4), [true, true, true, true]);
        // One that was begun before may go on.
        assert!(Utf8State::after(b"\xE2").allowed(1).has_byte(0x82));
    }

    #[test]
    fn a_broken_prompt_is_followed_by_whole_characters() {
        for text in [
            &b"\xFF"[..],
            b"\xE2A",
            b"\x80",
            b"\xF0\x9F\xFF",
            b"\xED\xA0",
        ] {
            assert_eq!(Utf8State::after(text), Utf8State::default(), "{text:x?}");
        }
        assert_eq!(Utf8State::after(b"\xE2\xC3").needed(), 1);
        assert_eq!(Utf8State::after(b"\xFFok\xF0\x9F").needed(), 2);
    }

    #[test]
    fn replacement_is_that_of_the_standard_library() {
        use rand::{RngExt, SeedableRng};
        let mut rng = rand::rngs::StdRng::seed_from_u64(3);
        let interesting = [
            0x00, 0x41, 0x7F, 0x80, 0x90, 0xA0, 0xBF, 0xC0, 0xC2, 0xDF, 0xE0, 0xE2, 0xED, 0xEF,
            0xF0, 0xF3, 0xF4, 0xF5, 0xFF,
        ];
        for _ in 0..20_000 {
            let len = rng.random_range(0..9);
            let bytes: Vec<u8> = (0..len)
                .map(|_| interesting[rng.random_range(0..interesting.len())])
                .collect();
            let (mut text, mut out) = (Utf8Text::default(), Vec::new());
            bytes.iter().for_each(|byte| text.push(*byte, &mut out));
            text.finish(&mut out);
            assert_eq!(
                out,
                String::from_utf8_lossy(&bytes).as_bytes(),
                "{bytes:x?}"
            );
        }
    }
}
