//! The side panel of the patch screen: one byte, its patch, and the threshold.

use egui::{Align2, Rect, RichText, Sense, Stroke, Ui, pos2, vec2};

use super::cutting::Mode;
use super::reason::Reason;
use super::{Cutting, PatchScreen, words};
use crate::bytes::byte_of;
use crate::window::context::Shared;
use crate::window::theme::{self, Palette};
use crate::window::widgets::{byte_label, choice, heading, right, rule, thousands};

/// So many of the bytes that could come are listed.
const LIKELY: usize = 8;

impl PatchScreen {
    pub(super) fn panel(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        ui.spacing_mut().item_spacing.y = 6.0;
        let at = self.inspected().min(self.text.bytes().len());
        self.byte(ui, at, shared);
        ui.add_space(14.0);
        self.likely(ui, at, shared);
        ui.add_space(14.0);
        self.patch(ui, at, shared);
        rule(ui);
        self.threshold(ui, shared);
        ui.add_space(6.0);
        self.rules(ui, shared);
    }

    fn byte(&self, ui: &mut Ui, at: usize, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let byte = self.text.bytes().get(at).copied();
        ui.horizontal(|ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(44.0, 44.0), Sense::hover());
            let (picture, size) = self.picture(at);
            ui.painter().text(
                rect.left_center(),
                Align2::LEFT_CENTER,
                picture,
                theme::mono(size),
                palette.text,
            );
            ui.vertical(|ui| {
                let place = match byte {
                    Some(byte) => shared.language.pick(
                        format!("byte {at} · 0x{byte:02X}"),
                        format!("바이트 {at} · 0x{byte:02X}"),
                    ),
                    None => shared
                        .language
                        .pick("the byte to come", "다음에 올 바이트")
                        .to_owned(),
                };
                ui.label(RichText::new(place).size(12.0).color(palette.muted));
                ui.horizontal(|ui| {
                    let Some(entropy) = self.text.entropy(at) else {
                        ui.label(RichText::new("…").font(theme::bold(20.0)));
                        return;
                    };
                    let stale = self.text.stale().contains(&at);
                    let color = match stale {
                        true => palette.muted,
                        false => palette.text,
                    };
                    let nats = format!("{entropy:.2} {}", shared.words.nats);
                    ui.label(RichText::new(nats).font(theme::bold(20.0)).color(color));
                    let bits = entropy / std::f32::consts::LN_2;
                    let bits = format!("{bits:.2} {}", shared.words.bits);
                    ui.label(RichText::new(bits).size(12.0).color(palette.muted));
                });
            });
        });
        let starts = self.text.starts();
        let start = starts.get(at).copied().unwrap_or(false);
        let why = Reason::of(self.text.cutting(), self.text.entropies(), starts, at);
        let (sentence, margin) = words::reason(shared.language, why, start);
        ui.add_space(4.0);
        ui.label(RichText::new(sentence).size(12.5));
        if let Some(margin) = margin {
            ui.label(RichText::new(margin).size(12.5).color(palette.muted));
        }
        if let (Some(byte), Some(nll)) = (byte, self.text.nll(at)) {
            let rank = self.text.distribution(at).map(|found| {
                let id = crate::bytes::id_of(byte) as usize;
                let own = found.log_p.get(id).copied().unwrap_or(f32::NEG_INFINITY);
                found.log_p.iter().filter(|p| **p > own).count() + 1
            });
            let rank = rank.map_or_else(|| "…".to_owned(), |rank| rank.to_string());
            let text = shared.language.pick(
                format!("The byte itself had surprisal {nll:.2}, rank {rank}."),
                format!("이 바이트의 놀라움은 {nll:.2}, 순위는 {rank}."),
            );
            ui.label(RichText::new(text).size(12.5).color(palette.muted));
        }
    }

    /// The character that a byte belongs to, or its value, and how large to write it.
    fn picture(&self, at: usize) -> (String, f32) {
        let bytes = self.text.bytes();
        let Some(byte) = bytes.get(at) else {
            return ("…".to_owned(), 34.0);
        };
        let first = (at.saturating_sub(3)..=at)
            .rev()
            .find(|first| bytes[*first] & 0xC0 != 0x80)
            .unwrap_or(at);
        let chunk = &bytes[first..bytes.len().min(first + 4)];
        let character = chunk
            .utf8_chunks()
            .next()
            .and_then(|chunk| chunk.valid().chars().next())
            .filter(|character| first + character.len_utf8() > at && !character.is_control());
        match character {
            Some(' ') | None => (byte_label(*byte), 26.0),
            Some(character) => (character.to_string(), 40.0),
        }
    }

    fn likely(&self, ui: &mut Ui, at: usize, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        heading(
            ui,
            shared
                .language
                .pick("What could come next", "다음에 올 수 있는 바이트"),
        );
        let mut best: Vec<(u8, f32)> = match self.text.distribution(at) {
            None => Vec::new(),
            Some(found) => (0..)
                .zip(&found.log_p)
                .filter_map(|(id, log_p)| Some((byte_of(id)?, log_p.exp())))
                .collect(),
        };
        best.sort_by(|a, b| b.1.total_cmp(&a.1));
        let own = self.text.bytes().get(at).copied();
        let most = best.first().map_or(1.0, |(_, p)| p.max(0.25));
        for row in 0..LIKELY {
            let (rect, response) =
                ui.allocate_exact_size(vec2(ui.available_width(), 15.0), Sense::hover());
            let Some((byte, p)) = best.get(row).copied() else {
                continue;
            };
            let is_own = own == Some(byte);
            let ink = match is_own {
                true => palette.accent,
                false => palette.text,
            };
            ui.painter().text(
                pos2(rect.left() + 14.0, rect.center().y),
                Align2::CENTER_CENTER,
                byte_label(byte),
                theme::mono(13.0),
                ink,
            );
            let left = rect.left() + 34.0;
            let width = (rect.width() - 34.0 - 52.0).max(0.0) * p / most;
            let bar = Rect::from_min_size(
                pos2(left, rect.center().y - 5.0),
                vec2(width.max(1.0), 10.0),
            );
            ui.painter().rect_filled(bar, 2.0, palette.entropy[1]);
            ui.painter().text(
                pos2(bar.right() + 8.0, rect.center().y),
                Align2::LEFT_CENTER,
                format!("{p:.3}"),
                theme::sans(11.5),
                palette.muted,
            );
            if is_own {
                // Colour alone would not say it.
                ui.painter().text(
                    pos2(rect.left(), rect.center().y),
                    Align2::LEFT_CENTER,
                    "›",
                    theme::bold(13.0),
                    palette.accent,
                );
            }
            response.widget_info(|| {
                egui::WidgetInfo::labeled(
                    egui::Role::Label,
                    true,
                    format!("{} {p:.3}", byte_label(byte)),
                )
            });
        }
    }

    fn patch(&self, ui: &mut Ui, at: usize, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        if self.text.bytes().is_empty() {
            return;
        }
        let at = at.min(self.text.bytes().len() - 1);
        let patch = self.text.patch_of(at);
        let index = self.text.patch_index(at);
        heading(
            ui,
            &shared
                .language
                .pick(format!("Patch {index}"), format!("패치 {index}")),
        );
        let bytes = &self.text.bytes()[patch.clone()];
        let shown: String = String::from_utf8_lossy(bytes)
            .chars()
            .map(|character| match character {
                '\n' => '↵',
                ' ' => '␠',
                character if character.is_control() => '·',
                character => character,
            })
            .take(40)
            .collect();
        let known: Vec<f32> = patch
            .clone()
            .filter_map(|at| self.text.entropy(at))
            .collect();
        let mean = known.iter().sum::<f32>() / known.len().max(1) as f32;
        let nats = shared.words.nats;
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(shown).font(theme::mono(14.0)));
            ui.add_space(8.0);
            let text = shared.language.pick(
                format!("{} bytes · mean {mean:.2} {nats}", bytes.len()),
                format!("{}바이트 · 평균 {mean:.2}{nats}", bytes.len()),
            );
            ui.label(RichText::new(text).size(12.0).color(palette.muted));
        });
    }

    fn threshold(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        ui.horizontal(|ui| {
            heading(ui, shared.language.pick("Threshold", "문턱값"));
            right(ui, |ui| {
                let text = match self.text.cutting().line() {
                    Some(threshold) => format!("{threshold:.2} {}", shared.words.nats),
                    None => "–".to_owned(),
                };
                ui.label(RichText::new(text).font(theme::bold(12.5)));
            });
        });
        ui.label(
            RichText::new(shared.words.bytes_per_patch)
                .size(11.5)
                .color(palette.muted),
        );
        self.curve(ui, shared);
    }

    /// Bytes per patch against the threshold, with the point where it stands.
    fn curve(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let (rect, response) =
            ui.allocate_exact_size(vec2(ui.available_width(), 92.0), Sense::click_and_drag());
        let label = shared.language.pick(
            "Bytes per patch against the threshold",
            "문턱값에 따른 패치당 바이트",
        );
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Slider, true, label));
        let plot = Rect::from_min_max(rect.min, rect.max - vec2(0.0, 16.0));
        let points = self.sizes(64);
        let most_size = 16.0_f64;
        let place = |threshold: f32, size: f64| {
            pos2(
                plot.left() + plot.width() * threshold / theme::MOST,
                plot.bottom() - plot.height() * ((size.min(most_size) / most_size) as f32),
            )
        };
        ui.painter().hline(
            plot.x_range(),
            plot.bottom(),
            Stroke::new(1.0, palette.hairline),
        );
        let line: Vec<_> = points.iter().map(|(t, size)| place(*t, *size)).collect();
        ui.painter()
            .line(line, Stroke::new(1.5, palette.entropy[2]));
        if let Some(threshold) = self.text.cutting().line() {
            let here = place(threshold.min(theme::MOST), self.text.statistics().mean);
            ui.painter().extend(egui::Shape::dashed_line(
                &[pos2(here.x, plot.top()), pos2(here.x, plot.bottom())],
                Stroke::new(1.0, palette.signal),
                3.0,
                2.5,
            ));
            ui.painter().circle_filled(here, 4.5, palette.signal);
        }
        let ends = [
            (plot.left(), Align2::LEFT_TOP, "0".to_owned()),
            (
                plot.right(),
                Align2::RIGHT_TOP,
                format!("{:.1} {}", theme::MOST, shared.words.nats),
            ),
        ];
        for (x, align, text) in ends {
            ui.painter().text(
                pos2(x, plot.bottom() + 4.0),
                align,
                text,
                theme::sans(11.0),
                palette.muted,
            );
        }
        if self.text.cutting().line().is_some()
            && let Some(pointer) = response.interact_pointer_pos()
        {
            let share = ((pointer.x - plot.left()) / plot.width()).clamp(0.0, 1.0);
            let cutting = Cutting {
                threshold: share * theme::MOST,
                ..self.text.cutting().clone()
            };
            self.set_cutting(cutting, response.drag_started() || response.clicked());
        }
    }

    /// Mean patch sizes for thresholds from 0 to [`theme::MOST`], as far as entropies
    /// are known.
    fn sizes(&self, count: u16) -> Vec<(f32, f64)> {
        let bytes = self.text.bytes().len();
        if bytes == 0 {
            return Vec::new();
        }
        let mut known: Vec<f32> = (1..bytes).filter_map(|at| self.text.entropy(at)).collect();
        known.sort_by(f32::total_cmp);
        (0..=count)
            .map(|step| {
                let threshold = theme::MOST * f32::from(step) / f32::from(count);
                let above = known.len() - known.partition_point(|h| *h <= threshold);
                (threshold, bytes as f64 / (above + 1) as f64)
            })
            .collect()
    }

    fn rules(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        heading(ui, shared.language.pick("Rule", "규칙"));
        let now = self.text.cutting().mode;
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 18.0;
            for mode in Mode::ALL {
                if choice(ui, mode.name(shared.language), mode == now, 12.5).clicked() {
                    let cutting = Cutting {
                        mode,
                        ..self.text.cutting().clone()
                    };
                    self.set_cutting(cutting, true);
                }
            }
        });
    }

    pub(super) fn status(&self, ui: &mut Ui, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let words = shared.words;
        let statistics = self.text.statistics();
        let characters = String::from_utf8_lossy(self.text.bytes()).chars().count();
        let parts = [
            format!(
                "{} {}",
                thousands(self.text.bytes().len() as u64),
                words.bytes
            ),
            format!("{} {}", thousands(characters as u64), words.characters),
            format!("{} {}", thousands(statistics.patches), words.patches),
            format!("{:.2} {}", statistics.mean, words.bytes_per_patch),
        ];
        ui.horizontal_centered(|ui| {
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    ui.label(RichText::new("·").color(palette.muted));
                }
                ui.label(RichText::new(part).color(palette.muted).size(12.5));
            }
            right(ui, |ui| {
                if let Some(took) = self.text.took() {
                    let millis = took.as_secs_f64() * 1000.0;
                    let text = shared.language.pick(
                        format!("{millis:.1} ms per change"),
                        format!("변경당 {millis:.1} ms"),
                    );
                    ui.label(RichText::new(text).color(palette.muted).size(12.5));
                }
            });
        });
    }
}
