//! The measures of a figure: slots, rows, scales, and where things stand.

use super::{Cell, SvgOptions};
use crate::bytes::Piece;
use crate::record::{ByteRecord, Summary};

/// All lengths are in SVG user units (CSS pixels).
pub(super) const LEFT: f64 = 60.0;
pub(super) const RIGHT: f64 = 56.0;
pub(super) const HEAD: f64 = 76.0;
pub(super) const FOOT: f64 = 52.0;
/// The height of the labels under a plot, with the room to the next row.
pub(super) const LABELS: f64 = 36.0;
pub(super) const GAP: f64 = 22.0;

/// A figure, ready to be written: the slots are those of the bytes and, last,
/// that of the next byte.
pub(super) struct Figure<'a> {
    pub(super) options: &'a SvgOptions,
    pub(super) summary: &'a Summary,
    pub(super) entropies: Vec<Option<f64>>,
    pub(super) starts: Vec<bool>,
    pub(super) next: bool,
    pub(super) threshold: Option<f64>,
    pub(super) rows: Vec<Row<'a>>,
    pub(super) scale: Option<Scale>,
    pub(super) slot: f64,
    pub(super) width: f64,
}

/// Slots `first..end` and the glyphs in them.
pub(super) struct Row<'a> {
    pub(super) cells: &'a [Cell],
    pub(super) first: usize,
    pub(super) end: usize,
    pub(super) top: f64,
}

/// The vertical axis, in nats.
pub(super) struct Scale {
    pub(super) top: f64,
    pub(super) step: f64,
    pub(super) decimals: usize,
}

impl Scale {
    fn new(greatest: f64) -> Self {
        // No entropy is above ln 260 = 5.56; a threshold beyond is drawn at the top.
        let greatest = greatest.clamp(0.0, 5.9);
        let (step, decimals) = match greatest {
            g if g > 2.0 => (1.0, 0),
            g if g > 1.0 => (0.5, 1),
            g if g > 0.4 => (0.2, 1),
            _ => (0.1, 1),
        };
        // The next half step that leaves at least a tenth of a step of air.
        let top = ((greatest / step + 0.1) * 2.0).ceil() / 2.0 * step;
        Self {
            top,
            step,
            decimals,
        }
    }
}

impl<'a> Figure<'a> {
    pub(super) fn new(
        options: &'a SvgOptions,
        cells: &'a [Cell],
        entropies: &[Option<f32>],
        starts: &[bool],
        to_come: Option<ByteRecord>,
        summary: &'a Summary,
    ) -> Self {
        let mut entropies: Vec<Option<f64>> = entropies
            .iter()
            .map(|h| h.filter(|h| h.is_finite()).map(f64::from))
            .collect();
        let mut starts = starts.to_vec();
        if let Some(next) = to_come {
            entropies.push(next.entropy.filter(|h| h.is_finite()).map(f64::from));
            starts.push(next.start);
        }
        let threshold = options.threshold.filter(|t| t.is_finite()).map(f64::from);
        let greatest = entropies.iter().flatten().copied().reduce(f64::max);
        let scale = greatest.map(|h| Scale::new(threshold.map_or(h, |t| h.max(t))));
        let mut rows = rows(cells, options.row_bytes.max(8), entropies.len());
        let pitch = plot_height(&scale, rows.len()) + LABELS + GAP;
        for (i, row) in rows.iter_mut().enumerate() {
            row.top = HEAD + pitch * i as f64;
        }
        let slots = rows
            .iter()
            .map(|row| row.end - row.first)
            .max()
            .unwrap_or(1)
            .max(1) as f64;
        let slot = (1120.0 / slots).clamp(14.0, 24.0);
        let width = (LEFT + slots * slot + RIGHT).max(640.0);
        Self {
            options,
            summary,
            entropies,
            starts,
            next: to_come.is_some(),
            threshold,
            rows,
            scale,
            slot,
            width,
        }
    }

    pub(super) fn plot(&self) -> f64 {
        plot_height(&self.scale, self.rows.len())
    }

    /// The left edge of a slot in a row.
    pub(super) fn x(&self, row: &Row<'_>, at: usize) -> f64 {
        LEFT + (at - row.first) as f64 * self.slot
    }

    /// The height of an entropy in a row.
    pub(super) fn y(&self, row: &Row<'_>, entropy: f64) -> f64 {
        let top = self.scale.as_ref().map_or(1.0, |scale| scale.top);
        row.top + self.plot() * (1.0 - entropy.clamp(0.0, top) / top)
    }

    pub(super) fn counts(&self) -> String {
        let (bytes, patches) = (self.summary.bytes(), self.summary.patches());
        let plural =
            |n: u64, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
        let mut text = plural(bytes, "byte", "bytes");
        if let Some(mean) = self.summary.mean_patch() {
            text += &format!(
                " in {}, {mean:.2} bytes per patch",
                plural(patches, "patch", "patches")
            );
        }
        text
    }

    pub(super) fn description(&self) -> String {
        let mut text = match self.scale {
            Some(_) => "The entropy of each byte of a text, predicted from the bytes before it, and the patches of the text: ",
            None => "The patches of a text: ",
        }
        .to_owned();
        text += &self.counts();
        text.push('.');
        if let Some(threshold) = self.threshold.filter(|_| self.scale.is_some()) {
            text += &format!(" The threshold is {threshold:.3} nats.");
        }
        // The beginning of the text itself, patches between bars.
        if self.summary.bytes() > 0 {
            text += " The text, patches between bars: ";
            let cells = self.rows.iter().flat_map(|row| row.cells);
            for (i, cell) in cells.enumerate() {
                if i >= 400 {
                    text += " and so on";
                    break;
                }
                let starts = |at: usize| self.starts.get(at) == Some(&true);
                if starts(cell.at) && i > 0 {
                    text.push('|');
                }
                match cell.piece {
                    Piece::Char(c) => text.push(c),
                    Piece::Invalid(byte) => text += &format!("\\x{byte:02X}"),
                }
                // A patch that starts inside the character.
                if (cell.at + 1..cell.at + cell.len).any(starts) {
                    text.push('\u{a6}');
                }
            }
        }
        text
    }

    /// Whether a slot is that of the next byte.
    pub(super) fn is_next(&self, at: usize) -> bool {
        self.next && at + 1 == self.entropies.len()
    }
}

fn plot_height(scale: &Option<Scale>, rows: usize) -> f64 {
    match scale {
        None => 0.0,
        Some(_) if rows > 1 => 176.0,
        Some(_) => 220.0,
    }
}

/// Cuts glyphs into rows of at most `most` bytes, never inside a glyph; the
/// last row goes on to slot `end`, for the next byte.
fn rows(cells: &[Cell], most: usize, end: usize) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    let mut rest = cells;
    let mut first = 0;
    loop {
        let fits = rest
            .iter()
            .take_while(|cell| cell.at + cell.len <= first + most)
            .count();
        let (row, after) = rest.split_at(fits);
        let next = after.first().map_or(end, |cell| cell.at);
        rows.push(Row {
            cells: row,
            first,
            end: next,
            top: 0.0,
        });
        if after.is_empty() || fits == 0 {
            return rows;
        }
        (rest, first) = (after, next);
    }
}
