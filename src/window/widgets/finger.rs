//! Fingers, which scroll where a mouse selects.

use egui::{InputState, Response, Ui};

/// What the pointer was when it was pressed last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Finger {
    /// A finger, not a mouse.
    pub(crate) presses: bool,
    /// Whether it was down when [`begins`](Self::begins) was asked last.
    was_down: bool,
    /// Points per second that it is still to scroll by, since it has left the screen.
    speed: f32,
}

/// How a finger scrolls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Swipe {
    /// Points that what it scrolls goes down.
    pub(crate) down: f32,
    /// Whether it is still on the screen, and has not thrown what it scrolls.
    pub(crate) held: bool,
}

/// Points per second that a throw loses in a second, and the speed at which it ends: those of
/// egui's own scroll areas.
const FRICTION: f32 = 1000.0;
const SLOWEST: f32 = 20.0;

impl Finger {
    /// Whether the pointer is pressed just now. Browsers tell of a finger's press as that of a
    /// mouse first, and then once more. To be asked in every frame.
    pub(crate) fn begins(&mut self, ui: &Ui) -> bool {
        let (pressed, is_down) =
            ui.input(|input| (input.pointer.any_pressed(), input.pointer.any_down()));
        !std::mem::replace(&mut self.was_down, is_down) && pressed
    }

    /// How a finger scrolls a widget, if one does. To be asked in every frame.
    pub(crate) fn swipe(&mut self, ui: &Ui, response: &Response) -> Option<Swipe> {
        // A frame that is drawn twice has the same input twice.
        let is_first = ui.ctx().current_pass_index() == 0;
        if ui.input(|input| input.pointer.any_pressed()) {
            self.presses = ui.input(InputState::any_touches);
            self.speed = 0.0;
        }
        if self.presses && (response.dragged() || response.drag_stopped()) {
            if response.drag_stopped() {
                self.speed = ui.input(|input| input.pointer.velocity().y);
                ui.ctx().request_repaint();
            }
            let down = match is_first {
                true => ui.input(|input| input.pointer.delta().y),
                false => 0.0,
            };
            return Some(Swipe { down, held: true });
        }
        if self.speed == 0.0 || !is_first {
            return None;
        }
        let seconds = ui.input(|input| input.unstable_dt).min(0.1);
        let left = self.speed.abs() - FRICTION * seconds;
        self.speed = match left > SLOWEST {
            true => left.copysign(self.speed),
            false => 0.0,
        };
        ui.ctx().request_repaint();
        let down = self.speed * seconds;
        Some(Swipe { down, held: false })
    }
}
