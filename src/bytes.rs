//! Bytes and token ids, classes of bytes, and UTF-8 that arrives one byte at a time.
//!
//! A token is a byte or one of four special ids. Byte `b` has the id
//! `b + OFFSET`; there is no other vocabulary and no tokenizer file.

mod class;

use std::str;

pub use class::{ByteClass, classes};

/// Begin of example: the id that pads hash windows on the left and rows of a batch.
pub const BOE: u32 = 0;
/// Begin of sequence: the first token of every text, a patch of its own.
pub const BOS: u32 = 1;
/// End of sequence: the last token of a document.
pub const EOS: u32 = 2;
/// The delimiter that closes a patch under BPE patching; no byte of any text.
pub const DELIMITER: u32 = 3;
/// The id of byte 0; the id of byte `b` is `b + OFFSET`.
pub const OFFSET: u32 = 4;
/// The number of ids: 256 bytes and the four special ones.
pub const VOCAB: u32 = 260;

/// The id of a byte.
#[must_use]
pub const fn id_of(byte: u8) -> u32 {
    byte as u32 + OFFSET
}

/// The byte of an id, or `None` for the special ids and for what is no id at all.
#[must_use]
pub fn byte_of(id: u32) -> Option<u8> {
    u8::try_from(id.checked_sub(OFFSET)?).ok()
}

/// The ids of the bytes of a text, without special ids around them.
pub fn encode(bytes: &[u8]) -> impl ExactSizeIterator<Item = u32> + '_ {
    bytes.iter().map(|&byte| id_of(byte))
}

/// The ids of a prompt: [`BOS`], then the bytes.
#[must_use]
pub fn prompt(bytes: &[u8]) -> Vec<u32> {
    let mut ids = Vec::with_capacity(bytes.len() + 1);
    ids.push(BOS);
    ids.extend(encode(bytes));
    ids
}

/// The bytes of a sequence of ids; special ids vanish, every byte stays,
/// valid UTF-8 or not.
pub fn decode(ids: &[u32]) -> impl Iterator<Item = u8> + '_ {
    ids.iter().filter_map(|&id| byte_of(id))
}

/// What [`Utf8`] makes of the bytes it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A whole character.
    Char(char),
    /// A byte that belongs to no valid character.
    Invalid(u8),
}

impl Piece {
    /// The number of bytes the piece stands for.
    #[must_use]
    pub const fn len_utf8(self) -> usize {
        match self {
            Self::Char(c) => c.len_utf8(),
            Self::Invalid(_) => 1,
        }
    }
}

/// UTF-8 that arrives one byte at a time.
///
/// An incomplete character is held back until its last byte arrives. Bytes
/// that can no longer become a character come out as [`Piece::Invalid`] at
/// once. Every byte comes out exactly once and in order, so the pieces can
/// always be turned back into the bytes.
///
/// ```
/// use blt::bytes::{Piece, Utf8};
///
/// let mut utf8 = Utf8::default();
/// assert_eq!(utf8.push(0xC3).count(), 0);
/// assert_eq!(utf8.push(0xA9).next(), Some(Piece::Char('é')));
/// assert_eq!(utf8.push(0xFF).next(), Some(Piece::Invalid(0xFF)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Utf8 {
    held: [u8; 4],
    len: usize,
}

impl Utf8 {
    /// Takes the next byte and returns what it settles: nothing while a
    /// character is incomplete, otherwise invalid bytes, then at most one character.
    pub fn push(&mut self, byte: u8) -> impl Iterator<Item = Piece> + use<> {
        // At most three bytes are held back, so there is always room for a fourth.
        if let Some(slot) = self.held.get_mut(self.len) {
            *slot = byte;
            self.len += 1;
        }
        let mut pieces = [None; 4];
        let mut count = 0;
        while self.len > 0 {
            let held = self.held.get(..self.len).unwrap_or_default();
            let (settled, invalid) = match str::from_utf8(held) {
                Ok(text) => {
                    let piece = text.chars().next().map(Piece::Char);
                    (piece, piece.map_or(0, Piece::len_utf8))
                }
                Err(error) => match error.error_len() {
                    None => break,
                    Some(_) => (held.first().map(|&byte| Piece::Invalid(byte)), 1),
                },
            };
            if let Some(slot) = pieces.get_mut(count) {
                *slot = settled;
                count += 1;
            }
            self.held.copy_within(invalid..self.len, 0);
            self.len -= invalid;
        }
        pieces.into_iter().flatten()
    }

