//! A window as narrow as a telephone, and a finger in place of a mouse.

use egui::{Event, PointerButton, Pos2, TouchDeviceId, TouchId, TouchPhase, pos2, vec2};
use egui_kittest::kittest::Queryable;

use super::bare::Bare;
use super::plain;
use crate::window::AppOptions;
use crate::window::screens::Screen;

const SIZE: [f32; 2] = [360.0, 640.0];

fn telephone(text: &str) -> Bare {
    let options = AppOptions {
        text: Some(text.as_bytes().to_vec()),
        ..plain()
    };
    Bare::open_in_steps(options, SIZE, 1.0 / 60.0)
}

/// What a browser says of a finger, frame by frame: what a mouse would do, and then what the
/// finger does.
pub(in crate::window) fn finger(phase: TouchPhase, at: Pos2) -> Vec<Vec<Event>> {
    let button = |pressed| Event::PointerButton {
        pos: at,
        button: PointerButton::Primary,
        pressed,
        modifiers: egui::Modifiers::NONE,
    };
    let touch = Event::Touch {
        device_id: TouchDeviceId(1),
        id: TouchId(1),
        phase,
        pos: at,
        force: None,
    };
    match phase {
        TouchPhase::Start => vec![vec![button(true)], vec![button(true), touch]],
        TouchPhase::Move => vec![vec![Event::PointerMoved(at), touch]],
        TouchPhase::End | TouchPhase::Cancel => {
            vec![vec![button(false), Event::PointerGone, touch]]
        }
    }
}

/// A finger that goes up in twelve steps of 10 points.
pub(in crate::window) fn finger_goes_up(from: Pos2) -> impl Iterator<Item = Vec<Event>> {
    let moves = (1..=12u8)
        .flat_map(move |step| finger(TouchPhase::Move, from - vec2(0.0, 10.0 * f32::from(step))));
    finger(TouchPhase::Start, from).into_iter().chain(moves)
}

/// Such a finger that leaves the screen at once, or rests first.
fn swipe_up(bare: &mut Bare, from: Pos2, rests: bool) {
    draw(bare, finger_goes_up(from));
    if rests {
        bare.harness.run_steps(12);
    }
    touch(bare, TouchPhase::End, from - vec2(0.0, 120.0));
}

fn touch(bare: &mut Bare, phase: TouchPhase, at: Pos2) {
    draw(bare, finger(phase, at));
}

fn draw(bare: &mut Bare, frames: impl IntoIterator<Item = Vec<Event>>) {
    for events in frames {
        bare.harness.input_mut().events.extend(events);
        bare.harness.step();
    }
}

#[test]
fn the_panel_goes_below_the_text() {
    let mut bare = telephone("A few words on a telephone.");
    for (screen, control) in [(Screen::Patch, "Global"), (Screen::Generate, "Temperature")] {
        bare.click(screen.name(crate::window::words::Language::English));
        let role = egui::accesskit::Role::MultilineTextInput;
        let text = bare.harness.get_by_role(role).rect();
        let control = bare.harness.get_all_by_label(control).next().unwrap();
        let control = control.rect();
        assert!(text.width() > 0.75 * SIZE[0], "{text:?}");
        assert!(control.left() >= 0.0, "{control:?}");
        assert!(control.right() <= SIZE[0], "{control:?}");
        assert!(control.top() > text.top(), "{control:?}, {text:?}");
    }
}

#[test]
fn a_finger_scrolls_the_text_and_leaves_the_caret() {
    let mut bare = telephone(&"Words of a long text. ".repeat(60));
    bare.harness
        .get_by_role(egui::accesskit::Role::MultilineTextInput)
        .focus();
    bare.harness.run_steps(2);
    // A tap, which is all that is known of a touch screen before.
    touch(&mut bare, TouchPhase::Start, pos2(180.0, 200.0));
    touch(&mut bare, TouchPhase::End, pos2(180.0, 200.0));
    bare.keys(
        egui::Modifiers::CTRL | egui::Modifiers::COMMAND,
        egui::Key::Home,
    );
    let threshold = bare.threshold();
    let top = |bare: &Bare| bare.app().patch.layout().0.y;
    let (before, caret) = (top(&bare), bare.app().patch.inspected());
    swipe_up(&mut bare, pos2(180.0, 260.0), true);
    bare.harness.run_steps(3);
    let moved = before - top(&bare);
    assert!((80.0..=130.0).contains(&moved), "{moved}");
    assert_eq!(bare.app().patch.inspected(), caret);
    assert_eq!(bare.threshold().to_bits(), threshold.to_bits());
    // What is typed goes to where the caret is, and replaces nothing.
    bare.type_text("Many ");
    assert!(bare.text().starts_with("Many Words of a long text. Words"));
    // A tap moves the caret.
    touch(&mut bare, TouchPhase::Start, pos2(180.0, 200.0));
    touch(&mut bare, TouchPhase::End, pos2(180.0, 200.0));
    bare.harness.run_steps(3);
    assert!(bare.app().patch.inspected() > 20);
}

#[test]
fn what_a_finger_throws_goes_on_and_stops_where_it_is_touched() {
    let mut bare = telephone(&"Words of a long text. ".repeat(400));
    bare.harness
        .get_by_role(egui::accesskit::Role::MultilineTextInput)
        .focus();
    bare.keys(
        egui::Modifiers::CTRL | egui::Modifiers::COMMAND,
        egui::Key::Home,
    );
    let top = |bare: &Bare| bare.app().patch.layout().0.y;
    let caret = bare.app().patch.inspected();
    swipe_up(&mut bare, pos2(180.0, 260.0), false);
    let thrown = top(&bare);
    bare.harness.run_steps(5);
    assert!(top(&bare) < thrown - 20.0, "{} {thrown}", top(&bare));
    assert_eq!(bare.app().patch.inspected(), caret);
    touch(&mut bare, TouchPhase::Start, pos2(180.0, 200.0));
    let caught = top(&bare);
    touch(&mut bare, TouchPhase::End, pos2(180.0, 200.0));
    bare.harness.run_steps(5);
    assert!((top(&bare) - caught).abs() < 1.0);
    // By itself it comes to rest.
    swipe_up(&mut bare, pos2(180.0, 260.0), false);
    bare.harness.run_steps(120);
    let rested = top(&bare);
    bare.harness.run_steps(5);
    assert_eq!(top(&bare).to_bits(), rested.to_bits());
}
