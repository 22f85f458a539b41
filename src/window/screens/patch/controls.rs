//! The middle part of the panel: the rule and its numbers.

use std::ops::RangeInclusive;

use egui::{Align2, DragValue, Rect, Response, RichText, Role, Sense, Stroke, Ui, WidgetInfo};
use egui::{pos2, vec2};

use super::curve::axis;
use super::cutting::{Cutting, RISES};
use super::panel::{fold, note};
use super::words::{Says, says};
use super::{PatchScreen, words};
use crate::patch::Mode;
use crate::session::ContextOptions;
use crate::window::context::Shared;
use crate::window::dialog::Purpose;
use crate::window::engine::{AnalysisRequest, Request};
use crate::window::theme::{self, Palette};
use crate::window::widgets::path::{self, Chosen};
use crate::window::widgets::{choice, heading, right};

/// The mean patch in bytes at the upper edge of the curve.
const MOST_SIZE: f32 = 16.0;

/// How a number is entered.
struct Number {
    range: RangeInclusive<f64>,
    /// Change per point of a drag, and per arrow key.
    speed: f64,
    decimals: usize,
    unit: String,
}

impl PatchScreen {
    pub(super) fn controls(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let says = says(shared.language);
        self.modes(ui, shared);
        let mode = self.text.cutting().mode;
        if matches!(mode, Mode::Entropy | Mode::Both) {
            self.threshold(ui, says.threshold, shared);
        }
        if mode == Mode::Both {
            self.rise(ui, shared);
        }
        if mode == Mode::Monotonic {
            self.threshold(ui, says.rise, shared);
        }
        if self.text.cutting().threshold().is_some() {
            self.curve(ui, shared);
            self.wanted_mean(ui, shared);
        }
        if matches!(mode, Mode::Static | Mode::TopK) {
            self.patch_size(ui, shared);
        }
        if mode == Mode::Lookup {
            self.table(ui, shared);
        }
        if mode != Mode::TopK {
            self.longest_patch(ui, shared);
        }
        self.back_to_model(ui, shared);
        if mode.needs_model() {
            fold(ui, says.context, |ui| self.context(ui, shared));
        }
    }

