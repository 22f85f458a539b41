//! Menu, dialogs, and files that are dropped, as a person uses them.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use egui::accesskit::Role;
use egui::{Event, Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};

use super::bare::{Bare, Scripted};
use super::{Hand, with_fonts};
use crate::window::dialog::{NoDialog, Purpose};
use crate::window::engine::Request;
use crate::window::screens::Screen;
use crate::window::{App, AppOptions, Language};

/// A file that somebody lets go over the window.
#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|why| why.to_string())
    }
}

fn drop_files(bare: &mut Bare, paths: &[&Path]) {
    let input = bare.harness.input_mut();
    input.hovered_files.clear();
    for path in paths {
        input
            .dropped_files
            .push(Arc::new(Dropped(path.to_path_buf())));
    }
    bare.harness.run_steps(3);
}

/// Opens the menu, and chooses what stands there.
fn choose(bare: &mut Bare, path: &[&str]) {
    bare.click("Menu");
    for entry in path {
        bare.harness.get_by_label_contains(entry).click();
        bare.harness.run_steps(3);
    }
}

fn is_open(app: &App, model: &Path) -> impl Fn(&Request) -> bool {
    let _ = app;
    let name = model.display().to_string();
    move |request| matches!(request, Request::Open(Some(asked)) if *asked == name)
}

#[test]
fn each_entry_of_the_menu_opens_its_dialog_and_a_cancelled_one_changes_nothing() {
    let asked: Rc<RefCell<Vec<Purpose>>> = Rc::default();
    let mut bare = Bare::of("a text, 글".as_bytes());
    let told = Rc::clone(&asked);
    bare.harness
        .state_mut()
        .use_picker(Box::new(Scripted(move |purpose| {
            told.borrow_mut().push(purpose);
            Ok(None)
        })));
    bare.requests();
    choose(&mut bare, &["Open file…"]);
    choose(&mut bare, &["Model", "Open model folder…"]);
    choose(&mut bare, &["as SVG"]);
    choose(&mut bare, &["as PNG"]);
    bare.harness.run_steps(5);
    assert_eq!(
        *asked.borrow(),
        [
            Purpose::OpenFile,
            Purpose::OpenModel,
            Purpose::SaveSvg,
            Purpose::SavePng
        ]
    );
    let opened = bare.requests();
    assert!(
        !opened
            .iter()
            .any(|request| matches!(request, Request::Open(_)))
    );
    let app = bare.app();
    assert_eq!(app.patch.text.editor, "a text, 글");
    assert_eq!(app.screen, Screen::Patch);
    assert!(app.notices.is_empty(), "{:?}", app.notices);
    assert!(!app.patch.can_undo());
}

#[test]
fn the_menu_is_used_with_the_keyboard_alone() {
    let mut bare = Bare::of(b"x");
    // Out of the text, and on to the menu.
    bare.keys(Modifiers::NONE, Key::Escape);
    let focused = |bare: &Bare| {
        bare.harness
            .query_all_by(|node| node.is_focused() && !node.is_hidden())
            .next()
            .and_then(|node| node.accesskit_node().label())
            .unwrap_or_default()
    };
    let tab_to = |bare: &mut Bare, label: &str| {
        for _ in 0..40 {
            if focused(bare).starts_with(label) {
                return;
            }
            bare.keys(Modifiers::NONE, Key::Tab);
        }
        let reached = focused(bare);
        assert!(reached.starts_with(label), "{reached} instead of {label}");
    };
    tab_to(&mut bare, "Menu");
    bare.keys(Modifiers::NONE, Key::Enter);
    tab_to(&mut bare, "Sample texts");
    bare.keys(Modifiers::NONE, Key::Enter);
    tab_to(&mut bare, "Sample: DNA");
    bare.keys(Modifiers::NONE, Key::Enter);
    assert!(
        bare.text().starts_with(">") || bare.text().contains("ACG"),
        "{}",
        bare.text()
    );
}

