//! The editor whose every line carries its staff.

use egui::style::ScrollAnimation;
use egui::text::CCursor;
use egui::text_edit::TextEditState;
use egui::text_selection::CCursorRange;
use egui::{
    Align2, Context, CursorIcon, Event, Frame, Galley, Id, ImeEvent, Key, Margin, Pos2, Rect,
    ScrollArea, Sense, Shape, Stroke, TextEdit, Ui, pos2, vec2,
};

use super::cutting::THRESHOLDS;
use super::history::{Run, Selection};
use super::text::Text;
use super::{spoken, threshold, words};
use crate::window::document::{Edit, byte_at, character_at};
use crate::window::staff::{Around, View};
use crate::window::theme::{self, MARGIN, Measures, Palette};
use crate::window::widgets::{Finger, Swipe};
use crate::window::words::Language;

/// What the editor keeps from one frame to the next.
#[derive(Debug, Default)]
pub(crate) struct Editor {
    view: View,
    /// The byte under the pointer.
    pub(crate) hovered: Option<usize>,
    /// The byte behind the caret.
    pub(crate) caret: Option<usize>,
    /// Whether entropies are a curve, not bars.
    pub(crate) curve: bool,
    /// Whether the threshold is being dragged.
    dragging: bool,
    /// What is selected, while the editor has the focus.
    pub(super) selection: Option<Selection>,
    /// Whether an input method is at work on letters of the text.
    composing: bool,
    /// The caret has been put somewhere that may not show.
    reveal: bool,
    /// Where the caret was when the pointer was pressed.
    pressed_from: Option<CCursorRange>,
    finger: Finger,
    /// Where the text begins on the screen.
    #[cfg(test)]
    origin: Pos2,
}

/// What the user has changed.
#[derive(Clone, Debug, Default)]
pub(super) struct Changed {
    /// The text.
    pub(super) edit: Option<Edit>,
    /// What it was changed by.
    pub(super) run: Run,
    /// Whether an input method may still take letters back.
    pub(super) composing: bool,
    /// What was selected before, and what is now.
    pub(super) selections: [Option<Selection>; 2],
    /// The threshold has been dragged here, in nats.
    pub(super) threshold: Option<f32>,
    /// The drag has just begun: the threshold before it is worth keeping.
    pub(super) settled: bool,
}

/// The editor's identity, for focus and tests.
pub(crate) fn id() -> Id {
    Id::unique("patch editor")
}

