//! Above and below the rows: which file it is, how far the scan has come, where one
//! can go, and the byte that is looked at.

use egui::{Button, Id, Label, Rect, RichText, Role, Stroke, TextEdit, Ui, WidgetInfo, pos2};

use super::letters::{MARGIN, letter_at, letters};
use super::shown::{Notice, Shown};
use super::words;
use crate::window::actions::{Action, Jump};
use crate::window::context::Shared;
use crate::window::theme::{self, Palette};
use crate::window::widgets::{byte_label, right, row, thousands};

impl Shown {
    /// The file, its scan and the jumps.
    pub(super) fn strip(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let panel = ui.max_rect();
        ui.add_space(10.0);
        ui.horizontal(|ui| {
            let room = (ui.available_width() - 420.0).max(80.0);
            let name = RichText::new(self.source.name()).font(theme::bold(15.0));
            ui.scope(|ui| {
                ui.set_max_width(room);
                let path = self.source.path().display().to_string();
                ui.add(Label::new(name).truncate()).on_hover_text(path);
            });
            let size = RichText::new(words::size(self.source.len()))
                .size(12.5)
                .color(palette.muted);
            let exact = format!("{} {}", thousands(self.source.len()), shared.words.bytes);
            ui.label(size).on_hover_text(exact);
            right(ui, |ui| self.scan(ui, shared));
        });
        ui.add_space(4.0);
        row(ui, "file jumps", |ui| self.jumps(ui, shared));
        self.progress_line(ui, panel);
    }

    /// How far the scan is, and what can be done about it.
    fn scan(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let language = shared.language;
        let quiet = |text: String| RichText::new(text).size(12.5).color(palette.muted);
        let Some(overview) = &self.overview else {
            let text = match shared.model {
                Some(_) => words::opening(language),
                None => words::waiting_for_model(language),
            };
            ui.label(quiet(text.to_owned()));
            return;
        };
        let progress = overview.progress;
        if progress.finished {
            ui.label(quiet(words::scanned(language).to_owned()));
            return;
        }
        let mut text = words::percent(progress.bytes, progress.total);
        if let Some(pace) = overview.pace.filter(|_| self.run) {
            #[expect(clippy::cast_possible_truncation, reason = "saturates")]
            let per_second = pace as u64;
            let rest = (progress.total - progress.bytes) as f64 / pace;
            text += &format!(
                " · {}/s · {}",
                words::size(per_second),
                words::left(language, rest)
            );
        } else if !self.run {
            text += words::paused(language);
        }
        let begun = progress.bytes > 0;
        let run = self.run;
        if begun
            && ui
                .button(words::cancel(language))
                .on_hover_text(words::cancel_hint(language))
                .clicked()
        {
            self.cancel(shared);
        }
        let label = match (run, begun) {
            (true, _) => words::pause(language),
            (false, true) => words::go_on(language),
            (false, false) => words::scan(language),
        };
        let key = words::space_key(language);
        if ui.button(label).on_hover_text(key).clicked() {
            self.set_run(!run, shared);
        }
        ui.label(quiet(text));
    }

    /// What has come of the whole, as a line.
    fn progress_line(&self, ui: &Ui, panel: Rect) {
        let palette = Palette::of(ui.ctx());
        let y = panel.bottom() - 1.0;
        let painter = ui.ctx().layer_painter(ui.layer_id());
        let whole = ui.ctx().content_rect().x_range();
        painter.hline(whole, y, Stroke::new(1.0, palette.hairline));
        if let Some(overview) = &self.overview
            && !overview.progress.finished
        {
            let share = super::jumps::share_at(overview.progress.bytes, overview.progress.total);
            let end = whole.min + whole.span() * share;
            let line = Rect::from_min_max(pos2(whole.min, y - 1.0), pos2(end, y + 1.0));
            painter.rect_filled(line, 0.0, palette.entropy[1]);
        }
    }