#[test]
fn a_figure_is_saved_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let mut hand = Hand::open(AppOptions {
        text: Some("two words, 두 낱말".into()),
        ..with_fonts()
    });
    hand.settle();
    let save = |hand: &mut Hand, entry: &str, path: &Path| {
        let answer = path.to_owned();
        let app = hand.harness.state_mut();
        app.notices.clear();
        app.use_picker(Box::new(Scripted(move |_| Ok(Some(answer.clone())))));
        hand.harness.get_by_label("Menu").click();
        hand.harness.run_steps(3);
        hand.harness.get_by_label_contains(entry).click();
        hand.harness.run_steps(3);
        std::thread::sleep(std::time::Duration::from_millis(100));
        hand.harness.run_steps(2);
        hand.harness.state().notices.clone()
    };
    let svg = folder.path().join("figure.svg");
    assert!(save(&mut hand, "as SVG", &svg).is_empty());
    let text = std::fs::read_to_string(&svg).unwrap();
    assert!(
        text.starts_with("<svg") || text.starts_with("<?xml"),
        "{text}"
    );
    assert!(text.trim_end().ends_with("</svg>"));
    let png = folder.path().join("figure.png");
    assert!(save(&mut hand, "as PNG", &png).is_empty());
    let image = image::open(&png).unwrap().to_rgba8();
    assert_eq!(image.width(), 1920);
    assert!((150..1000).contains(&image.height()), "{}", image.height());
    let colours: std::collections::HashSet<[u8; 4]> = image.pixels().map(|pixel| pixel.0).collect();
    assert!(
        colours.len() > 20,
        "there is something on it: {}",
        colours.len()
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&svg).unwrap().permissions().mode();
        assert_ne!(mode & 0o044, 0, "others may read it, as any file: {mode:o}");
    }
    // One in place of another.
    assert!(save(&mut hand, "as PNG", &svg).is_empty());
    assert_eq!(&std::fs::read(&svg).unwrap()[1..4], b"PNG");

    let names = || {
        let mut names: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    let before = names();
    let mut impossible = vec![
        folder.path().join("missing/figure.svg"),
        // Below something that is no folder, and in place of one.
        png.join("figure.svg"),
        folder.path().to_owned(),
    ];
    // Nobody may write there, whoever runs the tests.
    if cfg!(target_os = "linux") {
        impossible.push(PathBuf::from("/proc/figure.svg"));
    }
    for path in impossible {
        for entry in ["as SVG", "as PNG"] {
            let told = save(&mut hand, entry, &path);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains(&path.display().to_string()), "{told:?}");
        }
    }
    assert_eq!(names(), before, "nothing half-written is left");
}

#[test]
fn a_file_is_opened_for_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let open = |bare: &mut Bare, path: &Path| {
        bare.answer(Ok(Some(path.to_owned())));
        bare.requests();
        bare.keys(Modifiers::COMMAND, Key::Num1);
        bare.keys(Modifiers::COMMAND, Key::O);
        std::thread::sleep(std::time::Duration::from_millis(50));
        bare.harness.run_steps(3);
    };
    let mut bare = Bare::of(b"before");
    open(&mut bare, &write("a.txt", "글".as_bytes()));
    assert_eq!((bare.text(), bare.app().screen), ("글", Screen::Patch));
    // The text before is a step away.
    bare.undo();
    assert_eq!(bare.text(), "before");
    open(&mut bare, &write("empty.txt", b""));
    assert_eq!((bare.text(), bare.app().screen), ("", Screen::Patch));
    bare.undo();

    open(&mut bare, &write("some.bin", b"\x00\xFF\xFE"));
    assert_eq!((bare.text(), bare.app().screen), ("before", Screen::File));
    bare.harness.get_by_label_contains("some.bin");
    open(&mut bare, &write("large.txt", &[b'x'; (256 << 10) + 1]));
    assert_eq!((bare.text(), bare.app().screen), ("before", Screen::File));

    let missing = folder.path().join("missing.txt");
    open(&mut bare, &missing);
    assert_eq!(bare.app().screen, Screen::Patch);
    let told = bare.app().notices.clone();
    assert_eq!(told.len(), 1);
    assert!(told[0].contains(&missing.display().to_string()), "{told:?}");
    // The same again is not said twice.
    open(&mut bare, &missing);
    assert_eq!(bare.app().notices, told);
    bare.click("Dismiss");
    assert!(bare.app().notices.is_empty());

    // A folder is a model, or is said to be none by who opens it.
    open(&mut bare, folder.path());
    let asked = bare.requests();
    assert!(asked.iter().any(is_open(bare.app(), folder.path())));

    // What nobody writes into has no end, and must not be waited for.
    #[cfg(unix)]
    {
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        open(&mut bare, &pipe);
        assert_eq!(bare.app().screen, Screen::File);
        bare.harness.get_by_label_contains("This is no file");
        assert_eq!(bare.text(), "before");
    }
}

