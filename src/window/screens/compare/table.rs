//! The lanes as a table: how each cuts, and how it compares with the first.

use egui::{
    Align, Layout, Rect, RichText, ScrollArea, Sense, Stroke, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};

use super::controls::{Done, buttons, setting, way};
use super::lane::{Lane, Numbers};
use super::{CompareScreen, Found, words};
use crate::patch::Mode;
use crate::window::context::Shared;
use crate::window::theme::{self, Palette};
use crate::window::widgets::thousands;
use crate::window::words::Language;

/// Height of a row.
const ROW: f32 = 28.0;

/// Height of the names of the columns.
pub(super) const HEADER: f32 = 32.0;

/// The left edges of the columns, from the left edge of the table.
struct Columns {
    way: f32,
    setting: f32,
    /// From where to where the numbers go.
    values: [[f32; 2]; 8],
    buttons: f32,
    /// All of them.
    width: f32,
}

impl Columns {
    fn new(width: f32) -> Self {
        const BUTTONS: f32 = 96.0;
        /// The least widths of the numbers: those of their names.
        const LEAST: [f32; 8] = [50.0, 48.0, 56.0, 56.0, 46.0, 46.0, 62.0, 66.0];
        let way = 20.0;
        let setting = way + 113.0;
        let room = width - setting - BUTTONS;
        let least: f32 = LEAST.iter().sum();
        let scale = ((room - 190.0) / least).clamp(1.0, 1.6);
        let mut x = setting + (room - least * scale).clamp(120.0, 320.0);
        let values = LEAST.map(|least| {
            let from = x;
            x += least * scale;
            [from, x]
        });
        Self {
            way,
            setting,
            values,
            buttons: x + 12.0,
            width: x + BUTTONS,
        }
    }
}

/// The numbers of a lane as the table and its copy show them.
pub(super) fn cells(numbers: Option<&Numbers>) -> [String; 8] {
    const NONE: &str = "–";
    let Some(numbers) = numbers else {
        return std::array::from_fn(|_| NONE.to_owned());
    };
    let share =
        |share: Option<f64>| share.map_or_else(|| NONE.to_owned(), |share| format!("{share:.3}"));
    let ratio =
        |ratio: Option<f64>| ratio.map_or_else(|| NONE.to_owned(), |ratio| format!("{ratio:.2}"));
    [
        thousands(numbers.patches),
        format!("{:.2}", numbers.mean),
        ratio(numbers.variation),
        share(numbers.precision),
        share(numbers.recall),
        share(numbers.f1),
        thousands(numbers.in_characters),
        ratio(numbers.enrichment),
    ]
}

/// The table in Markdown.
pub(super) fn markdown(lanes: &[Lane], language: Language) -> String {
    let names = words::columns(language).map(|column| column.name);
    let mut out = format!(
        "| | {} | {} |\n|--:|:--|{}\n",
        words::lane(language),
        names.join(" | "),
        "--:|".repeat(names.len())
    );
    for (number, lane) in (1..).zip(lanes) {
        let numbers = cells(lane.cut.as_ref().map(|cut| &cut.numbers));
        let title = lane.title(language).replace('|', "\\|");
        out += &format!(
            "| {number} | {title} | {} |\n",
            numbers.join(" | ").replace('\u{2009}', "")
        );
    }
    out
}

impl CompareScreen {
    pub(super) fn table(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let language = shared.language;
        ui.spacing_mut().item_spacing.y = 0.0;
        let columns = Columns::new(ui.available_width());
        let mut done = None;
        let mut table = |ui: &mut Ui| {
            self.header(ui, &columns, language);
            let rows = ScrollArea::vertical().id_salt("lane table");
            let shown = rows.auto_shrink(false).show(ui, |ui| {
                let count = self.lanes.len();
                for index in 0..count {
                    if let Some(what) = self.row(ui, index, count, &columns, shared) {
                        done = Some((index, what));
                    }
                }
            });
            shown.content_size.y
        };
        let height = if columns.width > ui.available_width() + 1.0 {
            let across = ScrollArea::horizontal().id_salt("lane columns");
            let wide = across.auto_shrink(false).show(ui, |ui| {
                ui.set_width(columns.width);
                table(ui)
            });
            wide.inner
        } else {
            table(ui)
        };
        if (self.rows_height - height).abs() > 0.5 {
            self.rows_height = height;
            ui.ctx().request_repaint();
        }
        if let Some((index, what)) = done {
            self.do_to(index, what);
        }
    }

    /// Copies the table.
    pub(super) fn copy_button(&self, ui: &mut Ui, language: Language) {
        let copy = words::copy_as_markdown(language);
        if ui.button(RichText::new(copy).size(12.5)).clicked() {
            ui.ctx().copy_text(markdown(&self.lanes, language));
        }
    }