    fn jumps(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let known = self.overview.as_ref();
        for jump in [Jump::Hottest, Jump::Longest, Jump::Invalid] {
            let enabled = match jump {
                Jump::Hottest => known.is_some_and(|known| !known.hottest.is_empty()),
                Jump::Longest => known.is_some_and(|known| known.longest.is_some()),
                _ => known.is_some(),
            };
            let button = Button::new(jump.label(shared.language));
            let response = ui.add_enabled(enabled, button);
            let keys = Action::Jump(jump).shortcut();
            let keys = keys.map(|keys| ui.ctx().format_shortcut(&keys));
            if response.on_hover_text(keys.unwrap_or_default()).clicked() {
                self.jump = Some(jump);
            }
        }
        ui.add_space(6.0);
        let label = Jump::Offset.label(shared.language);
        ui.label(RichText::new(label).color(palette.muted));
        let id = Id::unique("file offset");
        let field = ui.add(
            TextEdit::singleline(&mut self.offset)
                .id(id)
                .font(theme::mono(12.5))
                .hint_text("0x…")
                .background_color(palette.panel)
                .desired_width(96.0),
        );
        field.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::TextInput, true, label);
            info.current_text_value = Some(self.offset.clone());
            info
        });
        if std::mem::take(&mut self.focus_offset) {
            field.request_focus();
        }
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        if entered {
            match self.go_to_offset() {
                true => self.focus_rows = true,
                false => self.focus_offset = true,
            }
        }
        ui.add_space(6.0);
        let (text, color) = self.notice(shared);
        ui.add(
            Label::new(RichText::new(text).size(12.5).color(match color {
                true => palette.signal,
                false => palette.muted,
            }))
            .truncate(),
        );
    }

    /// What is said beside the jumps, and whether it is a complaint.
    fn notice(&self, shared: &Shared<'_>) -> (String, bool) {
        let language = shared.language;
        let text = match self.notice {
            Notice::Nothing => String::new(),
            Notice::Hottest(number, of, nats) => words::hottest(language, number, of, nats),
            Notice::Longest(bytes) => words::longest(language, bytes),
            Notice::Searching => words::searching(language).to_owned(),
            Notice::Valid => words::all_valid(language).to_owned(),
            Notice::NoOffset => words::no_offset(language).to_owned(),
        };
        (text, self.notice == Notice::NoOffset)
    }

    /// The byte that is looked at, and what is known of all of them.
    pub(super) fn status(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        ui.add_space(9.0);
        let byte = self.about_byte(self.hovered.unwrap_or(self.caret), shared);
        let so_far = self.so_far(shared);
        let palette = Palette::of(ui.ctx());
        row(ui, "file status", |ui| {
            ui.vertical(|ui| {
                line(ui, &byte, palette.text);
                line(ui, &so_far, palette.muted);
            });
        });
    }

    /// What is known about a byte.
    pub(super) fn about_byte(&mut self, at: u64, shared: &Shared<'_>) -> Vec<String> {
        let mut parts = vec![format!("0x{at:08X} ({})", thousands(at))];
        let first = at.saturating_sub(MARGIN);
        let bytes = self.source.read(first..at.saturating_add(MARGIN + 1));
        let bytes = bytes.unwrap_or_default();
        let index = usize::try_from(at - first).unwrap_or(0);
        if let Some(byte) = bytes.get(index) {
            parts.push(format!("0x{byte:02X} ({byte})"));
            let found = letters(&bytes, first);
            let letter = letter_at(&found, at).copied();
            parts.push(match letter.and_then(|letter| letter.character) {
                Some(' ') => byte_label(*byte),
                None if matches!(byte, b'\n' | b'\t') => byte_label(*byte),
                None if byte.is_ascii_control() => {
                    words::control_character(shared.language).to_owned()
                }
                None => words::no_character(shared.language).to_owned(),
                Some(character) if character.is_ascii() => character.to_string(),
                Some(character) => format!("{character} U+{:04X}", u32::from(character)),
            });
        }
        if let Some(entropy) = self.entropy(at) {
            let bits = entropy / std::f32::consts::LN_2;
            let (nats, bit) = (shared.words.nats, shared.words.bits);
            parts.push(format!("{entropy:.2} {nats} ({bits:.2} {bit})"));
        }
        if let Some(patch) = self.patch(at) {
            parts.push(words::patch(shared.language, &patch));
        }
        parts
    }

    fn so_far(&self, shared: &Shared<'_>) -> Vec<String> {
        let words = shared.words;
        let Some(overview) = &self.overview else {
            return Vec::new();
        };
        let mut parts = vec![
            words::bytes_done(shared.language, overview.progress.bytes),
            format!("{} {}", thousands(overview.patches), words.patches),
        ];
        if let Some(mean) = overview.mean_patch {
            parts.push(format!("{mean:.2} {}", words.bytes_per_patch));
        }
        if let Some(bits) = overview.bits_per_byte {
            let unit = words::bits_per_byte(shared.language);
            parts.push(format!("{bits:.3} {unit}"));
        }
        parts
    }
}

fn line(ui: &mut Ui, parts: &[String], color: egui::Color32) {
    let palette = Palette::of(ui.ctx());
    ui.horizontal(|ui| {
        ui.set_height(20.0);
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                ui.label(RichText::new("·").color(palette.muted));
            }
            ui.label(RichText::new(part).color(color).size(12.5));
        }
    });
}
