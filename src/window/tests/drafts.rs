//! What was written is there again the next time.

use std::path::Path;

use egui::{Event, Modifiers};
use egui_kittest::kittest::Queryable;

use super::bare::Bare;
use super::plain;
use crate::window::AppOptions;
use crate::window::screens::{FIRST_TEXT, Screen};

fn options(settings: &Path) -> AppOptions {
    AppOptions {
        settings: Some(settings.to_owned()),
        ..plain()
    }
}

fn open(options: AppOptions) -> Bare {
    let mut bare = Bare::open(options, [900.0, 600.0]);
    if bare.app().screen == Screen::Patch {
        bare.write();
    }
    bare
}

#[test]
fn the_text_is_kept_from_one_start_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("window.json");
    let draft = folder.path().join("draft.txt");
    let mut bare = open(options(&settings));
    assert_eq!(bare.text(), FIRST_TEXT);
    // Nothing was written, so nothing is kept.
    assert!(bare.harness.state_mut().may_close());
    assert!(!draft.exists());

    bare.keys(Modifiers::COMMAND, egui::Key::A);
    bare.type_text("내 글");
    assert!(!draft.exists(), "not at every key");
    // A frame is a quarter of a second.
    bare.harness.run_steps(16);
    assert_eq!(std::fs::read_to_string(&draft).unwrap(), "내 글");
    bare.type_text(", and more");
    assert!(bare.harness.state_mut().may_close());
    drop(bare);

    let mut bare = open(options(&settings));
    assert_eq!(bare.text(), "내 글, and more");
    bare.undo();
    assert_eq!(
        bare.text(),
        "내 글, and more",
        "it is where this time began"
    );
    // Without a text there is nothing to keep.
    bare.keys(Modifiers::COMMAND, egui::Key::A);
    bare.keys(Modifiers::NONE, egui::Key::Delete);
    assert!(bare.harness.state_mut().may_close());
    assert!(!draft.exists());
    assert_eq!(open(options(&settings)).text(), FIRST_TEXT);
}

#[test]
fn a_text_that_is_given_comes_first_and_what_was_kept_is_a_step_away() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("window.json");
    let draft = folder.path().join("draft.txt");
    let file = folder.path().join("given.txt");
    std::fs::write(&file, "of a file").unwrap();
    let binary = folder.path().join("given.bin");
    std::fs::write(&binary, b"\xFF\x00").unwrap();
    std::fs::write(&draft, b"kept \xFF").unwrap();
    let given = AppOptions {
        text: Some("given".into()),
        ..options(&settings)
    };
    let of_file = AppOptions {
        file: Some(file),
        ..options(&settings)
    };
    for (options, text) in [(given, "given"), (of_file, "of a file")] {
        let mut bare = open(options);
        assert_eq!(bare.text(), text);
        // Looking at it changes nothing.
        bare.harness.run_steps(20);
        assert!(bare.harness.state_mut().may_close());
        assert_eq!(std::fs::read(&draft).unwrap(), b"kept \xFF");
        bare.undo();
        assert_eq!(**bare.app().patch.text.bytes(), b"kept \xFF"[..]);
    }
    // A file that is no text leaves the editor to what was kept.
    let bare = open(AppOptions {
        file: Some(binary),
        ..options(&settings)
    });
    assert_eq!(bare.app().screen, Screen::File);
    assert_eq!(**bare.app().patch.text.bytes(), b"kept \xFF"[..]);
}

#[test]
fn who_would_lose_the_text_is_told_before() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let mut bare = open(options(&file.join("window.json")));
    let first = bare.app().notices.clone();
    bare.harness.state_mut().notices.clear();
    bare.type_text("!");
    assert!(!bare.harness.state_mut().may_close());
    bare.harness.run_steps(2);
    let told = bare.app().notices.clone();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("draft.txt") && told[0].contains("once more"),
        "{told:?}"
    );
    bare.harness.get_by_label(&told[0]);
    assert!(
        bare.harness.state_mut().may_close(),
        "the second time it does"
    );
    // What is there and cannot be read is said at once.
    assert_eq!(first.len(), 1, "{first:?}");

    // A text that is larger than what is kept.
    let settings = folder.path().join("window.json");
    let mut bare = open(options(&settings));
    for _ in 0..5 {
        bare.harness.event(Event::Paste("x".repeat(250_000)));
        bare.harness.run_steps(2);
    }
    assert!(!bare.harness.state_mut().may_close());
    assert!(
        bare.app().notices[0].contains("too large"),
        "{:?}",
        bare.app().notices
    );
    assert!(bare.harness.state_mut().may_close());
}

#[test]
fn settings_that_cannot_be_kept_are_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("window.json");
    std::fs::create_dir(&settings).unwrap();
    let mut bare = open(options(&settings));
    for _ in 0..3 {
        bare.keys(Modifiers::COMMAND, egui::Key::Plus);
    }
    let told = bare.app().notices.clone();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("window.json"), "{told:?}");
}
