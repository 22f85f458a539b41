//! The characters among bytes of any kind, and which bytes each is made of.

use std::ops::Range;

/// A character and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    /// Its first byte.
    pub(super) at: u64,
    /// How many bytes it has.
    pub(super) bytes: u8,
    /// `None` for a byte that is part of no character, or of one without a picture.
    pub(super) character: Option<char>,
}

/// What stands for bytes without a picture.
pub(super) const DOT: char = '·';

/// Bytes of a character that may be before the first or behind the last byte that
/// shows.
pub(super) const MARGIN: u64 = 3;

/// The letters of bytes that begin at a place. The first [`MARGIN`] bytes may be
/// the rest of a character, which is not seen then.
pub(super) fn letters(bytes: &[u8], first: u64) -> Vec<Letter> {
    let mut letters = Vec::with_capacity(bytes.len());
    let mut at = first;
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            let length = character.len_utf8();
            #[expect(clippy::cast_possible_truncation, reason = "at most four")]
            letters.push(Letter {
                at,
                bytes: length as u8,
                character: Some(character).filter(|c| !c.is_control()),
            });
            at += length as u64;
        }
        for _ in chunk.invalid() {
            letters.push(Letter {
                at,
                bytes: 1,
                character: None,
            });
            at += 1;
        }
    }
    letters
}

/// The letter that a byte belongs to.
pub(super) fn letter_at(letters: &[Letter], byte: u64) -> Option<&Letter> {
    let behind = letters.partition_point(|letter| letter.at <= byte);
    letters
        .get(behind.checked_sub(1)?)
        .filter(|letter| byte < letter.at + u64::from(letter.bytes))
}

/// The row and the columns where a letter is drawn: where most of its bytes are,
/// the first row of two that have as many.
pub(super) fn place(letter: &Letter, per_row: u64) -> (u64, Range<u64>) {
    let end = letter.at + u64::from(letter.bytes);
    let (row, column) = (letter.at / per_row, letter.at % per_row);
    let here = (per_row - column).min(end - letter.at);
    let there = end - letter.at - here;
    match there > here {
        true => (row + 1, 0..there),
        false => (row, column..column + here),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn every_byte_belongs_to_one_letter() {
        let bytes = [b"a\xFF\n".as_slice(), "한é🙂".as_bytes(), b"\xED\x95"].concat();
        let found = letters(&bytes, 1 << 40);
        let shown: Vec<(u64, u8, Option<char>)> = found
            .iter()
            .map(|letter| (letter.at - (1 << 40), letter.bytes, letter.character))
            .collect();
        let expected = [
            (0, 1, Some('a')),
            (1, 1, None),
            (2, 1, None),
            (3, 3, Some('한')),
            (6, 2, Some('é')),
            (8, 4, Some('🙂')),
            (12, 1, None),
            (13, 1, None),
        ];
        assert_eq!(shown, expected);
        assert_eq!(
            letter_at(&found, (1 << 40) + 5).unwrap().character,
            Some('한')
        );
        assert_eq!(letter_at(&found, (1 << 40) + 14), None);
        assert_eq!(letter_at(&found, 3), None);
    }

    #[test]
    fn a_piece_that_begins_within_a_character_finds_the_next() {
        let text = "각한글".as_bytes();
        for skipped in 1..3 {
            let found = letters(&text[skipped..], skipped as u64);
            let first = found.iter().find(|letter| letter.at >= MARGIN).unwrap();
            assert_eq!((first.at, first.character), (3, Some('한')));
        }
    }

    #[test]
    fn a_letter_stands_where_most_of_its_bytes_are() {
        let letter = |at, bytes| Letter {
            at,
            bytes,
            character: Some('x'),
        };
        assert_eq!(place(&letter(5, 3), 16), (0, 5..8));
        assert_eq!(place(&letter(13, 3), 16), (0, 13..16));
        assert_eq!(place(&letter(14, 3), 16), (0, 14..16));
        assert_eq!(place(&letter(15, 3), 16), (1, 0..2));
        assert_eq!(place(&letter(14, 4), 16), (0, 14..16));
        assert_eq!(place(&letter(31, 4), 16), (2, 0..3));
    }
}
