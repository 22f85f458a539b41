//! An SVG figure: the entropy curve over the text, as in the paper's figure 4.

mod draw;
mod figure;

use std::io::{self, Write};

use super::glyph::{Glyph, Glyphs};
use super::{ByteRecord, RecordWriter, Summary};
use crate::bytes::Piece;
use figure::Figure;

/// The most bytes of text that a figure holds.
pub const SVG_MAX_BYTES: u64 = 8192;

/// What a figure shows besides the records.
#[derive(Clone, Debug, PartialEq)]
pub struct SvgOptions {
    /// The heading, also the title for screen readers.
    pub title: String,
    /// The entropy threshold in nats, drawn as a horizontal line.
    pub threshold: Option<f32>,
    /// The bytes in a row, 80 by default; at least 8 are used.
    pub row_bytes: usize,
}

impl Default for SvgOptions {
    fn default() -> Self {
        Self {
            title: "Entropy of the next byte".into(),
            threshold: None,
            row_bytes: 80,
        }
    }
}

/// Draws the figure of a text of at most [`SVG_MAX_BYTES`] bytes.
///
/// Every byte has a slot with a point at the entropy of its prediction; a grey
/// line stands at the left edge of the bytes that start a patch. Characters are
/// written once across the slots of their bytes; spaces and line feeds as thin
/// marks; what cannot be shown as `\xNN`. A line through a character says that a
/// patch starts at one of its later bytes. The next byte has a hollow point and an ellipsis at the end. Without
/// entropies only the text and the patches are drawn.
///
/// The records are collected, and the figure is written by
/// [`finish`](RecordWriter::finish).
#[derive(Debug)]
pub struct Svg<W> {
    out: W,
    options: SvgOptions,
    glyphs: Glyphs,
    cells: Vec<Cell>,
    // By byte, that of the next byte last.
    entropies: Vec<Option<f32>>,
    starts: Vec<bool>,
    summary: Summary,
    to_come: Option<ByteRecord>,
}

/// A glyph and the bytes it takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    piece: Piece,
    /// Its first byte.
    at: usize,
    /// Its bytes.
    len: usize,
}

impl<W: Write> Svg<W> {
    /// A writer into a sink.
    pub fn new(out: W, options: SvgOptions) -> Self {
        Self {
            out,
            options,
            glyphs: Glyphs::whole(),
            cells: Vec::new(),
            entropies: Vec::new(),
            starts: Vec::new(),
            summary: Summary::default(),
            to_come: None,
        }
    }
}

fn add(cells: &mut Vec<Cell>, glyph: Glyph) {
    let at = cells.last().map_or(0, |cell| cell.at + cell.len);
    let Glyph { piece, .. } = glyph;
    cells.push(Cell {
        piece,
        at,
        len: piece.len_utf8(),
    });
}

impl<W: Write> RecordWriter for Svg<W> {
    fn write(&mut self, record: &ByteRecord) -> io::Result<()> {
        if record.byte.is_some() && self.summary.bytes() == SVG_MAX_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "a figure holds at most {SVG_MAX_BYTES} bytes of text; longer ones can be written as jsonl or csv"
                ),
            ));
        }
        self.summary.add(record);
        if record.byte.is_some() {
            self.entropies.push(record.entropy);
            self.starts.push(record.start);
        } else {
            self.to_come = Some(*record);
        }
        let cells = &mut self.cells;
        self.glyphs.push(record, |glyph| {
            add(cells, glyph);
            Ok(())
        })
    }

    fn finish(&mut self) -> io::Result<()> {
        let cells = &mut self.cells;
        self.glyphs.finish(|glyph| {
            add(cells, glyph);
            Ok(())
        })?;
        let figure = Figure::new(
            &self.options,
            &self.cells,
            &self.entropies,
            &self.starts,
            self.to_come,
            &self.summary,
        );
        figure.write(&mut self.out)?;
        self.out.flush()
    }
}
