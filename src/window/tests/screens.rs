//! The compare and the file screen, as a person opens them.

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::patch::EXPECTS_DELIMITERS;
use super::{Hand, with_fonts};
use crate::patch::Mode;
use crate::samples::SAMPLES;
use crate::window::AppOptions;
use crate::window::screens::Screen;
use crate::window::words::Language;

#[test]
fn the_compare_screen_cuts_the_text_of_the_patch_screen() {
    let mut hand = Hand::open(AppOptions {
        text: Some("one two three, 하나 둘".into()),
        ..with_fonts()
    });
    hand.settle();
    hand.harness.get_by_label("Compare").click();
    hand.harness.step();
    assert_eq!(hand.harness.state().screen, Screen::Compare);
    hand.settle();
    for column in ["Precision", "Recall", "F1", "Patches"] {
        hand.harness.get_by_label(column);
    }
    hand.harness.render().unwrap();
    // Back on the patch screen the text is as it was.
    hand.harness
        .key_press_modifiers(Modifiers::COMMAND, Key::Num1);
    hand.harness.step();
    let app = hand.harness.state();
    assert_eq!(app.screen, Screen::Patch);
    assert_eq!(app.patch.text.editor, "one two three, 하나 둘");
    assert_eq!(app.patch.text.cutting().mode, Mode::Entropy);
}

#[test]
fn a_lane_is_cut_by_what_a_model_expects() {
    let english = SAMPLES.iter().find(|sample| sample.name == "english");
    let mut hand = Hand::open(AppOptions {
        text: Some(english.unwrap().bytes.to_vec()),
        model: Some(EXPECTS_DELIMITERS.to_owned()),
        ..with_fonts()
    });
    hand.settle();
    hand.harness.get_by_label("BPE patcher").click();
    hand.harness.step();
    hand.settle();
    let statistics = hand.harness.state().patch.text.statistics();
    let (patches, shown) = (
        statistics.patches,
        format!("Patches {}", statistics.patches),
    );
    assert!((10..1000).contains(&patches), "{patches}");
    hand.harness.get_by_label("Compare").click();
    hand.harness.step();
    hand.settle();
    assert!(hand.harness.query_by_label(&shown).is_none());
    hand.harness
        .get_by_label_contains("Rule of lane 2: Static")
        .click();
    hand.harness.step();
    hand.harness.step();
    hand.harness.get_by_label("BPE patcher").click();
    hand.harness.step();
    hand.settle();
    hand.harness.get_by_label(&shown);
    // And by another model, which reads the text itself.
    let app = hand.harness.state_mut();
    app.compare.choose_model(2, EXPECTS_DELIMITERS);
    hand.harness.step();
    hand.settle();
    hand.harness.get_by_label(&shown);
    hand.harness.get_by_label_contains("Model of lane 2: gqa");
}

#[test]
fn a_binary_file_opens_on_the_file_screen_and_the_text_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.bin");
    let bytes: Vec<u8> = (0..=255).cycle().take(700).collect();
    std::fs::write(&path, &bytes).unwrap();
    let mut hand = Hand::open(with_fonts());
    hand.settle();
    let before = hand.harness.state().patch.text.editor.clone();
    hand.harness.state_mut().open_path(&path);
    hand.harness.step();
    assert_eq!(hand.harness.state().screen, Screen::File);
    hand.settle();
    hand.harness.get_by_label_contains("some.bin");
    hand.harness.render().unwrap();
    assert_eq!(hand.harness.state().patch.text.editor, before);
    // A text goes into the editor.
    let path = folder.path().join("some.txt");
    std::fs::write(&path, "a text").unwrap();
    hand.harness
        .key_press_modifiers(Modifiers::COMMAND, Key::Num1);
    hand.harness.step();
    hand.harness.state_mut().open_path(&path);
    hand.harness.step();
    assert_eq!(hand.harness.state().screen, Screen::Patch);
    assert_eq!(hand.harness.state().patch.text.editor, "a text");
}

#[test]
fn model_and_adapter_are_named_in_a_small_window_too() {
    for (language, file) in [(Language::English, "File"), (Language::Korean, "파일")] {
        for width in [1280.0, 900.0, 640.0] {
            let options = AppOptions {
                language: Some(language),
                still: false,
                ..with_fonts()
            };
            let mut hand = Hand::of_size(&options, [width, 600.0]);
            hand.until("the model", |app| app.model.is_some());
            let name = hand.devices.compute.summary().name.clone();
            let name = name.split(" (").next().unwrap();
            let place = |name: &str| hand.harness.get_by_label_contains(name).rect();
            let (model, adapter) = (place("embedded"), place(name));
            let tab = hand.harness.get_by_label(file).rect();
            assert!(tab.right() < model.left(), "{width}: {tab} {model}");
            assert!(model.right() < adapter.left(), "{width}: {model} {adapter}");
            assert!(adapter.right() < width, "{width}: {adapter}");
        }
    }
}
