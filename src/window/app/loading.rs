//! The line about a model that is being loaded, and the way out of it.

use std::path::Path;
use std::time::Duration;

use egui::{Button, Context, Frame, Key, Margin, Modifiers, Panel, Rect, RichText, Ui};
use web_time::Instant;

use super::App;
use crate::window::amounts::left;
use crate::window::engine::Request;
use crate::window::theme::Palette;
use crate::window::widgets::{right, side_margin};
use crate::window::words::{self, Language};

/// What takes no longer is not worth a line.
const SILENCE: Duration = Duration::from_millis(700);

/// A model on its way.
#[derive(Debug)]
pub(super) struct Loading {
    /// `None` is the one in the program.
    name: Option<String>,
    began: Instant,
    pub(super) done: u64,
    /// 0 while it is not known.
    pub(super) total: u64,
}

impl Loading {
    fn new(name: Option<String>) -> Self {
        Self {
            name,
            began: Instant::now(),
            done: 0,
            total: 0,
        }
    }

    /// What the line says, after so long a time.
    fn text(&self, language: Language, time: Duration) -> String {
        let name = match &self.name {
            None => words::loading::embedded_model(language).to_owned(),
            Some(name) => Path::new(name.trim_end_matches('/'))
                .file_name()
                .map_or_else(|| name.clone(), |part| part.to_string_lossy().into_owned()),
        };
        let mut parts = vec![words::loading::loading(language, &name)];
        if self.total > 0 {
            parts.push(words::loading::progress(language, self.done, self.total));
        }
        let rate = self.done as f64 / time.as_secs_f64().max(1e-9);
        if self.done > 0 && self.total > self.done {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "shown"
            )]
            let rounded = rate as u64;
            parts.push(words::loading::rate(language, rounded));
            let rest = (self.total - self.done) as f64;
            parts.push(left(language, rest / rate));
        }
        parts.join(" · ")
    }
}

impl App {
    /// Asks for a model; the one before stays until it is there.
    pub(in crate::window) fn open_model(&mut self, name: Option<String>) {
        self.loading = Some(Loading::new(name.clone()));
        self.engine.ask(Request::Open(name));
    }

    /// The wish for a model is taken back.
    pub(super) fn open_cancelled(&mut self) {
        self.loading = None;
        if self.model.is_none() {
            let notice = words::loading::no_model(self.language());
            self.notices.push(notice.to_owned());
        }
    }

    /// Shows how far the load is; Escape or the button ends it.
    pub(super) fn show_loading(&mut self, ui: &mut Ui) {
        let Some(loading) = &self.loading else {
            return;
        };
        let time = loading.began.elapsed();
        if time < SILENCE {
            ui.ctx().request_repaint_after(SILENCE - time);
            return;
        }
        let language = self.language();
        let text = loading.text(language, time);
        let share = loading.done as f32 / loading.total.max(1) as f32;
        let mut cancel = self.escapes(ui.ctx());
        let palette = Palette::of(ui.ctx());
        let margin = side_margin(ui);
        let frame = Frame::new()
            .fill(palette.panel)
            .inner_margin(Margin::symmetric(margin, 8));
        let shown = Panel::bottom("loading")
            .resizable(false)
            .show_separator_line(false)
            .frame(frame)
            .show(ui, |ui| {
                ui.horizontal(|ui| {
                    right(ui, |ui| {
                        let button = Button::new(words::loading::cancel(language))
                            .shortcut_text(ui.ctx().format_shortcut(&ESCAPE));
                        cancel |= ui.add(button).clicked();
                        ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                            let text = RichText::new(text).size(12.5).color(palette.text);
                            ui.add(egui::Label::new(text).truncate());
                        });
                    });
                });
            });
        let line = shown.response.rect;
        let line = Rect::from_min_size(line.min, egui::vec2(line.width() * share.min(1.0), 2.0));
        ui.painter().rect_filled(line, 0.0, palette.accent);
        if cancel {
            self.engine.ask(Request::CancelOpen);
        }
    }

    /// Whether Escape was pressed where nothing else is there to be closed by it.
    fn escapes(&self, context: &Context) -> bool {
        let closes = self.shortcuts || self.commands.is_open() || egui::Popup::is_any_open(context);
        !closes && context.input_mut(|input| input.consume_shortcut(&ESCAPE))
    }
}

#[cfg(test)]
impl App {
    /// Whether the line is there.
    pub(in crate::window) fn shows_loading(&self) -> bool {
        let loading = self.loading.as_ref();
        loading.is_some_and(|loading| loading.began.elapsed() >= SILENCE)
    }
}

const ESCAPE: egui::KeyboardShortcut = egui::KeyboardShortcut::new(Modifiers::NONE, Key::Escape);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_it_is_and_how_long_it_takes() {
        let mut loading = Loading::new(Some("models/blt-1b/".to_owned()));
        let two = Duration::from_secs(2);
        assert_eq!(loading.text(Language::English, two), "Loading blt-1b");
        (loading.done, loading.total) = (1_000_000_000, 4_000_000_000);
        assert_eq!(
            loading.text(Language::English, two),
            "Loading blt-1b · 1.0 GB of 4.0 GB, 25 % · 500 MB/s · 6 s left"
        );
        assert_eq!(
            loading.text(Language::Korean, two),
            "blt-1b 불러오는 중 · 4.0 GB 중 1.0 GB, 25 % · 초당 500 MB · 6초 남음"
        );
        loading.done = loading.total;
        assert!(loading.text(Language::English, two).ends_with("100 %"));
    }
}
