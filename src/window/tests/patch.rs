//! The patch screen.

use std::path::{Path, PathBuf};

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::{Hand, with_fonts};
use crate::bytes::{BOS, encode, id_of};
use crate::patch::Mode;
use crate::patch::{Rule, Scheme};
use crate::record::ByteRecord;
use crate::samples::SAMPLES;
use crate::session::text::Likely;
use crate::session::{Cut, TextOptions, TextSession};
use crate::window::AppOptions;
use crate::window::export::{self, Form};
use crate::window::screens::patch::Cutting;

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
    with_best(hand, cut, 0).0
}

/// The same with the so many most likely tokens in place of each byte.
fn with_best(hand: &Hand, cut: Cut, best: usize) -> (Vec<ByteRecord>, Vec<Vec<Likely>>) {
    let app = hand.harness.state();
    let model = &app.model.as_ref().unwrap().entropy;
    let options = TextOptions {
        cut,
        context: crate::session::ContextOptions::default(),
        best,
        profile: false,
    };
    let mut session = TextSession::new(Some(model), options).unwrap();
    pollster::block_on(async {
        let mut records = session.push(app.patch.text.bytes()).await.unwrap();
        let mut likely = session.best().to_vec();
        records.extend(session.finish().await.unwrap());
        likely.extend_from_slice(session.best());
        (records, likely)
    })
}

/// A file with the table of these pairs of bytes.
fn table_of(folder: &Path, name: &str, pairs: &[[u8; 2]]) -> PathBuf {
    let pairs: Vec<[u32; 2]> = pairs.iter().map(|pair| pair.map(id_of)).collect();
    let path = folder.join(name);
    let json = serde_json::json!({"side": 260, "pairs": pairs});
    std::fs::write(&path, json.to_string()).unwrap();
    path
}

fn brackets(hand: &Hand) -> String {
    let text = &hand.harness.state().patch.text;
    String::from_utf8(export::write(text, Form::Brackets).unwrap()).unwrap()
}

/// Where there is one GPU for both, the window draws from what the kernels wrote; where
/// the processor computes, from numbers that it is handed.
#[test]
fn a_window_on_one_device_shows_what_one_on_two_shows() {
    let text = "Patches of bytes. 바이트 조각";
    let options = AppOptions {
        text: Some(text.as_bytes().to_vec()),
        ..with_fonts()
    };
    let mut one = Hand::on_graphics(&options);
    one.settle();
    let mut two = of(text);
    let heights = [one.heights(), two.heights()];
    assert_eq!(heights[0].len(), text.len() + 1);
    for (byte, (a, b)) in heights[0].iter().zip(&heights[1]).enumerate() {
        assert!((a - b).abs() < 1e-3, "byte {byte}: {a} and {b}");
    }
    assert_eq!(brackets(&one), brackets(&two));
    // And after a key.
    for hand in [&mut one, &mut two] {
        let editor = egui::accesskit::Role::MultilineTextInput;
        hand.harness.get_by_role(editor).type_text("!");
        hand.settle();
    }
    for (a, b) in one.heights().iter().zip(&two.heights()) {
        assert!((a - b).abs() < 1e-3, "{a} and {b}");
    }
}

#[test]
fn the_window_shows_what_blt_patch_prints_for_every_sample_and_mode() {
    let mut hand = of("");
    // Common pairs of some of the samples, whole characters and not.
    let folder = tempfile::tempdir().unwrap();
    let pairs = [*b"e ", *b"; ", *b".\n", *b"AC", [0xEB, 0x8B], [0xA4, b' ']];
    let path = table_of(folder.path(), "pairs.json", &pairs);
    let state = hand.harness.state_mut();
    state.cut_by_table(&path);
    hand.until("the table", |app| app.patch.text.cutting().table.is_some());
    let table = hand.harness.state().patch.text.cutting().table.clone();
    let mut by_table = 0;
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
                    table: table.clone(),
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
                if mode == Mode::Lookup {
                    by_table += shown.iter().filter(|record| record.start).count();
                }
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
    assert!(by_table > 10 * SAMPLES.len(), "{by_table}");
}

/// A small model that expects a delimiter here and there.
pub(super) const EXPECTS_DELIMITERS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/gqa");

