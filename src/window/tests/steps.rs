//! What was done on the patch screen is undone in its order, by real keys.

use egui::{Event, ImeEvent, Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::bare::Bare;
use crate::patch::Mode;
use crate::samples::SAMPLES;
use crate::window::actions::Action;
use crate::window::engine::{AnalysisRequest, Request};
use crate::window::screens::Screen;

#[test]
fn all_that_was_done_is_undone_in_its_order() {
    let mut bare = Bare::of(b"one ");
    let own = bare.threshold();
    let context = bare.harness.ctx.clone();
    bare.type_text("two");
    bare.harness.event(Event::Paste(" three".into()));
    bare.harness.run_steps(2);
    bare.keys(Modifiers::ALT, Key::ArrowUp);
    bare.click("Both");
    bare.harness.state_mut().act(Action::Sample(0), &context);
    bare.harness.run_steps(2);
    bare.harness.get_by_label("Context").click();
    bare.harness.run_steps(3);
    bare.click("Reset at each newline");

    let seen = |bare: &Bare| {
        let patch = &bare.app().patch;
        let cutting = patch.text.cutting();
        (
            patch.text.bytes().to_vec(),
            cutting.threshold,
            cutting.mode,
            patch.panel.context.reset_at_newline,
        )
    };
    let typed = |text: &str| text.as_bytes().to_vec();
    let sample = SAMPLES[0].bytes.to_vec();
    let raised = own + 0.05;
    let steps = [
        (typed("one "), own, Mode::Entropy, false),
        (typed("one two"), own, Mode::Entropy, false),
        (typed("one two three"), own, Mode::Entropy, false),
        (typed("one two three"), raised, Mode::Entropy, false),
        (typed("one two three"), raised, Mode::Both, false),
        (sample.clone(), raised, Mode::Both, false),
        (sample, raised, Mode::Both, true),
    ];
    assert_eq!(seen(&bare), steps[6]);
    for wanted in steps[..6].iter().rev() {
        bare.undo();
        assert_eq!(seen(&bare), *wanted);
    }
    // There is nothing before the beginning.
    bare.undo();
    assert_eq!(seen(&bare), steps[0]);
    for wanted in &steps[1..] {
        bare.redo();
        assert_eq!(seen(&bare), *wanted);
    }
    bare.undo();
    bare.keys(Modifiers::COMMAND, Key::Y);
    assert_eq!(seen(&bare), steps[6]);
    // The engine has been told of the last text and the last context.
    let mut last = Vec::new();
    for request in bare.requests() {
        match request {
            Request::Analysis(AnalysisRequest::Text { bytes, .. }) => last = bytes.to_vec(),
            Request::Analysis(AnalysisRequest::Edit { edit, .. }) => {
                assert!(edit.fits(&last));
                edit.apply(&mut last);
            }
            Request::Analysis(AnalysisRequest::Context(context)) => {
                assert!(context.reset_at_newline || context.reset_every.is_none());
            }
            _ => {}
        }
    }
    assert_eq!(last, SAMPLES[0].bytes);
}

#[test]
fn keys_that_come_in_one_frame_keep_their_order() {
    let mut bare = Bare::of(b"");
    let undo = |modifiers, pressed| Event::Key {
        key: Key::Z,
        physical_key: None,
        pressed,
        repeat: false,
        modifiers,
    };
    let command = Modifiers::COMMAND;
    for event in [
        Event::Text("ab".into()),
        undo(command, true),
        undo(command, false),
        Event::Text("c".into()),
        Event::Text("d".into()),
        undo(command, true),
        undo(command | Modifiers::SHIFT, true),
        Event::Text("e".into()),
    ] {
        bare.harness.event(event);
    }
    bare.harness.run_steps(6);
    assert_eq!(bare.text(), "cde");
}

#[test]
fn what_is_typed_behind_the_keys_of_the_palette_is_for_the_palette() {
    let mut bare = Bare::of(b"before");
    let press = |modifiers, key| Event::Key {
        key,
        physical_key: None,
        pressed: true,
        repeat: false,
        modifiers,
    };
    for event in [
        Event::Text("!".into()),
        press(Modifiers::COMMAND, Key::K),
        Event::Text("sample ".into()),
        Event::Text("dna".into()),
        press(Modifiers::NONE, Key::Enter),
    ] {
        bare.harness.event(event);
    }
    bare.harness.run_steps(6);
    let dna = SAMPLES.iter().find(|sample| sample.name == "dna").unwrap();
    assert_eq!(**bare.app().patch.text.bytes(), *dna.bytes);
    bare.undo();
    assert_eq!(bare.text(), "before!");
}

#[test]
fn the_caret_and_what_was_selected_come_back() {
    let mut bare = Bare::of("한글 text".as_bytes());
    bare.keys(Modifiers::COMMAND, Key::Home);
    bare.keys(Modifiers::SHIFT, Key::ArrowRight);
    bare.keys(Modifiers::SHIFT, Key::ArrowRight);
    bare.type_text("x");
    assert_eq!(bare.text(), "x text");
    bare.undo();
    assert_eq!(bare.text(), "한글 text");
    // What was selected is again, so it can be replaced at once.
    bare.type_text("y");
    assert_eq!(bare.text(), "y text");
    bare.undo();
    bare.redo();
    bare.type_text("z");
    assert_eq!(bare.text(), "yz text");
}

#[test]
fn bytes_that_are_no_text_survive() {
    let bytes = b"\xFF\xFEa\x80\xED\x95";
    let mut bare = Bare::of(bytes);
    bare.type_text("b");
    bare.keys(Modifiers::NONE, Key::Backspace);
    bare.keys(Modifiers::NONE, Key::Backspace);
    assert_eq!(**bare.app().patch.text.bytes(), b"\xFF\xFEa\x80\xED"[..]);
    for _ in 0..3 {
        bare.undo();
    }
    assert_eq!(**bare.app().patch.text.bytes(), bytes[..]);
    for _ in 0..3 {
        bare.redo();
    }
    assert_eq!(**bare.app().patch.text.bytes(), b"\xFF\xFEa\x80\xED"[..]);
}

#[test]
fn other_fields_keep_steps_of_their_own() {
    let mut bare = Bare::of(b"abc");
    bare.type_text("d");
    bare.keys(Modifiers::COMMAND, Key::K);
    bare.harness
        .get_by_label("Command or path")
        .type_text("xyz");
    bare.harness.run_steps(3);
    bare.undo();
    assert_eq!(bare.text(), "abcd");
    bare.keys(Modifiers::NONE, Key::Escape);
    // Who was writing goes on.
    bare.type_text("e");
    assert_eq!(bare.text(), "abcde");
    // And no step is taken on another screen, where it would not show.
    bare.keys(Modifiers::COMMAND, Key::Num3);
    bare.undo();
    assert_eq!(bare.text(), "abcde");
    // By its name it is, on the screen where it shows.
    bare.keys(Modifiers::COMMAND, Key::K);
    bare.harness
        .get_by_label("Command or path")
        .type_text("undo");
    bare.harness.run_steps(3);
    bare.keys(Modifiers::NONE, Key::Enter);
    assert_eq!(bare.app().screen, Screen::Patch);
    assert_eq!(bare.text(), "abcd");
}

#[test]
fn what_egui_keeps_of_the_editor_is_not_kept_twice() {
    let mut bare = Bare::of(b"");
    bare.type_text("some words, and some more");
    let id = crate::window::screens::patch::editor_id();
    let state = egui::text_edit::TextEditState::load(&bare.harness.ctx, id).unwrap();
    assert!(format!("{:?}", state.undoer()).contains("undo count: 0"));
}

#[test]
fn a_composition_is_committed_once_and_undone_whole() {
    let mut bare = Bare::of("글: ".as_bytes());
    let ime = |bare: &mut Bare, event| {
        bare.harness.event(Event::Ime(event));
        bare.harness.run_steps(2);
    };
    let preedit = |text: &str| ImeEvent::Preedit {
        text: text.into(),
        active_range_chars: None,
    };
    for (typed, shown) in [("ㅎ", "글: ㅎ"), ("하", "글: 하"), ("한", "글: 한")] {
        ime(&mut bare, preedit(typed));
        assert_eq!(bare.text(), shown);
        assert_eq!(**bare.app().patch.text.bytes(), *shown.as_bytes());
    }
    // The commit of one and the preedit of the next come together.
    bare.harness
        .event(Event::Ime(ImeEvent::Commit("한".into())));
    bare.harness.event(Event::Ime(preedit("ㄱ")));
    bare.harness.run_steps(2);
    assert_eq!(bare.text(), "글: 한ㄱ");
    ime(&mut bare, preedit("글"));
    ime(&mut bare, ImeEvent::Commit("글".into()));
    assert_eq!(bare.text(), "글: 한글");
    bare.undo();
    assert_eq!(bare.text(), "글: ");
    bare.redo();
    assert_eq!(bare.text(), "글: 한글");
    // One that is given up leaves no step.
    ime(&mut bare, preedit("ㅁ"));
    ime(&mut bare, preedit(""));
    assert_eq!(bare.text(), "글: 한글");
    bare.undo();
    assert_eq!(bare.text(), "글: ");
    // An undo in the middle takes the letters along, and what the input method says
    // afterwards begins anew.
    bare.redo();
    ime(&mut bare, preedit("ㅂ"));
    bare.undo();
    assert_eq!(bare.text(), "글: 한글");
    ime(&mut bare, preedit("ㅅ"));
    ime(&mut bare, ImeEvent::Commit("사".into()));
    assert_eq!(bare.text(), "글: 한글사");
}

#[test]
fn the_input_method_is_told_where_the_caret_is() {
    let mut bare = Bare::of(b"some text");
    let place = |bare: &Bare| {
        bare.harness
            .output()
            .platform_output
            .ime
            .map(|ime| ime.cursor_rect)
    };
    let end = place(&bare).unwrap();
    bare.keys(Modifiers::COMMAND, Key::Home);
    let begin = place(&bare).unwrap();
    assert!(begin.left() + 60.0 < end.left(), "{begin:?} {end:?}");
    bare.keys(Modifiers::NONE, Key::Escape);
    assert_eq!(place(&bare), None, "outside the text there is none");
}

/// However a composition ends (a digit, another window, a click elsewhere), and in whatever
/// order an input method says so, its last syllable is there exactly once, and one undo
/// takes it back.
#[test]
fn the_last_syllable_is_there_once_however_the_composition_ends() {
    let preedit = |text: &str| {
        Event::Ime(ImeEvent::Preedit {
            text: text.into(),
            active_range_chars: None,
        })
    };
    let commit = || Event::Ime(ImeEvent::Commit("한".into()));
    let ends: [(&str, Vec<Event>, &str); 6] = [
        ("committed", vec![commit()], ""),
        ("emptied, then committed", vec![preedit(""), commit()], ""),
        ("committed, then emptied", vec![commit(), preedit("")], ""),
        (
            "a digit",
            vec![preedit(""), commit(), Event::Text("1".into())],
            "1",
        ),
        (
            "another window first",
            vec![Event::WindowFocused(false), commit(), preedit("")],
            "",
        ),
        (
            "another window afterwards",
            vec![commit(), Event::WindowFocused(false), preedit("")],
            "",
        ),
    ];
    for (what, events, more) in ends {
        // One after the other, and all in one frame.
        for together in [false, true] {
            let mut bare = Bare::of("글: ".as_bytes());
            for shown in ["ㅎ", "하", "한"] {
                bare.harness.event(preedit(shown));
                bare.harness.run_steps(2);
            }
            for event in &events {
                bare.harness.event(event.clone());
                if !together {
                    bare.harness.run_steps(2);
                }
            }
            bare.harness.run_steps(3);
            assert_eq!(bare.text(), format!("글: 한{more}"), "{what}, {together}");
            bare.undo();
            assert_eq!(bare.text(), "글: ", "{what}, {together}: one step");
            bare.redo();
            assert_eq!(bare.text(), format!("글: 한{more}"), "{what}, {together}");
        }
    }
}

/// A click elsewhere while a syllable is composed leaves it where it was.
#[test]
fn a_click_elsewhere_leaves_the_syllable() {
    let mut bare = Bare::of("글: ".as_bytes());
    for shown in ["ㅎ", "하", "한"] {
        bare.harness.event(Event::Ime(ImeEvent::Preedit {
            text: shown.into(),
            active_range_chars: None,
        }));
        bare.harness.run_steps(2);
    }
    bare.harness.get_by_label("Context").click();
    bare.harness.run_steps(3);
    bare.harness
        .event(Event::Ime(ImeEvent::Commit("한".into())));
    bare.harness.run_steps(3);
    assert_eq!(bare.text(), "글: 한");
}

/// An accent that was typed before its letter comes as one letter.
#[test]
fn a_dead_key_gives_one_letter_and_one_step() {
    let mut bare = Bare::of(b"caf");
    bare.harness.event(Event::Ime(ImeEvent::Preedit {
        text: "´".into(),
        active_range_chars: None,
    }));
    bare.harness.run_steps(2);
    bare.harness.event(Event::Ime(ImeEvent::Commit("é".into())));
    bare.harness.run_steps(2);
    assert_eq!(bare.text(), "café");
    bare.undo();
    assert_eq!(bare.text(), "caf");
}
