//! One text, cut in several ways, byte under byte.

use egui::{Frame, Ui};

use crate::window::context::Shared;
use crate::window::engine::{CompareUpdate, Model};
use crate::window::theme::Palette;

/// What the screen keeps.
#[derive(Debug, Default)]
pub(crate) struct CompareScreen {}

impl CompareScreen {
    /// Another model is there.
    pub(crate) fn use_model(&mut self, _model: &Model, _shared: &Shared<'_>) {}

    /// The device is gone, and with it what was on it.
    pub(crate) fn lose_device(&mut self) {}

    pub(crate) fn take(&mut self, update: CompareUpdate) {
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
