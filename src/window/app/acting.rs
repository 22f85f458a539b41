//! What each action does.

use std::path::Path;

use egui::Context;

use super::App;
use crate::samples::SAMPLES;
use crate::window::actions::Action;
use crate::window::context::Shared;
use crate::window::dialog::Purpose;
use crate::window::engine::{TableFor, TableUpdate};
use crate::window::export::{self, Form};
use crate::window::link::Link;
use crate::window::screens::Screen;
use crate::window::screens::patch::THRESHOLD_STEP;
use crate::window::settings::Settings;
use crate::window::storage;
use crate::window::words;

impl App {
    pub(super) fn copy(&mut self, context: &Context, form: Form) {
        match export::write(&self.patch.text, form) {
            Ok(bytes) => context.copy_text(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => self.tell_error(&error),
        }
    }

    /// Copies a link to the page that opens with this text, cut as it is.
    fn copy_link(&mut self, context: &Context) {
        let parts = Link::parts(&self.patch.text);
        match parts.and_then(|parts| storage::link(&parts)) {
            Some(link) => context.copy_text(link),
            None => {
                let notice = words::too_long_for_link(self.language());
                self.tell(notice.to_owned());
            }
        }
    }

    pub(in crate::window) fn act(&mut self, action: Action, context: &Context) {
        match action {
            Action::Screen(screen) => self.screen = screen,
            Action::OpenFile => self.dialogs.open(Purpose::OpenFile),
            Action::RecentFile(index) => {
                if let Some(path) = self.settings.recent_files.get(index).cloned() {
                    self.open_path(&path);
                }
            }
            Action::Sample(index) => {
                if let Some(sample) = SAMPLES.get(index) {
                    self.set_text(sample.bytes);
                    self.screen = Screen::Patch;
                }
            }
            Action::OpenModel => self.dialogs.open(Purpose::OpenModel),
            Action::EmbeddedModel => self.open_model(None),
            Action::RecentModel(index) => {
                if let Some(name) = self.settings.recent_models.get(index).cloned() {
                    self.open_model(Some(name));
                }
            }
            Action::CachedModel(index) => {
                if let Some(name) = self.settings.cached_models.get(index).cloned() {
                    self.open_model(Some(name));
                }
            }
            Action::OpenTable => {
                self.screen = Screen::Patch;
                self.dialogs.open(Purpose::Table);
            }
            Action::RecentTable(index) => {
                if let Some(path) = self.settings.recent_tables.get(index).cloned() {
                    self.cut_by_table(&path);
                }
            }
            Action::CopyBrackets => self.copy(context, Form::Brackets),
            Action::CopyJsonl => self.copy(context, Form::Jsonl),
            Action::CopyMarkdown => self.copy(context, Form::Markdown),
            Action::CopyLink => self.copy_link(context),
            Action::ExportSvg => self.dialogs.open(Purpose::SaveSvg),
            Action::ExportPng => self.dialogs.open(Purpose::SavePng),
            Action::Figure => self.patch.toggle_curve(),
            Action::RaiseThreshold => self.patch.move_threshold(context, THRESHOLD_STEP),
            Action::LowerThreshold => self.patch.move_threshold(context, -THRESHOLD_STEP),
            Action::Undo | Action::Redo => {
                self.screen = Screen::Patch;
                let language = self.language();
                let shared = Shared::new(&self.engine, self.model.as_ref(), language);
                match action {
                    Action::Undo => self.patch.undo(context, &shared),
                    _ => self.patch.redo(context, &shared),
                }
            }
            Action::NextPatch => self.patch.go_to_patch(context, true),
            Action::PreviousPatch => self.patch.go_to_patch(context, false),
            Action::Jump(jump) => {
                self.screen = Screen::File;
                self.file.jump(jump);
            }
            Action::Generate(command) => {
                self.screen = Screen::Generate;
                let language = self.language();
                let shared = Shared::new(&self.engine, self.model.as_ref(), language);
                self.generate.act(command, &shared);
            }
            Action::Theme(theme) => {
                self.options.theme = None;
                self.settings.theme = theme;
                context.set_theme(theme.preference());
                self.keep_settings();
            }
            Action::Language(language) => {
                self.options.language = None;
                self.settings.language = Some(language);
                self.keep_settings();
            }
            Action::ZoomIn => self.zoom(context, self.settings.zoom * 1.1),
            Action::ZoomOut => self.zoom(context, self.settings.zoom / 1.1),
            Action::ZoomReset => self.zoom(context, 1.0),
            Action::ReduceMotion => {
                self.settings.reduce_motion = !self.settings.reduce_motion;
                self.apply_motion(context);
                self.keep_settings();
            }
            Action::Palette => {
                self.shortcuts = false;
                self.commands.toggle();
            }
            Action::Shortcuts => {
                self.commands.close();
                self.shortcuts = !self.shortcuts;
            }
            Action::Quit => context.send_viewport_cmd(egui::ViewportCommand::Close),
        }
    }

    /// Cuts the text of the patch screen by the table in a file.
    pub(in crate::window) fn cut_by_table(&mut self, path: &Path) {
        self.screen = Screen::Patch;
        self.patch.open_table(path);
    }

    /// Takes a table that a screen has asked for.
    pub(super) fn take_table(&mut self, update: TableUpdate) {
        let path = update.path.clone();
        let is_used = match update.whom {
            TableFor::Patch => self.patch.take_table(update),
            TableFor::Lane(lane) => Ok(self.compare.take_table(lane, update)),
        };
        match is_used {
            Ok(true) => {
                self.settings.remember_table(path);
                self.keep_settings();
                self.tell_recent_tables();
            }
            Ok(false) => {}
            Err(why) => self.tell(why.text(self.language()).to_owned()),
        }
    }

    /// The screens offer the tables that were used before.
    pub(super) fn tell_recent_tables(&mut self) {
        let recent = &self.settings.recent_tables;
        self.patch.panel.recent_tables.clone_from(recent);
        self.compare.recent_tables.clone_from(recent);
    }

    pub(super) fn zoom(&mut self, context: &Context, zoom: f32) {
        self.settings.zoom = zoom.clamp(*Settings::ZOOMS.start(), *Settings::ZOOMS.end());
        context.set_zoom_factor(self.settings.zoom);
        self.keep_settings();
    }
}