#[test]
fn a_broken_model_is_named_and_the_one_before_stays() {
    let folder = tempfile::tempdir().unwrap();
    let broken = |name: &str, files: &[(&str, &[u8])]| {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        for (name, bytes) in files {
            std::fs::write(path.join(name), bytes).unwrap();
        }
        path
    };
    let models = [
        broken("empty", &[]),
        broken("half", &[("config.json", b"{}")]),
        broken(
            "garbage",
            &[("config.json", b"{"), ("model.safetensors", b"garbage")],
        ),
    ];
    let mut hand = Hand::open(with_fonts());
    hand.settle();
    for model in models {
        let answer = model.clone();
        let app = hand.harness.state_mut();
        app.notices.clear();
        app.use_picker(Box::new(Scripted(move |_| Ok(Some(answer.clone())))));
        hand.harness.key_press_modifiers(Modifiers::COMMAND, Key::M);
        hand.until("the refusal", |app| !app.notices.is_empty());
        let app = hand.harness.state();
        let name = model.display().to_string();
        assert!(app.notices[0].contains(&name), "{:?}", app.notices);
        assert!(app.model.is_some() && app.is_settled());
    }
}

#[test]
fn without_dialogs_the_window_says_what_to_do() {
    for language in Language::ALL {
        let mut bare = Bare::open(
            AppOptions {
                text: Some("abc".into()),
                language: Some(language),
                ..with_fonts()
            },
            [900.0, 600.0],
        );
        bare.answer(Err(NoDialog));
        for (modifiers, key, word) in [
            (Modifiers::COMMAND, Key::O, "Ctrl+K"),
            (Modifiers::COMMAND, Key::M, "Ctrl+K"),
            (Modifiers::COMMAND, Key::E, ".svg"),
            (Modifiers::COMMAND | Modifiers::SHIFT, Key::E, ".png"),
        ] {
            bare.harness.state_mut().notices.clear();
            bare.keys(modifiers, key);
            bare.until("a sentence", |app| !app.notices.is_empty());
            let told = bare.app().notices.clone();
            assert_eq!(told.len(), 1);
            assert!(told[0].contains(word), "{told:?}");
            bare.harness.get_by_label(&told[0]);
        }
    }
    // A file that is not there is named, in the language of the window.
    for (language, words) in [
        (Language::English, "cannot read"),
        (Language::Korean, "파일이 없습니다"),
    ] {
        let mut bare = Bare::open(
            AppOptions {
                language: Some(language),
                ..with_fonts()
            },
            [900.0, 600.0],
        );
        bare.harness.state_mut().open_path("no/such file".as_ref());
        let told = bare.app().notices.clone();
        assert!(
            told[0].contains(words) && told[0].contains("no/such file"),
            "{told:?}"
        );
    }
    // And it works: what is typed there is opened, or written.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a text.txt");
    std::fs::write(&path, "typed").unwrap();
    let mut bare = Bare::of(b"before");
    let figure = folder.path().join("figure.svg");
    for path in [&path, &figure] {
        bare.keys(Modifiers::COMMAND, Key::K);
        let typed = path.display().to_string();
        bare.harness
            .get_by_label("Command or path")
            .type_text(&typed);
        bare.harness.run_steps(3);
        bare.keys(Modifiers::NONE, Key::Enter);
    }
    assert_eq!(bare.text(), "typed");
    assert!(std::fs::read_to_string(&figure).unwrap().contains("</svg>"));
    assert!(bare.app().notices.is_empty());
}

#[test]
fn what_is_over_the_window_is_told_what_will_happen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "notes").unwrap();
    let mut bare = Bare::of(b"x");
    let hover = |bare: &mut Bare, paths: &[&Path]| {
        let hovered = paths.iter().map(|path| egui::HoveredFile {
            path: Some(path.to_path_buf()),
            mime: String::new(),
        });
        bare.harness.input_mut().hovered_files = hovered.collect();
        bare.harness.run_steps(2);
    };
    hover(&mut bare, &[&path]);
    bare.harness.get_by_label("Let go to open notes.txt");
    hover(&mut bare, &[folder.path()]);
    bare.harness.get_by_label_contains("as the model");
    hover(&mut bare, &[&path, folder.path()]);
    bare.harness.get_by_label("Let go, then choose one of 2");
    hover(&mut bare, &[]);
    assert!(bare.harness.query_by_label_contains("Let go").is_none());
}

