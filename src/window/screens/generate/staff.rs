//! The prompt, the controls, and the text below its staves with its compute ruler.

use egui::{
    Button, EventFilter, Id, Key, KeyboardShortcut, Margin, Pos2, Rect, RichText, ScrollArea,
    Sense, Shape, Stroke, StrokeKind, TextEdit, Ui, WidgetInfo, pos2, vec2,
};

use super::written::Mark;
use super::{GenerateScreen, words};
use crate::window::actions::{Action, Command};
use crate::window::context::Shared;
use crate::window::engine::Doing;
use crate::window::theme::{self, Palette};
use crate::window::widgets::heading;

/// From the foot of a staff down to the middle of the ruler, in points.
const RULER: f32 = 39.0;
/// From the foot of a staff to the ground of the prompt, and its height.
const GROUND: (f32, f32) = (2.0, 28.0);
const LARGEST_MARK: f32 = 3.2;

impl GenerateScreen {
    pub(super) fn controls(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        ui.add_space(8.0);
        self.edit_prompt(ui, shared);
        ui.add_space(8.0);
        ui.horizontal_wrapped(|ui| {
            for command in Command::ALL {
                self.button(ui, command, shared);
            }
        });
        ui.add_space(2.0);
        self.message(ui, shared);
    }

    fn edit_prompt(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        heading(ui, words::prompt(shared.language));
        egui::Frame::new()
            .fill(palette.panel)
            .corner_radius(5)
            .inner_margin(Margin::symmetric(10, 7))
            .show(ui, |ui| {
                ScrollArea::vertical()
                    .id_salt("prompt")
                    .max_height(58.0)
                    .show(ui, |ui| {
                        let response = TextEdit::multiline(&mut self.prompt)
                            .id(prompt_id())
                            .frame(egui::Frame::NONE)
                            .margin(Margin::ZERO)
                            .font(theme::mono(14.0))
                            .desired_rows(1)
                            .desired_width(f32::INFINITY)
                            .hint_text(words::prompt_hint(shared.language))
                            .show(ui)
                            .response
                            .response;
                        let name = words::prompt(shared.language);
                        ui.ctx()
                            .accesskit_node_builder(response.id, |node| node.set_label(name));
                    });
            });
    }

    fn button(&mut self, ui: &mut Ui, command: Command, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let main = command == Command::StartOrPause;
        // What has been loaded or read so far is let go.
        let leaves = match self.doing {
            Doing::Loading(..) => true,
            Doing::Reading(..) => !self.is_read,
            Doing::Nothing | Doing::Writing => false,
        };
        let name = match command {
            Command::StartOrPause if leaves => words::cancel(shared.language),
            Command::StartOrPause if self.is_busy() => words::pause(shared.language),
            command => command.name(shared.language),
        };
        let mut button = Button::new(match main {
            true => RichText::new(name)
                .font(theme::bold(13.0))
                .color(palette.background),
            false => RichText::new(name),
        });
        if main {
            // As wide as either word, so that nothing moves.
            button = button.fill(palette.accent).min_size(vec2(64.0, 28.0));
        } else {
            button = button.min_size(vec2(0.0, 28.0));
        }
        let can = self.can(command, shared);
        let keys = Action::Generate(command).shortcut();
        let keys = keys.map(|keys: KeyboardShortcut| ui.ctx().format_shortcut(&keys));
        let hint = command.hint(shared.language);
        let hint = match keys {
            Some(keys) => format!("{hint} ({keys})"),
            None => hint.to_owned(),
        };
        let response = ui.add_enabled(can, button);
        if response.on_hover_text(hint).clicked() {
            self.act(command, shared);
        }
    }

