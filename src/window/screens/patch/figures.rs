//! The lower part of the panel: the text and its patches in numbers.

use egui::{Align2, Rect, RichText, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::panel::note;
use super::words::says;
use super::{PatchScreen, words};
use crate::checkpoint::Config;
use crate::measure::flops::{Flops, FlopsPart, TextShape};
use crate::patch::Statistics;
use crate::window::context::Shared;
use crate::window::theme::{self, Palette};
use crate::window::widgets::{choice, heading, right, thousands};

/// The bytes that the latent model is assumed to look back over.
const CONTEXT: u32 = 8192;
/// The least and the most bars of the histogram; the last one has all that is longer.
const BARS: (u64, u64) = (8, 24);

impl PatchScreen {
    pub(super) fn measures(&mut self, ui: &mut Ui, at: usize, shared: &Shared<'_>) {
        let says = says(shared.language);
        let (words, statistics) = (shared.words, self.text.statistics());
        let mean = statistics.mean;
        let variation = statistics.spread / mean.max(f64::MIN_POSITIVE);
        let bits = self.text.bits_per_byte();
        heading(ui, says.statistics);
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.spacing_mut().interact_size.y = 18.0;
            let count = |count: u64| thousands(count);
            fact(ui, words.bytes, count(statistics.bytes));
            fact(ui, words.characters, count(self.text.characters() as u64));
            fact(ui, words.patches, count(statistics.patches));
            fact(ui, says.mean, format!("{mean:.2}"));
            fact(ui, says.spread, format!("{:.2}", statistics.spread));
            fact(ui, says.variation, format!("{variation:.2}"));
            fact(ui, says.longest, count(statistics.longest()));
            let cut = self.text.cut_characters() as u64;
            fact(ui, says.cut_characters, count(cut));
            let bits = bits.map_or_else(|| "…".to_owned(), |bits| format!("{bits:.3}"));
            fact(ui, says.bits_per_byte, bits);
        });
        ui.add_space(10.0);
        let own = (at < self.text.bytes().len()).then(|| self.text.patch_of(at).len() as u64);
        let clicked = lengths(ui, statistics, own, self.panel.logarithmic, shared);
        if clicked {
            self.panel.logarithmic = !self.panel.logarithmic;
        }
        if let Some(model) = shared.model.filter(|model| model.is_whole()) {
            ui.add_space(12.0);
            let asks = self.text.cutting().mode.needs_model();
            flops(ui, model.checkpoint.config(), mean, asks, shared);
        }
        ui.add_space(8.0);
    }
}

/// A number and what it is.
fn fact(ui: &mut Ui, name: &str, value: String) {
    ui.horizontal(|ui| {
        note(ui, name);
        right(ui, |ui| ui.label(RichText::new(value).size(12.5)));
    });
}

