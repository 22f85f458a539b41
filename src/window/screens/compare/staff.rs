//! The lines of the text with their lanes below, byte under byte.

use std::ops::Range;
use std::sync::Arc;

use egui::{
    Align, Align2, Color32, Id, Mesh, Pos2, Rect, ScrollArea, Sense, Shape, Stroke, Ui, pos2, vec2,
};

use super::lane::{Cut, Lane, within};
use super::{CompareScreen, Found, words};
use crate::window::context::Shared;
use crate::window::engine::Cells;
use crate::window::staff::{Around, Layout};
use crate::window::theme::{self, Measures, Palette};

/// From the top of a line to the foot of its staff.
pub(super) const FOOT: f32 = 30.0;
/// Height of that staff.
pub(super) const STAFF: f32 = 26.0;
/// From the foot of the staff to the middle of the letters.
const LETTERS: f32 = 15.0;
/// From the foot of the staff to the first lane.
const LANES: f32 = 34.0;
/// Height of a lane's bars.
const BAR: f32 = 9.0;
/// Space below a lane.
const GAP: f32 = 8.0;
/// Height of the staff of a lane with entropies of its own.
pub(super) const OWN_STAFF: f32 = 14.0;
/// Space between that staff and the lane's bars.
pub(super) const OWN_FOOT: f32 = 3.0;
/// Space below a line.
const BELOW: f32 = 10.0;
/// From this width on lanes are named at each line.
const NAMED_FROM: f32 = 1100.0;

/// Where the parts of a line are, from its top.
pub(super) struct Rows {
    /// The upper edge of each lane's bars.
    pub(super) bars: Vec<f32>,
    height: f32,
}

impl Rows {
    pub(super) fn new(lanes: impl Iterator<Item = bool>) -> Self {
        let mut y = FOOT + LANES;
        let bars = lanes
            .map(|has_staff| {
                let top = y + if has_staff { OWN_STAFF } else { 0.0 };
                y = top + BAR + GAP;
                top
            })
            .collect();
        Self {
            bars,
            height: y + BELOW,
        }
    }

    fn bottom(&self) -> f32 {
        self.bars.last().map_or(FOOT + LANES, |top| top + BAR)
    }
}

/// What a lane is drawn with.
struct Pen<'a> {
    palette: &'static Palette,
    layout: &'a Layout,
    origin: Pos2,
    pixels_per_point: f32,
    mesh: Mesh,
}

