//! Fingers, which scroll where a mouse selects.

use egui::{InputState, Response, Ui};

/// What the pointer was when it was pressed last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Finger {
    /// A finger, not a mouse.
    pub(crate) presses: bool,
    /// Whether it was down when [`begins`](Self::begins) was asked last.
    was_down: bool,
}

impl Finger {
    /// Whether the pointer is pressed just now. Browsers tell of a finger's press as that of a
    /// mouse first, and then once more. To be asked in every frame.
    pub(crate) fn begins(&mut self, ui: &Ui) -> bool {
        let (pressed, is_down) =
            ui.input(|input| (input.pointer.any_pressed(), input.pointer.any_down()));
        !std::mem::replace(&mut self.was_down, is_down) && pressed
    }

    /// How far down a finger has dragged a widget, if one does. To be asked in every frame.
    pub(crate) fn drag(&mut self, ui: &Ui, response: &Response) -> Option<f32> {
        if ui.input(|input| input.pointer.any_pressed()) {
            self.presses = ui.input(InputState::any_touches);
        }
        let drags = response.dragged() || response.drag_stopped();
        // A frame that is drawn twice has the same input twice.
        let is_first = ui.ctx().current_pass_index() == 0;
        let down = || match is_first {
            true => ui.input(|input| input.pointer.delta().y),
            false => 0.0,
        };
        (self.presses && drags).then(down)
    }
}
