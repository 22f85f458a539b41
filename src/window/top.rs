//! What is above the screens: their names, the model, the adapter, and the menu.

use egui::{Label, Response, RichText, Ui};

use super::actions::Action;
use super::engine::Model;
use super::screens::Screen;
use super::settings::{Settings, ThemeChoice};
use super::theme::{self, Palette};
use super::widgets::{choice, right};
use super::words::{self, Language};
use crate::device::{DeviceClass, DeviceSummary};
use crate::samples::SAMPLES;
use crate::window::devices::Devices;

/// What is shown.
pub(super) struct Top<'a> {
    pub(super) screen: Screen,
    pub(super) language: Language,
    pub(super) settings: &'a Settings,
    pub(super) model: Option<&'a Model>,
    /// Bytes that are loaded, of so many.
    pub(super) loading: Option<(u64, u64)>,
    pub(super) devices: Option<&'a Devices>,
    /// Whether anything can be undone, and done again.
    pub(super) steps: (bool, bool),
}

/// Shows it; gives what was chosen.
pub(super) fn show(ui: &mut Ui, top: &Top<'_>) -> Option<Action> {
    let mut chosen = None;
    let narrow = ui.available_width() < 860.0;
    ui.horizontal_centered(|ui| {
        ui.label(RichText::new("blt").font(theme::bold(17.0)));
        ui.add_space(if narrow { 10.0 } else { 34.0 });
        ui.spacing_mut().item_spacing.x = if narrow { 16.0 } else { 34.0 };
        for screen in Screen::ALL {
            let name = screen.name(top.language);
            if choice(ui, name, screen == top.screen, 13.5).clicked() {
                chosen = Some(Action::Screen(screen));
            }
        }
        ui.spacing_mut().item_spacing.x = 16.0;
        right(ui, |ui| {
            let words = top.language.words();
            ui.menu_button(RichText::new("≡").size(15.0), |ui| {
                ui.spacing_mut().item_spacing.x = 8.0;
                menu(ui, top, &mut chosen);
            })
            .response
            .widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, words.menu));
            // In a window as narrow as a telephone the tabs need all of it.
            if ui.available_width() > 120.0 {
                about(ui, top);
            }
        });
    });
    chosen
}

fn about(ui: &mut Ui, top: &Top<'_>) {
    let palette = Palette::of(ui.ctx());
    let words = top.language.words();
    let quiet = |text: String| RichText::new(text).size(12.5).color(palette.muted);
    if let Some(devices) = top.devices {
        let compute = devices.compute.summary();
        // From the right: a long name leaves as much to the badge and the model.
        let room = ui.available_width() / 2.0;
        let mut hint = format!("{}: {}", words.computes, described(compute));
        if let Some(graphics) = &devices.graphics {
            hint += &format!("\n{}: {}", words.draws, described(graphics.summary()));
        }
        part(ui, quiet(short_name(compute)), room).on_hover_text(hint);
        if compute.class == DeviceClass::Software {
            let badge = RichText::new(words.software)
                .size(12.0)
                .color(palette.signal);
            ui.label(badge).on_hover_text(words.software_hint);
        }
    }
    let model = match (top.model, top.loading) {
        (None, Some((done, total))) if total > 0 => {
            format!("{} {} %", words.loading, done * 100 / total)
        }
        (None, Some(_)) => format!("{}…", words.loading),
        (Some(model), _) => format!(
            "{} {:.1} M · {}",
            model.title,
            model.parameters as f64 / 1e6,
            model.dtype.to_lowercase()
        ),
        (None, None) => words.no_model.to_owned(),
    };
    let room = ui.available_width();
    let label = part(ui, quiet(model), room);
    if let Some(model) = top.model {
        label.on_hover_text(model.checkpoint.origin());
    }
}

/// A label that is cut where it would be wider than `room`; all of it is said then
/// when the pointer is on it.
fn part(ui: &mut Ui, text: RichText, room: f32) -> Response {
    let most = room.clamp(1.0, ui.available_width().max(1.0));
    ui.scope(|ui| {
        ui.set_max_width(most);
        ui.add(Label::new(text).truncate())
    })
    .inner
}

fn menu(ui: &mut Ui, top: &Top<'_>, chosen: &mut Option<Action>) {
    ui.set_min_width(230.0);
    let mut item = |ui: &mut Ui, action: Action| {
        let keys = action
            .shortcut()
            .map(|keys| ui.ctx().format_shortcut(&keys));
        let title = action.title(top.language, top.settings);
        let mut button = egui::Button::new(title).frame_when_inactive(false);
        if let Some(keys) = keys {
            button = button.shortcut_text(keys);
        }
        let can = match action {
            Action::Undo => top.steps.0,
            Action::Redo => top.steps.1,
            _ => true,
        };
        if ui.add_enabled(can, button).clicked() {
            *chosen = Some(action);
            ui.close();
        }
    };
    let language = top.language;
    item(ui, Action::Undo);
    item(ui, Action::Redo);
    ui.separator();
    item(ui, Action::OpenFile);
    ui.menu_button(words::menu::recent_files(language), |ui| {
        for index in 0..top.settings.recent_files.len() {
            item(ui, Action::RecentFile(index));
        }
        if top.settings.recent_files.is_empty() {
            ui.weak(words::menu::no_recent_files(language));
        }
    });
    ui.menu_button(words::menu::samples(language), |ui| {
        for index in 0..SAMPLES.len() {
            item(ui, Action::Sample(index));
        }
    });
    ui.separator();
    ui.menu_button(words::menu::model(language), |ui| {
        item(ui, Action::EmbeddedModel);
        item(ui, Action::OpenModel);
        for index in 0..top.settings.recent_models.len() {
            item(ui, Action::RecentModel(index));
        }
        for index in 0..top.settings.cached_models.len() {
            item(ui, Action::CachedModel(index));
        }
        ui.separator();
        ui.set_max_width(320.0);
        ui.weak(words::menu::gated_models(language));
    });
    ui.separator();
    for action in Action::exports() {
        item(ui, action);
    }
    ui.separator();
    item(ui, Action::Figure);
    ui.menu_button(words::menu::theme(language), |ui| {
        for theme in ThemeChoice::ALL {
            item(ui, Action::Theme(theme));
        }
    });
    ui.menu_button(words::menu::LANGUAGES, |ui| {
        for language in Language::ALL {
            item(ui, Action::Language(language));
        }
    });
    ui.menu_button(words::menu::zoom(language), |ui| {
        for action in [Action::ZoomIn, Action::ZoomOut, Action::ZoomReset] {
            item(ui, action);
        }
    });
    item(ui, Action::ReduceMotion);
    ui.separator();
    item(ui, Action::Palette);
    item(ui, Action::Shortcuts);
    item(ui, Action::Quit);
}

/// What computes: the name without what a driver puts in brackets, and the API.
fn short_name(device: &DeviceSummary) -> String {
    let name = device.name.split(" (").next().unwrap_or_default();
    format!("{name} · {}", api(device))
}

fn described(device: &DeviceSummary) -> String {
    format!("{} · {} · {}", device.name, api(device), device.driver)
}

fn api(device: &DeviceSummary) -> &'static str {
    match device.backend {
        None => "CPU",
        Some(wgpu::Backend::Vulkan) => "Vulkan",
        Some(wgpu::Backend::Metal) => "Metal",
        Some(wgpu::Backend::Dx12) => "DX12",
        Some(wgpu::Backend::Gl) => "OpenGL",
        Some(_) => "WebGPU",
    }
}
