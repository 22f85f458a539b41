//! The line of the threshold as a slider, for the keyboard and for screen readers.

use egui::accesskit::{Action, ActionData, Orientation};
use egui::{EventFilter, Key, Modifiers, Rect, Response, Stroke, StrokeKind, Ui, WidgetInfo};
use egui::{pos2, vec2};

use super::cutting::THRESHOLDS;
use super::words;
use crate::window::theme::Palette;
use crate::window::words::Language;

/// How far a key moves it, in nats.
pub(crate) const STEP: f32 = 0.05;

/// Lets the strip around a line be moved by keys and by screen readers; gives where
/// to, in nats.
pub(super) fn slider(
    ui: &Ui,
    response: &Response,
    threshold: f32,
    language: Language,
) -> Option<f32> {
    let name = words::spoken::threshold_line(language);
    let unit = language.words().nats;
    response.widget_info(|| WidgetInfo::slider(true, f64::from(threshold), name));
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_value(format!("{threshold:.2} {unit}"));
        node.set_min_numeric_value(f64::from(*THRESHOLDS.start()));
        node.set_max_numeric_value(f64::from(*THRESHOLDS.end()));
        node.set_numeric_value_step(f64::from(STEP));
        node.set_orientation(Orientation::Vertical);
        for action in [Action::SetValue, Action::Increment, Action::Decrement] {
            node.add_action(action);
        }
    });
    let mut moved = threshold;
    if response.has_focus() {
        let filter = EventFilter {
            vertical_arrows: true,
            ..EventFilter::default()
        };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        // Around its sign alone: a frame around the line would hide the bars.
        let sign = pos2(response.rect.left() + 4.5, response.rect.center().y);
        let frame = Rect::from_center_size(sign, vec2(11.0, 15.0));
        let stroke = Stroke::new(1.5, Palette::of(ui.ctx()).accent);
        ui.painter()
            .rect_stroke(frame, 2.0, stroke, StrokeKind::Outside);
        ui.input_mut(|input| {
            let mut pressed = |key| input.count_and_consume_key(Modifiers::NONE, key) as f32;
            moved += STEP * (pressed(Key::ArrowUp) - pressed(Key::ArrowDown));
        });
    }
    ui.input(|input| {
        let asked = |action| input.num_accesskit_action_requests(response.id, action) as f32;
        moved += STEP * (asked(Action::Increment) - asked(Action::Decrement));
        for request in input.accesskit_action_requests(response.id, Action::SetValue) {
            if let Some(ActionData::NumericValue(value)) = request.data {
                #[expect(clippy::cast_possible_truncation, reason = "within a small range")]
                let value = value as f32;
                moved = value;
            }
        }
    });
    let moved = moved.clamp(*THRESHOLDS.start(), *THRESHOLDS.end());
    (moved != threshold).then_some(moved)
}
