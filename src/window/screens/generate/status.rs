//! The numbers below the text.

use egui::{Color32, Label, Rect, RichText, Sense, Ui, WidgetInfo, pos2, vec2};

use super::GenerateScreen;
use super::staff::ended;
use super::words::status as words;
use crate::generate::Drafts;
use crate::window::context::Shared;
use crate::window::theme::{self, Palette};
use crate::window::widgets::right;

/// Points that a rate takes.
const RATE: f32 = 110.0;

impl GenerateScreen {
    pub(super) fn status(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let language = shared.language;
        let quiet = |text: String| RichText::new(text).size(12.5).color(palette.muted);
        let written = self.text.written().len();
        let steps = self.text.latent_steps();
        let mut parts = vec![words::written(language, written)];
        if self.whole {
            parts.push(words::latent_steps(language, steps));
            if steps > 0 {
                let each = written as f64 / steps as f64;
                parts.push(words::bytes_per_latent_step(language, each));
            }
        }
        let Drafts { drafted, accepted } = self.state.drafts;
        if drafted > 0 {
            parts.push(words::drafts(language, drafted, accepted));
        }
        parts.push(words::invalid(language, self.text.invalid()));
        if self.state.memory > 0 {
            parts.push(words::memory(language, self.state.memory));
        }
        ui.horizontal_wrapped(|ui| {
            for (index, part) in parts.into_iter().enumerate() {
                if index > 0 {
                    ui.label(quiet("·".to_owned()));
                }
                // A line breaks between two of them only.
                ui.add(Label::new(quiet(part)).extend());
            }
            if let Some(rate) = self.state.rate {
                let text = words::rate(language, rate);
                let label = Label::new(RichText::new(text).font(theme::bold(12.5))).extend();
                // At the end of the row, where that has room.
                if ui.available_size_before_wrap().x > RATE {
                    right(ui, |ui| ui.add(label));
                } else {
                    ui.add(label);
                }
            }
        });
        if let Some(why) = ended(self, shared) {
            ui.label(quiet(why.to_owned()));
        }
        self.times(ui, shared);
    }

    /// Where the time of a byte goes.
    fn times(&self, ui: &mut Ui, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let language = shared.language;
        let Some(times) = self.text.times() else {
            return;
        };
        let [low, middle, high] = palette.entropy;
        let parts: Vec<(&str, f64, Color32)> = match times.stages {
            Some(stages) => vec![
                (words::entropy(language), stages.entropy, low),
                (words::encoder(language), stages.encoder, middle),
                (words::latent(language), stages.latent, high),
                (words::decoder(language), stages.decoder, palette.muted),
                (words::sampling(language), times.sampling, palette.text),
                (words::readback(language), stages.readback, palette.boundary),
            ],
            None => vec![
                (
                    words::model(language),
                    (times.total - times.sampling).max(0.0),
                    middle,
                ),
                (words::sampling(language), times.sampling, palette.text),
            ],
        };
        let sum: f64 = parts.iter().map(|(_, part, _)| part).sum();
        if sum <= 0.0 {
            return;
        }
        ui.add_space(4.0);
        let (rect, response) =
            ui.allocate_exact_size(vec2(ui.available_width(), 8.0), Sense::hover());
        let said = parts
            .iter()
            .map(|(name, part, _)| format!("{name} {part:.2} ms"))
            .collect::<Vec<_>>()
            .join(", ");
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, &said));
        let mut left = rect.left();
        for (_, part, color) in &parts {
            #[expect(clippy::cast_possible_truncation, reason = "a share of a width")]
            let width = rect.width() * (part / sum) as f32;
            let bar = Rect::from_min_max(
                pos2(left, rect.top()),
                pos2((left + width - 1.0).max(left), rect.bottom()),
            );
            ui.painter().rect_filled(bar, 1.0, *color);
            left += width;
        }
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 5.0;
            for (name, part, color) in &parts {
                let (rect, _) = ui.allocate_exact_size(vec2(8.0, 14.0), Sense::hover());
                let swatch = Rect::from_center_size(rect.center(), vec2(8.0, 8.0));
                ui.painter().rect_filled(swatch, 1.0, *color);
                let text = format!("{name} {part:.2}");
                let text = RichText::new(text).size(11.5).color(palette.muted);
                ui.add(Label::new(text).extend());
                ui.add_space(6.0);
            }
            let text = words::per_byte(language, sum);
            ui.label(RichText::new(text).size(11.5).color(palette.text));
        });
    }
}
