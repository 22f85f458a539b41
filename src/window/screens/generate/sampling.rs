//! How bytes are chosen.

use egui::{DragValue, Response, RichText, Slider, Stroke, Ui};

use super::GenerateScreen;
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
        let all = language.pick("all", "모두");
        heading(
            ui,
            language.pick("How a byte is chosen", "바이트를 고르는 법"),
        );
        let mut greedy = self.settings.sampler.temperature == 0.0;
        let text = language.pick("Greedy: always the likeliest", "탐욕: 늘 가장 그럴듯한 것");
        if check(ui, &mut greedy, text).changed() {
            if greedy {
                self.warm = self.settings.sampler.temperature;
            }
            self.settings.sampler.temperature = if greedy { 0.0 } else { self.warm };
        }
        let sampler = &mut self.settings.sampler;
        ui.add_enabled_ui(!greedy, |ui| {
            let name = language.pick("Temperature", "온도");
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
        let name = language.pick("Repetition", "반복 벌점");
        let shown = format!("{:.2}", sampler.repetition_penalty);
        let slider = Slider::new(&mut sampler.repetition_penalty, 1.0..=2.0).step_by(0.01);
        row(ui, name, slider, &shown);
        ui.horizontal(|ui| {
            let name = label(ui, language.pick("Seed", "시드"));
            ui.add(DragValue::new(&mut sampler.seed).speed(0.1))
                .labelled_by(name);
        });
        ui.horizontal(|ui| {
            let name = label(ui, language.pick("Length limit", "길이 제한"));
            let limit = DragValue::new(&mut self.settings.limit)
                .range(1..=1_000_000)
                .speed(1.0);
            ui.add(limit).labelled_by(name);
            let palette = Palette::of(ui.ctx());
            let text = language.pick("bytes per run", "바이트씩");
            ui.label(RichText::new(text).size(12.0).color(palette.muted));
        });
        let text = language.pick("Only well-formed UTF-8", "올바른 UTF-8만");
        check(ui, &mut self.settings.constrain, text);
        if self.whole {
            let text = language.pick(
                "Draft several bytes at a time",
                "여러 바이트를 미리 써 보기",
            );
            let hint = language.pick(
                "Encoder and decoder draft bytes with the patches that are closed, and the whole \
                 model takes several at once; those that it would not have written are taken back. \
                 The text stays the same. Drafts only while that is faster.",
                "인코더와 디코더가 닫힌 패치만으로 바이트를 미리 쓰고 모델 전체가 여러 개를 한 번에 \
                 확인합니다. 모델이 쓰지 않았을 바이트는 되돌리므로 글은 그대로입니다. 더 빠를 때만 \
                 미리 씁니다.",
            );
            check(ui, &mut self.settings.draft, text).on_hover_text(hint);
            let text = language.pick("Time each part of the model", "모델의 부분마다 시간 재기");
            let hint = language.pick(
                "From the next reading of the prompt on. Each part of the model is then a pass of \
                 its own between two timestamps, which costs about a tenth of the speed on a software driver.",
                "다음에 프롬프트를 읽을 때부터. 모델의 부분마다 따로 실행하고 시각을 재므로 소프트웨어 \
                 드라이버에서는 10분의 1쯤 느려집니다.",
            );
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
