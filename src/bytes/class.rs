//! What sort of byte a byte is, as far as bytes alone say.

use serde::Serialize;

/// What sort of byte a byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ByteClass {
    /// Byte 0.
    Null,
    /// Another control character of ASCII that is no white space.
    Control,
    /// White space of ASCII: tab, line feed, vertical tab, form feed, carriage
    /// return, space.
    Space,
    /// A digit of ASCII.
    Digit,
    /// A letter of ASCII.
    Letter,
    /// Any other printed character of ASCII.
    Punctuation,
    /// A byte of a character beyond ASCII, in valid UTF-8.
    Character,
    /// A byte that is part of no valid UTF-8.
    Invalid,
}

impl ByteClass {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Null,
        Self::Control,
        Self::Space,
        Self::Digit,
        Self::Letter,
        Self::Punctuation,
        Self::Character,
        Self::Invalid,
    ];

    /// The class of a byte of ASCII.
    const fn of_ascii(byte: u8) -> Self {
        match byte {
            0 => Self::Null,
            b'\t'..=b'\r' | b' ' => Self::Space,
            b'0'..=b'9' => Self::Digit,
            b'A'..=b'Z' | b'a'..=b'z' => Self::Letter,
            byte if byte.is_ascii_control() => Self::Control,
            _ => Self::Punctuation,
        }
    }
}

/// The class of each byte of a text. A character that the end of the text cuts
/// is no valid one.
///
/// ```
/// use blt::bytes::{ByteClass, classes};
///
/// assert_eq!(
///     classes(b"a\xC3\xA9\xFF"),
///     [ByteClass::Letter, ByteClass::Character, ByteClass::Character, ByteClass::Invalid]
/// );
/// ```
#[must_use]
pub fn classes(text: &[u8]) -> Vec<ByteClass> {
    let mut classes = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        classes.extend(chunk.valid().bytes().map(|byte| match byte.is_ascii() {
            true => ByteClass::of_ascii(byte),
            false => ByteClass::Character,
        }));
        classes.extend(chunk.invalid().iter().map(|_| ByteClass::Invalid));
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_a_class() {
        let all: Vec<u8> = (0..=255).collect();
        let found = classes(&all);
        let count = |class| found.iter().filter(|found| **found == class).count();
        assert_eq!(
            ByteClass::ALL.map(count),
            [1, 27, 6, 10, 52, 32, 0, 128],
            "{found:?}"
        );
        assert_eq!(classes("한".as_bytes()), [ByteClass::Character; 3]);
        assert_eq!(classes(b"\xed\x95"), [ByteClass::Invalid; 2]);
        assert!(classes(b"").is_empty());
    }
}
