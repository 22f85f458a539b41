//! Nothing that goes wrong takes the text along.

use std::sync::Arc;
use std::time::Duration;

use egui::{Event, Key};
use egui_kittest::kittest::Queryable;

use super::{Hand, Reader, plain};
use crate::window::screens::Screen;
use crate::window::{App, AppOptions};

#[test]
fn a_lost_device_keeps_the_text() {
    let mut hand = Hand::open(AppOptions {
        text: Some("Nothing of this is lost.".into()),
        ..plain()
    });
    hand.settle();
    let entropies = hand.harness.state().patch.text.entropies().clone();
    hand.devices.compute.destroy();
    hand.harness
        .state_mut()
        .set_text("Nothing of this is lost!".as_bytes());
    let app = hand.harness.state_mut();
    // What draws is on the same device: from here on only the content is looked at.
    let context = egui::Context::default();
    app.set_up(&context);
    let frame = |app: &mut App| {
        let mut output = context.run_ui(egui::RawInput::default(), |ui| app.ui(ui));
        output.textures_delta.clear();
    };
    let patience = std::time::Instant::now() + Duration::from_secs(30);
    while !app.is_lost() {
        assert!(
            std::time::Instant::now() < patience,
            "the loss was not noticed"
        );
        frame(app);
        std::thread::sleep(Duration::from_millis(5));
    }
    let devices = super::devices();
    app.resume(&devices, Arc::new(|| ()));
    while !app.is_settled() {
        assert!(std::time::Instant::now() < patience, "nothing came anew");
        frame(app);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(app.patch.text.editor, "Nothing of this is lost!");
    let anew = app.patch.text.entropies();
    for (before, after) in entropies.iter().zip(anew.iter()).take(23) {
        assert!((before - after).abs() < 1e-4);
    }
}

#[test]
fn a_paste_that_is_too_large_becomes_a_file() {
    let mut hand = Hand::open(plain());
    hand.settle();
    let before = hand.harness.state().patch.text.editor.clone();
    let large = "ten bytes\n".repeat(1 << 20);
    hand.harness
        .get_by_role(egui::accesskit::Role::MultilineTextInput)
        .focus();
    hand.harness.step();
    hand.harness.event(Event::Paste(large.clone()));
    hand.harness.step();
    hand.harness.step();
    let app = hand.harness.state();
    assert_eq!(app.screen, Screen::File);
    assert_eq!(app.patch.text.editor, before);
    let kept = std::fs::read(app.pasted[0].path()).unwrap();
    assert!(kept == large.as_bytes());
}

#[test]
fn a_paste_of_nothing_and_a_copy_that_may_be_cut_are_said() {
    let mut hand = Hand::open(AppOptions {
        text: Some("cut \0 here".into()),
        ..plain()
    });
    hand.settle();
    hand.harness.state_mut().nothing_pasted();
    hand.harness.step();
    hand.harness
        .get_by_label_contains("The clipboard gave no text");
    let editor = hand
        .harness
        .get_by_role(egui::accesskit::Role::MultilineTextInput);
    editor.focus();
    hand.harness.step();
    hand.harness
        .key_press_modifiers(egui::Modifiers::COMMAND, Key::A);
    hand.harness.step();
    hand.harness.event(Event::Copy);
    hand.harness.step();
    hand.harness.step();
    let app = hand.harness.state();
    assert_eq!(app.notices.len(), 2, "{:?}", app.notices);
    assert!(app.notices[1].contains("NUL"), "{:?}", app.notices);
    assert_eq!(app.patch.text.editor, "cut \0 here");
}

#[test]
fn a_model_that_cannot_be_used_is_named_and_the_one_before_stays() {
    let mut hand = Hand::open(plain());
    hand.settle();
    hand.harness
        .state_mut()
        .open_model(Some("/nowhere/at-all".into()));
    hand.until("the refusal", |app| !app.notices.is_empty());
    let app = hand.harness.state();
    assert!(
        app.notices[0].contains("/nowhere/at-all"),
        "{:?}",
        app.notices
    );
    assert!(app.model.is_some());
    hand.harness.step();
    hand.harness.get_by_label("Dismiss").click();
    hand.harness.step();
    hand.harness.step();
    assert!(hand.harness.state().notices.is_empty());
}

#[test]
fn a_load_is_cancelled_by_the_button_and_by_escape_and_the_model_stays() {
    const SMALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/gqa");
    let reader = Reader::default();
    let mut hand = Hand::of_slow_reader(&plain(), reader.gate());
    hand.settle();
    let model = hand.harness.state().model.clone().unwrap();
    for escape in [false, true] {
        reader.hold(true);
        hand.harness.state_mut().open_model(Some(SMALL.into()));
        hand.until("the line about the load", App::shows_loading);
        hand.harness.get_by_label_contains("Loading");
        // The window works meanwhile.
        let text: &[u8] = if escape { b"one" } else { b"two" };
        hand.harness.state_mut().set_text(text);
        hand.until("the text", |app| app.patch.text.is_fresh());
        match escape {
            true => hand.harness.key_press(Key::Escape),
            false => hand.harness.get_by_label_contains("Cancel").click(),
        }
        hand.until("the end of the load", |app| !app.shows_loading());
        reader.hold(false);
    }
    let app = hand.harness.state();
    assert!(Arc::ptr_eq(&model, app.model.as_ref().unwrap()));
    assert!(app.notices.is_empty(), "{:?}", app.notices);
    assert!(hand.harness.query_by_label_contains("Cancel").is_none());
}

#[test]
fn any_text_and_any_size_of_the_window_can_be_drawn() {
    let texts: [&[u8]; 5] = [
        b"",
        b"\xFF\xFE\xFD",
        b"\n\n\n",
        "\u{200D}\u{FE0F}é".as_bytes(),
        b"\t\r\x00",
    ];
    for size in [[1.0, 1.0], [64.0, 2000.0], [400.0, 300.0]] {
        let mut hand = Hand::of_size(&plain(), size);
        for text in texts {
            hand.harness.state_mut().set_text(text);
            hand.until("the text", |app| app.patch.text.is_fresh());
            hand.harness.render().unwrap();
            assert_eq!(**hand.harness.state().patch.text.bytes(), text);
        }
    }
}

#[test]
fn it_can_be_closed_during_a_load() {
    let devices = super::devices();
    drop(App::new(&devices, plain(), Arc::new(|| ())));
    let mut hand = Hand::open(plain());
    hand.harness.step();
}
