//! The side panel: a byte, what could stand in its place, the branches, and how
//! bytes are chosen.

use egui::{Align2, CursorIcon, Rect, RichText, Sense, Ui, WidgetInfo, pos2, vec2};

use super::GenerateScreen;
use super::words::{panel as words, spoken};
use super::written::Mark;
use crate::bytes::byte_of;
use crate::generate::{Filter, Prediction};
use crate::window::context::Shared;
use crate::window::theme::{self, Palette};
use crate::window::widgets::{byte_label, heading, rule};

/// So many of the bytes that could come are listed.
const LIKELY: usize = 9;

impl GenerateScreen {
    pub(super) fn panel(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        ui.spacing_mut().item_spacing.y = 5.0;
        self.byte(ui, shared);
        ui.add_space(10.0);
        self.alternatives(ui, shared);
        if self.branches.len() > 1 {
            ui.add_space(10.0);
            self.list_branches(ui, shared);
        }
        rule(ui);
        self.sampling(ui, shared);
    }

    /// The byte that the panel is about, and what is known about it.
    fn byte(&self, ui: &mut Ui, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let language = shared.language;
        let at = self.selected;
        let record = match at {
            Some(at) => self.text.record(at),
            None => self.state.to_come.as_ref(),
        };
        let byte = at.and_then(|at| self.text.bytes().get(at).copied());
        ui.horizontal(|ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(44.0, 44.0), Sense::hover());
            ui.painter().text(
                rect.left_center(),
                Align2::LEFT_CENTER,
                byte.map_or_else(|| "…".to_owned(), byte_label),
                theme::mono(if byte.is_some() { 32.0 } else { 30.0 }),
                palette.text,
            );
            ui.vertical(|ui| {
                let place = match (at, byte) {
                    (Some(at), Some(byte)) => words::place(language, at, byte),
                    _ => words::byte_to_come(language).to_owned(),
                };
                ui.label(RichText::new(place).size(12.0).color(palette.muted));
                ui.horizontal(|ui| {
                    let entropy = record.and_then(|record| record.entropy);
                    let Some(entropy) = entropy else {
                        ui.label(RichText::new("–").font(theme::bold(20.0)));
                        return;
                    };
                    let nats = format!("{entropy:.2} {}", shared.words.nats);
                    ui.label(RichText::new(nats).font(theme::bold(20.0)));
                    let bits = entropy / std::f32::consts::LN_2;
                    let bits = format!("{bits:.2} {}", shared.words.bits);
                    ui.label(RichText::new(bits).size(12.0).color(palette.muted));
                });
            });
        });
        let Some(at) = at else {
            let text = match self.text.bytes().is_empty() {
                true => words::nothing_read(language),
                false => words::click_a_byte(language),
            };
            ui.label(RichText::new(text).size(12.5).color(palette.muted));
            return;
        };
        let ran = match self.text.mark(at) {
            Some(Mark::Latent) => words::latent_ran(language),
            Some(Mark::Local) => words::only_local_ran(language),
            None => "",
        };
        if !ran.is_empty() {
            ui.label(RichText::new(ran).size(12.5));
        }
        let mut facts = Vec::new();
        if let Some(nll) = record.and_then(|record| record.nll) {
            let p = (-nll).exp();
            facts.push(words::surprisal(language, nll));
            facts.push(format!("p {p:.3}"));
        }
        match self.text.fact(at) {
            Some(fact) => {
                facts.push(words::rank(language, fact.rank + 1));
                facts.push(format!("{:.1} ms", fact.times.total));
                if fact.drafted {
                    facts.push(words::drafted(language).to_owned());
                }
                if fact.by_hand {
                    facts.push(words::chosen_by_hand(language).to_owned());
                }
            }
            None if at < self.text.prompt() => facts.push(words::of_prompt(language).to_owned()),
            None => facts.push(words::written_before(language).to_owned()),
        }
        let facts = facts.join(" · ");
        ui.label(RichText::new(facts).size(12.5).color(palette.muted));
    }

    /// The bytes that could stand at the place, before and after the options; a
    /// click takes one.
    fn alternatives(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let language = shared.language;
        let given = self.text.given();
        let end = self.text.written().len();
        let (at, own) = match self.selected {
            Some(at) if at < given => return,
            Some(at) => (at - given, self.text.bytes().get(at).copied()),
            None => (end, None),
        };
        heading(
            ui,
            match own {
                Some(_) => words::could_stand_here(language),
                None => words::could_come_next(language),
            },
        );
        bars_legend(ui, shared);
        let found = match &self.predictions {
            // While a text is written the newest may be of the byte before.
            Some((of, all)) if *of == at || (own.is_none() && self.is_busy()) => all.as_slice(),
            _ => &[],
        };
        let listed: Vec<(u8, Prediction)> = found
            .iter()
            .filter_map(|prediction| Some((byte_of(prediction.id)?, *prediction)))
            .take(LIKELY)
            .collect();
        let most = listed
            .iter()
            .map(|(_, prediction)| prediction.p.max(prediction.log_p.exp()))
            .fold(0.25, f64::max);
        let counts = counts(found);
        let can = self.is_read && own.map_or(!self.is_busy(), |_| true);
        let mut chosen = None;
        for row in 0..LIKELY {
            let size = vec2(ui.available_width(), 17.0);
            let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
            let Some((byte, prediction)) = listed.get(row) else {
                continue;
            };
            let row = Row {
                byte: *byte,
                prediction: *prediction,
                own: own == Some(*byte),
                most,
            };
            if self.row(ui, rect, &row, can, shared) {
                chosen = Some(*byte);
            }
        }
        let summary = match found.is_empty() {
            true => "…".to_owned(),
            false => summary(&counts, shared),
        };
        ui.label(RichText::new(summary).size(12.0).color(palette.muted));
        if let Some(byte) = chosen {
            self.choose(at, byte, shared);
        }
    }

    /// One of the bytes; says whether it was taken.
    fn row(&self, ui: &Ui, rect: Rect, row: &Row, can: bool, shared: &Shared<'_>) -> bool {
        let palette = Palette::of(ui.ctx());
        let language = shared.language;
        let sense = if can { Sense::click() } else { Sense::hover() };
        let id = ui.scope_id().with(("alternative", row.byte));
        let response = ui.interact(rect, id, sense);
        let label = byte_label(row.byte);
        let (before, after) = (row.prediction.log_p.exp(), row.prediction.p);
        let numbers = match row.prediction.cut {
            Some(filter) => format!("{before:.3}  {}", words::filter(language, filter)),
            None => format!("{before:.3} → {after:.3}"),
        };
        response.widget_info(|| {
            let text = spoken::take(language, &label, &numbers);
            WidgetInfo::labeled(egui::Role::Button, can, text)
        });
        if response.hovered() || response.has_focus() {
            let ground = rect.expand2(vec2(6.0, 0.0));
            ui.painter().rect_filled(ground, 3.0, palette.hairline);
        }
        let painter = ui.painter();
        if row.own {
            painter.text(
                pos2(rect.left(), rect.center().y),
                Align2::LEFT_CENTER,
                "›",
                theme::bold(13.0),
                palette.accent,
            );
        }
        let ink = match (row.own, row.prediction.cut) {
            (true, _) => palette.accent,
            (false, Some(_)) => palette.muted,
            (false, None) => palette.text,
        };
        painter.text(
            pos2(rect.left() + 20.0, rect.center().y),
            Align2::CENTER_CENTER,
            label,
            theme::mono(13.0),
            ink,
        );
        let numbers_width = 104.0;
        let left = rect.left() + 36.0;
        let width = (rect.width() - 36.0 - numbers_width - 8.0).max(8.0);
        #[expect(clippy::cast_possible_truncation, reason = "a share of a width")]
        let share = |p: f64| ((p / row.most) as f32).clamp(0.0, 1.0);
        let bar = |p: f64, top: f32, height: f32, color| {
            let size = vec2((width * share(p)).max(1.0), height);
            let place = pos2(left, rect.top() + top);
            painter.rect_filled(Rect::from_min_size(place, size), 1.0, color);
        };
        bar(before, 3.0, 3.0, palette.entropy[0]);
        if row.prediction.cut.is_none() {
            bar(after, 7.0, 6.0, palette.entropy[2]);
        }
        painter.text(
            pos2(rect.right(), rect.center().y),
            Align2::RIGHT_CENTER,
            numbers,
            theme::sans(11.5),
            palette.muted,
        );
        let response = match can {
            true => response.on_hover_cursor(CursorIcon::PointingHand),
            false => response,
        };
        response.clicked()
    }

    fn list_branches(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let language = shared.language;
        heading(ui, words::branches(language));
        let mut wanted = None;
        for branch in &self.branches {
            let size = vec2(ui.available_width(), 20.0);
            let (rect, response) = ui.allocate_exact_size(size, Sense::click());
            let words = match branch.words.is_empty() {
                true => "–",
                false => branch.words.as_str(),
            };
            response.widget_info(|| {
                let text = spoken::branch(language, branch.id + 1, words);
                WidgetInfo::selected(egui::Role::Button, true, branch.current, text)
            });
            if response.hovered() || response.has_focus() {
                let ground = rect.expand2(vec2(6.0, 0.0));
                ui.painter().rect_filled(ground, 3.0, palette.hairline);
            }
            let (ink, font) = match branch.current {
                true => (palette.text, theme::bold(12.5)),
                false => (palette.muted, theme::sans(12.5)),
            };
            let painter = ui.painter();
            if branch.current {
                painter.text(
                    rect.left_center(),
                    Align2::LEFT_CENTER,
                    "›",
                    theme::bold(13.0),
                    palette.accent,
                );
            }
            let place = match branch.at {
                0 => String::new(),
                at => words::from_byte(language, at),
            };
            let right = painter.text(
                rect.right_center(),
                Align2::RIGHT_CENTER,
                place,
                theme::sans(11.5),
                palette.muted,
            );
            let clip = Rect::from_min_max(rect.min, pos2(right.left() - 8.0, rect.bottom()));
            painter.with_clip_rect(clip).text(
                pos2(rect.left() + 14.0, rect.center().y),
                Align2::LEFT_CENTER,
                words,
                font,
                ink,
            );
            if response.on_hover_cursor(CursorIcon::PointingHand).clicked() && !branch.current {
                wanted = Some(branch.id);
            }
        }
        if let Some(branch) = wanted {
            self.switch(branch, shared);
        }
    }
}

