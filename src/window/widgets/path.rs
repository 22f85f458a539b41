//! Choosing a file or a model by its path.

use std::path::PathBuf;

use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{PopupCloseBehavior, RichText, TextEdit, Ui, WidgetInfo};

use crate::window::words::{self, Language};

/// A menu that stays open while something is typed in it.
pub(crate) fn menu(ui: &mut Ui, title: &str, name: &str, add: impl FnOnce(&mut Ui)) {
    let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    // About as many letters as there is room for; all of it is in the hint.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most 22"
    )]
    let room = ((ui.available_width() - 24.0) / 7.5).clamp(1.0, 22.0) as usize;
    let shown: String = match title.chars().count() > room + 1 {
        true => title.chars().take(room).chain(['…']).collect(),
        false => title.to_owned(),
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
pub(crate) fn field(
    ui: &mut Ui,
    typed: &mut String,
    hint: &str,
    language: Language,
) -> Option<String> {
    let mut meant = false;
    ui.horizontal(|ui| {
        let width = ui.available_width() - 56.0;
        let edit = TextEdit::singleline(typed)
            .hint_text(hint)
            .desired_width(width);
        let response = ui.add(edit);
        meant = response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        meant |= ui.button(words::paths::use_path(language)).clicked();
    });
    let text = typed.trim();
    (meant && !text.is_empty()).then(|| text.to_owned())
}

/// What was chosen in a menu for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// This one.
    Path(PathBuf),
    /// One that the system's dialog gives.
    Dialog,
}

/// The parts of a menu for a lookup table: a path, those used before, and the system's
/// dialog.
pub(crate) fn table(
    ui: &mut Ui,
    typed: &mut String,
    recent: &[PathBuf],
    language: Language,
) -> Option<Chosen> {
    let mut chosen = None;
    let hint = words::paths::path_of_table(language);
    if let Some(path) = field(ui, typed, hint, language) {
        chosen = Some(Chosen::Path(path.into()));
    }
    for path in recent {
        let name = path.file_name().unwrap_or(path.as_os_str());
        let button = egui::Button::new(RichText::new(name.to_string_lossy()).size(12.5));
        let response = ui.add(button.frame_when_inactive(false));
        if response.on_hover_text(path.display().to_string()).clicked() {
            chosen = Some(Chosen::Path(path.clone()));
        }
    }
    if ui.button(words::paths::choose_file(language)).clicked() {
        chosen = Some(Chosen::Dialog);
    }
    if chosen.is_some() {
        ui.close();
    }
    chosen
}