impl Pen<'_> {
    fn snapped(&self, x: f32) -> f32 {
        (x * self.pixels_per_point).round() / self.pixels_per_point
    }

    /// The left edge of a byte on the screen.
    fn left(&self, byte: usize) -> f32 {
        let slot = self.layout.slots.get(byte);
        self.snapped(self.origin.x + slot.map_or(0.0, |slot| slot.left))
    }

    fn right(&self, byte: usize) -> f32 {
        let slot = self.layout.slots.get(byte);
        self.snapped(self.origin.x + slot.map_or(0.0, |slot| slot.right))
    }

    fn rectangle(&mut self, x: [f32; 2], y: [f32; 2], color: Color32) {
        let rect = Rect::from_min_max(pos2(x[0], y[0]), pos2(x[1], y[1]));
        self.mesh.add_colored_rect(rect, color);
    }

    /// Two tones by turns, so that neighbours stay apart without their ticks.
    fn tones(&self) -> [Color32; 2] {
        [0.14, 0.34].map(|share| {
            self.palette
                .background
                .lerp_to_gamma(self.palette.text, share)
        })
    }

    /// The patches of a lane in a line: their extents and their starts.
    fn patches(&mut self, cut: &Cut, line: &Range<usize>, top: f32) {
        let tones = self.tones();
        let places = within(&cut.begins, line);
        // The one that began in a line above goes on here.
        let first = places.start.saturating_sub(usize::from(
            cut.begins.get(places.start) != Some(&line.start),
        ));
        let pixel = 1.0 / self.pixels_per_point;
        for index in first..places.end {
            let begin = cut.begins.get(index).copied().unwrap_or(line.start);
            let end = cut.begins.get(index + 1).copied().unwrap_or(line.end);
            let x = [
                self.left(begin.max(line.start)),
                self.right(end.min(line.end).saturating_sub(1)),
            ];
            self.rectangle(x, [top, top + BAR], tones[index % 2]);
            if begin >= line.start {
                let color = self.palette.boundary;
                self.rectangle([x[0], x[0] + pixel], [top - 2.0, top + BAR], color);
            }
        }
    }

    /// Where a lane differs from the first: a filled mark below, pointing up, where
    /// only it starts a patch, and a hollow one above, pointing down, where only the
    /// first does.
    fn marks(&mut self, ui: &Ui, cut: &Cut, line: &Range<usize>, top: f32) {
        let signal = self.palette.signal;
        let width = 1.5_f32.max(1.0 / self.pixels_per_point);
        let foot = top + BAR;
        let painter = ui.painter();
        for index in within(&cut.only_here, line) {
            let Some(byte) = cut.only_here.get(index) else {
                continue;
            };
            let x = self.left(*byte);
            self.rectangle([x, x + width], [top - 2.0, foot], signal);
            let middle = x + width / 2.0;
            let (tip, base) = (foot - 1.0, foot + 4.5);
            painter.add(Shape::convex_polygon(
                vec![
                    pos2(middle, tip),
                    pos2(middle + 3.5, base),
                    pos2(middle - 3.5, base),
                ],
                signal,
                Stroke::NONE,
            ));
        }
        for index in within(&cut.missing, line) {
            let Some(byte) = cut.missing.get(index) else {
                continue;
            };
            let middle = self.left(*byte) + width / 2.0;
            let (tip, base) = (top + 4.0, top - 2.0);
            painter.add(Shape::convex_polygon(
                vec![
                    pos2(middle, tip),
                    pos2(middle - 3.5, base),
                    pos2(middle + 3.5, base),
                ],
                self.palette.background,
                Stroke::new(1.0, signal),
            ));
        }
    }

    /// The entropies that a lane of another model is cut by.
    fn staff(&mut self, entropies: &[f32], theta: Option<f32>, line: &Range<usize>, foot: f32) {
        let scale = (OWN_STAFF - OWN_FOOT) / theme::MOST;
        for byte in line.clone() {
            let known = entropies.get(byte).copied().filter(|h| !h.is_nan());
            let Some(entropy) = known.map(|h| h.clamp(0.0, theme::MOST)) else {
                continue;
            };
            let (left, right) = (self.left(byte), self.right(byte));
            let gap = ((right - left) * 0.15).min(1.0);
            let color = self.palette.entropy(entropy);
            self.rectangle([left, right - gap], [foot - entropy * scale, foot], color);
        }
        if let (Some(theta), Some(last)) = (theta, line.clone().last()) {
            let y = self.snapped(foot - theta.min(theme::MOST) * scale);
            let x = [self.left(line.start), self.right(last)];
            let color = self.palette.signal.gamma_multiply(0.7);
            self.rectangle(x, [y, y + 1.0 / self.pixels_per_point], color);
        }
    }
}

/// The identity of the text and its staves.
pub(super) fn id() -> Id {
    Id::unique("compare staff")
}

impl CompareScreen {
    /// The entropies of a lane of another model.
    pub(super) fn own_entropies(&self, lane: &Lane) -> Option<&Arc<Vec<f32>>> {
        match &self.known_of(&lane.source()?)?.found {
            Found::Entropies { entropies, .. } => Some(entropies),
            Found::Starts(_) | Found::Failed(_) => None,
        }
    }

    /// What is drawn above the letters: the first lane's entropies, those of the open
    /// model if it has none of its own.
    fn around(&self) -> Around {
        let first = self.lanes.first();
        let own = first.and_then(|lane| self.own_entropies(lane));
        let (cells, stale, is_behind) = match own {
            Some(entropies) => (Some(Cells::Values(Arc::clone(entropies))), 0..0, false),
            None => (
                self.subject.cells.clone(),
                self.subject.stale.clone(),
                self.subject.is_behind,
            ),
        };
        let cut = first.and_then(|lane| lane.cut.as_ref());
        Around {
            cells,
            is_behind,
            starts: cut.map_or_else(Arc::default, |cut| Arc::clone(&cut.starts)),
            threshold: first.and_then(Lane::line),
            stale,
        }
    }