    fn modes(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        heading(ui, says(shared.language).rule);
        let now = self.text.cutting().mode;
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(18.0, 0.0);
            for mode in Mode::ALL {
                if choice(ui, mode.name(shared.language), mode == now, 12.5).clicked() {
                    self.choose_mode(mode);
                }
            }
        });
        ui.add_space(2.0);
        note(ui, now.hint(shared.language));
        ui.add_space(4.0);
    }

    fn choose_mode(&mut self, mode: Mode) {
        self.change(true, |cutting| cutting.mode = mode);
        // The table that was used last is the one that is meant most likely.
        let is_coming = self.panel.opening.is_coming();
        self.panel.opening.refused = None;
        if self.text.cutting().lacks_table()
            && !is_coming
            && let Some(path) = self.panel.recent_tables.first()
        {
            self.panel.opening.open(path);
        }
    }

    /// Changes how the text is cut; with `keep` the way before can be had back.
    fn change(&mut self, keep: bool, change: impl FnOnce(&mut Cutting)) {
        let mut cutting = self.text.cutting().clone();
        change(&mut cutting);
        self.panel.refused = None;
        self.set_cutting(cutting, keep);
    }

    /// Changes it by a control that is dragged or typed into: from taking it to
    /// letting go of it is one step.
    fn change_by(&mut self, response: &Response, change: impl FnOnce(&mut Cutting)) {
        let keep = self.panel.changing != Some(response.id);
        self.panel.changing = Some(response.id);
        self.change(keep, change);
    }

    fn let_go(&mut self, response: &Response) {
        let held = response.dragged() || response.has_focus();
        if !held && self.panel.changing == Some(response.id) {
            self.panel.changing = None;
        }
    }

    fn nats(
        &self,
        ui: &mut Ui,
        name: &str,
        value: f32,
        range: &RangeInclusive<f32>,
        unit: &str,
    ) -> (Response, Option<f32>) {
        let number = Number {
            range: f64::from(*range.start())..=f64::from(*range.end()),
            speed: 0.01,
            decimals: 3,
            unit: format!(" {unit}"),
        };
        let (response, entered) = number.row(ui, name, f64::from(value));
        #[expect(clippy::cast_possible_truncation, reason = "within a small range")]
        let entered = entered.map(|value| value as f32);
        (response, entered)
    }

    fn threshold(&mut self, ui: &mut Ui, name: &str, shared: &Shared<'_>) {
        let Some(value) = self.text.cutting().threshold() else {
            return;
        };
        let range = self.text.cutting().thresholds();
        let (response, entered) = self.nats(ui, name, value, &range, shared.words.nats);
        if let Some(value) = entered {
            self.change_by(&response, |cutting| cutting.set_threshold(value));
        }
        self.let_go(&response);
    }

    fn rise(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let (name, value) = (says(shared.language).rise, self.text.cutting().rise);
        let (response, entered) = self.nats(ui, name, value, &RISES, shared.words.nats);
        if let Some(value) = entered {
            self.change_by(&response, |cutting| cutting.rise = value);
        }
        self.let_go(&response);
    }

    fn patch_size(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let says = says(shared.language);
        let value = self.text.cutting().size;
        let (response, entered) = whole(says).row(ui, says.patch_size, f64::from(value));
        if let Some(value) = entered {
            self.change_by(&response, |cutting| cutting.size = count(value));
        }
        self.let_go(&response);
    }

    /// The table that the text is cut by, and what keeps it from being used.
    fn table(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let says = says(shared.language);
        let title = match &self.text.cutting().table {
            Some(table) => table.name(),
            None => says.choose_table.to_owned(),
        };
        let name = format!("{}: {title}", says.table);
        let mut chosen = None;
        ui.horizontal(|ui| {
            ui.label(label(says.table));
            right(ui, |ui| {
                path::menu(ui, &title, &name, |ui| {
                    let typed = &mut self.panel.opening.typed;
                    chosen = path::table(ui, typed, &self.panel.recent_tables, shared.language);
                });
            });
        });
        match chosen {
            Some(Chosen::Path(path)) => self.open_table(&path),
            Some(Chosen::Dialog) => self.panel.dialog = Some(Purpose::Table),
            None => {}
        }
        if let Some(why) = &self.panel.opening.refused {
            let why = words::table_refused(shared.language, why);
            ui.label(RichText::new(why).size(12.0).color(palette.signal));
        } else if self.panel.opening.is_coming() {
            note(ui, says.reading_table);
        }
        if self.text.cutting().lacks_table() && !self.panel.opening.is_coming() {
            note(ui, says.no_table);
        }
    }

    fn longest_patch(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let says = says(shared.language);
        let longest = self.text.cutting().longest;
        let mut bounded = longest.is_some();
        ui.horizontal(|ui| {
            if check(ui, &mut bounded, says.longest_patch) {
                let value = longest.unwrap_or(self.panel.longest);
                self.panel.longest = value;
                self.change(true, |cutting| cutting.longest = bounded.then_some(value));
            }
            let Some(value) = longest else {
                return;
            };
            right(ui, |ui| {
                let (response, entered) =
                    whole(says).field(ui, says.longest_patch, f64::from(value));
                if let Some(value) = entered {
                    self.change_by(&response, |cutting| cutting.longest = Some(count(value)));
                }
                self.let_go(&response);
            });
        });
    }

    /// A mean patch to find the threshold for.
    fn wanted_mean(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let says = says(shared.language);
        let is_fresh = self.text.is_fresh();
        let mut solve = false;
        ui.horizontal(|ui| {
            let name = ui.label(label(says.wanted_mean));
            right(ui, |ui| {
                let button = ui
                    .add_enabled(is_fresh, egui::Button::new(label(says.solve)))
                    .on_hover_text(says.solve_hint)
                    .on_disabled_hover_text(says.solve_later);
                solve = button.clicked();
                let number = Number {
                    range: 1.0..=4096.0,
                    speed: 0.02,
                    decimals: 2,
                    unit: says.bytes.to_owned(),
                };
                let (response, entered) = number.field(ui, says.wanted_mean, self.panel.wanted);
                let response = response.labelled_by(name.id);
                if let Some(value) = entered {
                    self.panel.wanted = value;
                    self.panel.refused = None;
                }
                let enter = ui.input(|input| input.key_pressed(egui::Key::Enter));
                solve |= is_fresh && response.lost_focus() && enter;
            });
        });
        if solve {
            let mut cutting = self.text.cutting().clone();
            match cutting.solve(self.text.entropies(), self.panel.wanted) {
                Ok(()) => self.change(true, |now| *now = cutting),
                Err(error) => {
                    let means = self.text.curve().map(|curve| curve.means.clone());
                    let (least, most) = means.unwrap_or(0.0..=0.0).into_inner();
                    let sentence = words::sentence(&error.to_string());
                    let sentence = words::unreachable(shared.language, sentence, least, most);
                    self.panel.refused = Some(sentence);
                }
            }
        }
        if let Some(refused) = &self.panel.refused {
            ui.label(RichText::new(refused).size(12.0).color(palette.signal));
        }
    }

    fn back_to_model(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let of_model = shared
            .model
            .map(|model| self.text.cutting().back_to(&model.rule));
        let differs = of_model
            .as_ref()
            .is_some_and(|rule| !rule.cuts_as(self.text.cutting()));
        let button = egui::Button::new(label(says(shared.language).back_to_model));
        if ui.add_enabled(differs, button).clicked()
            && let Some(cutting) = of_model
        {
            self.change(true, |now| *now = cutting);
        }
        ui.add_space(2.0);
    }

    /// Where the context of the entropy model is cut.
    fn context(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let says = says(shared.language);
        let mut wanted = self.panel.context;
        note(ui, says.context_hint);
        check(ui, &mut wanted.reset_at_newline, says.reset_at_newline);
        ui.horizontal(|ui| {
            let mut resets = wanted.reset_every.is_some();
            if check(ui, &mut resets, says.reset_every) {
                wanted.reset_every = resets.then(|| u64::from(count(self.panel.every)));
            }
            if !resets {
                return;
            }
            right(ui, |ui| {
                let number = Number {
                    range: 1.0..=1_048_576.0,
                    speed: 16.0,
                    ..whole(says)
                };
                let (response, entered) = number.field(ui, says.reset_every, self.panel.every);
                self.panel.every = entered.unwrap_or(self.panel.every);
                // The whole text is computed anew, so not while it is being dragged or typed.
                if !response.dragged() && !response.has_focus() {
                    wanted.reset_every = Some(u64::from(count(self.panel.every)));
                }
            });
        });
        if wanted != self.panel.context {
            self.history.context(self.panel.context, wanted);
            self.set_context(wanted, shared);
        }
    }

    /// Cuts the context of the entropy model another way; all entropies come anew.
    pub(crate) fn set_context(&mut self, context: ContextOptions, shared: &Shared<'_>) {
        self.panel.context = context;
        if let Some(every) = context.reset_every {
            self.panel.every = every as f64;
        }
        self.text.forget();
        shared
            .engine
            .ask(Request::Analysis(AnalysisRequest::Context(context)));
        self.send(shared);
    }

    /// Bytes per patch against the threshold, with the point where it stands.
    fn curve(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let cutting = self.text.cutting();
        let (Some(threshold), mode) = (cutting.threshold(), cutting.mode) else {
            return;
        };
        note(ui, words::bytes_per_patch(shared.language, MOST_SIZE));
        // The number above is there for the keyboard.
        let sense = Sense::CLICK | Sense::DRAG;
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 92.0), sense);
        let name = says(shared.language).curve;
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
        let plot = Rect::from_min_max(rect.min, rect.max - vec2(0.0, 16.0));
        let (low, high) = axis(mode).into_inner();
        let across = |threshold: f32| {
            let share = (threshold - low) / (high - low);
            plot.left() + plot.width() * share.clamp(0.0, 1.0)
        };
        #[expect(clippy::cast_possible_truncation, reason = "for the screen")]
        let place = |threshold: f32, size: f64| {
            let share = (size as f32 / MOST_SIZE).min(1.0);
            pos2(across(threshold), plot.bottom() - plot.height() * share)
        };
        let painter = ui.painter();
        let hairline = Stroke::new(1.0, palette.hairline);
        painter.hline(plot.x_range(), plot.bottom(), hairline);
        painter.hline(plot.x_range(), plot.top(), hairline);
        if let Some(curve) = self.text.curve() {
            let line = curve.points.iter().map(|(t, size)| place(*t, *size));
            painter.line(line.collect(), Stroke::new(1.5, palette.entropy[2]));
        }
        let here = place(threshold, self.text.statistics().mean);
        painter.extend(egui::Shape::dashed_line(
            &[pos2(here.x, plot.top()), pos2(here.x, plot.bottom())],
            Stroke::new(1.0, palette.signal),
            3.0,
            2.5,
        ));
        painter.circle_filled(here, 4.5, palette.signal);
        let below = |x: f32, align: Align2, text: String| {
            let font = theme::sans(11.0);
            painter.text(
                pos2(x, plot.bottom() + 4.0),
                align,
                text,
                font,
                palette.muted,
            );
        };
        below(plot.left(), Align2::LEFT_TOP, signed(low));
        if low < 0.0 {
            below(across(0.0), Align2::CENTER_TOP, "0".to_owned());
        }
        let end = format!("{high:.1} {}", shared.words.nats);
        below(plot.right(), Align2::RIGHT_TOP, end);
        if let Some(pointer) = response.interact_pointer_pos() {
            let share = ((pointer.x - plot.left()) / plot.width()).clamp(0.0, 1.0);
            let threshold = low + share * (high - low);
            self.change_by(&response, |cutting| cutting.set_threshold(threshold));
        } else {
            self.let_go(&response);
        }
        ui.add_space(4.0);
    }
}

