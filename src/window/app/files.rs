//! What comes into the window from outside, and what goes out.

use std::path::Path;

use egui::Context;

use super::App;
use crate::error::{Error, Result};
use crate::files;
use crate::window::actions::Action;
use crate::window::context::Shared;
use crate::window::dialog::Purpose;
use crate::window::export::{self, Form};
use crate::window::screens::Screen;
use crate::window::screens::patch::MOST_BYTES;
use crate::window::shell::save_figure;
use crate::window::storage;
use crate::window::words;

impl App {
    pub(super) fn take_dialogs(&mut self, context: &Context) {
        for (purpose, chosen) in self.dialogs.chosen() {
            let Ok(path) = chosen else {
                let keys = Action::Palette.shortcut();
                let keys = keys.map(|keys| context.format_shortcut(&keys));
                let keys = keys.unwrap_or_default();
                let notice = words::no_dialog(self.language(), purpose.saves(), &keys);
                self.tell(notice);
                continue;
            };
            match purpose {
                Purpose::OpenFile => self.open_path(&path),
                Purpose::OpenModel => self.open_model(Some(path.display().to_string())),
                Purpose::CompareModel(lane) => {
                    let name = path.display().to_string();
                    self.compare.choose_model(lane, &name);
                }
                Purpose::CompareTokenizer(lane) => self.compare.choose_tokenizer(lane, &path),
                Purpose::Table => self.patch.open_table(&path),
                Purpose::CompareTable(lane) => self.compare.choose_table(lane, &path),
                Purpose::SaveSvg => self.save_svg(&path),
                Purpose::SavePng => self.save_png(&path, context),
            }
        }
    }

    /// Writes the figure in the form that the name of its file says.
    pub(super) fn save_figure(&mut self, path: &Path, context: &Context) {
        match path.extension() {
            Some(png) if png.eq_ignore_ascii_case("png") => self.save_png(path, context),
            _ => self.save_svg(path),
        }
    }

    fn save_svg(&mut self, path: &Path) {
        let saved =
            export::write(&self.patch.text, Form::Svg).and_then(|svg| storage::save(path, &svg));
        self.tell_failure(saved);
    }

    fn save_png(&mut self, path: &Path, context: &Context) {
        let fonts = self.options.system_fonts;
        let devices = self.devices.as_ref();
        let saved = save_figure(path, devices, &self.patch, (context.theme(), fonts));
        self.tell_failure(saved);
    }

    pub(super) fn tell_failure(&mut self, done: Result<()>) {
        if let Err(error) = done {
            self.tell_error(&error);
        }
    }

    /// Opens what is at a path: a model's folder, a text, or any file.
    pub(in crate::window) fn open_path(&mut self, path: &Path) {
        if files::is_folder(path) {
            self.open_model(Some(path.display().to_string()));
            return;
        }
        // Who looks at files wants to see a text as one too.
        let text = match files::read_small(path, MOST_BYTES as u64) {
            Ok(text) => text
                .filter(|_| self.screen != Screen::File)
                .filter(|bytes| std::str::from_utf8(bytes).is_ok()),
            Err(source) => {
                let error = Error::Io {
                    action: "read",
                    path: path.to_owned(),
                    source,
                };
                self.tell_error(&error);
                return;
            }
        };
        match text {
            Some(bytes) => {
                self.set_text(&bytes);
                self.screen = Screen::Patch;
            }
            None => self.show_file(path),
        }
        self.settings.remember_file(path.to_owned());
        self.keep_settings();
    }

    pub(super) fn show_file(&mut self, path: &Path) {
        self.screen = Screen::File;
        let language = self.language();
        let shared = Shared::new(&self.engine, self.model.as_ref(), language);
        self.file.open(path, &shared);
    }

    pub(in crate::window) fn set_text(&mut self, bytes: &[u8]) {
        let language = self.language();
        let shared = Shared::new(&self.engine, self.model.as_ref(), language);
        self.patch.open(bytes, &shared);
    }
}