/// How many patches have each length; says whether the scale is to change.
fn lengths(
    ui: &mut Ui,
    statistics: &Statistics,
    own: Option<u64>,
    logarithmic: bool,
    shared: &Shared<'_>,
) -> bool {
    let palette = Palette::of(ui.ctx());
    let says = says(shared.language);
    let clicked = ui
        .horizontal(|ui| {
            heading(ui, says.lengths);
            right(ui, |ui| {
                choice(ui, says.logarithmic, logarithmic, 11.5).clicked()
            })
        })
        .inner;
    let bars = bars(statistics);
    let most = bars.iter().copied().max().unwrap_or(0);
    note(ui, words::patches(shared.language, most));
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 76.0), Sense::hover());
    let plot = Rect::from_min_max(rect.min, rect.max - vec2(0.0, 16.0));
    let painter = ui.painter();
    let hairline = Stroke::new(1.0, palette.hairline);
    painter.hline(plot.x_range(), plot.top(), hairline);
    painter.hline(plot.x_range(), plot.bottom(), hairline);
    let width = plot.width() / bars.len() as f32;
    let last = bars.len() as u64;
    let longer = statistics.longest() > last;
    for (length, count) in (1..).zip(&bars) {
        let left = plot.left() + width * (length - 1) as f32;
        let height = plot.height() * share(*count, most, logarithmic);
        let bar = Rect::from_min_max(
            pos2(left + 1.0, plot.bottom() - height.max(1.0)),
            pos2(left + width - 1.0, plot.bottom()),
        );
        if *count > 0 {
            let is_own = own.is_some_and(|own| own.min(last) == length);
            let color = match is_own {
                true => palette.accent,
                false => palette.entropy[1],
            };
            painter.rect_filled(bar, 1.0, color);
        }
        let text = match (length == last && longer, length == 1 || length % 4 == 0) {
            (true, _) => format!("{length}+"),
            (false, true) => length.to_string(),
            (false, false) => continue,
        };
        painter.text(
            pos2(bar.center().x, plot.bottom() + 4.0),
            Align2::CENTER_TOP,
            text,
            theme::sans(11.0),
            palette.muted,
        );
    }
    let named = |length: u64| {
        let count = bars.get(usize::try_from(length).unwrap_or(0).saturating_sub(1));
        let count = count.copied().unwrap_or(0);
        let or_longer = length == last && longer;
        words::patches_of_length(shared.language, length, or_longer, count)
    };
    response.widget_info(|| {
        let all: Vec<String> = (1..=last).map(named).collect();
        WidgetInfo::labeled(
            Role::Image,
            true,
            format!("{}. {}", says.lengths, all.join(", ")),
        )
    });
    if let Some(pointer) = response.hover_pos() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a bar of a few"
        )]
        let bar = ((pointer.x - plot.left()) / width).max(0.0) as u64;
        response.on_hover_text_at_pointer(named((bar + 1).min(last)));
    }
    clicked
}

/// Counts of patches by length from 1 on; the last bar has all that is longer.
fn bars(statistics: &Statistics) -> Vec<u64> {
    let count = statistics.longest().clamp(BARS.0, BARS.1);
    let mut bars = vec![0; usize::try_from(count).unwrap_or(1)];
    for (length, patches) in &statistics.histogram {
        let at = (*length).min(count).saturating_sub(1);
        if let Some(bar) = usize::try_from(at).ok().and_then(|at| bars.get_mut(at)) {
            *bar += patches;
        }
    }
    bars
}

/// The height of a bar as a share of that of the highest.
#[expect(clippy::cast_possible_truncation, reason = "for the screen")]
fn share(count: u64, most: u64, logarithmic: bool) -> f32 {
    let (count, most) = (count as f64, most.max(1) as f64);
    let share = match logarithmic {
        true => count.ln_1p() / most.ln_1p(),
        false => count / most,
    };
    share as f32
}

/// What the model spends on a byte, and what it would with other patches.
fn flops(ui: &mut Ui, config: &Config, mean: f64, asks: bool, shared: &Shared<'_>) {
    let palette = Palette::of(ui.ctx());
    let says = says(shared.language);
    let (Some(now), Some(every_byte), Some(fixed)) = (
        operations(config, mean, asks),
        operations(config, 1.0, false),
        operations(config, 4.0, false),
    ) else {
        return;
    };
    heading(ui, says.flops);
    let title = words::this_text(shared.language, mean);
    let most = now.max(every_byte).max(fixed);
    let rows = [
        (title.as_str(), now, None),
        (says.every_byte, every_byte, Some(now / every_byte)),
        (says.fixed_four, fixed, Some(now / fixed)),
    ];
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.spacing_mut().interact_size.y = 18.0;
        for (name, value, ratio) in rows {
            ui.horizontal(|ui| {
                note(ui, name).on_hover_text(says.flops_hint);
                right(ui, |ui| {
                    ui.label(RichText::new(operations_in_words(value)).size(12.5));
                    if let Some(ratio) = ratio {
                        note(ui, format!("×{ratio:.2}"));
                    }
                });
            });
            let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 6.0), Sense::hover());
            #[expect(clippy::cast_possible_truncation, reason = "for the screen")]
            let width = rect.width() * (value / most) as f32;
            let color = match ratio {
                None => palette.entropy[2],
                Some(_) => palette.boundary,
            };
            let bar = Rect::from_min_size(rect.min, vec2(width, rect.height()));
            ui.painter().rect_filled(bar, 2.0, color);
            ui.add_space(4.0);
        }
    });
}

