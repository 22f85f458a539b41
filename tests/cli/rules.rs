//! Each way to find patches.

use blt::record::decode_brackets;

use super::{good, model};

const TEXT: &str = "The quick brown fox jumps over the lazy dog, and over the fence too.";

fn patches(arguments: &[&str]) -> Vec<Vec<u8>> {
    let shown = good(&[&["patch", TEXT], arguments].concat(), b"").text();
    let patches = decode_brackets(&shown).unwrap();
    assert_eq!(patches.concat(), TEXT.as_bytes(), "{arguments:?}");
    patches
}

#[test]
fn rules_of_bytes_need_no_model() {
    // The model does not exist, and nobody asks for it.
    let none = ["-m", "no-such-model"];
    let with = |more: &[&str]| patches(&[&none, more].concat());
    assert_eq!(with(&["--mode", "byte"]).len(), TEXT.len());
    assert_eq!(
        with(&["--mode", "static", "--patch-size", "7"])[..9]
            .concat()
            .len(),
        63
    );
    assert_eq!(
        with(&["--mode", "space"])[..2],
        [b"The ".to_vec(), b"quick ".to_vec()]
    );
    assert_eq!(with(&["--mode", "delimiter"]).len(), 1);
    let longest = with(&["--mode", "space", "--max-patch-length", "3"]);
    assert!(longest.iter().all(|patch| patch.len() <= 3));

    let id = |c: u8| u32::from(c) + 4;
    let table = format!(r#"{{"side":260,"pairs":[[{},{}]]}}"#, id(b'e'), id(b' '));
    let (_file, path) = super::input::file(table.as_bytes());
    let found = with(&["--mode", "lookup", "--table", &path]);
    assert_eq!(
        found[..2],
        [
            b"The ".to_vec(),
            b"quick brown fox jumps over the ".to_vec()
        ]
    );
}

#[test]
fn thresholds_move_the_patches() {
    let model = model();
    let with = |more: &[&str]| patches(&[&["-m", &model], more].concat()).len();
    let own = with(&[]);
    assert_eq!(with(&["--threshold", "100"]), 1);
    assert_eq!(with(&["--threshold", "-1"]), TEXT.len());
    assert!((2..TEXT.len()).contains(&own));
    let monotonic = with(&["--mode", "monotonic", "--threshold=0.1"]);
    assert!((2..TEXT.len()).contains(&monotonic));
    let both = with(&["--mode", "both", "--threshold-add", "0.1"]);
    assert!(both <= own);
    assert_eq!(with(&["--mode", "bpe-patcher"]), 1);
}

#[test]
fn a_wanted_mean_gives_its_threshold() {
    let model = model();
    let arguments = ["patch", TEXT, "-m", &model, "--patch-size", "5"];
    let ran = good(&arguments, b"");
    let found = decode_brackets(&ran.text()).unwrap();
    let mean = TEXT.len() as f64 / found.len() as f64;
    assert!((mean - 5.0).abs() < 0.5, "{mean}");
    let threshold = ran
        .err
        .split_once("threshold ")
        .unwrap()
        .1
        .split(' ')
        .next()
        .unwrap();
    let again = good(
        &["patch", TEXT, "-m", &model, "--threshold", threshold],
        b"",
    );
    assert_eq!(again.text(), ran.text());

    let empty = good(&["patch", "", "-m", &model, "--patch-size", "5"], b"");
    assert_eq!(empty.text(), "\n");
    // More than any threshold gives.
    let arguments = ["patch", TEXT, "-m", &model, "--patch-size", "1000"];
    let (code, sentence) = super::refused(&arguments);
    assert_eq!(code, 2);
    assert!(sentence.contains("it can be from"), "{sentence}");
}

#[test]
fn the_largest_entropies_make_patches() {
    let found = patches(&["-m", &model(), "--mode", "top-k", "--patch-size", "6"]);
    // 69 tokens: BOS, the first byte, and 69 / 6 - 2 more; one may start at the byte to come.
    assert!((9..=10).contains(&found.len()), "{found:?}");
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len((4 << 20) + 1).unwrap();
    let path = file.path().to_str().unwrap();
    for more in [
        &["--patch-size", "4"][..],
        &["--mode", "top-k", "--patch-size", "4"],
    ] {
        let (code, sentence) =
            super::refused(&[&["patch", "-m", &model(), "-f", path], more].concat());
        assert_eq!(code, 2);
        assert!(sentence.contains("4 MiB"), "{sentence}");
    }
}