/// The flags of the window are those of the model's most likely token, computed
/// afresh; where two tokens are as likely as each other rounding decides.
fn cuts_where_delimiters_are_expected(hand: &Hand) -> usize {
    let rule = Rule::new(Scheme::DelimiterPredicted).unwrap();
    let (printed, likely) = with_best(hand, Cut::Rule(rule), 2);
    let text = &hand.harness.state().patch.text;
    let shown = export::records(text).unwrap();
    assert_eq!(shown.len(), printed.len());
    assert_eq!(text.best().len(), likely.len());
    let mut starts = 0;
    for (at, (shown, printed)) in shown.iter().zip(&printed).enumerate() {
        let [first, second] = likely[at][..] else {
            unreachable!("two were asked for");
        };
        starts += usize::from(shown.start);
        if first.1 - second.1 > 1e-3 {
            assert_eq!(shown.start, printed.start, "{at}");
            assert_eq!(text.best()[at], Some(first.0), "{at}");
        }
    }
    starts
}

#[test]
fn what_a_model_expects_cuts_the_text_also_after_edits() {
    let english = SAMPLES.iter().find(|sample| sample.name == "english");
    let text = english.unwrap().bytes.repeat(3);
    let mut hand = Hand::open(AppOptions {
        text: Some(text.clone()),
        model: Some(EXPECTS_DELIMITERS.to_owned()),
        ..with_fonts()
    });
    hand.settle();
    hand.harness.get_by_label("BPE patcher").click();
    hand.harness.step();
    hand.settle();
    assert_eq!(
        hand.harness.state().patch.text.cutting().mode,
        Mode::BpePatcher
    );
    assert!(cuts_where_delimiters_are_expected(&hand) > 20);

    let context = hand.harness.ctx.clone();
    hand.harness.state_mut().patch.put_caret(&context, 700);
    hand.harness.step();
    for key in ["x", " 글", "y", "z "] {
        let role = egui::accesskit::Role::MultilineTextInput;
        hand.harness.get_by_role(role).type_text(key);
        hand.harness.step();
    }
    hand.harness.key_press(Key::Backspace);
    hand.settle();
    let edited = hand.harness.state().patch.text.bytes();
    assert_eq!(edited.len(), text.len() + "x 글yz".len());
    assert_eq!(&edited[700..707], "x 글yz".as_bytes());
    assert!(cuts_where_delimiters_are_expected(&hand) > 20);
}

/// Types a path into the field of the table's menu.
fn type_table(hand: &mut Hand, path: &Path) {
    hand.harness.get_by_label_contains("Table: ").click();
    hand.harness.step();
    hand.harness.step();
    let field = egui::accesskit::Role::TextInput;
    hand.harness.get_by_role(field).focus();
    hand.harness.step();
    hand.harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    hand.harness.step();
    let path = path.to_str().unwrap();
    hand.harness.get_by_role(field).type_text(path);
    hand.harness.step();
    hand.harness.key_press(Key::Enter);
    hand.harness.step();
    hand.settle();
}

