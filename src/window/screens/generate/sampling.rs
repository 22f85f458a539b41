//! How bytes are chosen.

use egui::{DragValue, Response, RichText, Slider, Stroke, Ui};

use super::GenerateScreen;
use super::words::sampling as words;
use crate::window::context::Shared;
use crate::window::theme::{self, Palette};
use crate::window::widgets::{heading, right};

/// Width of the names in front of the sliders, in points.
const NAMES: f32 = 104.0;
/// And of the numbers behind them.
const NUMBERS: f32 = 40.0;

impl GenerateScreen {
    pub(super) fn sampling(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let language = shared.language;
        let all = words::all(language);
        heading(ui, words::heading(language));
        let mut greedy = self.settings.sampler.temperature == 0.0;
        let text = words::greedy(language);
        if check(ui, &mut greedy, text).changed() {
            if greedy {
                self.warm = self.settings.sampler.temperature;
            }
            self.settings.sampler.temperature = if greedy { 0.0 } else { self.warm };
        }
        let sampler = &mut self.settings.sampler;
        ui.add_enabled_ui(!greedy, |ui| {
            let name = words::temperature(language);
            let mut temperature = if greedy {
                self.warm
            } else {
                sampler.temperature
            };
            let shown = format!("{temperature:.2}");
            let slider = Slider::new(&mut temperature, 0.05..=2.0).step_by(0.05);
            if row(ui, name, slider, &shown) {
                sampler.temperature = temperature;
            }
            let shown = match sampler.top_k {
                0 => all.to_owned(),
                k => k.to_string(),
            };
            let slider = Slider::new(&mut sampler.top_k, 0..=256);
            row(ui, "Top-k", slider, &shown);
            let shown = match sampler.top_p {
                1.0 => all.to_owned(),
                p => format!("{p:.2}"),
            };
            let slider = Slider::new(&mut sampler.top_p, 0.0..=1.0).step_by(0.01);
            row(ui, "Top-p", slider, &shown);
            let shown = match sampler.min_p {
                0.0 => all.to_owned(),
                p => format!("{p:.2}"),
            };
            let slider = Slider::new(&mut sampler.min_p, 0.0..=1.0).step_by(0.01);
            row(ui, "Min-p", slider, &shown);
        });
        let name = words::repetition(language);
        let shown = format!("{:.2}", sampler.repetition_penalty);
        let slider = Slider::new(&mut sampler.repetition_penalty, 1.0..=2.0).step_by(0.01);
        row(ui, name, slider, &shown);
        ui.horizontal(|ui| {
            let name = label(ui, words::seed(language));
            ui.add(DragValue::new(&mut sampler.seed).speed(0.1))
                .labelled_by(name);
        });
        ui.horizontal(|ui| {
            let name = label(ui, words::length_limit(language));
            let limit = DragValue::new(&mut self.settings.limit)
                .range(1..=1_000_000)
                .speed(1.0);
            ui.add(limit).labelled_by(name);
            let palette = Palette::of(ui.ctx());
            let text = words::bytes_per_run(language);
            ui.label(RichText::new(text).size(12.0).color(palette.muted));
        });
        let text = words::constrain(language);
        check(ui, &mut self.settings.constrain, text);
        if self.whole {
            let text = words::draft(language);
            let hint = words::draft_hint(language);
            check(ui, &mut self.settings.draft, text).on_hover_text(hint);
            let text = words::stage_times(language);
            let hint = words::stage_times_hint(language);
            check(ui, &mut self.settings.stage_times, text).on_hover_text(hint);
        }
    }
}

/// A box to tick, which shows where it is while it is empty.
fn check(ui: &mut Ui, ticked: &mut bool, text: &str) -> Response {
    let boundary = Palette::of(ui.ctx()).boundary;
    ui.scope(|ui| {
        ui.visuals_mut().widgets.inactive.bg_stroke = Stroke::new(1.0, boundary);
        ui.checkbox(ticked, text)
    })
    .inner
}

fn label(ui: &mut Ui, name: &str) -> egui::Id {
    ui.scope(|ui| {
        ui.set_width(NAMES);
        ui.label(RichText::new(name).size(12.5)).id
    })
    .inner
}

/// A slider between its name and its number; says whether it was moved.
fn row(ui: &mut Ui, name: &str, slider: Slider<'_>, number: &str) -> bool {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let name = label(ui, name);
        ui.spacing_mut().slider_width = (ui.available_width() - NUMBERS).max(40.0);
        let response = ui.add(slider.show_value(false)).labelled_by(name);
        right(ui, |ui| {
            ui.label(RichText::new(number).font(theme::sans(12.5)));
        });
        response.changed()
    })
    .inner
}
