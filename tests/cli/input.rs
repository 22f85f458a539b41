//! Where the bytes come from makes no difference.

use blt::record::decode_brackets;
use tempfile::NamedTempFile;

use super::{Ran, blt, good, model, refused};

/// A file of these bytes and its path.
pub(super) fn file(bytes: &[u8]) -> (NamedTempFile, String) {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    (file, path)
}

#[test]
fn argument_file_and_pipe_give_the_same() {
    let text = "Same bytes, same patches: 같은 바이트\n".repeat(20);
    let (_file, path) = file(text.as_bytes());
    let model = model();
    let base = ["entropy", "-m", &model];
    let with = |more: &[&str], stdin: &str| good(&[&base, more].concat(), stdin.as_bytes()).text();
    let expected = with(&[&text], "");
    assert_eq!(expected.lines().count(), text.len() + 1);
    same(&with(&["-f", &path], ""), &expected);
    same(&with(&["-f", "-"], &text), &expected);
    same(&with(&["-"], &text), &expected);
    same(&with(&[], &text), &expected);
}

/// All the same but the last digits of `nll`: the first byte of a piece has it
/// from the host, as the kernel did not know that byte.
fn same(found: &str, expected: &str) {
    assert_eq!(found.lines().count(), expected.lines().count());
    for (found, expected) in found.lines().zip(expected.lines()) {
        let parts = |line: &str| {
            let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
            let nll = record["nll"].take();
            (record, nll.as_f64())
        };
        let ((found, found_nll), (expected, expected_nll)) = (parts(found), parts(expected));
        assert_eq!(found, expected);
        assert_eq!(found_nll.is_some(), expected_nll.is_some());
        let apart = found_nll.unwrap_or(0.0) - expected_nll.unwrap_or(0.0);
        assert!(
            apart.abs() < 2e-6,
            "{found}: {found_nll:?}, {expected_nll:?}"
        );
    }
}

#[test]
fn texts_may_look_like_flags() {
    assert_eq!(
        good(&["patch", "--mode=space", "--", "-x -"], b"").text(),
        "[-x ][-]\n"
    );
}

#[test]
fn the_context_can_be_cut() {
    let model = model();
    // After a reset each line is read as the first, but for what starts its first byte.
    let lines = |text: &str, more: &[&str]| -> Vec<String> {
        let arguments = [&["entropy", "-m", &model, text][..], more].concat();
        let text = good(&arguments, b"").text();
        let json = text
            .lines()
            .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap());
        json.map(|line| line["entropy"].to_string()).collect()
    };
    let free = lines("abcabc\nabcabc", &[]);
    let cut = lines("abcabc\nabcabc", &["--reset-at-newline"]);
    assert_eq!(free[..7], cut[..7]);
    assert_ne!(free[9..], cut[9..]);
    let every = lines("abcabc\nabcabc", &["--reset-every", "4"]);
    assert_eq!(free[..4], every[..4]);
    assert_ne!(free[5..], every[5..]);
}

#[test]
fn one_long_line_streams() {
    let text: Vec<u8> = b"abcdefg hij "
        .iter()
        .copied()
        .cycle()
        .take(5 << 20)
        .collect();
    let (_file, path) = file(&text);
    let ran = good(&["patch", "--mode", "space", "-f", &path], b"");
    assert_eq!(decode_brackets(&ran.text()).unwrap().concat(), text);
    assert!(ran.err.contains("5242880 bytes · "), "{}", ran.err);
}

#[test]
fn a_sample_is_a_text_with_a_name() {
    for sample in blt::samples::SAMPLES {
        let ran = good(&["patch", "--mode", "space", "--sample", sample.name], b"");
        assert_eq!(decode_brackets(&ran.text()).unwrap().concat(), sample.bytes);
    }
    let figure = [
        "patch",
        "--sample",
        "emoji",
        "--format",
        "svg",
        "-m",
        &model(),
    ];
    assert!(good(&figure, b"").text().contains("Chat with emoji"));
    let (code, sentence) = refused(&["patch", "--sample", "englisch"]);
    assert_eq!(code, 2);
    for sample in blt::samples::SAMPLES {
        assert!(sentence.contains(sample.name), "{sentence}");
    }
    for more in [&["text"][..], &["-f", "file"]] {
        let (code, sentence) = refused(&[&["patch", "--sample", "dna"][..], more].concat());
        assert_eq!((code, sentence.contains("--sample")), (2, true));
    }
}

#[cfg(unix)]
#[test]
fn an_argument_may_be_any_bytes() {
    use std::os::unix::ffi::OsStrExt;

    let text = b"caf\xe9 \xff";
    let ran = Ran::of(blt(&["patch", "--mode", "byte"]).arg(std::ffi::OsStr::from_bytes(text)));
    assert_eq!(ran.text(), "[c][a][f][\\xE9][ ][\\xFF]\n");
    assert!(
        ran.err.starts_with("6 bytes · 6 patches · mean 1.00 · "),
        "{}",
        ran.err
    );
}