    /// What the user has to know right now, in one line; otherwise what the marks
    /// below the text mean.
    fn message(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let language = shared.language;
        let quiet = |text: String| RichText::new(text).size(12.0).color(palette.muted);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            ui.set_min_height(20.0);
            if let Some(note) = &self.note {
                let mark = RichText::new("!").font(theme::bold(13.0));
                ui.label(mark.color(palette.signal));
                ui.label(RichText::new(note.text(language)).size(12.5));
                return;
            }
            match self.doing {
                Doing::Loading(done, total) => {
                    let text = self.loading(done, total, shared);
                    ui.label(quiet(text));
                }
                Doing::Reading(read, all) => {
                    ui.label(quiet(words::reading(language, read, all)));
                }
                Doing::Nothing | Doing::Writing => {
                    if !self.text.bytes().is_empty() && self.has_other_prompt() {
                        ui.label(quiet(words::prompt_changed(language).to_owned()));
                    } else {
                        self.legend(ui, shared);
                    }
                }
            }
        });
    }

    fn loading(&self, done: u64, total: u64, shared: &Shared<'_>) -> String {
        let language = shared.language;
        let mut text = words::loading(language, done, total);
        if let Some(plan) = &self.memory {
            text.push(' ');
            text += &words::memory(language, plan.adapter, plan.session);
        }
        text
    }

    fn legend(&self, ui: &mut Ui, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let language = shared.language;
        let quiet = |text: &str| RichText::new(text).size(12.0).color(palette.muted);
        if !self.whole {
            ui.label(quiet(words::entropy_model_alone(language)));
            return;
        }
        for (mark, text) in [
            (Mark::Latent, words::latent_ran(language)),
            (Mark::Local, words::only_local_ran(language)),
        ] {
            let (rect, _) = ui.allocate_exact_size(vec2(9.0, 16.0), Sense::hover());
            ui.painter()
                .add(dot(rect.center(), LARGEST_MARK, mark, palette));
            ui.label(quiet(text));
            ui.add_space(10.0);
        }
    }

    pub(super) fn staff(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let margin = f32::from(super::margin(ui.available_width()));
        let id = Id::unique("generate staff");
        ScrollArea::vertical()
            .id_salt("generate staff")
            .auto_shrink(false)
            .stick_to_bottom(self.doing == Doing::Writing)
            .show(ui, |ui| {
                ui.add_space(16.0);
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = 0.0;
                    ui.add_space(margin);
                    let width = (ui.available_width() - margin).max(40.0);
                    ui.vertical(|ui| {
                        ui.set_width(width);
                        if self.text.bytes().is_empty() {
                            self.nothing_yet(ui, shared);
                        } else {
                            self.draw(ui, id, shared);
                        }
                    });
                });
                ui.add_space(16.0);
            });
    }

    fn nothing_yet(&self, ui: &mut Ui, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let text = words::nothing_yet(shared.language);
        ui.add_space(12.0);
        ui.label(RichText::new(text).size(14.0).color(palette.muted));
    }

    fn draw(&mut self, ui: &mut Ui, id: Id, shared: &Shared<'_>) {
        let under = ui.painter().add(Shape::Noop);
        let around = self.text.around(self.threshold);
        let editor = self.text.editor().to_owned();
        let sense = Sense::click();
        let (origin, response) = self.view.show(ui, id, &editor, theme::BARS, around, sense);
        self.origin = origin;
        let name = words::spoken::generated_text(shared.language);
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(egui::Role::Document, true, name);
            info.current_text_value = Some(String::from_utf8_lossy(self.text.bytes()).into_owned());
            info
        });
        ui.painter().set(under, self.ground(ui, origin));
        self.ruler(ui, origin);
        self.hovered = response
            .hover_pos()
            .and_then(|place| self.view.byte_at(origin, place));
        if response.clicked() {
            response.request_focus();
            let place = response.interact_pointer_pos();
            let at = place.and_then(|place| self.view.byte_at(origin, place));
            self.selected = at.filter(|at| self.selected != Some(*at));
        }
        if response.has_focus() {
            self.keys(ui, response.id);
        }
        if let Some(byte) = self.hovered.filter(|byte| self.selected != Some(*byte))
            && let Some(rect) = self.view.layout.rectangle(byte)
        {
            let rect = rect.translate(origin.to_vec2()).expand2(vec2(1.0, 4.0));
            let stroke = Stroke::new(1.0, Palette::of(ui.ctx()).boundary);
            ui.painter()
                .rect_stroke(rect, 3.0, stroke, StrokeKind::Outside);
        }
        if let Some(byte) = self.selected {
            self.view.frame(ui, origin, byte);
        }
        if let Some(byte) = self.list_bytes(ui, shared.language) {
            self.selected = Some(byte);
        }
    }

    /// The arrows go from byte to byte.
    fn keys(&mut self, ui: &Ui, id: Id) {
        let arrows = EventFilter {
            horizontal_arrows: true,
            escape: true,
            ..EventFilter::default()
        };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(id, arrows));
        let end = self.text.bytes().len();
        let (left, right, out) = ui.input(|input| {
            let pressed = |key| input.modifiers.is_none() && input.key_pressed(key);
            (
                pressed(Key::ArrowLeft),
                pressed(Key::ArrowRight),
                pressed(Key::Escape),
            )
        });
        let now = self.selected.unwrap_or(end);
        if left {
            self.selected = now.checked_sub(1).or(self.selected);
        }
        if right {
            self.selected = Some(now + 1).filter(|at| *at < end);
        }
        if out {
            self.selected = None;
        }
    }

    /// The prompt stands on a ground of its own.
    fn ground(&self, ui: &Ui, origin: Pos2) -> Shape {
        let palette = Palette::of(ui.ctx());
        let ground = palette.panel.lerp_to_gamma(palette.text, 0.04);
        let (lines, _) = self.view.visible(ui.clip_rect(), origin);
        let layout = &self.view.layout;
        let end = self.text.prompt();
        let lines = layout.lines.get(lines).unwrap_or_default();
        let shapes = lines.iter().filter_map(|line| {
            let last = end.min(line.bytes.end).checked_sub(1)?;
            let last = layout.slots.get(last.max(line.bytes.start))?;
            if line.bytes.start >= end {
                return None;
            }
            let rect = Rect::from_min_max(
                pos2(line.left - 6.0, line.foot + GROUND.0),
                pos2(last.right + 1.0, line.foot + GROUND.0 + GROUND.1),
            );
            let rect = rect.translate(origin.to_vec2());
            Some([
                Shape::rect_filled(rect, 3.0, ground),
                Shape::Rect(egui::epaint::RectShape::stroke(
                    rect,
                    3.0,
                    Stroke::new(1.0, palette.hairline),
                    StrokeKind::Inside,
                )),
            ])
        });
        Shape::Vec(shapes.flatten().collect())
    }

    /// What ran before each byte, below its slice.
    fn ruler(&self, ui: &Ui, origin: Pos2) {
        let palette = Palette::of(ui.ctx());
        let (_, bytes) = self.view.visible(ui.clip_rect(), origin);
        let layout = &self.view.layout;
        let shapes = bytes.filter_map(|byte| {
            let slot = layout.slots.get(byte)?;
            let mark = self.text.mark(byte)?;
            let center = pos2((slot.left + slot.right) / 2.0, slot.foot + RULER);
            let radius = ((slot.right - slot.left) * 0.36).min(LARGEST_MARK);
            Some(dot(center + origin.to_vec2(), radius, mark, palette))
        });
        ui.painter().extend(shapes.collect::<Vec<_>>());
    }
}

fn dot(center: Pos2, radius: f32, mark: Mark, palette: &Palette) -> Shape {
    match mark {
        Mark::Latent => Shape::circle_filled(center, radius, palette.text),
        Mark::Local => {
            let stroke = Stroke::new(1.0, palette.boundary);
            Shape::circle_stroke(center, (radius - 0.7).max(0.8), stroke)
        }
    }
}

/// The identity of the prompt's editor.
fn prompt_id() -> Id {
    Id::unique("generate prompt editor")
}

/// Why the last run ended, if it did.
pub(super) fn ended(screen: &GenerateScreen, shared: &Shared<'_>) -> Option<&'static str> {
    let reason = screen.state.ended.filter(|_| !screen.is_busy())?;
    Some(words::ended(shared.language, reason))
}
