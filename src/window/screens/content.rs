//! What all screens have in common.

use egui::Ui;

use crate::window::actions::Action;
use crate::window::context::Shared;
use crate::window::dialog::Purpose;
use crate::window::engine::Model;

/// What is below the tabs while a screen shows.
pub(crate) trait Content {
    /// Another model is open.
    fn use_model(&mut self, model: &Model, shared: &Shared<'_>);

    /// The device is lost, and with it what was on it.
    fn lose_device(&mut self);

    /// Whether everything that was asked for has come.
    fn is_settled(&self) -> bool;

    /// Draws it; gives what was asked for that others must do.
    fn show(&mut self, ui: &mut Ui, shared: &Shared<'_>) -> Option<Action>;

    /// A dialog that a control needs.
    fn take_dialog(&mut self) -> Option<Purpose> {
        None
    }
}
