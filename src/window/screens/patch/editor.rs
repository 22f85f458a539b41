//! The editor whose every line carries its staff.

use std::sync::Arc;

use egui::text::CCursor;
use egui::{
    Align2, CursorIcon, Frame, Galley, Id, Margin, Pos2, Rect, ScrollArea, Sense, Shape, Stroke,
    StrokeKind, TextEdit, Ui, pos2, vec2,
};
use egui_wgpu::Callback;

use super::cutting::THRESHOLDS;
use super::text::Text;
use crate::window::context::Shared;
use crate::window::document::{byte_at, bytes_of, single_byte};
use crate::window::score::{Layout, Score, Shown, job};
use crate::window::theme::{self, MARGIN, Palette};

/// What the editor keeps from one frame to the next.
#[derive(Debug, Default)]
pub(crate) struct Editor {
    /// What shows for the text, and the text it is of.
    shown: Option<(String, Arc<Shown>)>,
    galley: Option<Arc<Galley>>,
    layout: Arc<Layout>,
    /// The byte under the pointer.
    pub(crate) hovered: Option<usize>,
    /// The byte behind the caret.
    pub(crate) caret: Option<usize>,
    /// Whether the threshold is being dragged.
    dragging: bool,
}

/// What the user has changed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Changed {
    pub(crate) text: bool,
    /// The threshold has been dragged here, in nats.
    pub(crate) threshold: Option<f32>,
    /// The drag has just begun: the threshold before it is worth keeping.
    pub(crate) settled: bool,
}

/// The editor's identity, for focus and tests.
pub(crate) fn id() -> Id {
    Id::unique("patch editor")
}

impl Editor {
    pub(crate) fn show(&mut self, ui: &mut Ui, text: &mut Text, shared: &Shared<'_>) -> Changed {
        let mut changed = Changed::default();
        let margin = MARGIN.min(ui.available_width() * 0.06);
        Frame::new()
            .inner_margin(Margin {
                left: 0,
                right: 0,
                top: 0,
                bottom: 0,
            })
            .show(ui, |ui| {
                ScrollArea::vertical()
                    .id_salt("patch score")
                    .auto_shrink(false)
                    .show(ui, |ui| {
                        ui.add_space(28.0);
                        ui.horizontal(|ui| {
                            ui.add_space(margin);
                            let width = (ui.available_width() - margin).max(40.0);
                            self.score(ui, width, text, shared, &mut changed);
                        });
                        ui.add_space(28.0);
                    });
            });
        changed
    }

    fn score(
        &mut self,
        ui: &mut Ui,
        width: f32,
        text: &mut Text,
        shared: &Shared<'_>,
        changed: &mut Changed,
    ) {
        let palette = Palette::of(ui.ctx());
        // Below the glyphs, and known only after they are laid out.
        let under = ui.painter().add(Shape::Noop);
        let mut galley = None;
        let shown = &mut self.shown;
        let mut layouter = |ui: &Ui, buffer: &dyn egui::TextBuffer, width: f32| {
            let text = buffer.as_str();
            if shown.as_ref().is_none_or(|(of, _)| of != text) {
                *shown = Some((text.to_owned(), Arc::new(Shown::new(ui.ctx(), text))));
            }
            let what = shown.as_ref().map_or("", |(_, shown)| shown.text.as_str());
            let found = ui.fonts_mut(|fonts| fonts.layout_job(job(what, palette.text, width)));
            galley = Some(Arc::clone(&found));
            found
        };
        let height = (ui.clip_rect().height() - 60.0).max(theme::LINE);
        let output = ui
            .scope(|ui| {
                // The caret is drawn below, over the letter alone.
                ui.visuals_mut().text_cursor.stroke = Stroke::NONE;
                TextEdit::multiline(&mut text.editor)
                    .id(id())
                    .frame(Frame::NONE)
                    .margin(Margin::ZERO)
                    .desired_width(width)
                    .min_size(vec2(width, height))
                    .lock_focus(true)
                    .layouter(&mut layouter)
                    .show(ui)
            })
            .inner;
        changed.text = text.take_edit();
        if let Some(galley) = galley
            && (changed.text
                || self
                    .galley
                    .as_ref()
                    .is_none_or(|held| !Arc::ptr_eq(held, &galley)))
        {
            self.layout = Arc::new(Layout::new(&galley, &text.editor));
            self.galley = Some(galley);
        }
        let origin = output.galley_pos;
        let area = ui.clip_rect();
        let caret = output.cursor_range.map(|range| range.primary);
        self.caret = caret.map(|caret| byte_at(&text.editor, caret.index.into()));
        let response = &output.response.response;
        self.hovered = response
            .hover_pos()
            .and_then(|place| self.layout.byte_at(place - origin.to_vec2()));

        ui.painter().set(
            under,
            Shape::Callback(Callback::new_paint_callback(
                area,
                Score {
                    id: id(),
                    area,
                    origin,
                    layout: Arc::clone(&self.layout),
                    cells: text.cells().cloned(),
                    starts: Arc::clone(text.starts()),
                    threshold: text.cutting().line(),
                    stale: text.stale(),
                    palette,
                },
            )),
        );
        self.draw_missing(ui, origin, text, palette);
        if response.has_focus()
            && let (Some(caret), Some(galley)) = (caret, &self.galley)
        {
            draw_caret(ui, origin, galley, caret, palette, shared);
        }
        self.draw_inspected(ui, origin, palette);
        self.drag_threshold(ui, origin, text, palette, changed);
    }