fn bars_legend(ui: &mut Ui, shared: &Shared<'_>) {
    let palette = Palette::of(ui.ctx());
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        for (height, color, text) in [
            (3.0, palette.entropy[0], words::by_model(shared.language)),
            (
                6.0,
                palette.entropy[2],
                words::after_filters(shared.language),
            ),
        ] {
            let (rect, _) = ui.allocate_exact_size(vec2(14.0, 14.0), Sense::hover());
            let bar = Rect::from_center_size(rect.center(), vec2(14.0, height));
            ui.painter().rect_filled(bar, 1.0, color);
            ui.label(RichText::new(text).size(11.5).color(palette.muted));
            ui.add_space(4.0);
        }
    });
}

/// A byte of the list.
struct Row {
    byte: u8,
    prediction: Prediction,
    /// Whether it is the one that stands there.
    own: bool,
    /// The probability that fills the width.
    most: f64,
}

/// How many bytes stay, and how many each filter has cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    kept: usize,
    allowed: usize,
    greedy: usize,
    top_k: usize,
    top_p: usize,
    min_p: usize,
}

fn counts(predictions: &[Prediction]) -> Counts {
    let mut counts = Counts::default();
    let bytes = predictions
        .iter()
        .filter(|prediction| byte_of(prediction.id).is_some());
    for prediction in bytes {
        *match prediction.cut {
            None => &mut counts.kept,
            Some(Filter::Allowed) => &mut counts.allowed,
            Some(Filter::Greedy) => &mut counts.greedy,
            Some(Filter::TopK) => &mut counts.top_k,
            Some(Filter::TopP) => &mut counts.top_p,
            Some(Filter::MinP) => &mut counts.min_p,
        } += 1;
    }
    counts
}

fn summary(counts: &Counts, shared: &Shared<'_>) -> String {
    let language = shared.language;
    let mut parts = vec![words::kept(language, counts.kept)];
    for (count, filter) in [
        (counts.allowed, Filter::Allowed),
        (counts.greedy, Filter::Greedy),
        (counts.top_k, Filter::TopK),
        (counts.top_p, Filter::TopP),
        (counts.min_p, Filter::MinP),
    ] {
        if count > 0 {
            parts.push(words::cut(language, filter, count));
        }
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::{BOS, id_of};

    #[test]
    fn each_filter_is_counted_and_special_ids_are_not() {
        let prediction = |id, cut| Prediction {
            id,
            log_p: -1.0,
            p: 0.0,
            cut,
        };
        let all = [
            prediction(BOS, Some(Filter::Allowed)),
            prediction(id_of(b'a'), None),
            prediction(id_of(b'b'), Some(Filter::TopK)),
            prediction(id_of(b'c'), Some(Filter::TopP)),
            prediction(id_of(b'd'), Some(Filter::TopP)),
        ];
        let wanted = Counts {
            kept: 1,
            top_k: 1,
            top_p: 2,
            ..Counts::default()
        };
        assert_eq!(counts(&all), wanted);
    }
}