    pub(super) fn staff(&mut self, ui: &mut Ui, margin: f32, shared: &Shared<'_>) {
        // The first lane's are above the letters.
        let has_staff: Vec<bool> = (0..)
            .zip(&self.lanes)
            .map(|(index, lane)| index > 0 && self.own_entropies(lane).is_some())
            .collect();
        let rows = Rows::new(has_staff.iter().copied());
        let is_named = ui.available_width() >= NAMED_FROM;
        let gutter = if is_named { 146.0 } else { 26.0 };
        let around = self.around();
        ScrollArea::vertical()
            .id_salt("compare")
            .auto_shrink(false)
            .show(ui, |ui| {
                ui.add_space(10.0);
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = 0.0;
                    ui.add_space(margin + gutter);
                    let width = (ui.available_width() - margin).max(40.0);
                    ui.allocate_ui(vec2(width, 0.0), |ui| {
                        ui.set_width(width);
                        self.lines(ui, &rows, around, gutter, is_named, shared);
                    });
                });
                ui.add_space(20.0);
            });
    }

    fn lines(
        &mut self,
        ui: &mut Ui,
        rows: &Rows,
        around: Around,
        gutter: f32,
        is_named: bool,
        shared: &Shared<'_>,
    ) {
        let palette = Palette::of(ui.ctx());
        let measures = Measures {
            line: rows.height,
            staff: STAFF,
            foot: FOOT,
            rise: 2.0,
            drop: LETTERS * 2.0 - 2.0,
            curve: false,
        };
        let width = ui.available_width();
        let galley = self.view.galley(ui, &self.subject.editor, width, measures);
        let size = vec2(width, galley.size().y.max(measures.line));
        let (rect, response) = ui.allocate_exact_size(size, Sense::click());
        response.widget_info(|| {
            let label = words::text_and_lanes(shared.language);
            egui::WidgetInfo::labeled(egui::Role::Label, true, label)
        });
        let origin = rect.min;
        #[cfg(test)]
        {
            self.origin = origin;
        }
        let pointer = response.hover_pos();
        self.hovered = pointer.and_then(|place| self.view.byte_at(origin, place));
        if response.clicked() {
            self.at = self.hovered.filter(|byte| self.at != Some(*byte));
        }
        if let Some(byte) = self.scroll_to.take()
            && let Some(line) = self.view.layout.line_of(byte)
        {
            let top = origin.y + line.top;
            let whole = Rect::from_min_max(
                pos2(rect.left(), top),
                pos2(rect.right(), top + measures.line),
            );
            ui.scroll_to_rect(whole, Some(Align::Center));
        }
        self.crosshair(ui, rows, origin);
        self.drag_thresholds(ui, rows, origin);
        let threshold = around.threshold;
        let shape = self.view.shape(ui, id(), origin, around);
        ui.painter().add(shape);
        // Letters are laid out in the middle of the line and belong below its staff.
        let letters = origin + vec2(0.0, FOOT + LETTERS - measures.line / 2.0);
        ui.painter().galley(letters, galley, palette.text);
        self.view.draw_missing(ui, letters, &self.subject.editor);
        let (visible, _) = self.view.visible(ui.clip_rect(), origin);
        let layout = Arc::clone(&self.view.layout);
        for line in layout.lines.get(visible).unwrap_or_default() {
            let top = origin.y + line.top;
            if line.bytes.is_empty() {
                continue;
            }
            if let Some(threshold) = threshold {
                let share = (threshold / theme::MOST).clamp(0.0, 1.0);
                ui.painter().text(
                    pos2(origin.x + line.left - 14.0, top + FOOT - share * STAFF),
                    Align2::RIGHT_CENTER,
                    "θ",
                    theme::bold(11.5),
                    palette.signal,
                );
            }
            let left = origin.x - gutter;
            self.labels(ui, rows, left, top, is_named, shared);
            self.lane_bars(ui, rows, &layout, origin, line.top, &line.bytes);
        }
        let chosen = self.list_lanes(ui, origin, &rows.bars, BAR, shared.language);
        self.at = chosen.or(self.at);
    }

    /// The numbers of the lanes, and what they are called where there is room.
    fn labels(
        &self,
        ui: &Ui,
        rows: &Rows,
        left: f32,
        top: f32,
        is_named: bool,
        shared: &Shared<'_>,
    ) {
        let palette = Palette::of(ui.ctx());
        for ((number, lane), bar) in (1..).zip(&self.lanes).zip(&rows.bars) {
            let middle = top + bar + BAR / 2.0;
            ui.painter().text(
                pos2(left, middle),
                Align2::LEFT_CENTER,
                number.to_string(),
                theme::bold(11.0),
                palette.text,
            );
            if is_named {
                let area = Rect::from_min_max(
                    pos2(left + 16.0, middle - 10.0),
                    pos2(left + 128.0, middle + 10.0),
                );
                ui.painter()
                    .with_clip_rect(area.intersect(ui.clip_rect()))
                    .text(
                        area.left_center(),
                        Align2::LEFT_CENTER,
                        lane.title(shared.language),
                        theme::sans(11.0),
                        palette.muted,
                    );
            }
        }
    }

    /// The lanes of one line.
    fn lane_bars(
        &self,
        ui: &Ui,
        rows: &Rows,
        layout: &Layout,
        origin: Pos2,
        line_top: f32,
        line: &Range<usize>,
    ) {
        let mut pen = Pen {
            palette: Palette::of(ui.ctx()),
            layout,
            origin,
            pixels_per_point: ui.ctx().pixels_per_point(),
            mesh: Mesh::default(),
        };
        let Some(last) = line.clone().last() else {
            return;
        };
        let place = ui.painter().add(Shape::Noop);
        for (index, (lane, bar)) in self.lanes.iter().zip(&rows.bars).enumerate() {
            let top = pen.snapped(origin.y + line_top + bar);
            match &lane.cut {
                Some(cut) => {
                    pen.patches(cut, line, top);
                    if index > 0 {
                        pen.marks(ui, cut, line, top);
                    }
                }
                // Nothing to cut by yet.
                None => {
                    let middle = top + BAR / 2.0;
                    let x = [pen.left(line.start), pen.right(last)];
                    pen.rectangle(x, [middle, middle + 1.0], pen.palette.hairline);
                }
            }
            if index > 0
                && let Some(entropies) = self.own_entropies(lane)
            {
                pen.staff(entropies, lane.line(), line, top - OWN_FOOT);
            }
        }
        ui.painter().set(place, Shape::mesh(pen.mesh));
    }

    /// A stripe through staff, letters and lanes at the byte that is looked at.
    fn crosshair(&self, ui: &Ui, rows: &Rows, origin: Pos2) {
        let Some(byte) = self.inspected() else {
            return;
        };
        let layout = &self.view.layout;
        let (Some(slot), Some(line)) = (layout.slots.get(byte), layout.line_of(byte)) else {
            return;
        };
        let accent = Palette::of(ui.ctx()).accent;
        let top = origin.y + line.top;
        let stripe = Rect::from_min_max(
            pos2(origin.x + slot.left, top + FOOT - STAFF - 4.0),
            pos2(origin.x + slot.right, top + rows.bottom() + 6.0),
        );
        ui.painter()
            .rect_filled(stripe, 0.0, accent.gamma_multiply(0.16));
        ui.painter()
            .vline(stripe.left(), stripe.y_range(), Stroke::new(1.0, accent));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_with_a_staff_of_its_own_takes_more_room() {
        let plain = Rows::new([false, false].into_iter());
        let with_staff = Rows::new([false, true].into_iter());
        assert_eq!(plain.bars[0], with_staff.bars[0]);
        assert_eq!(plain.bars[1] + OWN_STAFF, with_staff.bars[1]);
        assert_eq!(plain.height + OWN_STAFF, with_staff.height);
        assert!(plain.bottom() < plain.height);
        assert_eq!(Rows::new(std::iter::empty()).bottom(), FOOT + LANES);
    }
}