    /// Draws the bytes of characters that no font has.
    fn draw_missing(&self, ui: &Ui, origin: Pos2, text: &Text, palette: &Palette) {
        let Some((_, shown)) = &self.shown else {
            return;
        };
        if shown.missing.is_empty() {
            return;
        }
        let visible = self.visible_bytes(ui, origin);
        let mut missing = shown.missing.iter().copied().peekable();
        let mut byte = 0;
        for (index, character) in text.editor.chars().enumerate() {
            let length = bytes_of(character);
            if byte >= visible.end {
                break;
            }
            if missing.next_if_eq(&index).is_some() && byte >= visible.start {
                let bytes = match single_byte(character) {
                    Some(byte) => vec![byte],
                    None => character.to_string().into_bytes(),
                };
                self.draw_hex(ui, origin, byte, &bytes, palette);
            }
            byte += length;
        }
    }

    fn draw_hex(&self, ui: &Ui, origin: Pos2, first: usize, bytes: &[u8], palette: &Palette) {
        let (Some(left), Some(right)) = (
            self.layout.slots.get(first),
            self.layout.slots.get(first + bytes.len() - 1),
        ) else {
            return;
        };
        let middle = (left.left + right.right) / 2.0;
        // One above the other, around the middle of the line of letters.
        let step = 24.0 / (bytes.len().max(2) as f32);
        let size = step.clamp(6.0, 9.0);
        for (row, byte) in bytes.iter().enumerate() {
            let offset = (row as f32 - (bytes.len() as f32 - 1.0) / 2.0) * step;
            ui.painter().text(
                origin + vec2(middle, left.foot + 15.0 + offset),
                Align2::CENTER_CENTER,
                format!("{byte:02X}"),
                theme::mono(size),
                palette.muted,
            );
        }
    }

    fn visible_bytes(&self, ui: &Ui, origin: Pos2) -> std::ops::Range<usize> {
        let area = ui.clip_rect();
        self.layout
            .visible(area.top() - origin.y, area.bottom() - origin.y)
            .1
    }

    fn draw_inspected(&self, ui: &Ui, origin: Pos2, palette: &Palette) {
        let Some(rect) = self.hovered.and_then(|byte| self.layout.rectangle(byte)) else {
            return;
        };
        ui.painter().rect_stroke(
            rect.translate(origin.to_vec2()).expand2(vec2(1.0, 4.0)),
            3.0,
            Stroke::new(1.5, palette.accent),
            StrokeKind::Outside,
        );
    }

    /// The line of the threshold can be taken in every staff.
    fn drag_threshold(
        &mut self,
        ui: &Ui,
        origin: Pos2,
        text: &Text,
        palette: &Palette,
        changed: &mut Changed,
    ) {
        let Some(threshold) = text.cutting().line() else {
            return;
        };
        let area = ui.clip_rect();
        let (lines, _) = self
            .layout
            .visible(area.top() - origin.y, area.bottom() - origin.y);
        let share = (threshold / theme::MOST).clamp(0.0, 1.0);
        for (index, line) in self.layout.lines[lines.clone()].iter().enumerate() {
            let y = origin.y + line.foot - share * theme::STAFF;
            let strip = Rect::from_min_max(
                pos2(origin.x + line.left - 24.0, y - 3.0),
                pos2(origin.x + line.right + 8.0, y + 4.0),
            );
            let response = ui.interact(
                strip.intersect(area),
                id().with(("threshold", lines.start + index)),
                Sense::drag(),
            );
            if response.hovered() || response.dragged() {
                ui.ctx().set_cursor_icon(CursorIcon::ResizeVertical);
            }
            if response.dragged()
                && let Some(pointer) = response.interact_pointer_pos()
            {
                let foot = origin.y + line.foot;
                let nats = (foot - pointer.y) / theme::STAFF * theme::MOST;
                changed.threshold =
                    Some(nats.clamp(*THRESHOLDS.start(), THRESHOLDS.end().min(theme::MOST)));
                changed.settled = !self.dragging;
                self.dragging = true;
            }
            if response.drag_stopped() {
                self.dragging = false;
            }
            if index == 0 {
                ui.painter().text(
                    pos2(origin.x + line.left - 16.0, y),
                    Align2::RIGHT_CENTER,
                    "θ",
                    theme::bold(12.0),
                    palette.signal,
                );
            }
        }
    }
}

fn draw_caret(
    ui: &Ui,
    origin: Pos2,
    galley: &Galley,
    caret: CCursor,
    palette: &Palette,
    shared: &Shared<'_>,
) {
    let rect = galley.pos_from_cursor(caret).translate(origin.to_vec2());
    let middle = rect.center();
    let blink = !shared.still && ui.input(|input| input.time) % 1.0 >= 0.5;
    if !blink {
        ui.painter().line_segment(
            [middle - vec2(0.0, 13.0), middle + vec2(0.0, 13.0)],
            Stroke::new(2.0, palette.accent),
        );
    }
    if !shared.still {
        ui.ctx().request_repaint_after_secs(0.5);
    }
}
