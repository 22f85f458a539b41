//! The patch screen.

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::{Hand, with_fonts};
use crate::bytes::{BOS, encode};
use crate::record::ByteRecord;
use crate::samples::SAMPLES;
use crate::session::{Cut, TextOptions, TextSession};
use crate::window::AppOptions;
use crate::window::export::{self, Form};
use crate::window::screens::patch::{Cutting, Mode};

fn of(text: &str) -> Hand {
    let mut hand = Hand::open(AppOptions {
        text: Some(text.as_bytes().to_vec()),
        ..with_fonts()
    });
    hand.settle();
    hand
}

/// What `blt patch` works with.
fn by_session(hand: &Hand, cut: Cut) -> Vec<ByteRecord> {
    let app = hand.harness.state();
    let model = &app.model.as_ref().unwrap().entropy;
    let options = TextOptions {
        cut,
        context: crate::session::ContextOptions::default(),
        best: 0,
        profile: false,
    };
    let mut session = TextSession::new(Some(model), options).unwrap();
    pollster::block_on(async {
        let mut records = session.push(app.patch.text.bytes()).await.unwrap();
        records.extend(session.finish().await.unwrap());
        records
    })
}

#[test]
fn the_window_shows_what_blt_patch_prints_for_every_sample_and_mode() {
    let mut hand = of("");
    for sample in SAMPLES {
        let app = hand.harness.state_mut();
        app.set_text(sample.bytes);
        hand.settle();
        assert_eq!(**hand.harness.state().patch.text.bytes(), sample.bytes);
        let own = hand.harness.state().patch.text.cutting().clone();
        for mode in Mode::ALL {
            let longest: &[Option<u32>] = match mode {
                Mode::Entropy => &[None, Some(6)],
                _ => &[None],
            };
            for longest in longest.iter().copied() {
                let cutting = Cutting {
                    mode,
                    longest,
                    ..own.clone()
                };
                let cut = match cutting.rule() {
                    Some(rule) => Cut::Rule(rule),
                    None => Cut::Largest { size: cutting.size },
                };
                let text = &mut hand.harness.state_mut().patch.text;
                text.set_cutting(cutting);
                let shown = export::records(text).unwrap();
                let printed = by_session(&hand, cut);
                assert_eq!(shown.len(), printed.len());
                for (shown, printed) in shown.iter().zip(&printed) {
                    let place = format!("{} {mode:?} {longest:?} {}", sample.name, shown.index);
                    assert_eq!(shown.start, printed.start, "{place}");
                    assert_eq!(shown.patch, printed.patch, "{place}");
                    let (a, b) = (shown.entropy.unwrap(), printed.entropy.unwrap());
                    assert!((a - b).abs() < 1e-4, "{place}: {a} {b}");
                }
            }
        }
    }
}

#[test]
fn typing_changes_the_text_and_its_patches() {
    let mut hand = of("The quick brown fox");
    let editor = hand
        .harness
        .get_by_role(egui::accesskit::Role::MultilineTextInput);
    editor.focus();
    hand.harness.step();
    hand.harness
        .key_press_modifiers(Modifiers::COMMAND, Key::End);
    hand.harness.step();
    hand.harness
        .get_by_role(egui::accesskit::Role::MultilineTextInput)
        .type_text(" jumps. 안녕");
    hand.settle();
    let text = &hand.harness.state().patch.text;
    assert_eq!(text.editor, "The quick brown fox jumps. 안녕");
    assert_eq!(text.bytes().len(), 33);
    assert_eq!(text.entropies().len(), 34);
    assert!(text.entropies().iter().all(|h| h.is_finite()));
    // The numbers are those of the text anew.
    let rule = text.cutting().rule().unwrap();
    let printed = by_session(&hand, Cut::Rule(rule));
    let text = &hand.harness.state().patch.text;
    for (record, entropy) in printed.iter().zip(text.entropies().iter()) {
        assert!((record.entropy.unwrap() - entropy).abs() < 1e-4);
    }
    assert_eq!(
        std::iter::once(BOS).chain(encode(text.bytes())).count(),
        text.entropies().len()
    );
}

#[test]
fn the_threshold_is_dragged_in_a_staff() {
    let mut hand = of("Daenerys Targaryen is in Game of Thrones");
    let before = hand.harness.state().patch.text.statistics().patches;
    let (origin, layout) = hand.harness.state().patch.layout();
    let layout = layout.clone();
    let foot = origin.y + layout.lines[0].foot;
    let height = |threshold: f32| {
        let share = threshold / crate::window::theme::MOST;
        foot - share * layout.measures.staff
    };
    let threshold = hand.harness.state().patch.text.cutting().threshold;
    let begin = egui::pos2(300.0, height(threshold));
    hand.harness.hover_at(begin);
    hand.harness.step();
    hand.harness.drag_at(begin);
    hand.harness.step();
    let end = egui::pos2(300.0, height(4.0));
    hand.harness.hover_at(end);
    hand.harness.step();
    hand.harness.drop_at(end);
    hand.harness.step();
    let text = &hand.harness.state().patch.text;
    assert!(
        (text.cutting().threshold - 4.0).abs() < 0.1,
        "{:?}",
        text.cutting()
    );
    assert!(text.statistics().patches < before);
    // All of the drag is one step.
    hand.harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    hand.harness.step();
    let text = &hand.harness.state().patch.text;
    assert_eq!(text.cutting().threshold, threshold);
    assert_eq!(text.statistics().patches, before);
}

#[test]
fn a_rule_is_chosen_with_the_pointer() {
    let mut hand = of("one two three");
    hand.harness.get_by_label("Space").click();
    hand.harness.step();
    hand.harness.step();
    let text = &hand.harness.state().patch.text;
    assert_eq!(text.cutting().mode, Mode::Space);
    let brackets = export::write(text, Form::Brackets).unwrap();
    assert_eq!(
        String::from_utf8(brackets).unwrap().trim_end(),
        "[one ][two ][three]"
    );
}

#[test]
fn the_palette_finds_a_command_and_runs_it() {
    let mut hand = of("x");
    hand.harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    hand.harness.step();
    hand.harness.step();
    hand.harness
        .get_by_label("Command or path")
        .type_text("sample dna");
    hand.harness.step();
    hand.harness.step();
    hand.harness.key_press(Key::Enter);
    hand.harness.step();
    hand.settle();
    let dna = SAMPLES.iter().find(|sample| sample.name == "dna").unwrap();
    assert_eq!(**hand.harness.state().patch.text.bytes(), dna.bytes);
}

#[test]
fn the_caret_goes_from_patch_to_patch() {
    let mut hand = of("one two three");
    hand.harness.get_by_label("Space").click();
    hand.harness.step();
    let mut seen = Vec::new();
    for _ in 0..3 {
        hand.harness
            .key_press_modifiers(Modifiers::ALT, Key::ArrowRight);
        hand.harness.step();
        hand.harness.step();
        seen.push(hand.harness.state().patch.inspected());
    }
    assert_eq!(seen, [4, 8, 13]);
}
