//! The panel in the hands of a person, without a device.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::sync::mpsc::Receiver;

use egui::{Key, Modifiers, Role};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use super::{Cutting, PatchScreen};
use crate::patch::Mode;
use crate::patch::RELEASED_THRESHOLD;
use crate::window::context::Shared;
use crate::window::engine::{AnalysisRequest, Engine, Request};
use crate::window::theme;
use crate::window::words::Language;

struct Window {
    screen: PatchScreen,
    engine: Engine,
    requests: Receiver<Request>,
    language: Language,
}

type Hand = Harness<'static, Window>;

/// A panel about a text whose entropies rise and fall.
fn panel(language: Language) -> Hand {
    let text = "The quick brown fox jumps over the lazy dog, 한글.";
    let mut screen = PatchScreen::new(text.as_bytes());
    let count = text.len();
    let entropies = (0..=count)
        .map(|at| (at * at * 7 % 101) as f32 / 25.0)
        .collect();
    screen.text.know(entropies, vec![1.0; count]);
    let (engine, requests, _) = Engine::by_hand();
    let window = Window {
        screen,
        engine,
        requests,
        language,
    };
    let mut builder = Harness::builder()
        .with_size([292.0, 1400.0])
        .with_context_setup(|context| {
            theme::apply(context, false);
            context.all_styles_mut(|style| style.animation_time = 0.0);
        });
    if language == Language::Korean {
        // Their glyphs come from the fonts of the system.
        builder = builder.allow_missing_glyphs();
    }
    let mut hand = builder.build_ui_state(
        |ui, window: &mut Window| {
            let shared = Shared {
                engine: &window.engine,
                model: None,
                language: window.language,
                words: window.language.words(),
            };
            window.screen.panel(ui, &shared);
        },
        window,
    );
    hand.run_steps(2);
    hand
}

fn cutting(hand: &Hand) -> &Cutting {
    hand.state().screen.text.cutting()
}

fn click(hand: &mut Hand, role: Role, name: &str) {
    hand.get_by_role_and_label(role, name).click();
    hand.run_steps(3);
}

/// Types a number into a field and leaves it.
fn enter(hand: &mut Hand, name: &str, number: &str) {
    hand.get_by_role_and_label(Role::SpinButton, name).focus();
    hand.run_steps(2);
    hand.key_press_modifiers(Modifiers::COMMAND, Key::A);
    hand.event(egui::Event::Text(number.to_owned()));
    hand.run_steps(2);
    hand.key_press(Key::Enter);
    hand.run_steps(2);
}

#[test]
fn every_mode_has_its_controls() {
    for language in Language::ALL {
        let mut hand = panel(language);
        let says = super::words::says(language);
        for mode in Mode::ALL {
            click(&mut hand, Role::Tab, mode.name(language));
            assert_eq!(cutting(&hand).mode, mode);
            let has = |name| {
                hand.query_by_role_and_label(Role::SpinButton, name)
                    .is_some()
            };
            let high = matches!(mode, Mode::Entropy | Mode::Both);
            let risen = matches!(mode, Mode::Monotonic | Mode::Both);
            let sized = matches!(mode, Mode::Static | Mode::TopK);
            assert_eq!(has(says.threshold), high, "{mode:?}");
            assert_eq!(has(says.rise), risen, "{mode:?}");
            assert_eq!(has(says.wanted_mean), high || risen, "{mode:?}");
            assert_eq!(has(says.patch_size), sized, "{mode:?}");
            let bound = hand.query_by_role_and_label(Role::CheckBox, says.longest_patch);
            assert_eq!(bound.is_some(), mode != Mode::TopK, "{mode:?}");
            let table = hand.query_by_label_contains(says.choose_table).is_some();
            assert_eq!(table, mode == Mode::Lookup, "{mode:?}");
            let missing = hand.query_by_label(says.no_table).is_some();
            assert_eq!(missing, mode == Mode::Lookup, "{mode:?}");
        }
    }
}

