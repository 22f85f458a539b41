//! A window as narrow as a telephone, and a finger in place of a mouse.

use egui::{Event, PointerButton, Pos2, TouchDeviceId, TouchId, TouchPhase, pos2};
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
    Bare::open(options, SIZE)
}

/// What a browser says of a finger: what a mouse would do, and then what the finger does.
fn touch(bare: &mut Bare, phase: TouchPhase, at: Pos2) {
    let button = |pressed| Event::PointerButton {
        pos: at,
        button: PointerButton::Primary,
        pressed,
        modifiers: egui::Modifiers::NONE,
    };
    if phase == TouchPhase::Start {
        bare.harness.input_mut().events.push(button(true));
        bare.harness.step();
    }
    let events = &mut bare.harness.input_mut().events;
    match phase {
        TouchPhase::Start => events.push(button(true)),
        TouchPhase::Move => events.push(Event::PointerMoved(at)),
        TouchPhase::End | TouchPhase::Cancel => events.extend([button(false), Event::PointerGone]),
    }
    events.push(Event::Touch {
        device_id: TouchDeviceId(1),
        id: TouchId(1),
        phase,
        pos: at,
        force: None,
    });
    bare.harness.step();
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
    touch(&mut bare, TouchPhase::Start, pos2(180.0, 260.0));
    for step in 1..=12u8 {
        let at = pos2(180.0, 260.0 - 10.0 * f32::from(step));
        touch(&mut bare, TouchPhase::Move, at);
    }
    touch(&mut bare, TouchPhase::End, pos2(180.0, 140.0));
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