#[test]
fn a_table_is_chosen_and_a_broken_one_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut hand = of("one two three");
    hand.harness.get_by_label("Lookup").click();
    hand.settle();
    let no_table = "No table is chosen yet";
    hand.harness.get_by_label_contains(no_table);
    let text = &hand.harness.state().patch.text;
    assert_eq!(text.statistics().patches, 1);
    let refused = export::write(text, Form::Brackets).unwrap_err().to_string();
    assert!(refused.contains("no lookup table"), "{refused}");

    type_table(&mut hand, &folder.path().join("none.json"));
    hand.harness.get_by_label_contains("none.json");
    hand.harness.get_by_label_contains(no_table);

    let path = table_of(folder.path(), "pairs.json", &[*b"e ", *b"th"]);
    type_table(&mut hand, &path);
    assert_eq!(brackets(&hand).trim_end(), "[one ][two th][ree]");
    assert!(hand.harness.query_by_label_contains(no_table).is_none());
    hand.harness.get_by_label("Table: pairs.json");
    let rule = hand.harness.state().patch.text.cutting().rule().unwrap();
    let shown = export::records(&hand.harness.state().patch.text).unwrap();
    for (shown, printed) in shown.iter().zip(by_session(&hand, Cut::Rule(rule))) {
        assert_eq!((shown.start, shown.patch), (printed.start, printed.patch));
    }

    let broken = folder.path().join("broken.json");
    std::fs::write(&broken, "{\"side\": 260}").unwrap();
    type_table(&mut hand, &broken);
    hand.harness
        .get_by_label_contains("broken.json is no lookup table");
    assert_eq!(brackets(&hand).trim_end(), "[one ][two th][ree]");
    assert!(hand.harness.state().notices.is_empty());

    // Under another rule nobody would see it there.
    hand.harness.get_by_label("Space").click();
    hand.harness.step();
    hand.harness.state_mut().cut_by_table(&broken);
    hand.until("the failure", |app| !app.notices.is_empty());
    let app = hand.harness.state();
    assert_eq!(app.notices.len(), 1);
    assert!(app.notices[0].contains("broken.json"), "{:?}", app.notices);
    assert_eq!(app.patch.text.cutting().mode, Mode::Space);
    assert!(app.patch.text.cutting().table.is_some());
    assert_eq!(app.patch.text.editor, "one two three");
}

#[test]
fn the_table_used_last_is_there_when_the_window_opens_again() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("window.json");
    let path = table_of(folder.path(), "pairs.json", &[*b"e "]);
    let open = || {
        let mut hand = Hand::open(AppOptions {
            text: Some("one two three".into()),
            settings: Some(settings.clone()),
            ..with_fonts()
        });
        hand.settle();
        hand
    };
    let mut hand = open();
    hand.harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    hand.harness.step();
    hand.harness.step();
    hand.harness
        .get_by_label("Command or path")
        .type_text(path.to_str().unwrap());
    hand.harness.step();
    hand.harness.step();
    hand.harness
        .get_by_label_contains("Cut by the table")
        .click();
    hand.harness.step();
    hand.settle();
    assert_eq!(brackets(&hand).trim_end(), "[one ][two three]");
    // Back to the way before in one step.
    hand.harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    hand.harness.step();
    let mode = hand.harness.state().patch.text.cutting().mode;
    assert_eq!(mode, Mode::Entropy);
    drop(hand);

    let mut hand = open();
    hand.harness.get_by_label("Lookup").click();
    hand.harness.step();
    hand.settle();
    assert_eq!(brackets(&hand).trim_end(), "[one ][two three]");
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
fn the_threshold_is_moved_by_keys_and_undone() {
    let mut hand = of("abc");
    let threshold = |hand: &Hand| hand.harness.state().patch.text.cutting().threshold;
    let before = threshold(&hand);
    hand.harness
        .key_press_modifiers(Modifiers::ALT, Key::ArrowUp);
    hand.harness.step();
    assert!((threshold(&hand) - before - 0.05).abs() < 1e-6);
    hand.harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    hand.harness.step();
    assert_eq!(threshold(&hand), before);

    // The threshold of the rise is moved where that is the one.
    let rise = |hand: &Hand| hand.harness.state().patch.text.cutting().rise;
    hand.harness.get_by_label("Monotonic").click();
    hand.harness.step();
    let from = rise(&hand);
    for (key, to) in [
        (Key::ArrowDown, from - 0.05),
        (Key::ArrowUp, from),
        (Key::ArrowUp, from + 0.05),
    ] {
        hand.harness.key_press_modifiers(Modifiers::ALT, key);
        hand.harness.step();
        assert!((rise(&hand) - to).abs() < 1e-6);
    }
    assert_eq!(threshold(&hand), before);
    hand.harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    hand.harness.step();
    assert!((rise(&hand) - from).abs() < 1e-6);
    // Where there is none, nothing moves and there is nothing to undo.
    hand.harness.get_by_label("Space").click();
    hand.harness.step();
    let cutting = hand.harness.state().patch.text.cutting().clone();
    hand.harness
        .key_press_modifiers(Modifiers::ALT, Key::ArrowUp);
    hand.harness.step();
    assert_eq!(*hand.harness.state().patch.text.cutting(), cutting);
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
