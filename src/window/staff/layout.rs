//! Where each byte of a laid-out text is.

use std::ops::Range;

use egui::{Galley, Pos2, Rect, pos2};

use crate::window::document::bytes_of;
use crate::window::theme::{self, Measures};

/// The slice of its character that belongs to a byte, as the shader reads it; in
/// points from where the text begins.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct Slot {
    /// Left edge.
    pub(crate) left: f32,
    /// Right edge.
    pub(crate) right: f32,
    /// The foot of its staff.
    pub(crate) foot: f32,
    /// The byte.
    pub(crate) byte: u32,
}

/// A line of letters below its staff.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    /// Its bytes.
    pub(crate) bytes: Range<usize>,
    /// From the left end of its first byte to the right end of its last.
    pub(crate) left: f32,
    /// See `left`.
    pub(crate) right: f32,
    /// Its upper edge.
    pub(crate) top: f32,
    /// The foot of its staff.
    pub(crate) foot: f32,
}

/// The places of all bytes of a text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    /// One for each byte, in order.
    pub(crate) slots: Vec<Slot>,
    /// From top to bottom.
    pub(crate) lines: Vec<Line>,
    /// How tall its parts are.
    pub(crate) measures: Measures,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            lines: Vec::new(),
            measures: theme::BARS,
        }
    }
}

/// A line feed takes up so much of a character's width.
const LINE_FEED: f32 = 0.6;

impl Layout {
    /// The places of the bytes of `text`, an editor's text, that was laid out
    /// character by character as `galley`.
    pub(crate) fn new(galley: &Galley, text: &str, measures: Measures) -> Self {
        let mut slots: Vec<Slot> = Vec::with_capacity(text.len());
        let mut lines = Vec::with_capacity(galley.rows.len());
        let mut characters = text.chars();
        let mut width = theme::STAFF_TEXT * 0.6;
        for row in &galley.rows {
            let foot = row.pos.y + measures.foot;
            let first = slots.len();
            let mut end = row.pos.x;
            let mut place = |bytes: usize, left: f32, right: f32| {
                #[expect(
                    clippy::cast_precision_loss,
                    clippy::cast_possible_truncation,
                    reason = "the bytes of a few characters; a text of the editor is far below 4 GiB"
                )]
                for index in 0..bytes {
                    let share = |index: usize| left + (right - left) * index as f32 / bytes as f32;
                    slots.push(Slot {
                        left: share(index),
                        right: share(index + 1),
                        foot,
                        byte: slots.len() as u32,
                    });
                }
            };
            // A mark has no width of its own, nor has what a ligature took in: the bytes
            // of such characters share the width of the one before.
            for glyphs in row.row.glyphs.chunk_by(|_, next| next.advance_width <= 0.0) {
                let bytes = characters.by_ref().take(glyphs.len()).map(bytes_of).sum();
                let left = row.pos.x + glyphs[0].pos.x;
                end = left + glyphs[0].advance_width;
                width = width.max(glyphs[0].advance_width.min(theme::STAFF_TEXT));
                place(bytes, left, end);
            }
            if row.ends_with_newline
                && let Some(character) = characters.next()
            {
                place(bytes_of(character), end, end + width * LINE_FEED);
                end += width * LINE_FEED;
            }
            lines.push(Line {
                bytes: first..slots.len(),
                left: row.pos.x,
                right: end,
                top: row.pos.y,
                foot,
            });
        }
        Self {
            slots,
            lines,
            measures,
        }
    }

    /// The bytes of the lines that a strip from `top` to `bottom` touches.
    pub(crate) fn visible(&self, top: f32, bottom: f32) -> (Range<usize>, Range<usize>) {
        let first = self
            .lines
            .partition_point(|line| line.top + self.measures.line < top);
        let last = self.lines.partition_point(|line| line.top < bottom);
        let lines = first..last.max(first);
        let bytes = match (
            self.lines.get(lines.start),
            self.lines.get(lines.end.wrapping_sub(1)),
        ) {
            (Some(first), Some(last)) if !lines.is_empty() => first.bytes.start..last.bytes.end,
            _ => 0..0,
        };
        (lines, bytes)
    }

    /// The byte at a place, in points from where the text begins.
    pub(crate) fn byte_at(&self, place: Pos2) -> Option<usize> {
        let index = self
            .lines
            .partition_point(|line| line.top + self.measures.line < place.y);
        let line = self.lines.get(index).filter(|line| place.y >= line.top)?;
        if place.x < line.left || place.x >= line.right {
            return None;
        }
        let slots = self.slots.get(line.bytes.clone())?;
        let at = slots.partition_point(|slot| slot.right <= place.x);
        (at < slots.len()).then_some(line.bytes.start + at)
    }

    /// The rectangle of a byte: its staff and its slice of the character.
    pub(crate) fn rectangle(&self, byte: usize) -> Option<Rect> {
        let slot = self.slots.get(byte)?;
        Some(Rect::from_min_max(
            pos2(slot.left, slot.foot - self.measures.staff),
            pos2(slot.right, slot.foot + self.measures.drop),
        ))
    }

    /// The rectangle of bytes, of those in the line of the first.
    pub(crate) fn extent(&self, bytes: Range<usize>) -> Option<Rect> {
        let line = self.line_of(bytes.start)?;
        let last = bytes.end.min(line.bytes.end).checked_sub(1)?;
        let first = self.rectangle(bytes.start)?;
        Some(first.union(self.rectangle(last.max(bytes.start))?))
    }

    /// The line that a byte is in.
    pub(crate) fn line_of(&self, byte: usize) -> Option<&Line> {
        let index = self.lines.partition_point(|line| line.bytes.end <= byte);
        self.lines.get(index)
    }
}