impl Number {
    /// A row with its name at the left and its field at the right; gives what was
    /// entered.
    fn row(self, ui: &mut Ui, name: &str, value: f64) -> (Response, Option<f64>) {
        ui.horizontal(|ui| {
            let text = ui.label(label(name));
            let (response, entered) = right(ui, |ui| self.field(ui, name, value));
            (response.labelled_by(text.id), entered)
        })
        .inner
    }

    /// The field alone: to drag, to type into, and for arrow keys.
    fn field(self, ui: &mut Ui, name: &str, value: f64) -> (Response, Option<f64>) {
        let mut entered = None;
        // The field shows fewer digits than the number may have; looking at it must
        // not round it.
        let least = 0.5 / 10_f64.powi(i32::try_from(self.decimals).unwrap_or(0));
        let response = ui.add(
            DragValue::from_get_set(|new| {
                if let Some(new) = new {
                    entered = ((new - value).abs() >= least).then_some(new);
                }
                entered.unwrap_or(value)
            })
            .range(self.range)
            .speed(self.speed)
            .fixed_decimals(self.decimals)
            .suffix(self.unit),
        );
        (response.accessible_name(name), entered)
    }
}

fn whole(says: &Says) -> Number {
    Number {
        range: 1.0..=65_536.0,
        speed: 0.1,
        decimals: 0,
        unit: says.bytes.to_owned(),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of bytes from a field with a range"
)]
fn count(value: f64) -> u32 {
    value.round().max(1.0) as u32
}

fn signed(value: f32) -> String {
    match value < 0.0 {
        true => format!("−{}", -value),
        false => value.to_string(),
    }
}

/// A box to tick; says whether it has changed.
fn check(ui: &mut Ui, on: &mut bool, text: &str) -> bool {
    let palette = Palette::of(ui.ctx());
    ui.scope(|ui| {
        let widgets = &mut ui.visuals_mut().widgets;
        for widget in [
            &mut widgets.inactive,
            &mut widgets.hovered,
            &mut widgets.active,
        ] {
            widget.bg_fill = palette.panel;
            widget.bg_stroke = Stroke::new(1.0, palette.boundary);
            widget.corner_radius = egui::CornerRadius::same(3);
        }
        ui.checkbox(on, label(text)).changed()
    })
    .inner
}

fn label(text: &str) -> RichText {
    RichText::new(text).size(12.5)
}