#[test]
fn numbers_are_typed_and_looking_at_them_changes_nothing() {
    let mut hand = panel(Language::English);
    hand.get_by_role_and_label(Role::SpinButton, "Threshold θ")
        .focus();
    hand.run_steps(2);
    hand.key_press(Key::Tab);
    hand.run_steps(2);
    assert_eq!(cutting(&hand).threshold, RELEASED_THRESHOLD);
    assert_eq!(hand.state().screen.history.len(), 0);

    enter(&mut hand, "Threshold θ", "2.25");
    assert_eq!(cutting(&hand).threshold, 2.25);
    // All the digits are one step.
    assert_eq!(hand.state().screen.history.len(), 1);

    click(&mut hand, Role::CheckBox, "Longest patch");
    enter(&mut hand, "Longest patch", "3");
    assert_eq!(cutting(&hand).longest, Some(3));
    assert_eq!(hand.state().screen.text.statistics().longest(), 3);
    click(&mut hand, Role::CheckBox, "Longest patch");
    assert_eq!(cutting(&hand).longest, None);

    click(&mut hand, Role::Tab, "Static");
    enter(&mut hand, "Patch size", "7");
    assert_eq!(cutting(&hand).size, 7);
}

#[test]
fn a_wanted_mean_is_solved_for_or_refused_in_a_sentence() {
    for mode in [Mode::Entropy, Mode::Monotonic, Mode::Both] {
        let mut hand = panel(Language::English);
        click(&mut hand, Role::Tab, mode.name(Language::English));
        enter(&mut hand, "Wanted mean", "4000");
        click(&mut hand, Role::Button, "Solve");
        let refused = hand.state().screen.panel.refused.clone().unwrap();
        assert!(refused.starts_with("No threshold gives a mean patch of 4000 bytes"));
        assert!(hand.query_by_label(&refused).is_some());
        // Enter solves too.
        enter(&mut hand, "Wanted mean", "5");
        let screen = &hand.state().screen;
        assert_eq!(screen.panel.refused, None);
        let mean = screen.text.statistics().mean;
        assert!((mean - 5.0).abs() < 0.6, "{mode:?}: {mean}");
    }
}

#[test]
fn the_context_goes_to_the_engine_with_the_text_anew() {
    let mut hand = panel(Language::English);
    let before = hand.state().screen.text.revision();
    hand.get_by_label("Context").click();
    hand.run_steps(3);
    click(&mut hand, Role::CheckBox, "Reset at each newline");
    click(&mut hand, Role::CheckBox, "Reset every");
    enter(&mut hand, "Reset every", "64");
    let window = hand.state();
    assert!(!window.screen.text.is_fresh());
    assert!(window.screen.text.revision() > before);
    let mut last = None;
    let mut context = None;
    for request in window.requests.try_iter() {
        match request {
            Request::Analysis(AnalysisRequest::Context(found)) => context = Some(found),
            Request::Analysis(AnalysisRequest::Text { revision, .. }) => last = Some(revision),
            _ => {}
        }
    }
    let context = context.unwrap();
    assert!(context.reset_at_newline);
    assert_eq!(context.reset_every, Some(64));
    assert_eq!(context, window.screen.panel.context);
    assert_eq!(last, Some(window.screen.text.revision()));
}

#[test]
fn the_byte_to_come_is_said_too() {
    let mut hand = panel(Language::English);
    let screen = &mut hand.state_mut().screen;
    screen.editor.caret = Some(screen.text.bytes().len());
    hand.run_steps(2);
    assert!(hand.query_by_label("the byte to come").is_some());
    assert!(hand.query_by_label("Expected next").is_some());
    let screen = &mut hand.state_mut().screen;
    screen.editor.caret = Some(46);
    hand.run_steps(2);
    assert!(hand.query_by_label("U+D55C · byte 2 of 3").is_some());
}
