//! What is shown of a text: whole characters that lie inside one patch, and
//! single bytes.

use std::collections::VecDeque;
use std::io;

use super::ByteRecord;
use crate::bytes::{Piece, Utf8};

/// A character or a byte of a text, and what is known about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Glyph {
    /// The character, or a byte that belongs to none within its patch.
    pub(super) piece: Piece,
    /// Whether a patch starts here.
    pub(super) start: bool,
    /// The greatest entropy among its bytes, in nats.
    pub(super) entropy: Option<f32>,
}

/// Puts records together into glyphs. A character whose bytes lie in two
/// patches comes out as bytes, unless characters are kept whole.
#[derive(Clone, Debug, Default)]
pub(super) struct Glyphs {
    utf8: Utf8,
    // Start and entropy of the bytes held back, at most four.
    held: VecDeque<(bool, Option<f32>)>,
    whole: bool,
}

impl Glyphs {
    /// Keeps characters whole even where a patch starts inside one.
    pub(super) fn whole() -> Self {
        Self {
            whole: true,
            ..Self::default()
        }
    }

    /// Takes a record and emits the glyphs it settles. The record of the byte
    /// to come ends the text.
    pub(super) fn push(
        &mut self,
        record: &ByteRecord,
        mut emit: impl FnMut(Glyph) -> io::Result<()>,
    ) -> io::Result<()> {
        if (record.start && !self.whole) || record.byte.is_none() {
            self.finish(&mut emit)?;
        }
        let Some(byte) = record.byte else {
            return Ok(());
        };
        self.held.push_back((record.start, record.entropy));
        let pieces = self.utf8.push(byte);
        self.settle(pieces, emit)
    }

    /// Emits what is still held back.
    pub(super) fn finish(&mut self, emit: impl FnMut(Glyph) -> io::Result<()>) -> io::Result<()> {
        let pieces = self.utf8.finish();
        self.settle(pieces, emit)
    }

    fn settle(
        &mut self,
        pieces: impl Iterator<Item = Piece>,
        mut emit: impl FnMut(Glyph) -> io::Result<()>,
    ) -> io::Result<()> {
        for piece in pieces {
            // A control or invisible character is shown as its bytes.
            match piece {
                Piece::Char(c) if !shows(c) => {
                    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                        emit(self.glyph(Piece::Invalid(byte)))?;
                    }
                }
                piece => emit(self.glyph(piece))?,
            }
        }
        Ok(())
    }

    fn glyph(&mut self, piece: Piece) -> Glyph {
        let len = piece.len_utf8().min(self.held.len());
        let mut glyph = Glyph {
            piece,
            start: false,
            entropy: None,
        };
        for (start, entropy) in self.held.drain(..len) {
            glyph.start |= start;
            glyph.entropy = match (glyph.entropy, entropy) {
                (Some(a), Some(b)) => Some(a.max(b)),
                (a, b) => a.or(b),
            };
        }
        glyph
    }
}

/// Whether a character can stand for itself in any output: it is not a
/// control (line breaks and tabs, which every form knows, apart), no mark that
/// reorders or breaks the text around it, and allowed in XML.
fn shows(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => true,
        // Directional marks, embeddings and isolates; line and paragraph separators.
        '\u{061C}'
        | '\u{200E}'
        | '\u{200F}'
        | '\u{2028}'..='\u{202E}'
        | '\u{2066}'..='\u{2069}' => false,
        // The byte order mark, and two that are no characters.
        '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}' => false,
        c => !c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;
    use crate::record::Recorder;

    fn glyphs(bytes: &[u8], starts: &[usize]) -> Vec<(Piece, bool)> {
        let (mut recorder, mut glyphs, mut out) =
            (Recorder::default(), Glyphs::default(), Vec::new());
        let mut emit = |glyph: Glyph| {
            out.push((glyph.piece, glyph.start));
            Ok(())
        };
        for (i, &byte) in bytes.iter().enumerate() {
            glyphs
                .push(
                    &recorder.byte(byte, None, None, starts.contains(&i)),
                    &mut emit,
                )
                .unwrap();
        }
        glyphs.finish(emit).unwrap();
        out
    }

    #[test]
    fn characters_are_whole_only_inside_a_patch() {
        use Piece::{Char, Invalid};
        assert_eq!(
            glyphs("é!".as_bytes(), &[0]),
            [(Char('é'), true), (Char('!'), false)]
        );
        assert_eq!(
            glyphs("é!".as_bytes(), &[0, 1]),
            [
                (Invalid(0xC3), true),
                (Invalid(0xA9), true),
                (Char('!'), false)
            ]
        );
        assert_eq!(glyphs(b"\x1B", &[0]), [(Invalid(0x1B), true)]);
        let marks = "\u{202E}".as_bytes();
        assert!(
            glyphs(marks, &[0])
                .iter()
                .all(|(piece, _)| matches!(piece, Invalid(_)))
        );
        assert_eq!(glyphs(marks, &[0]).len(), 3);
    }

    #[test]
    fn the_entropy_of_a_character_is_its_greatest() {
        let (mut recorder, mut glyphs) = (Recorder::default(), Glyphs::default());
        let mut out = Vec::new();
        for (byte, entropy) in "한".bytes().zip([Some(0.5), Some(2.0), None]) {
            let record = recorder.byte(byte, entropy, None, false);
            glyphs
                .push(&record, |glyph| {
                    out.push(glyph);
                    Ok(())
                })
                .unwrap();
        }
        assert_eq!(
            out,
            [Glyph {
                piece: Piece::Char('한'),
                start: false,
                entropy: Some(2.0)
            }]
        );
    }
}
