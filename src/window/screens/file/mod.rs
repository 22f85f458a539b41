//! A file of any size: its bytes, and their entropies as they come.

use egui::{Frame, Ui};

use crate::window::context::Shared;
use crate::window::engine::{FileUpdate, Model};
use crate::window::theme::Palette;

/// What the screen keeps.
#[derive(Debug, Default)]
pub(crate) struct FileScreen {}

impl FileScreen {
    /// Another model is there.
    pub(crate) fn use_model(&mut self, _model: &Model, _shared: &Shared<'_>) {}

    /// The device is gone, and with it what was on it.
    pub(crate) fn lose_device(&mut self) {}

    /// Shows a file.
    pub(crate) fn open(&mut self, _path: &std::path::Path, _shared: &Shared<'_>) {}

    pub(crate) fn take(&mut self, update: FileUpdate) {
        match update {}
    }

    /// Whether everything that was asked for has come.
    pub(crate) fn is_settled(&self) -> bool {
        true
    }

    pub(crate) fn show(&mut self, ui: &mut Ui, _shared: &Shared<'_>) {
        egui::CentralPanel::no_frame()
            .frame(Frame::new().fill(Palette::of(ui.ctx()).background))
            .show(ui, |_| ());
    }
}
