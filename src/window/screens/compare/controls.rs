//! The controls of a lane: how it cuts, by what, and where it stands.

use std::path::PathBuf;

use egui::{ComboBox, DragValue, RichText, Ui, WidgetInfo, vec2};

use super::lane::{Lane, last_part, tokenizer_name};
use super::words;
use crate::patch::Mode;
use crate::window::context::Shared;
use crate::window::dialog::Purpose;
use crate::window::screens::patch::{RISES, THRESHOLDS};
use crate::window::widgets::path::{self, Chosen, field, menu};
use crate::window::words::Language;

/// What was done to a lane.
pub(super) enum Done {
    Changed,
    Up,
    Down,
    Removed,
    Dialog(Purpose),
    Model(String),
    Tokenizer(PathBuf),
    Table(PathBuf),
}

/// Which way a lane cuts; says whether another was chosen.
pub(super) fn way(ui: &mut Ui, lane: &mut Lane, number: usize, language: Language) -> bool {
    let tokenizer = words::tokenizer(language);
    let shown = match lane.tokens {
        true => tokenizer,
        false => lane.cutting.mode.name(language),
    };
    let before = (lane.tokens, lane.cutting.mode);
    let response = ComboBox::from_id_salt(("way", lane.id))
        .width(105.0)
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
    let name = words::rule_of_lane(language, number, shown);
    response.widget_info(|| WidgetInfo::labeled(egui::Role::ComboBox, true, &name));
    before != (lane.tokens, lane.cutting.mode)
}

/// What the way of a lane leaves open: thresholds, a size, a model, a tokenizer.
pub(super) fn setting(
    ui: &mut Ui,
    lane: &mut Lane,
    number: usize,
    recent_tables: &[PathBuf],
    shared: &Shared<'_>,
) -> Option<Done> {
    let language = shared.language;
    ui.spacing_mut().item_spacing.x = 6.0;
    if lane.tokens {
        return tokenizer(ui, lane, number, language);
    }
    let mut changed = false;
    let named = |response: &egui::Response, what: &str, value: f64| {
        let label = words::setting_of_lane(language, number, what);
        response.widget_info(|| WidgetInfo {
            label: Some(label.clone()),
            ..WidgetInfo::drag_value(true, value)
        });
    };
    let mode = lane.cutting.mode;
    let mut drag = |ui: &mut Ui, nats: &mut f32, range, prefix: &str, what: &str| {
        let value = DragValue::new(nats)
            .range::<f32>(range)
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
        let what = words::threshold(language);
        drag(ui, &mut lane.cutting.threshold, THRESHOLDS, "θ ", what);
    }
    if matches!(mode, Mode::Monotonic | Mode::Both) {
        let what = words::threshold_of_rise(language);
        drag(ui, &mut lane.cutting.rise, RISES, "θr ", what);
    }
    if matches!(mode, Mode::Static | Mode::TopK) {
        let what = words::bytes_per_patch(language);
        let value = DragValue::new(&mut lane.cutting.size)
            .range(1..=4096)
            .speed(0.1)
            .suffix(words::bytes_behind_number(language));
        let response = ui.add(value).on_hover_text(what);
        named(&response, what, f64::from(lane.cutting.size));
        changed |= response.changed();
    }
    if !matches!(mode, Mode::Byte | Mode::TopK) {
        changed |= longest(ui, lane, number, language);
    }
    let mut done = changed.then_some(Done::Changed);
    if mode == Mode::Lookup {
        done = table(ui, lane, number, recent_tables, language);
    }
    if mode.needs_model()
        && let Some(what) = model(ui, lane, number, shared)
    {
        done = Some(what);
    }
    done
}

/// The longest patch of a lane, 0 for none; says whether it has changed.
fn longest(ui: &mut Ui, lane: &mut Lane, number: usize, language: Language) -> bool {
    let mut most = lane.cutting.longest.unwrap_or(0);
    let value = DragValue::new(&mut most)
        .range(0..=4096)
        .speed(0.1)
        .prefix("≤ ")
        .custom_formatter(|most, _| match most < 1.0 {
            true => "∞".to_owned(),
            false => format!("{most:.0}"),
        })
        .custom_parser(|typed| match typed.trim() {
            "∞" | "" => Some(0.0),
            typed => typed.parse().ok(),
        });
    let hint = words::longest_patch_hint(language);
    let response = ui.add(value).on_hover_text(hint);
    let label = words::longest_patch_of_lane(language, number);
    response.widget_info(|| WidgetInfo {
        label: Some(label.clone()),
        ..WidgetInfo::drag_value(true, f64::from(most))
    });
    if response.changed() {
        lane.cutting.longest = Some(most).filter(|most| *most > 0);
    }
    response.changed()
}

/// Whose entropies a lane takes.
fn model(ui: &mut Ui, lane: &mut Lane, number: usize, shared: &Shared<'_>) -> Option<Done> {
    let language = shared.language;
    let embedded = shared.model.is_none_or(|model| model.name.is_none());
    let open = match (embedded, shared.model) {
        (false, Some(model)) => model.title.clone(),
        _ => words::embedded(language).to_owned(),
    };
    let title = match &lane.model {
        None => open.clone(),
        Some(name) => last_part(name.as_ref()),
    };
    let name = words::model_of_lane(language, number, &title);
    let mut done = None;
    menu(ui, &title, &name, |ui| {
        let this = words::open_model(language, &open);
        if ui.selectable_label(lane.model.is_none(), this).clicked() {
            done = Some(Done::Model(String::new()));
            ui.close();
        }
        let hint = words::model_field(language);
        if let Some(name) = field(ui, &mut lane.typed, hint, language) {
            done = Some(Done::Model(name));
            ui.close();
        }
        if ui.button(words::choose_folder(language)).clicked() {
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
        true => words::choose_one(language).to_owned(),
        false => tokenizer_name(&lane.tokenizer),
    };
    let name = words::tokenizer_of_lane(language, number, &title);
    let mut done = None;
    menu(ui, &title, &name, |ui| {
        let hint = words::tokenizer_field(language);
        if let Some(path) = field(ui, &mut lane.typed, hint, language) {
            done = Some(Done::Tokenizer(path.into()));
            ui.close();
        }
        if ui.button(words::choose_file(language)).clicked() {
            done = Some(Done::Dialog(Purpose::CompareTokenizer(lane.id)));
            ui.close();
        }
    });
    done
}

/// The table of a lane.
fn table(
    ui: &mut Ui,
    lane: &mut Lane,
    number: usize,
    recent: &[PathBuf],
    language: Language,
) -> Option<Done> {
    let title = match &lane.cutting.table {
        None => words::choose_one(language).to_owned(),
        Some(table) => table.name(),
    };
    let name = words::table_of_lane(language, number, &title);
    let mut chosen = None;
    menu(ui, &title, &name, |ui| {
        chosen = path::table(ui, &mut lane.opening.typed, recent, language);
    });
    Some(match chosen? {
        Chosen::Path(path) => Done::Table(path),
        Chosen::Dialog => Done::Dialog(Purpose::CompareTable(lane.id)),
    })
}

/// What moves a lane and removes it.
pub(super) fn buttons(ui: &mut Ui, index: usize, count: usize, language: Language) -> Option<Done> {
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
    let up = words::move_up(language, number);
    let down = words::move_down(language, number);
    let gone = words::remove(language, number);
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
