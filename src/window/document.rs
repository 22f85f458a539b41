//! A text as an editor holds it: characters, and the bytes that they stand for.
//!
//! An editor can only hold characters, a text can be any bytes. A byte that belongs
//! to no character is held as one of 128 private characters at the end of Unicode,
//! and turned back into its byte on the way out; what is in such a place in a text
//! already is held byte by byte the same way, so nothing is ever changed.

use std::ops::Range;

/// The first of the characters that stand for the bytes from 0x80 on.
const STANDS_FOR_80: u32 = 0x10_FF80;

/// The byte that a character of an editor stands for, if it is no character of the
/// text itself.
pub(crate) fn single_byte(character: char) -> Option<u8> {
    let offset = u32::from(character).checked_sub(STANDS_FOR_80)?;
    u8::try_from(offset + 0x80).ok()
}

/// How many bytes of the text a character of an editor stands for.
pub(crate) fn bytes_of(character: char) -> usize {
    match single_byte(character) {
        Some(_) => 1,
        None => character.len_utf8(),
    }
}

/// Bytes as an editor holds them.
pub(crate) fn to_editor(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if single_byte(character).is_some() {
                let mut buffer = [0; 4];
                let encoded = character.encode_utf8(&mut buffer);
                text.extend(encoded.bytes().map(stand_in));
            } else {
                text.push(character);
            }
        }
        text.extend(chunk.invalid().iter().copied().map(stand_in));
    }
    text
}

fn stand_in(byte: u8) -> char {
    match byte {
        0..0x80 => char::from(byte),
        _ => char::from_u32(STANDS_FOR_80 + u32::from(byte) - 0x80).unwrap_or('\u{FFFD}'),
    }
}

/// The bytes that the text of an editor stands for.
pub(crate) fn to_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match single_byte(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// The byte at which a character of the text of an editor begins.
pub(crate) fn byte_at(text: &str, character: usize) -> usize {
    text.chars().take(character).map(bytes_of).sum()
}

/// The character of the text of an editor that a byte belongs to; behind the last
/// for bytes behind the last.
pub(crate) fn character_at(text: &str, byte: usize) -> usize {
    let mut begin = 0;
    for (index, character) in text.chars().enumerate() {
        begin += bytes_of(character);
        if byte < begin {
            return index;
        }
    }
    text.chars().count()
}

/// A change of a text, made once and handed to all who hold the text or something of
/// each of its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edit {
    /// The byte that it begins at.
    pub(crate) at: usize,
    /// The bytes that stood there.
    pub(crate) gone: Vec<u8>,
    /// The bytes that stand there now.
    pub(crate) came: Vec<u8>,
}

impl Edit {
    /// What makes one text of another, `None` if they are equal.
    pub(crate) fn between(old: &[u8], new: &[u8]) -> Option<Self> {
        let prefix = old.iter().zip(new).take_while(|(a, b)| a == b).count();
        let (old, new) = (&old[prefix..], &new[prefix..]);
        let both = old.iter().rev().zip(new.iter().rev());
        let suffix = both.take_while(|(a, b)| a == b).count();
        let edit = Self {
            at: prefix,
            gone: old[..old.len() - suffix].to_vec(),
            came: new[..new.len() - suffix].to_vec(),
        };
        (!edit.gone.is_empty() || !edit.came.is_empty()).then_some(edit)
    }

    /// The places of the bytes that go, in the text before.
    pub(crate) fn gone(&self) -> Range<usize> {
        self.at..self.at + self.gone.len()
    }

    /// The places of the bytes that come, in the text after.
    pub(crate) fn came(&self) -> Range<usize> {
        self.at..self.at + self.came.len()
    }

    /// The way back.
    pub(crate) fn reversed(self) -> Self {
        Self {
            at: self.at,
            gone: self.came,
            came: self.gone,
        }
    }

    /// Whether a text holds what goes.
    pub(crate) fn fits(&self, text: &[u8]) -> bool {
        text.get(self.gone()) == Some(self.gone.as_slice())
    }

