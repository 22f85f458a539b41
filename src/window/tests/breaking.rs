//! What nobody should do, and everybody does.

use egui::{Event, ImeEvent, Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::bare::Bare;
use super::{Hand, plain, with_fonts};
use crate::window::actions::Action;
use crate::window::actions::Command;
use crate::window::screens::Screen;
use crate::window::settings::Settings;
use crate::window::{AppOptions, Language};

/// Presses the keys of an action, or chooses it where it has none.
fn carry_out(bare: &mut Bare, action: Action) {
    let context = bare.harness.ctx.clone();
    match action.shortcut() {
        Some(keys) => {
            bare.harness
                .key_press_modifiers(keys.modifiers, keys.logical_key);
        }
        None => bare.harness.state_mut().act(action, &context),
    }
    bare.harness.run_steps(2);
}

#[test]
fn everything_can_be_done_without_a_model_with_any_text_on_any_screen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.bin");
    std::fs::write(&path, [0, 1, 2, 0xFF]).unwrap();
    let large = [1280.0, 800.0];
    for (text, size) in [
        (&b""[..], large),
        (b"\xFF", [1.0, 1.0]),
        ("글 text\n".as_bytes(), large),
    ] {
        let mut bare = Bare::open(
            AppOptions {
                text: Some(text.to_vec()),
                ..plain()
            },
            size,
        );
        bare.answer(Ok(None));
        for file in [false, true] {
            if file {
                bare.harness.state_mut().open_path(&path);
            }
            let mut all = Action::all(&Settings::default());
            all.push(Action::Palette);
            for screen in Screen::ALL {
                for action in all.iter().copied() {
                    carry_out(&mut bare, Action::Screen(screen));
                    carry_out(&mut bare, action);
                    // Out of what has opened.
                    bare.harness.key_press(Key::Escape);
                    bare.harness.run_steps(1);
                    bare.harness.state_mut().notices.clear();
                }
            }
        }
        // All of it can be taken back.
        carry_out(&mut bare, Action::Screen(Screen::Patch));
        let mut steps = 0;
        let context = bare.harness.ctx.clone();
        while bare.app().patch.can_undo() {
            bare.harness.state_mut().act(Action::Undo, &context);
            bare.harness.run_steps(1);
            steps += 1;
            assert!(steps < 1000);
        }
        assert_eq!(**bare.app().patch.text.bytes(), *text);
    }
}

#[test]
fn zoom_ends_where_the_window_can_still_be_used() {
    let mut bare = Bare::open(plain(), [900.0, 600.0]);
    for (key, end) in [
        (Key::Plus, Settings::ZOOMS.end()),
        (Key::Minus, Settings::ZOOMS.start()),
    ] {
        for _ in 0..40 {
            bare.harness.key_press_modifiers(Modifiers::COMMAND, key);
            bare.harness.run_steps(1);
        }
        bare.harness.run_steps(2);
        assert!((bare.harness.ctx.zoom_factor() - end).abs() < 1e-3);
        // The menu can be reached, and the text written.
        bare.click("Menu");
        bare.harness.get_by_label_contains("Zoom");
        bare.keys(Modifiers::NONE, Key::Escape);
        bare.write();
        bare.type_text("!");
        assert!(bare.text().ends_with('!'));
    }
    bare.keys(Modifiers::COMMAND, Key::Num0);
    assert_eq!(bare.harness.ctx.zoom_factor(), 1.0);
}

#[test]
fn the_language_is_changed_while_the_model_writes() {
    let mut hand = Hand::open(AppOptions {
        text: Some("Once upon a time".into()),
        language: None,
        still: false,
        ..with_fonts()
    });
    hand.until("the model", |app| app.model.is_some());
    let context = hand.harness.ctx.clone();
    let start = Action::Generate(Command::StartOrPause);
    // More than it can write meanwhile, however slow frames are.
    hand.harness.state_mut().generate.settings.limit = 1_000_000;
    hand.harness.state_mut().act(start, &context);
    hand.until("a byte", |app| app.generate.text.written().len() > 2);
    for language in [Language::Korean, Language::English, Language::Korean] {
        let before = hand.harness.state().generate.text.written().len();
        hand.harness
            .state_mut()
            .act(Action::Language(language), &context);
        hand.until("another byte", |app| {
            app.generate.text.written().len() > before
        });
        let tab = language.pick("Generate", "생성");
        assert!(hand.harness.query_all_by_label(tab).next().is_some());
    }
    hand.harness.state_mut().act(start, &context);
    hand.until("the end", |app| !app.generate.is_busy());
    let app = hand.harness.state();
    assert!(app.notices.is_empty(), "{:?}", app.notices);
    let given = "Once upon a time".as_bytes();
    assert_eq!(&app.generate.text.bytes()[..given.len()], given);
}

#[test]
fn the_entropies_of_a_committed_composition_are_those_of_the_text() {
    let typed = |events: &[Event]| {
        let mut hand = Hand::open(AppOptions {
            text: Some("글: ".into()),
            ..with_fonts()
        });
        hand.settle();
        hand.harness
            .get_by_role(egui::accesskit::Role::MultilineTextInput)
            .focus();
        hand.harness.run_steps(2);
        hand.harness
            .key_press_modifiers(Modifiers::COMMAND, Key::End);
        hand.harness.run_steps(2);
        for event in events {
            hand.harness.event(event.clone());
            hand.harness.run_steps(2);
        }
        hand.settle();
        let text = &hand.harness.state().patch.text;
        (text.editor.clone(), text.entropies().to_vec())
    };
    let preedit = |text: &str| {
        Event::Ime(ImeEvent::Preedit {
            text: text.into(),
            active_range_chars: None,
        })
    };
    let (composed, found) = typed(&[
        preedit("ㅎ"),
        preedit("하"),
        preedit("한"),
        Event::Ime(ImeEvent::Commit("한".into())),
    ]);
    let (pasted, wanted) = typed(&[Event::Paste("한".into())]);
    assert_eq!(composed, "글: 한");
    assert_eq!(composed, pasted);
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(&wanted) {
        assert!((found - wanted).abs() < 1e-4, "{found} {wanted}");
    }
}
