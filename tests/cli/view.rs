//! The window, without a display.

use super::{Ran, blt, good, refused};

#[cfg(target_os = "linux")]
#[test]
fn without_a_display_it_says_what_can_be_done() {
    for arguments in [&[][..], &["view"]] {
        let mut command = blt(arguments);
        for name in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
            command.env_remove(name);
        }
        let ran = Ran::of(&mut command);
        assert_eq!(ran.code, 3, "{}", ran.err);
        assert!(ran.out.is_empty());
        for word in ["no display", "blt --help", "--screenshot"] {
            assert!(ran.err.contains(word), "{}", ran.err);
        }
        assert_eq!(ran.err.trim_end().lines().count(), 1, "{}", ran.err);
    }
}

#[test]
fn a_picture_has_the_size_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.png");
    let name = path.to_str().unwrap();
    let ran = good(
        &[
            "view",
            "--screenshot",
            name,
            "--size",
            "700x500",
            "--scale",
            "1.5",
            "--theme",
            "dark",
        ],
        b"",
    );
    assert!(ran.out.is_empty());
    let png = std::fs::read(&path).unwrap();
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let side = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    assert_eq!((side(16), side(20)), (1050, 750));
}

#[test]
fn what_cannot_be_drawn_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.png");
    let name = path.to_str().unwrap();
    let draw = |more: &[&str]| refused(&[&["view", "--screenshot", name][..], more].concat());
    let (code, sentence) = draw(&["--size", "wide"]);
    assert_eq!(code, 2);
    assert!(sentence.contains("1280x800"), "{sentence}");
    let (code, sentence) = draw(&["--size", "30000x30000"]);
    assert_eq!(code, 2);
    assert!(sentence.contains("30000 x 30000"), "{sentence}");
    let (code, sentence) = draw(&["--scale", "NaN"]);
    assert_eq!(code, 2);
    assert!(sentence.contains("NaN"), "{sentence}");
    let (code, sentence) = draw(&["-m", "/nowhere/at-all"]);
    assert_eq!(code, 4);
    assert!(sentence.contains("/nowhere/at-all"), "{sentence}");
    let (code, sentence) = draw(&["/nowhere/a-file"]);
    assert_eq!(code, 1);
    assert!(sentence.contains("/nowhere/a-file"), "{sentence}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    let nowhere = folder.path().join("no folder/picture.png");
    let (code, sentence) = refused(&["view", "--screenshot", nowhere.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(sentence.contains("no folder"), "{sentence}");
}
