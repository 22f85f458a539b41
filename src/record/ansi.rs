//! A terminal with colours: entropy as the heat of the background.

use std::io::{self, Write};

use super::glyph::{Glyph, Glyphs};
use super::{ByteRecord, RecordWriter};
use crate::bytes::Piece;

/// The colours of entropy from 0 to [`HEAT_TOP`], evenly spaced: sixteen steps
/// of viridis, which rises evenly in lightness and reads without colour vision.
pub const HEAT: [[u8; 3]; 16] = [
    [0x44, 0x01, 0x54],
    [0x48, 0x1A, 0x6C],
    [0x47, 0x2F, 0x7D],
    [0x41, 0x44, 0x87],
    [0x39, 0x56, 0x8C],
    [0x31, 0x68, 0x8E],
    [0x2A, 0x78, 0x8E],
    [0x23, 0x88, 0x8E],
    [0x1F, 0x98, 0x8B],
    [0x22, 0xA8, 0x84],
    [0x35, 0xB7, 0x79],
    [0x54, 0xC5, 0x68],
    [0x7A, 0xD1, 0x51],
    [0xA5, 0xDB, 0x36],
    [0xD2, 0xE2, 0x1B],
    [0xFD, 0xE7, 0x25],
];

/// The entropy, in nats, from which on the heat is greatest. Text rarely goes
/// beyond it; the most a byte-level model can say is ln 260 = 5.56.
pub const HEAT_TOP: f32 = 4.0;

/// From this step on the background is light enough for black letters.
const BLACK_FROM: usize = 8;

/// Writes a text for a terminal with true colours.
///
/// The background of a character is the greatest entropy of its bytes on the
/// scale of [`HEAT`] (none without entropies), and a `│` stands before every
/// patch, so that colour never carries the patches alone. Line feeds are shown
/// as `↵`, and colours never run over the end of a line. What cannot be shown
/// is written as in [`Brackets`](super::Brackets); brackets and backslashes
/// stand for themselves. The next byte is not shown.
#[derive(Debug)]
pub struct Ansi<W> {
    out: W,
    glyphs: Glyphs,
    line: Line,
}

/// Where the writer is: the colour of the terminal, and whether the line has begun.
#[derive(Debug, Default)]
struct Line {
    heat: Option<usize>,
    begun: bool,
}

impl<W: Write> Ansi<W> {
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
    fn paint(&mut self, out: &mut impl Write, heat: Option<usize>) -> io::Result<()> {
        if self.heat == heat {
            return Ok(());
        }
        self.heat = heat;
        match heat.and_then(|step| Some((step, HEAT.get(step)?))) {
            Some((step, [r, g, b])) => {
                let ink = if step >= BLACK_FROM { 0 } else { 255 };
                write!(out, "\x1b[38;2;{ink};{ink};{ink};48;2;{r};{g};{b}m")
            }
            None => out.write_all(b"\x1b[0m"),
        }
    }

    fn glyph(&mut self, out: &mut impl Write, glyph: Glyph) -> io::Result<()> {
        if glyph.start {
            self.paint(out, None)?;
            write!(out, "│")?;
        }
        self.begun = true;
        self.paint(out, glyph.entropy.and_then(step))?;
        match glyph.piece {
            Piece::Char('\n') => {
                write!(out, "↵")?;
                self.end(out)
            }
            Piece::Char('\t') => out.write_all(b"\\t"),
            Piece::Char('\r') => out.write_all(b"\\r"),
            Piece::Char(c) => write!(out, "{c}"),
            Piece::Invalid(byte) => write!(out, "\\x{byte:02X}"),
        }
    }

    fn end(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.paint(out, None)?;
        self.begun = false;
        out.write_all(b"\n")
    }
}

/// The step of the colour scale of an entropy in nats.
fn step(entropy: f32) -> Option<usize> {
    let above = |step: &u8| entropy >= f32::from(*step) * HEAT_TOP / 16.0;
    (!entropy.is_nan()).then(|| (1..16).take_while(above).count())
}

impl<W: Write> RecordWriter for Ansi<W> {
    fn write(&mut self, record: &ByteRecord) -> io::Result<()> {
        let Self { out, glyphs, line } = self;
        glyphs.push(record, |glyph| line.glyph(out, glyph))
    }

    fn finish(&mut self) -> io::Result<()> {
        let Self { out, glyphs, line } = self;
        glyphs.finish(|glyph| line.glyph(out, glyph))?;
        if line.begun {
            line.end(out)?;
        }
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of WCAG 2.
    fn luminance(rgb: [u8; 3]) -> f64 {
        let [r, g, b] = rgb.map(|v| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 {
                v / 12.92
            } else {
                ((v + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    #[test]
    fn the_scale_gets_lighter_and_letters_can_be_read() {
        for pair in HEAT.windows(2) {
            assert!(luminance(pair[0]) < luminance(pair[1]));
        }
        for (step, &colour) in HEAT.iter().enumerate() {
            let ground = luminance(colour) + 0.05;
            let contrast = if step >= BLACK_FROM {
                ground / 0.05
            } else {
                1.05 / ground
            };
            assert!(contrast > 4.0, "step {step}: {contrast}");
        }
    }

    #[test]
    fn entropies_fall_into_steps() {
        for (entropy, expected) in [
            (-1.0, 0),
            (0.0, 0),
            (0.24, 0),
            (0.25, 1),
            (3.99, 15),
            (9.0, 15),
        ] {
            assert_eq!(step(entropy), Some(expected), "{entropy}");
        }
        assert_eq!(step(f32::NAN), None);
    }
}