impl Editor {
    pub(super) fn show(&mut self, ui: &mut Ui, text: &mut Text, language: Language) -> Changed {
        let mut changed = Changed::default();
        let margin = MARGIN.min(ui.available_width() * 0.06);
        ScrollArea::vertical()
            .id_salt("patch staff")
            .auto_shrink(false)
            .show(ui, |ui| {
                ui.add_space(28.0);
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = 0.0;
                    ui.add_space(margin);
                    let width = (ui.available_width() - margin).max(40.0);
                    self.staff(ui, width, text, language, &mut changed);
                });
                ui.add_space(28.0);
            });
        changed
    }

    /// Draws the text to be looked at, with some space around it; gives the height
    /// that it needs.
    pub(crate) fn figure(&self, ui: &mut Ui, text: &Text) -> f32 {
        let frame = Frame::new().inner_margin(Margin::symmetric(40, 28));
        let response = frame.show(ui, |ui| {
            let around = Self::around(text);
            let measures = self.measures();
            View::default().show(ui, id(), &text.editor, measures, around, Sense::hover());
        });
        response.response.rect.height()
    }

    fn around(text: &Text) -> Around {
        Around {
            cells: text.cells().cloned(),
            is_behind: text.is_behind(),
            starts: text.starts().clone(),
            threshold: text.cutting().line(),
            stale: text.stale(),
        }
    }

    /// Puts the caret before a byte, in the middle of a character before it.
    pub(super) fn put_caret(&mut self, context: &Context, text: &str, byte: usize) {
        self.select(context, text, (byte, byte));
    }

    /// Selects bytes, and shows them.
    pub(super) fn select(&mut self, context: &Context, text: &str, (from, to): Selection) {
        // Of a state of its own, as what an input method was composing is no more.
        let mut state = TextEditState::default();
        let place = |byte| CCursor::new(character_at(text, byte));
        let range = CCursorRange::two(place(from), place(to));
        state.cursor.set_char_range(Some(range));
        state.store(context, id());
        context.memory_mut(|memory| {
            if self.composing {
                memory.interrupt_ime();
            }
            memory.request_focus(id());
        });
        self.composing = false;
        self.selection = Some((from, to));
        self.reveal = true;
    }

    fn measures(&self) -> Measures {
        match self.curve {
            true => theme::CURVE,
            false => theme::BARS,
        }
    }

    fn staff(
        &mut self,
        ui: &mut Ui,
        width: f32,
        text: &mut Text,
        language: Language,
        changed: &mut Changed,
    ) {
        let measures = self.measures();
        // Below the letters, and known only after they are laid out.
        let under = ui.painter().add(Shape::Noop);
        let view = &mut self.view;
        let mut layouter = |ui: &Ui, buffer: &dyn egui::TextBuffer, width: f32| {
            view.galley(ui, buffer.as_str(), width, measures)
        };
        let height = (ui.clip_rect().height() - 60.0).max(measures.line);
        if self.finger.begins(ui) {
            let state = TextEditState::load(ui.ctx(), id());
            self.pressed_from = state.and_then(|state| state.cursor.char_range());
        }
        let output = ui
            .scope(|ui| {
                // The caret is drawn below, over the letter alone, and does not blink:
                // at rest nothing is drawn.
                ui.visuals_mut().text_cursor.stroke = Stroke::NONE;
                ui.visuals_mut().text_cursor.blink = false;
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
        // Steps are kept by the screen, so that all of them are in one order.
        let mut state = output.state;
        state.clear_undoer();
        let mut cursor_range = output.cursor_range;
        if let Some(Swipe { down, held }) = self.finger.swipe(ui, &output.response.response) {
            ui.scroll_with_delta_animation(vec2(0.0, down), ScrollAnimation::none());
            if held {
                // The caret stays where it was.
                cursor_range = self.pressed_from;
                state.cursor.set_char_range(cursor_range);
                state.store(ui.ctx(), id());
            }
        }
        changed.edit = text.take_edit();
        let origin = output.galley_pos;
        #[cfg(test)]
        {
            self.origin = origin;
        }
        let caret = cursor_range.map(|range| range.primary);
        self.caret = caret.map(|caret| byte_at(&text.editor, caret.index.into()));
        let response = &output.response.response;
        let selection = cursor_range.zip(self.caret).map(|(range, caret)| {
            let from = match range.is_empty() {
                true => caret,
                false => byte_at(&text.editor, range.secondary.index.into()),
            };
            (from, caret)
        });
        changed.selections = [self.selection, selection];
        self.selection = selection;
        (changed.run, self.composing) = run(ui, self.composing && response.has_focus());
        changed.composing = self.composing;
        let name = words::spoken::editor(language);
        ui.ctx()
            .accesskit_node_builder(response.id, |node| node.set_label(name));
        self.hovered = response
            .hover_pos()
            .and_then(|place| self.view.byte_at(origin, place));
        let around = Self::around(text);
        let shape = self.view.shape(ui, id(), origin, around);
        ui.painter().set(under, shape);
        self.view.draw_missing(ui, origin, &text.editor);
        if text.editor.is_empty() {
            ui.painter().text(
                origin + vec2(8.0, measures.line / 2.0),
                Align2::LEFT_CENTER,
                words::empty_editor(language),
                theme::sans(14.0),
                Palette::of(ui.ctx()).muted,
            );
        }
        if response.has_focus()
            && let (Some(caret), Some(galley)) = (caret, self.view.laid_out())
        {
            let place = draw_caret(ui, origin, galley, caret);
            if std::mem::take(&mut self.reveal) {
                ui.scroll_to_rect(place, None);
            }
        }
        if let Some(byte) = self.hovered {
            self.view.frame(ui, origin, byte);
        }
        self.drag_threshold(ui, origin, text, language, changed);
        let chosen = spoken::patches(ui, &self.view, origin, text, self.caret, language);
        if let Some(byte) = chosen {
            self.put_caret(ui.ctx(), &text.editor, byte);
        }
    }

    /// The line of the threshold can be taken in every staff.
    fn drag_threshold(
        &mut self,
        ui: &Ui,
        origin: Pos2,
        text: &Text,
        language: Language,
        changed: &mut Changed,
    ) {
        let palette = Palette::of(ui.ctx());
        let Some(threshold) = text.cutting().line() else {
            return;
        };
        let area = ui.clip_rect();
        let (lines, _) = self.view.visible(area, origin);
        let staff = self.measures().staff;
        let share = (threshold / theme::MOST).clamp(0.0, 1.0);
        let shown = self.view.layout.lines.get(lines.clone());
        let mut has_slider = false;
        // A finger that scrolls begins anywhere: it takes the line at its left end.
        let by_finger = ui.input(egui::InputState::has_touch_screen);
        for (index, line) in shown.unwrap_or_default().iter().enumerate() {
            let y = origin.y + line.foot - share * staff;
            let end = match by_finger {
                true => line.left + 16.0,
                false => line.right + 8.0,
            };
            let strip = Rect::from_min_max(
                pos2(origin.x + line.left - 24.0, y - 3.0),
                pos2(origin.x + end, y + 4.0),
            );
            // For the keyboard and for screen readers there is one of them.
            let is_slider = !has_slider && strip.intersects(area);
            has_slider |= is_slider;
            let (id, sense) = match is_slider {
                true => (id().with("threshold"), Sense::drag()),
                false => (id().with(("threshold", lines.start + index)), Sense::DRAG),
            };
            let response = ui.interact(strip.intersect(area), id, sense);
            if is_slider && let Some(moved) = threshold::slider(ui, &response, threshold, language)
            {
                (changed.threshold, changed.settled) = (Some(moved), true);
            }
            if response.hovered() || response.dragged() {
                ui.ctx().set_cursor_icon(CursorIcon::ResizeVertical);
            }
            if response.dragged()
                && let Some(pointer) = response.interact_pointer_pos()
            {
                let foot = origin.y + line.foot;
                let nats = (foot - pointer.y) / staff * theme::MOST;
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

/// What the keys of this frame do to the text, and whether an input method has still
/// to settle on what it has put there.
fn run(ui: &Ui, mut composing: bool) -> (Run, bool) {
    let mut run = None;
    let mut alone = false;
    ui.input(|input| {
        for event in &input.events {
            match event {
                Event::Paste(_) | Event::Cut | Event::AccessKitActionRequest(_) => alone = true,
                Event::Text(_) => run = Some(Run::Typing),
                Event::Ime(ime) => {
                    run = Some(Run::Typing);
                    match ime {
                        ImeEvent::Preedit { text, .. } => composing = !text.is_empty(),
                        ImeEvent::Commit(_) => composing = false,
                        _ => {}
                    }
                }
                Event::Key {
                    key, pressed: true, ..
                } => match key {
                    Key::Enter | Key::Tab => run = Some(Run::Typing),
                    Key::Backspace | Key::Delete | Key::H | Key::K | Key::U | Key::W => {
                        run = run.or(Some(Run::Deleting));
                    }
                    _ => {}
                },
                _ => {}
            }
        }
    });
    let run = match run {
        _ if alone => Run::Alone,
        Some(Run::Typing) if composing => Run::Composing,
        run => run.unwrap_or_default(),
    };
    (run, composing)
}

/// Draws the caret; gives where.
fn draw_caret(ui: &Ui, origin: Pos2, galley: &Galley, caret: CCursor) -> Rect {
    let middle = galley
        .pos_from_cursor(caret)
        .translate(origin.to_vec2())
        .center();
    ui.painter().line_segment(
        [middle - vec2(0.0, 13.0), middle + vec2(0.0, 13.0)],
        Stroke::new(2.0, Palette::of(ui.ctx()).accent),
    );
    // With the staff above it.
    Rect::from_min_max(middle - vec2(1.0, 60.0), middle + vec2(1.0, 30.0))
}

#[cfg(test)]
impl Editor {
    pub(crate) fn layout(&self) -> (Pos2, &crate::window::staff::Layout) {
        (self.origin, &self.view.layout)
    }
}
