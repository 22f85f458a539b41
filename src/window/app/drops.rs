//! Files that are dragged over the window and let go on it.

use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

use egui::{
    Align2, Area, Button, Context, Frame, Id, LayerId, Modal, Order, RichText, ScrollArea, vec2,
};

use super::App;
use crate::files;
use crate::window::screens::Screen;
use crate::window::theme::{self, Palette};
use crate::window::words::{self, Language};

/// The last part of a path.
fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// The folder of a path, as far as there is room for it: its end tells most.
fn folder(path: &Path) -> String {
    const MOST: usize = 28;
    let folder = path.parent().map(|folder| folder.display().to_string());
    let folder = folder.unwrap_or_default();
    match folder.chars().count().checked_sub(MOST) {
        None | Some(0) => folder,
        Some(more) => format!("…{}", folder.chars().skip(more).collect::<String>()),
    }
}

/// What happens to the files that are over the window when they are let go.
fn promise(files: &[egui::HoveredFile], language: Language) -> String {
    match files {
        [file] => match &file.path {
            Some(path) if files::is_folder(path) => {
                words::drops::let_go_to_use_model(language, &name(path))
            }
            Some(path) => words::drops::let_go_to_open(language, &name(path)),
            None => words::drops::let_go_to_open_it(language).to_owned(),
        },
        _ => words::drops::let_go_then_choose(language, files.len()),
    }
}

impl App {
    pub(super) fn take_dropped(&mut self, context: &Context) {
        let dropped = context.input(|input| input.raw.dropped_files.clone());
        let mut paths: Vec<PathBuf> = dropped.iter().map(|file| file.path().to_owned()).collect();
        for handed in self
            .handed
            .iter()
            .flat_map(Receiver::try_iter)
            .collect::<Vec<_>>()
        {
            match handed {
                Ok(handed) => paths.extend(handed),
                Err(why) => self.tell(why),
            }
        }
        if self.screen == Screen::Compare {
            paths.retain(|path| !self.compare.drop_file(path));
        }
        match paths.as_slice() {
            [] => {}
            [path] => self.open_path(path),
            // Which of them was meant only the user knows.
            _ => self.dropped = paths,
        }
    }

    /// Says what would happen to what is over the window.
    pub(super) fn show_hovered(&self, context: &Context) {
        let files = context.input(|input| input.raw.hovered_files.clone());
        if files.is_empty() {
            return;
        }
        let palette = Palette::of(context);
        let layer = LayerId::new(Order::Foreground, Id::unique("drop ground"));
        context.layer_painter(layer).rect_filled(
            context.content_rect(),
            0.0,
            palette.background.gamma_multiply(0.8),
        );
        Area::new(Id::unique("drop hint"))
            .order(Order::Tooltip)
            .anchor(Align2::CENTER_CENTER, vec2(0.0, 0.0))
            .interactable(false)
            .show(context, |ui| {
                let text = promise(&files, self.language());
                let text = RichText::new(text).font(theme::bold(20.0));
                ui.add(egui::Label::new(text).extend());
            });
    }

    /// Asks which of several files is to be opened.
    pub(super) fn show_dropped(&mut self, context: &Context) {
        if self.dropped.is_empty() {
            return;
        }
        let language = self.language();
        let palette = Palette::of(context);
        let frame = Frame::popup(&context.global_style()).inner_margin(20);
        let mut chosen = None;
        let mut cancelled = false;
        let modal = Modal::new(Id::unique("dropped files")).frame(frame);
        let shown = modal.show(context, |ui| {
            ui.set_width((context.content_rect().width() - 80.0).clamp(120.0, 460.0));
            let title = words::drops::which_one(language, self.dropped.len());
            ui.label(RichText::new(title).font(theme::bold(14.0)));
            ui.add_space(8.0);
            let height = (context.content_rect().height() - 200.0).max(60.0);
            ScrollArea::vertical().max_height(height).show(ui, |ui| {
                for path in &self.dropped {
                    let folder = RichText::new(folder(path));
                    let button = Button::new(name(path))
                        .right_text(folder.size(12.0).color(palette.muted))
                        .truncate()
                        .min_size(vec2(ui.available_width(), 28.0));
                    if ui.add(button).clicked() {
                        chosen = Some(path.clone());
                    }
                }
            });
            ui.add_space(8.0);
            cancelled = ui.button(words::drops::none_of_them(language)).clicked();
        });
        if let Some(path) = chosen {
            self.dropped.clear();
            self.open_path(&path);
        } else if cancelled || shown.backdrop_response.clicked() {
            self.dropped.clear();
        }
    }
}
