//! Patches in brackets: `[Daen][erys]`.

use std::io::{self, Write};

use super::glyph::{Glyph, Glyphs};
use super::{ByteRecord, RecordWriter};
use crate::bytes::Piece;
use crate::{Error, Result};

/// Writes each patch of a text in brackets, reversibly.
///
/// * `[`, `]` and `\` of the text are written `\[`, `\]` and `\\`.
/// * A line feed is written `\n`, a tab `\t`, a carriage return `\r`. After
///   each `\n`, or after the bracket that closes its patch, the output goes on
///   in a new line, so that it has the lines of the text; that line break
///   itself stands for nothing.
/// * Other control characters, marks that change the direction of the text,
///   invalid UTF-8 and characters cut by a patch boundary are written byte by
///   byte, as `\x` and two upper-case hexadecimal digits.
/// * Everything else stands for itself.
///
/// The next byte is not shown. [`decode_brackets`] gives the bytes back.
#[derive(Debug)]
pub struct Brackets<W> {
    out: W,
    glyphs: Glyphs,
    line: Line,
}

/// Where the writer is.
#[derive(Debug, Default)]
struct Line {
    open: bool,
    broken: bool,
}

impl<W: Write> Brackets<W> {
    /// A writer into a sink.
    pub fn new(out: W) -> Self {
        Self {
            out,
            glyphs: Glyphs::default(),
            line: Line::default(),
        }
    }
}

impl Line {
    fn glyph(&mut self, out: &mut impl Write, glyph: Glyph) -> io::Result<()> {
        if glyph.start && std::mem::take(&mut self.open) {
            out.write_all(b"]")?;
        }
        if std::mem::take(&mut self.broken) {
            out.write_all(b"\n")?;
        }
        if !std::mem::replace(&mut self.open, true) {
            out.write_all(b"[")?;
        }
        match glyph.piece {
            Piece::Char('\n') => {
                self.broken = true;
                out.write_all(b"\\n")
            }
            Piece::Char('\t') => out.write_all(b"\\t"),
            Piece::Char('\r') => out.write_all(b"\\r"),
            Piece::Char(c @ ('[' | ']' | '\\')) => write!(out, "\\{c}"),
            Piece::Char(c) => write!(out, "{c}"),
            Piece::Invalid(byte) => write!(out, "\\x{byte:02X}"),
        }
    }
}

impl<W: Write> RecordWriter for Brackets<W> {
    fn write(&mut self, record: &ByteRecord) -> io::Result<()> {
        let Self { out, glyphs, line } = self;
        glyphs.push(record, |glyph| line.glyph(out, glyph))
    }

    fn finish(&mut self) -> io::Result<()> {
        let Self { out, glyphs, line } = self;
        glyphs.finish(|glyph| line.glyph(out, glyph))?;
        out.write_all(if std::mem::take(&mut line.open) {
            b"]\n"
        } else {
            b"\n"
        })?;
        out.flush()
    }
}

/// Reads what [`Brackets`] has written: the bytes of each patch.
///
/// # Errors
///
/// [`Error::Argument`] with the place of what is no such text.
pub fn decode_brackets(text: &str) -> Result<Vec<Vec<u8>>> {
    let mut patches: Vec<Vec<u8>> = Vec::new();
    let mut open = false;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        let wrong =
            |what: &str| Error::Argument(format!("byte {at} of the bracketed text is {what}"));
        let byte = match c {
            '\n' | '\r' => continue,
            '[' if !open => {
                open = true;
                patches.push(Vec::new());
                continue;
            }
            ']' if open => {
                open = false;
                continue;
            }
            '[' | ']' => return Err(wrong("a bracket without its counterpart")),
            _ if !open => return Err(wrong("outside of all brackets")),
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('n') => b'\n',
                Some('t') => b'\t',
                Some('r') => b'\r',
                Some('[') => b'[',
                Some(']') => b']',
                Some('\\') => b'\\',
                Some('x') => {
                    let mut digit = || chars.next().and_then(|(_, c)| c.to_digit(16));
                    let value = digit().zip(digit()).map(|(high, low)| high * 16 + low);
                    value
                        .and_then(|value| u8::try_from(value).ok())
                        .ok_or_else(|| wrong("an \\x without two hexadecimal digits"))?
                }
                _ => return Err(wrong("a backslash before nothing it could escape")),
            },
            c => {
                let mut utf8 = [0; 4];
                patches
                    .last_mut()
                    .into_iter()
                    .for_each(|patch| patch.extend(c.encode_utf8(&mut utf8).bytes()));
                continue;
            }
        };
        patches
            .last_mut()
            .into_iter()
            .for_each(|patch| patch.push(byte));
    }
    if open {
        return Err(Error::Argument(
            "the bracketed text ends inside a patch".into(),
        ));
    }
    Ok(patches)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn what_is_not_bracketed_is_refused() {
        for (text, word) in [
            ("a", "byte 0 of the bracketed text is outside"),
            ("[a", "ends inside"),
            ("[a]]", "byte 3 of the bracketed text is a bracket"),
            ("[[a]", "byte 1 of the bracketed text is a bracket"),
            ("[\\q]", "byte 1 of the bracketed text is a backslash"),
            ("[\\x4]", "byte 1 of the bracketed text is an \\x"),
            ("[\\", "byte 1 of the bracketed text is a backslash"),
        ] {
            let error = decode_brackets(text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
        assert!(decode_brackets("\n").unwrap().is_empty());
        assert_eq!(
            decode_brackets("[a\\n]\r\n[\\x0a]\n").unwrap(),
            [b"a\n".to_vec(), b"\n".to_vec()]
        );
    }
}