    /// Gives up the bytes held back: no more of their character will come.
    pub fn finish(&mut self) -> impl Iterator<Item = Piece> + use<> {
        let len = std::mem::take(&mut self.len);
        self.held.into_iter().take(len).map(Piece::Invalid)
    }

    /// The bytes held back because their character is incomplete (at most three).
    #[must_use]
    pub fn held(&self) -> &[u8] {
        self.held.get(..self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(bytes: &[u8]) -> Vec<Piece> {
        let mut utf8 = Utf8::default();
        let mut out: Vec<Piece> = bytes.iter().flat_map(|&byte| utf8.push(byte)).collect();
        out.extend(utf8.finish());
        out
    }

    fn bytes_back(pieces: &[Piece]) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Char(c) => out.extend(c.encode_utf8(&mut [0; 4]).bytes()),
                Piece::Invalid(byte) => out.push(*byte),
            }
        }
        out
    }

    #[test]
    fn every_byte_has_an_id_and_comes_back() {
        for byte in 0..=255_u8 {
            assert_eq!(byte_of(id_of(byte)), Some(byte));
        }
        for special in [BOE, BOS, EOS, DELIMITER, VOCAB, u32::MAX] {
            assert_eq!(byte_of(special), None);
        }
        assert_eq!(id_of(255) + 1, VOCAB);
        assert_eq!(prompt(b"Da"), [1, 72, 101]);
        assert_eq!(decode(&[1, 72, 3, 101, 2]).collect::<Vec<_>>(), b"Da");
        assert_eq!(encode(b"abc").len(), 3);
    }

    #[test]
    fn characters_wait_for_their_last_byte() {
        let mut utf8 = Utf8::default();
        for &byte in &"한".as_bytes()[..2] {
            assert_eq!(utf8.push(byte).count(), 0);
        }
        assert_eq!(utf8.held(), &"한".as_bytes()[..2]);
        assert!(utf8.push("한".as_bytes()[2]).eq([Piece::Char('한')]));
        assert!(utf8.held().is_empty());
    }

    #[test]
    fn invalid_bytes_are_reported_and_the_rest_goes_on() {
        use Piece::{Char, Invalid};
        assert_eq!(
            pieces(b"\xF0\x9F\x98A"),
            [Invalid(0xF0), Invalid(0x9F), Invalid(0x98), Char('A')]
        );
        // The byte that breaks one character may begin the next one.
        assert_eq!(pieces(b"\xE2\xC3\xA9"), [Invalid(0xE2), Char('é')]);
        // Overlong forms, surrogates, beyond U+10FFFF, a lone continuation byte.
        for bad in [
            &b"\xC0\xAF"[..],
            b"\xED\xA0\x80",
            b"\xF4\x90\x80\x80",
            b"\x80",
        ] {
            assert!(pieces(bad).iter().all(|piece| matches!(piece, Invalid(_))));
            assert_eq!(bytes_back(&pieces(bad)), bad);
        }
        // The end of the text gives up what is held back.
        assert_eq!(pieces(b"\xE2\x82"), [Invalid(0xE2), Invalid(0x82)]);
    }

    #[test]
    fn no_byte_is_lost_and_valid_text_has_no_invalid_piece() {
        use rand::{RngExt, SeedableRng};
        let mut rng = rand::rngs::StdRng::seed_from_u64(7);
        for _ in 0..2000 {
            let len = rng.random_range(0..24);
            let bytes: Vec<u8> = (0..len)
                .map(|_| match rng.random_range(0..4) {
                    0 => rng.random_range(0..=0x7F),
                    1 => rng.random_range(0x80..=0xBF),
                    _ => rng.random_range(0xC0..=0xFF),
                })
                .collect();
            let got = pieces(&bytes);
            assert_eq!(bytes_back(&got), bytes);
            assert_eq!(
                got.iter().all(|piece| matches!(piece, Piece::Char(_))),
                str::from_utf8(&bytes).is_ok()
            );
        }
        for c in [
            '\0',
            '~',
            '\u{7ff}',
            '\u{800}',
            '\u{ffff}',
            '\u{10000}',
            '\u{10ffff}',
        ] {
            assert_eq!(pieces(c.to_string().as_bytes()), [Piece::Char(c)]);
        }
    }
}
