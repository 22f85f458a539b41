//! The file screen: a file of any size, its bytes, and their entropies as they come.

mod grid;
mod jumps;
mod letters;
mod minimap;
mod shown;
mod source;
mod strip;
mod table;
mod view;
mod words;

use std::path::{Path, PathBuf};

use egui::{Button, RichText, Ui};

use shown::Shown;
use source::{Source, Trouble};

use crate::window::actions::{Action, Jump};
use crate::window::context::Shared;
use crate::window::engine::{FileRequest, FileUpdate, Model, Request};
use crate::window::screens::Content;
use crate::window::theme::{self, Palette};

/// What the screen keeps.
#[derive(Debug, Default)]
pub(crate) struct FileScreen {
    shown: Option<Shown>,
    /// A file that could not be opened, and why.
    refused: Option<(PathBuf, Trouble)>,
    generation: u64,
}

impl Content for FileScreen {
    /// Another model is there: the scan begins anew, and nothing else changes.
    fn use_model(&mut self, _model: &Model, shared: &Shared<'_>) {
        if let Some(shown) = &mut self.shown {
            shown.forget();
            self.scan(shared);
        }
    }

    fn lose_device(&mut self) {
        if let Some(shown) = &mut self.shown {
            shown.forget();
        }
    }

    /// Whether everything that shows has come: for a large file that is less than
    /// the whole of it.
    fn is_settled(&self) -> bool {
        self.shown.as_ref().is_none_or(Shown::is_settled)
    }

    fn show(&mut self, ui: &mut Ui, shared: &Shared<'_>) -> Option<Action> {
        let again = match (&mut self.shown, &self.refused) {
            (Some(shown), _) => {
                if shown.source.len() == 0 {
                    let title = words::empty_title(shared.language);
                    let text = words::empty(shared.language, &shown.source.name());
                    return invite(ui, shared, title, &text);
                }
                let wants = shown.show(ui, shared);
                wants.then(|| shown.source.path().to_owned())
            }
            (None, Some((path, trouble))) => {
                let title = path.display().to_string();
                let text = words::trouble(shared.language, trouble);
                return invite(ui, shared, &title, &text);
            }
            (None, None) => {
                let hovered = !ui.ctx().input(|input| input.raw.hovered_files.is_empty());
                let title = match hovered {
                    true => words::let_go(shared.language),
                    false => words::drop_here(shared.language),
                };
                return invite(ui, shared, title, words::any_file(shared.language));
            }
        };
        if let Some(path) = again {
            self.open(&path, shared);
        }
        None
    }
}

impl FileScreen {
    /// Shows a file.
    pub(crate) fn open(&mut self, path: &Path, shared: &Shared<'_>) {
        (self.shown, self.refused) = match Source::open(path) {
            Ok(source) => (Some(Shown::new(source)), None),
            Err(trouble) => (None, Some((path.to_owned(), trouble))),
        };
        self.scan(shared);
    }

    fn scan(&mut self, shared: &Shared<'_>) {
        self.generation += 1;
        if let Some(shown) = &self.shown
            && shown.source.len() > 0
        {
            shared.engine.ask(Request::File(FileRequest::Open {
                generation: self.generation,
                path: shown.source.path().to_owned(),
                run: shown.run,
            }));
        }
    }

    /// Goes somewhere, as soon as the screen shows.
    pub(crate) fn jump(&mut self, jump: Jump) {
        if let Some(shown) = &mut self.shown {
            shown.jump = Some(jump);
        }
    }

    pub(crate) fn take(&mut self, update: FileUpdate) {
        if let Some(shown) = &mut self.shown
            && update.generation == self.generation
        {
            shown.take(update.news);
        }
    }
}

/// A screen without rows: what it is about, and a way to open a file.
fn invite(ui: &mut Ui, shared: &Shared<'_>, title: &str, text: &str) -> Option<Action> {
    let palette = Palette::of(ui.ctx());
    let mut wish = None;
    egui::CentralPanel::no_frame().show(ui, |ui| {
        ui.vertical_centered(|ui| {
            ui.add_space((ui.available_height() * 0.36).max(12.0));
            ui.set_max_width((ui.available_width() - 32.0).clamp(1.0, 460.0));
            ui.label(RichText::new(title).font(theme::bold(20.0)));
            ui.add_space(6.0);
            ui.label(RichText::new(text).size(13.5).color(palette.muted));
            ui.add_space(14.0);
            let label = words::open_file(shared.language);
            let keys = Action::OpenFile
                .shortcut()
                .map(|keys| ui.ctx().format_shortcut(&keys))
                .unwrap_or_default();
            let button = Button::new(RichText::new(label).size(13.5))
                .shortcut_text(RichText::new(keys).size(12.5));
            if ui.add(button).clicked() {
                wish = Some(Action::OpenFile);
            }
        });
    });
    wish
}

#[cfg(test)]
mod tests;