/// Operations per byte with patches of a mean size; those of the entropy model are
/// among them if the rule asks it.
fn operations(config: &Config, mean: f64, asks: bool) -> Option<f64> {
    let shape = TextShape::new(mean.min(f64::from(CONTEXT)), CONTEXT).ok()?;
    let flops = Flops::of(config, shape);
    let counted = flops
        .parts
        .iter()
        .filter(|(part, _)| asks || *part != FlopsPart::Entropy);
    Some(counted.map(|(_, flops)| flops).sum())
}

fn operations_in_words(flops: f64) -> String {
    match flops {
        1e9.. => format!("{:.2} G", flops / 1e9),
        _ => format!("{:.1} M", flops / 1e6),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use std::collections::BTreeMap;

    use super::*;

    fn histogram(lengths: &[(u64, u64)]) -> Statistics {
        Statistics {
            histogram: BTreeMap::from_iter(lengths.iter().copied()),
            ..Statistics::default()
        }
    }

    #[test]
    fn every_patch_is_in_a_bar() {
        assert_eq!(bars(&Statistics::default()), [0; 8]);
        assert_eq!(bars(&histogram(&[(1, 5), (3, 2)]))[..3], [5, 0, 2]);
        let long = bars(&histogram(&[(24, 1), (25, 2), (4000, 3)]));
        assert_eq!((long.len(), long[23]), (24, 6));
    }

    #[test]
    fn both_scales_end_at_the_highest_bar() {
        for logarithmic in [false, true] {
            assert_eq!(share(0, 9, logarithmic), 0.0);
            assert_eq!(share(9, 9, logarithmic), 1.0);
            assert_eq!(share(0, 0, logarithmic), 0.0);
        }
        assert!(share(1, 100, true) > share(1, 100, false));
    }

    #[test]
    fn operations_are_those_of_the_formula() {
        let stack = |hidden: u32, layers: u32| {
            serde_json::json!({
                "hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": 2,
                "intermediate_size": 2 * hidden, "hidden_size_global": 16,
                "cross_attn_k": 2, "vocab_size": 260, "sliding_window": 7,
            })
        };
        let config = serde_json::json!({
            "model_type": "blt", "vocab_size": 260, "cross_attn_k": 2,
            "local_attention_window_len": 7, "patch_in_forward": true,
            "encoder_hash_byte_group_vocab": 50,
            "encoder_config": stack(8, 1), "decoder_config": stack(8, 3),
            "global_config": stack(16, 2), "patcher_config": stack(8, 1),
        });
        let config = Config::parse(config.to_string().as_bytes(), "config.json").unwrap();
        let all = Flops::of(&config, TextShape::new(4.5, CONTEXT).unwrap());
        assert_eq!(operations(&config, 4.5, true), Some(all.total()));
        let without = operations(&config, 4.5, false).unwrap();
        let (_, entropy) = all
            .parts
            .iter()
            .find(|(part, _)| *part == FlopsPart::Entropy)
            .unwrap();
        assert!((without + entropy - all.total()).abs() < 1.0);
        // No text has no patches.
        assert_eq!(operations(&config, 0.0, true), None);
        assert!(operations(&config, 1e6, true) < operations(&config, 4.0, true));
        assert_eq!(operations_in_words(1.234e9), "1.23 G");
        assert_eq!(operations_in_words(23.45e6), "23.4 M");
    }
}