    fn header(&mut self, ui: &mut Ui, columns: &Columns, language: Language) {
        let palette = Palette::of(ui.ctx());
        let quiet = |text: &str| {
            RichText::new(text)
                .font(theme::bold(10.5))
                .color(palette.muted)
        };
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEADER), Sense::hover());
        cell(ui, rect, 0.0, columns.values[0][0], false, |ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            ui.label(quiet(words::lane(language)));
            ui.add_space(columns.way - 6.0);
            let small = |text: &str| egui::Button::new(RichText::new(text).size(12.0));
            if ui.add(small(words::add_lane(language))).clicked() {
                let last = self.lanes.last().map(|lane| lane.cutting.clone());
                self.add(last.unwrap_or_else(|| self.rule.clone()));
            }
            let hint = words::begin_again_hint(language);
            let again = small(words::begin_again(language));
            if ui.add(again).on_hover_text(hint).clicked() {
                self.begin();
                self.anew = true;
            }
        });
        for (column, [from, to]) in words::columns(language).iter().zip(columns.values) {
            let area = Rect::from_min_max(
                pos2(rect.left() + from + 2.0, rect.top()),
                pos2(rect.left() + to, rect.bottom()),
            );
            let layout = Layout::right_to_left(Align::Center);
            ui.scope_builder(UiBuilder::new().max_rect(area).layout(layout), |ui| {
                ui.add(
                    egui::Label::new(quiet(column.name))
                        .halign(Align::RIGHT)
                        .wrap(),
                )
                .on_hover_text(column.hint);
            });
        }
    }

    fn do_to(&mut self, index: usize, what: Done) {
        let Some(lane) = self.lanes.get_mut(index) else {
            return;
        };
        let id = lane.id;
        match what {
            Done::Changed => {
                lane.dirty = true;
                // The table that was used last is the one that is meant most likely.
                if lane.cutting.lacks_table()
                    && let Some(path) = self.recent_tables.first()
                {
                    lane.opening.open(path);
                }
            }
            Done::Up => self.swap(index, index.saturating_sub(1)),
            Done::Down => self.swap(index, index + 1),
            Done::Removed => {
                self.lanes.remove(index);
                self.anew = true;
            }
            Done::Dialog(purpose) => self.dialog = Some(purpose),
            Done::Model(name) => self.choose_model(id, &name),
            Done::Tokenizer(path) => self.choose_tokenizer(id, &path),
            Done::Table(path) => self.choose_table(id, &path),
        }
    }

    fn swap(&mut self, one: usize, other: usize) {
        if one.max(other) < self.lanes.len() {
            self.lanes.swap(one, other);
            self.anew = true;
        }
    }

    fn row(
        &mut self,
        ui: &mut Ui,
        index: usize,
        count: usize,
        columns: &Columns,
        shared: &Shared<'_>,
    ) -> Option<Done> {
        let palette = Palette::of(ui.ctx());
        let lane = self.lanes.get_mut(index)?;
        let source = lane.source();
        let known = self
            .known
            .iter()
            .find(|known| Some(&known.source) == source.as_ref());
        let cuts_by_table = !lane.tokens && lane.cutting.mode == Mode::Lookup;
        let failed = match known.map(|known| &known.found) {
            _ if cuts_by_table => {
                let why = lane.opening.refused.as_ref();
                why.map(|why| why.text(shared.language).to_owned())
            }
            Some(Found::Failed(why)) => Some(why.text(shared.language).to_owned()),
            _ => None,
        };
        let is_coming = match &source {
            Some(_) => !known.is_some_and(super::Known::is_complete),
            None if cuts_by_table => lane.opening.is_coming(),
            None => {
                !lane.tokens && lane.cutting.mode.needs_model() && !self.subject.stale.is_empty()
            }
        };
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
        let line = Stroke::new(1.0, palette.hairline);
        ui.painter().hline(rect.x_range(), rect.top(), line);
        let number = RichText::new((index + 1).to_string()).font(theme::bold(12.5));
        cell(ui, rect, 0.0, columns.way, false, |ui| ui.label(number));
        let number = index + 1;
        let mut done = None;
        let between = [columns.way, columns.setting - 8.0];
        cell(ui, rect, between[0], between[1], false, |ui| {
            if way(ui, lane, number, shared.language) {
                done = Some(Done::Changed);
            }
        });
        cell(
            ui,
            rect,
            columns.setting,
            columns.values[0][0],
            false,
            |ui| {
                if let Some(what) = setting(ui, lane, number, &self.recent_tables, shared) {
                    done = Some(what);
                }
            },
        );
        let ink = if is_coming {
            palette.muted
        } else {
            palette.text
        };
        let numbers = lane.cut.as_ref().map(|cut| &cut.numbers);
        let names = words::columns(shared.language);
        let places = names.iter().zip(columns.values);
        for (text, (column, [from, to])) in cells(numbers).into_iter().zip(places) {
            let text = if is_coming && numbers.is_none() {
                "…".to_owned()
            } else {
                text
            };
            let name = format!("{} {text}", column.name);
            cell(ui, rect, from, to, true, |ui| {
                let label = ui.label(RichText::new(text).font(theme::mono(12.0)).color(ink));
                label.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, &name));
            });
        }
        cell(ui, rect, columns.buttons, rect.width(), false, |ui| {
            if let Some(what) = buttons(ui, index, count, shared.language) {
                done = Some(what);
            }
        });
        let note = match (failed, lane.tokens) {
            (Some(why), _) => Some(why),
            (None, true) if !cfg!(feature = "tokenizers") => {
                Some(words::no_tokenizers(shared.language).to_owned())
            }
            (None, _) if cuts_by_table && lane.cutting.lacks_table() && !is_coming => {
                Some(words::no_table(shared.language).to_owned())
            }
            (None, _) => None,
        };
        if let Some(note) = note {
            ui.horizontal_wrapped(|ui| {
                ui.add_space(columns.way);
                let mark = RichText::new("!")
                    .font(theme::bold(12.5))
                    .color(palette.signal);
                ui.label(mark);
                ui.label(RichText::new(note).size(12.5));
            });
            ui.add_space(5.0);
        }
        done
    }
}

