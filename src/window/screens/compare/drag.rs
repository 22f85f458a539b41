//! Thresholds that are taken in the staves of their lanes.

use std::sync::Arc;

#[cfg(test)]
use egui::vec2;
use egui::{CursorIcon, Pos2, Rect, Sense, Ui, pos2};

use super::CompareScreen;
use super::staff::{FOOT, OWN_FOOT, OWN_STAFF, Rows, STAFF, id};
use crate::window::screens::patch::THRESHOLDS;
use crate::window::theme;

impl CompareScreen {
    /// The threshold of a lane can be taken in each of its staves: that above the
    /// letters for the first lane, and its own where it has one.
    pub(super) fn drag_thresholds(&mut self, ui: &Ui, rows: &Rows, origin: Pos2) {
        let area = ui.clip_rect();
        let (visible, _) = self.view.visible(area, origin);
        let layout = Arc::clone(&self.view.layout);
        let staves: Vec<(usize, f32, f32)> = (0..)
            .zip(&self.lanes)
            .zip(&rows.bars)
            .filter_map(|((index, lane), bar)| match index {
                0 => Some((index, FOOT, STAFF)),
                _ => self
                    .own_entropies(lane)
                    .map(|_| (index, bar - OWN_FOOT, OWN_STAFF - OWN_FOOT)),
            })
            .collect();
        let lines = layout.lines.get(visible.clone()).unwrap_or_default();
        for (number, line) in (visible.start..).zip(lines) {
            for (index, foot, staff) in &staves {
                let Some(lane) = self.lanes.get_mut(*index) else {
                    continue;
                };
                let Some(threshold) = lane.line() else {
                    continue;
                };
                let foot = origin.y + line.top + foot;
                let y = foot - (threshold / theme::MOST).clamp(0.0, 1.0) * staff;
                let strip = Rect::from_min_max(
                    pos2(origin.x + line.left - 24.0, y - 3.0),
                    pos2(origin.x + line.right + 8.0, y + 4.0),
                );
                let response = ui.interact(
                    strip.intersect(area),
                    id().with(("threshold", lane.id, number)),
                    Sense::drag(),
                );
                if response.hovered() || response.dragged() {
                    ui.ctx().set_cursor_icon(CursorIcon::ResizeVertical);
                }
                if response.dragged()
                    && let Some(pointer) = response.interact_pointer_pos()
                {
                    let nats = (foot - pointer.y) / staff * theme::MOST;
                    let most = THRESHOLDS.end().min(theme::MOST);
                    lane.cutting.threshold = nats.clamp(*THRESHOLDS.start(), most);
                    lane.dirty = true;
                }
            }
        }
    }
}

#[cfg(test)]
impl CompareScreen {
    /// A place on the threshold of a lane, in the first line.
    pub(super) fn threshold_line(&self, index: usize) -> Pos2 {
        let has_staff = (0..).zip(&self.lanes);
        let rows =
            Rows::new(has_staff.map(|(at, lane)| at > 0 && self.own_entropies(lane).is_some()));
        let (foot, staff) = match index {
            0 => (FOOT, STAFF),
            _ => (rows.bars[index] - OWN_FOOT, OWN_STAFF - OWN_FOOT),
        };
        let line = &self.view.layout.lines[0];
        let share = self.lanes[index].cutting.threshold / theme::MOST;
        self.origin + vec2(line.left + 20.0, line.top + foot - share * staff)
    }
}
