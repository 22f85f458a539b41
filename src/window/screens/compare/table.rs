//! The lanes as a table: how each cuts, and how it compares with the first.

use std::path::PathBuf;

use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{
    Align, ComboBox, DragValue, Layout, PopupCloseBehavior, Rect, RichText, ScrollArea, Sense,
    Stroke, TextEdit, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};

use super::lane::{Lane, Numbers, last_part, tokenizer_name};
use super::{CompareScreen, Found, words};
use crate::window::context::Shared;
use crate::window::dialog::Purpose;
use crate::window::screens::patch::{Mode, THRESHOLDS};
use crate::window::theme::{self, Palette};
use crate::window::widgets::thousands;
use crate::window::words::Language;

/// Height of a row.
const ROW: f32 = 28.0;

/// Height of the names of the columns.
pub(super) const HEADER: f32 = 32.0;

/// What was done to a lane.
enum Done {
    Changed,
    Up,
    Down,
    Removed,
    Dialog(Purpose),
    Model(String),
    Tokenizer(PathBuf),
}

/// The left edges of the columns, from the left edge of the table.
struct Columns {
    way: f32,
    setting: f32,
    /// Where the eight numbers begin.
    values: f32,
    value: f32,
    buttons: f32,
}

impl Columns {
    fn new(width: f32) -> Self {
        const BUTTONS: f32 = 104.0;
        let way = 22.0;
        let setting = way + 112.0;
        let value = ((width - setting - BUTTONS - 150.0) / 8.0).clamp(56.0, 92.0);
        let values = setting + (width - setting - BUTTONS - 8.0 * value).clamp(120.0, 320.0);
        Self {
            way,
            setting,
            values,
            value,
            buttons: values + 8.0 * value + 12.0,
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
        language.pick("Lane", "레인"),
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
        self.header(ui, &columns, language);
        let mut done = None;
        let shown = ScrollArea::vertical()
            .id_salt("lane table")
            .auto_shrink(false)
            .show(ui, |ui| {
                let count = self.lanes.len();
                for index in 0..count {
                    if let Some(what) = self.row(ui, index, count, &columns, shared) {
                        done = Some((index, what));
                    }
                }
            });
        if (self.rows_height - shown.content_size.y).abs() > 0.5 {
            self.rows_height = shown.content_size.y;
            ui.ctx().request_repaint();
        }
        if let Some((index, what)) = done {
            self.do_to(index, what);
        }
    }

    /// Copies the table.
    pub(super) fn copy_button(&self, ui: &mut Ui, language: Language) {
        let copy = language.pick("Copy as Markdown", "마크다운으로 복사");
        if ui.button(RichText::new(copy).size(12.5)).clicked() {
            ui.ctx().copy_text(markdown(&self.lanes, language));
        }
    }

    fn header(&mut self, ui: &mut Ui, columns: &Columns, language: Language) {
        let palette = Palette::of(ui.ctx());
        let quiet = |text: &str| {
            RichText::new(text)
                .font(theme::bold(11.0))
                .color(palette.muted)
        };
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEADER), Sense::hover());
        cell(ui, rect, 0.0, columns.values, false, |ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            ui.label(quiet(language.pick("Lane", "레인")));
            ui.add_space(columns.way - 6.0);
            let small = |text: &str| egui::Button::new(RichText::new(text).size(12.0));
            if ui.add(small(language.pick("+ Add", "+ 추가"))).clicked() {
                let last = self.lanes.last().map(|lane| lane.cutting.clone());
                self.add(last.unwrap_or_else(|| self.rule.clone()));
            }
            let hint = language.pick(
                "The lanes that the screen opens with",
                "화면을 처음 열었을 때의 레인",
            );
            let again = small(language.pick("Begin again", "처음 상태로"));
            if ui.add(again).on_hover_text(hint).clicked() {
                self.begin();
                self.anew = true;
            }
        });
        let mut x = columns.values;
        for column in words::columns(language) {
            let area = Rect::from_min_max(
                pos2(rect.left() + x + 4.0, rect.top()),
                pos2(rect.left() + x + columns.value, rect.bottom()),
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
            x += columns.value;
        }
    }

    fn do_to(&mut self, index: usize, what: Done) {
        let Some(lane) = self.lanes.get_mut(index) else {
            return;
        };
        let id = lane.id;
        match what {
            Done::Changed => lane.dirty = true,
            Done::Up => self.swap(index, index.saturating_sub(1)),
            Done::Down => self.swap(index, index + 1),
            Done::Removed => {
                self.lanes.remove(index);
                self.anew = true;
            }
            Done::Dialog(purpose) => self.dialog = Some(purpose),
            Done::Model(name) => self.choose_model(id, &name),
            Done::Tokenizer(path) => self.choose_tokenizer(id, &path),
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
        let failed = match known.map(|known| &known.found) {
            Some(Found::Failed(why)) => Some(why.clone()),
            _ => None,
        };
        let is_coming = match &source {
            Some(_) => !known.is_some_and(super::Known::is_complete),
            None => {
                !lane.tokens && lane.cutting.mode.needs_entropy() && !self.subject.stale.is_empty()
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
        cell(ui, rect, columns.setting, columns.values, false, |ui| {
            if let Some(what) = setting(ui, lane, number, shared) {
                done = Some(what);
            }
        });
        let ink = if is_coming {
            palette.muted
        } else {
            palette.text
        };
        let numbers = lane.cut.as_ref().map(|cut| &cut.numbers);
        let names = words::columns(shared.language);
        let mut x = columns.values;
        for (text, column) in cells(numbers).into_iter().zip(&names) {
            let text = if is_coming && numbers.is_none() {
                "…".to_owned()
            } else {
                text
            };
            let name = format!("{} {text}", column.name);
            cell(ui, rect, x, x + columns.value, true, |ui| {
                let label = ui.label(RichText::new(text).font(theme::mono(12.0)).color(ink));
                label.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, &name));
            });
            x += columns.value;
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

/// Which way a lane cuts; says whether another was chosen.
fn way(ui: &mut Ui, lane: &mut Lane, number: usize, language: Language) -> bool {
    let tokenizer = language.pick("Tokenizer", "토크나이저");
    let shown = match lane.tokens {
        true => tokenizer,
        false => lane.cutting.mode.name(language),
    };
    let before = (lane.tokens, lane.cutting.mode);
    let response = ComboBox::from_id_salt(("way", lane.id))
        .width(100.0)
        .height(320.0)
        .selected_text(RichText::new(shown).size(12.5))
        .show_ui(ui, |ui| {
            for mode in Mode::ALL {
                let chosen = !lane.tokens && lane.cutting.mode == mode;
                if ui.selectable_label(chosen, mode.name(language)).clicked() {
                    lane.tokens = false;
                    lane.cutting.mode = mode;
                }
            }
            if ui.selectable_label(lane.tokens, tokenizer).clicked() {
                lane.tokens = true;
            }
        })
        .response;
    let name = language.pick(
        format!("Rule of lane {number}: {shown}"),
        format!("레인 {number}의 규칙: {shown}"),
    );
    response.widget_info(|| WidgetInfo::labeled(egui::Role::ComboBox, true, &name));
    before != (lane.tokens, lane.cutting.mode)
}

/// What the way of a lane leaves open: thresholds, a size, a model, a tokenizer.
fn setting(ui: &mut Ui, lane: &mut Lane, number: usize, shared: &Shared<'_>) -> Option<Done> {
    let language = shared.language;
    ui.spacing_mut().item_spacing.x = 6.0;
    if lane.tokens {
        return tokenizer(ui, lane, number, language);
    }
    let mut changed = false;
    let named = |response: &egui::Response, what: &str, value: f64| {
        let label = language.pick(
            format!("{what} of lane {number}"),
            format!("레인 {number}의 {what}"),
        );
        response.widget_info(|| WidgetInfo {
            label: Some(label.clone()),
            ..WidgetInfo::drag_value(true, value)
        });
    };
    let mode = lane.cutting.mode;
    let mut drag = |ui: &mut Ui, nats: &mut f32, prefix: &str, what: &str| {
        let value = DragValue::new(nats)
            .range(THRESHOLDS)
            .speed(0.01)
            .fixed_decimals(2)
            .prefix(prefix);
        let response = ui
            .add(value)
            .on_hover_text(format!("{what} ({})", shared.words.nats));
        named(&response, what, f64::from(*nats));
        changed |= response.changed();
    };
    if matches!(mode, Mode::Entropy | Mode::Both) {
        let what = language.pick("Threshold", "문턱값");
        drag(ui, &mut lane.cutting.threshold, "θ ", what);
    }
    if matches!(mode, Mode::Monotonic | Mode::Both) {
        let what = language.pick("Threshold of the rise", "상승 문턱값");
        drag(ui, &mut lane.cutting.rise, "θᵣ ", what);
    }
    if matches!(mode, Mode::Static | Mode::TopK) {
        let what = language.pick("Bytes per patch", "패치당 바이트");
        let value = DragValue::new(&mut lane.cutting.size)
            .range(1..=4096)
            .speed(0.1)
            .suffix(language.pick(" bytes", "바이트"));
        let response = ui.add(value).on_hover_text(what);
        named(&response, what, f64::from(lane.cutting.size));
        changed |= response.changed();
    }
    let mut done = changed.then_some(Done::Changed);
    if mode.needs_entropy()
        && let Some(what) = model(ui, lane, number, shared)
    {
        done = Some(what);
    }
    done
}

/// A menu that stays open while something is typed in it.
fn menu(ui: &mut Ui, title: &str, name: &str, add: impl FnOnce(&mut Ui)) {
    let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    let shown: String = match title.chars().count() {
        0..=22 => title.to_owned(),
        _ => title.chars().take(21).chain(['…']).collect(),
    };
    let (response, _) = MenuButton::new(RichText::new(shown).size(12.5))
        .config(config)
        .ui(ui, |ui| {
            ui.set_width(300.0);
            ui.spacing_mut().item_spacing.y = 6.0;
            add(ui);
        });
    let response = response.on_hover_text(name);
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, name));
}

/// A field for a path; gives what stands in it once it is meant.
fn field(ui: &mut Ui, typed: &mut String, hint: &str, language: Language) -> Option<String> {
    let mut meant = false;
    ui.horizontal(|ui| {
        let use_it = language.pick("Use", "사용");
        let width = ui.available_width() - 56.0;
        let edit = TextEdit::singleline(typed)
            .hint_text(hint)
            .desired_width(width);
        let response = ui.add(edit);
        meant = response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        meant |= ui.button(use_it).clicked();
    });
    let text = typed.trim();
    (meant && !text.is_empty()).then(|| text.to_owned())
}

/// Whose entropies a lane takes.
fn model(ui: &mut Ui, lane: &mut Lane, number: usize, shared: &Shared<'_>) -> Option<Done> {
    let language = shared.language;
    let embedded = shared.model.is_none_or(|model| model.name.is_none());
    let open = match (embedded, shared.model) {
        (false, Some(model)) => model.title.clone(),
        _ => language.pick("embedded", "내장").to_owned(),
    };
    let title = match &lane.model {
        None => open.clone(),
        Some(name) => last_part(name.as_ref()),
    };
    let name = language.pick(
        format!("Model of lane {number}: {title}"),
        format!("레인 {number}의 모델: {title}"),
    );
    let mut done = None;
    menu(ui, &title, &name, |ui| {
        let this = language.pick(
            format!("The open model ({open})"),
            format!("열려 있는 모델({open})"),
        );
        if ui.selectable_label(lane.model.is_none(), this).clicked() {
            done = Some(Done::Model(String::new()));
            ui.close();
        }
        let hint = language.pick("Name or folder of a model", "모델의 이름 또는 폴더");
        if let Some(name) = field(ui, &mut lane.typed, hint, language) {
            done = Some(Done::Model(name));
            ui.close();
        }
        if ui
            .button(language.pick("Choose a folder…", "폴더 선택…"))
            .clicked()
        {
            done = Some(Done::Dialog(Purpose::CompareModel(lane.id)));
            ui.close();
        }
    });
    done
}

/// The tokenizer of a lane.
fn tokenizer(ui: &mut Ui, lane: &mut Lane, number: usize, language: Language) -> Option<Done> {
    if !cfg!(feature = "tokenizers") {
        return None;
    }
    let title = match lane.tokenizer.as_os_str().is_empty() {
        true => language.pick("choose one…", "선택…").to_owned(),
        false => tokenizer_name(&lane.tokenizer),
    };
    let name = language.pick(
        format!("Tokenizer of lane {number}: {title}"),
        format!("레인 {number}의 토크나이저: {title}"),
    );
    let mut done = None;
    menu(ui, &title, &name, |ui| {
        let hint = language.pick("Path of a tokenizer.json", "tokenizer.json 경로");
        if let Some(path) = field(ui, &mut lane.typed, hint, language) {
            done = Some(Done::Tokenizer(path.into()));
            ui.close();
        }
        if ui
            .button(language.pick("Choose a file…", "파일 선택…"))
            .clicked()
        {
            done = Some(Done::Dialog(Purpose::CompareTokenizer(lane.id)));
            ui.close();
        }
    });
    done
}

fn buttons(ui: &mut Ui, index: usize, count: usize, language: Language) -> Option<Done> {
    ui.spacing_mut().item_spacing.x = 2.0;
    let number = index + 1;
    let mut button = |picture: &str, name: String, enabled: bool| {
        let button = egui::Button::new(RichText::new(picture).size(13.0))
            .frame_when_inactive(false)
            .min_size(vec2(26.0, 24.0));
        let response = ui.add_enabled(enabled, button).on_hover_text(&name);
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, enabled, &name));
        response.clicked()
    };
    let up = language.pick(
        format!("Move lane {number} up"),
        format!("레인 {number} 위로"),
    );
    let down = language.pick(
        format!("Move lane {number} down"),
        format!("레인 {number} 아래로"),
    );
    let gone = language.pick(
        format!("Remove lane {number}"),
        format!("레인 {number} 지우기"),
    );
    let mut done = None;
    if button("↑", up, index > 0) {
        done = Some(Done::Up);
    }
    if button("↓", down, number < count) {
        done = Some(Done::Down);
    }
    if button("×", gone, count > 1) {
        done = Some(Done::Removed);
    }
    done
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
        for width in [868.0, 1200.0, 2480.0] {
            let columns = Columns::new(width);
            assert!(columns.setting + 110.0 < columns.values, "{width}");
            assert!(columns.buttons + 80.0 <= width, "{width}");
        }
        assert!(Columns::new(2480.0).buttons < 1300.0);
    }
}