#[test]
fn what_is_dropped_is_opened_for_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "notes").unwrap();
    let binary = folder.path().join("some.bin");
    std::fs::write(&binary, b"\xFF\x00").unwrap();
    let mut bare = Bare::of(b"before");
    drop_files(&mut bare, &[&text]);
    assert_eq!((bare.text(), bare.app().screen), ("notes", Screen::Patch));
    bare.undo();
    assert_eq!(bare.text(), "before");
    drop_files(&mut bare, &[&binary]);
    assert_eq!((bare.text(), bare.app().screen), ("before", Screen::File));
    bare.requests();
    drop_files(&mut bare, &[folder.path()]);
    let asked = bare.requests();
    assert!(asked.iter().any(is_open(bare.app(), folder.path())));
}

#[test]
fn of_several_dropped_files_one_is_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, name).unwrap();
        path
    };
    let (one, two) = (path("one.txt"), path("two.txt"));
    let mut bare = Bare::of(b"before");
    for out in ["None of them", "Escape"] {
        drop_files(&mut bare, &[&one, &two]);
        assert_eq!(bare.text(), "before");
        bare.harness
            .get_by_label("2 files were dropped. Which one is to be opened?");
        match out {
            "Escape" => bare.keys(Modifiers::NONE, Key::Escape),
            label => bare.click(label),
        }
        assert!(bare.app().dropped.is_empty());
        assert_eq!(bare.text(), "before");
    }
    drop_files(&mut bare, &[&one, &two]);
    bare.harness.get_by_label_contains("two.txt").click();
    bare.harness.run_steps(3);
    assert_eq!(bare.text(), "two.txt");
    assert!(bare.app().dropped.is_empty());
}

#[test]
fn the_sheet_of_keys_opens_scrolls_and_closes() {
    let mut bare = Bare::open(
        AppOptions {
            text: Some("text".into()),
            ..with_fonts()
        },
        [900.0, 600.0],
    );
    let shows = |bare: &Bare| bare.harness.query_by_label("Close").is_some();
    assert!(!shows(&bare));
    // With nothing written into, a question mark asks.
    bare.harness.event(Event::Text("?".into()));
    bare.harness.run_steps(3);
    assert!(shows(&bare));
    for name in [
        "Undo",
        "Command palette",
        "Keyboard shortcuts",
        "To the next difference",
    ] {
        assert!(
            bare.harness.query_all_by_label(name).next().is_some(),
            "{name}"
        );
    }
    // All of it stays in the window, and the keys scroll through it.
    let place = |bare: &Bare, name: &str| bare.harness.get_by_label(name).rect();
    assert!(place(&bare, "Close").right() < 900.0 && place(&bare, "Close").top() > 0.0);
    let before = place(&bare, "Undo").top();
    let last = "Pause the scan, or go on";
    assert!(place(&bare, last).top() > 600.0);
    bare.keys(Modifiers::NONE, Key::ArrowDown);
    assert!(place(&bare, "Undo").top() < before);
    bare.keys(Modifiers::NONE, Key::End);
    bare.harness.run_steps(10);
    assert!(
        place(&bare, last).bottom() < 560.0,
        "{:?}",
        place(&bare, last)
    );
    bare.keys(Modifiers::NONE, Key::Home);
    bare.harness.run_steps(10);
    assert_eq!(place(&bare, "Undo").top(), before);
    bare.keys(Modifiers::NONE, Key::Escape);
    assert!(!shows(&bare));
    // Inside the text it is a letter, and F1 asks; who was writing goes on.
    bare.write();
    bare.type_text("?");
    assert_eq!(bare.text(), "text?");
    assert!(!shows(&bare));
    bare.keys(Modifiers::NONE, Key::F1);
    assert!(shows(&bare));
    bare.keys(Modifiers::NONE, Key::F1);
    assert!(!shows(&bare));
    bare.type_text("!");
    assert_eq!(bare.text(), "text?!");
    // The palette takes its place.
    bare.keys(Modifiers::NONE, Key::F1);
    bare.keys(Modifiers::COMMAND, Key::K);
    assert!(!shows(&bare));
    bare.harness
        .get_by_role_and_label(Role::TextInput, "Command or path");
    bare.keys(Modifiers::NONE, Key::F1);
    assert!(shows(&bare));
    bare.click("Close");
    assert!(!shows(&bare));
}