    /// Changes a text that it [`fits`](Self::fits), and no other.
    pub(crate) fn apply(&self, text: &mut Vec<u8>) {
        if !self.fits(text) {
            return;
        }
        text.splice(self.gone(), self.came.iter().copied());
    }

    /// A byte of the text before, of which only the text after is there.
    pub(crate) fn byte_before(&self, after: &[u8], at: usize) -> Option<u8> {
        if at < self.at {
            after.get(at).copied()
        } else if let Some(byte) = self.gone.get(at - self.at) {
            Some(*byte)
        } else {
            after.get(at - self.gone.len() + self.came.len()).copied()
        }
    }

    /// This edit and the one behind it as one, `None` if they cancel out. `after` is
    /// the text after both.
    pub(crate) fn then(&self, next: &Self, after: &[u8]) -> Option<Self> {
        // What either changes, in the text between them.
        let begin = self.at.min(next.at);
        let end = self.came().end.max(next.gone().end);
        let between: Vec<u8> = (begin..end)
            .filter_map(|at| next.byte_before(after, at))
            .collect();
        let (mut gone, mut came) = (between.clone(), between);
        Self {
            at: self.at - begin,
            ..self.clone().reversed()
        }
        .apply(&mut gone);
        Self {
            at: next.at - begin,
            ..next.clone()
        }
        .apply(&mut came);
        let edit = Self::between(&gone, &came)?;
        Some(Self {
            at: begin + edit.at,
            ..edit
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes: Vec<u8>) {
            let text = to_editor(&bytes);
            prop_assert_eq!(to_bytes(&text), bytes.clone());
            prop_assert_eq!(text.chars().map(bytes_of).sum::<usize>(), bytes.len());
        }

        #[test]
        fn any_text_comes_back(text: String) {
            prop_assert_eq!(to_bytes(&to_editor(text.as_bytes())), text.as_bytes());
        }

        #[test]
        fn a_difference_is_the_edit(
            old in proptest::collection::vec(0_u8..3, 0..12),
            new in proptest::collection::vec(0_u8..3, 0..12),
        ) {
            let Some(edit) = Edit::between(&old, &new) else {
                prop_assert_eq!(old, new);
                return Ok(());
            };
            prop_assert!(edit.fits(&old));
            prop_assert_eq!(&old[edit.gone()], &edit.gone);
            prop_assert_eq!(&new[edit.came()], &edit.came);
            for (at, byte) in old.iter().enumerate() {
                prop_assert_eq!(edit.byte_before(&new, at), Some(*byte));
            }
            let mut edited = old.clone();
            edit.apply(&mut edited);
            prop_assert_eq!(&edited, &new);
            edit.reversed().apply(&mut edited);
            prop_assert_eq!(edited, old);
        }

        #[test]
        fn two_edits_are_one(
            texts in proptest::array::uniform3(proptest::collection::vec(0_u8..3, 0..12)),
        ) {
            let [first, second, third] = &texts;
            let edits = Edit::between(first, second).zip(Edit::between(second, third));
            let Some((one, next)) = edits else {
                return Ok(());
            };
            let mut edited = first.clone();
            match one.then(&next, third) {
                Some(both) => {
                    prop_assert!(both.fits(&edited));
                    both.apply(&mut edited);
                }
                None => prop_assert_eq!(first, third),
            }
            prop_assert_eq!(&edited, third);
        }
    }

    #[test]
    fn the_private_characters_are_bytes_too() {
        let text = "\u{10FF80}a";
        let held = to_editor(text.as_bytes());
        assert_eq!(held.chars().count(), 5);
        assert_eq!(to_bytes(&held), text.as_bytes());
    }

    #[test]
    fn places_of_bytes_and_characters_agree() {
        let text = to_editor(b"a\xFF\xED\x95\x9C!");
        assert_eq!(text.chars().count(), 4);
        for (character, begin) in [0, 1, 2, 5].into_iter().enumerate() {
            assert_eq!(byte_at(&text, character), begin);
            assert_eq!(character_at(&text, begin), character);
        }
        assert_eq!(character_at(&text, 4), 2);
        assert_eq!(character_at(&text, 6), 4);
    }
}