/// A part of a row, from one place to another.
fn cell<R>(
    ui: &mut Ui,
    row: Rect,
    from: f32,
    to: f32,
    is_right: bool,
    add: impl FnOnce(&mut Ui) -> R,
) -> R {
    let area = Rect::from_min_max(
        pos2(row.left() + from, row.top()),
        pos2(row.left() + to, row.bottom()),
    );
    let layout = match is_right {
        true => Layout::right_to_left(Align::Center),
        false => Layout::left_to_right(Align::Center),
    };
    ui.scope_builder(UiBuilder::new().max_rect(area).layout(layout), add)
        .inner
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::Rule;
    use crate::window::screens::patch::Cutting;

    #[test]
    fn numbers_are_said_as_far_as_they_are_known() {
        assert_eq!(cells(None)[0], "–");
        let numbers = Numbers {
            patches: 1234,
            mean: 3.456,
            variation: Some(0.5),
            precision: None,
            recall: Some(2.0 / 3.0),
            f1: Some(1.0),
            in_characters: 0,
            enrichment: Some(1.6),
        };
        assert_eq!(
            cells(Some(&numbers)),
            [
                "1\u{2009}234",
                "3.46",
                "0.50",
                "–",
                "0.667",
                "1.000",
                "0",
                "1.60"
            ]
        );
    }

    #[test]
    fn the_copy_is_a_table_with_a_row_for_each_lane() {
        let mut lane = Lane::new(1, Cutting::of_rule(&Rule::default()));
        lane.cutting.mode = Mode::Static;
        lane.model = Some("a|b".to_owned());
        lane.cut = Some(super::super::Cut {
            numbers: Numbers {
                patches: 1234,
                ..Numbers::default()
            },
            ..super::super::Cut::default()
        });
        let mut other = Lane::new(2, lane.cutting.clone());
        other.tokens = true;
        other.tokenizer = "a|b.json".into();
        let table = markdown(&[lane, other], Language::English);
        let rows: Vec<&str> = table.lines().collect();
        assert_eq!(rows.len(), 4);
        assert_eq!(
            rows[2],
            "| 1 | Static 4 | 1234 | 0.00 | – | – | – | – | 0 | – |"
        );
        assert!(rows[3].starts_with("| 2 | Tokens a\\|b.json | – |"));
        let bars = |row: &str| row.replace("\\|", "").matches('|').count();
        assert!(rows.iter().all(|row| bars(row) == bars(rows[0])), "{table}");
    }

    #[test]
    fn columns_fit_a_narrow_window_and_do_not_spread_in_a_wide_one() {
        for width in [820.0, 868.0, 1200.0, 2480.0] {
            let columns = Columns::new(width);
            assert!(columns.setting + 160.0 < columns.values[0][0], "{width}");
            assert!(columns.buttons + 82.0 <= width, "{width}");
        }
        assert!(Columns::new(2480.0).buttons < 1300.0);
    }
}
