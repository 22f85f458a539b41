//! The whole file as a column: one row for each of its parts, and what of it shows.

use std::ops::Range;

use egui::{Color32, Mesh, Rect, Response, Role, Sense, Shape, Stroke, StrokeKind, Ui, WidgetInfo};
use egui::{pos2, vec2};

use super::jumps::{share_at, share_of};
use crate::session::scan::{Place, Texel};
use crate::window::theme::{self, Palette};

/// The most rows, however high the window is.
const MOST_ROWS: u16 = 2048;
/// Beside the column, where the notches are.
const NOTCHES: f32 = 12.0;

/// What the column shows.
pub(super) struct Minimap<'a> {
    pub(super) texels: &'a [Texel],
    pub(super) length: u64,
    pub(super) done: u64,
    pub(super) visible: Range<u64>,
    pub(super) hottest: &'a [Place],
    /// The place among the hottest that was gone to last.
    pub(super) gone_to: Option<u64>,
    pub(super) name: &'a str,
}

/// How many rows a column of a height has.
pub(super) fn rows(height: f32) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "within the most rows")]
    let rows = height.clamp(1.0, f32::from(MOST_ROWS)) as u16;
    usize::from(rows)
}

/// Where a row with this mean and greatest entropy ends, as a share of the width.
fn reach(max: f32) -> f32 {
    (max / theme::MOST).clamp(0.04, 1.0)
}

/// The strip of the column where what shows is, at least some points high.
fn frame(column: Rect, visible: &Range<u64>, length: u64) -> Rect {
    let edge = |byte| column.top() + share_at(byte, length) * column.height();
    let (top, bottom) = (edge(visible.start), edge(visible.end));
    let least = 8.0_f32.min(column.height());
    let middle =
        f32::midpoint(top, bottom).clamp(column.top() + least / 2.0, column.bottom() - least / 2.0);
    let half = ((bottom - top).max(least)) / 2.0;
    Rect::from_x_y_ranges(column.x_range(), middle - half..=middle + half).intersect(column)
}

impl Minimap<'_> {
    /// Draws it into all there is of `ui`; gives the byte that was pointed at with
    /// the button down.
    pub(super) fn show(&self, ui: &mut Ui) -> Option<u64> {
        let palette = Palette::of(ui.ctx());
        let (area, response) = ui.allocate_exact_size(ui.available_size(), Sense::click_and_drag());
        let column = Rect::from_min_max(pos2(area.left() + NOTCHES, area.top()), area.max);
        self.describe(&response);
        let painter = ui.painter_at(area.expand(6.0));
        painter.rect_filled(column, 2.0, palette.panel);
        self.unknown(ui, column, palette);
        painter.add(self.rows(column, palette));
        for (index, place) in self.hottest.iter().enumerate() {
            let y = column.top() + share_at(place.at, self.length) * column.height();
            let current = self.gone_to == Some(place.at);
            let color = match current {
                true => palette.accent,
                false => palette.text,
            };
            let size = if current || index == 0 { 5.0 } else { 3.5 };
            let tip = pos2(column.left() - 2.0, y.clamp(column.top(), column.bottom()));
            painter.add(Shape::convex_polygon(
                vec![
                    tip,
                    tip + vec2(-size * 1.4, -size),
                    tip + vec2(-size * 1.4, size),
                ],
                color,
                Stroke::NONE,
            ));
        }
        if self.length > 0 {
            let strip = frame(column, &self.visible, self.length);
            painter.rect(
                strip,
                2.0,
                palette.accent.gamma_multiply(0.10),
                Stroke::new(1.5, palette.accent),
                StrokeKind::Inside,
            );
        }
        let pointer = response.interact_pointer_pos()?;
        let share = (pointer.y - column.top()) / column.height().max(1.0);
        (self.length > 0).then(|| share_of(f64::from(share), self.length))
    }

    fn describe(&self, response: &Response) {
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::ScrollBar, true, self.name);
            info.value = Some(f64::from(share_at(self.visible.start, self.length)) * 100.0);
            info
        });
    }

    /// Hatches what is not known yet.
    fn unknown(&self, ui: &Ui, column: Rect, palette: &Palette) {
        if self.length == 0 || self.done >= self.length {
            return;
        }
        let known = column.top() + share_at(self.done, self.length) * column.height();
        let rest = Rect::from_min_max(pos2(column.left(), known), column.max);
        let painter = ui.painter_at(rest);
        let stroke = Stroke::new(1.0, palette.boundary.gamma_multiply(0.3));
        let mut y = column.top() - column.width();
        while y < column.bottom() {
            let start = pos2(column.left(), y + column.width());
            if y + column.width() > rest.top() {
                painter.line_segment([start, pos2(column.right(), y)], stroke);
            }
            y += 7.0;
        }
        painter.hline(column.x_range(), known, Stroke::new(1.0, palette.boundary));
    }

    /// The mean as colour, the greatest as length.
    fn rows(&self, column: Rect, palette: &Palette) -> Mesh {
        let mut mesh = Mesh::default();
        let count = self.texels.len().max(1) as f32;
        // A block at the end of what is known reaches past it.
        let known = column.top() + share_at(self.done, self.length) * column.height();
        for (row, texel) in self.texels.iter().enumerate() {
            let (Some(max), Some(mean)) = (texel.max, texel.mean) else {
                continue;
            };
            let edge = |row: usize| column.top() + column.height() * row as f32 / count;
            let (top, bottom) = (edge(row), edge(row + 1).min(known));
            if bottom <= top {
                continue;
            }
            let color: Color32 = palette.entropy(mean);
            let right = column.left() + column.width() * reach(max);
            mesh.add_colored_rect(
                Rect::from_min_max(pos2(column.left(), top), pos2(right, bottom)),
                color,
            );
        }
        mesh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_is_framed_where_it_is() {
        let column = Rect::from_min_max(pos2(10.0, 100.0), pos2(60.0, 500.0));
        let strip = frame(column, &(250..500), 1000);
        assert_eq!((strip.top(), strip.bottom()), (200.0, 300.0));
        // Too small to see, it is still as high as a finger, and inside.
        for start in [0, 1 << 39, (1 << 40) - 500] {
            let strip = frame(column, &(start..start + 500), 1 << 40);
            assert!((strip.height() - 8.0).abs() < 1e-3);
            assert!(column.contains_rect(strip));
        }
        assert_eq!(frame(column, &(0..1000), 1000), column);
    }

    #[test]
    fn rows_are_bounded() {
        assert_eq!(rows(0.0), 1);
        assert_eq!(rows(612.7), 612);
        assert_eq!(rows(1e9), 2048);
        assert!(reach(0.0) > 0.0 && reach(9.0) <= 1.0);
    }
}
