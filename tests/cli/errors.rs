//! Each kind of error: one sentence and its exit code.

use super::{model, oracle, refused};

/// The arguments, the exit code and what the sentence must say.
fn check(arguments: &[&str], code: i32, words: &[&str]) {
    let (found, sentence) = refused(arguments);
    assert_eq!(found, code, "{arguments:?}: {sentence}");
    for word in words {
        assert!(sentence.contains(word), "{arguments:?}: {sentence}");
    }
}

#[test]
fn wrong_usage_is_2() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["bogus"], &["'bogus'", "`blt --help`"]),
        (
            &["patch", "--fromat", "csv"],
            &["'--format'", "`blt patch --help`"],
        ),
        (&["patch", "text", "-f", "file"], &["[TEXT]", "--file"]),
        (&["patch", "--format", "xml"], &["jsonl", "svg"]),
        (
            &["patch", "--threshold", "nan"],
            &["--threshold", "nats", "`blt patch --help`"],
        ),
        (&["patch", "--threshold", "inf"], &["--threshold"]),
        (
            &["patch", "--threshold", "1", "--patch-size", "4"],
            &["--threshold", "--patch-size"],
        ),
        (
            &["patch", "--patch-size", "0"],
            &["--patch-size", "from 1 on"],
        ),
        (
            &["patch", "--patch-size", "-3"],
            &["--patch-size", "from 1 on"],
        ),
        (&["patch", "--patch-size", "nan"], &["--patch-size"]),
        (
            &["patch", "--max-patch-length", "0"],
            &["--max-patch-length", "from 1 on"],
        ),
        (
            &["patch", "--reset-every", "0"],
            &["--reset-every", "from 1 on"],
        ),
        (
            &["patch", "--mode", "space", "--threshold", "1"],
            &["--threshold", "--mode space"],
        ),
        (
            &["patch", "--mode", "space", "--patch-size", "4"],
            &["--patch-size", "--mode space"],
        ),
        (
            &["patch", "--mode", "entropy", "--threshold-add", "1"],
            &["--threshold-add", "--mode both"],
        ),
        (
            &["patch", "--mode", "both", "-m", &model()],
            &["--threshold-add"],
        ),
        (
            &["patch", "--mode", "static"],
            &["--mode static needs --patch-size"],
        ),
        (
            &["patch", "--mode", "static", "--patch-size", "2.5"],
            &["whole bytes", "not 2.5"],
        ),
        (
            &["patch", "--mode", "top-k", "-m", &model()],
            &["--mode top-k needs --patch-size"],
        ),
        (&["patch", "--mode", "lookup"], &["--table"]),
        (
            &["patch", "--mode", "byte", "--table", "x"],
            &["--table", "--mode byte"],
        ),
        (
            &["patch", "--mode", "byte", "--profile"],
            &["--profile", "--mode byte"],
        ),
        (
            &["patch", "--mode", "byte", "--reset-at-newline"],
            &["--reset-at-newline"],
        ),
        (&["patch", "-q", "-v"], &["--quiet", "--verbose"]),
        (&["patch", "--tier", "best", "a"], &["subgroups"]),
        (
            &["patch", "-m", &model(), "--backend", "best"],
            &["--backend", "vulkan"],
        ),
        (&["entropy", "--top", "0"], &["--top"]),
        (
            &["entropy", "--top", "3", "--format", "csv"],
            &["--top", "jsonl"],
        ),
        (
            &["entropy", "-m", &model(), "--top", "3", "--patch-size", "4"],
            &["whole text"],
        ),
        (&["completions"], &["<SHELL>", "`blt completions --help`"]),
    ];
    for (arguments, words) in cases {
        check(arguments, 2, words);
    }
}

#[test]
fn files_that_cannot_be_are_1() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().to_str().unwrap();
    let missing = folder.path().join("no/file");
    let missing = missing.to_str().unwrap();
    check(&["patch", "-f", missing], 1, &["cannot read", missing]);
    check(&["patch", "-f", here], 1, &["cannot read", here]);
    check(
        &["patch", "--mode", "byte", "x", "-o", missing],
        1,
        &["cannot create", missing],
    );
    check(
        &["patch", "--mode", "byte", "x", "-o", here],
        1,
        &["cannot create", here],
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn no_adapter_is_3() {
    let model = model();
    check(
        &["patch", "-m", &model, "x", "--adapter", "imaginary"],
        3,
        &["imaginary", "0: "],
    );
    check(&["patch", "-m", &model, "x", "--adapter", "99"], 3, &["99"]);
    check(&["devices", "--adapter", "imaginary"], 3, &["imaginary"]);
    let foreign = if cfg!(windows) { "metal" } else { "dx12" };
    check(
        &["patch", "-m", &model, "x", "--backend", foreign],
        3,
        &["no graphics adapter"],
    );
    check(
        &["devices", "--backend", foreign],
        3,
        &["no graphics adapter"],
    );
    let ran = super::Ran::of(super::blt(&["devices"]).env("WGPU_BACKEND", foreign));
    assert_eq!(ran.code, 3);
    let ran = super::Ran::of(super::blt(&["devices"]).env("BLT_ADAPTER", "imaginary"));
    assert_eq!(ran.code, 3);
}

#[test]
fn models_that_cannot_be_are_4() {
    check(
        &["patch", "x", "-m", "no-such-folder"],
        4,
        &["`no-such-folder`", "config.json"],
    );
    check(
        &["inspect", "-m", "no-such-folder"],
        4,
        &["`no-such-folder`"],
    );
    check(
        &["patch", "x", "-m", "blt-test/none"],
        4,
        &["blt-test/none", "Hugging Face cache"],
    );

    let folder = tempfile::tempdir().unwrap();
    let copy = |name: &str, keep: Option<usize>| {
        let bytes = std::fs::read(oracle("k1").join(name)).unwrap();
        let keep = keep.unwrap_or(bytes.len());
        std::fs::write(folder.path().join(name), &bytes[..keep]).unwrap();
    };
    let name = folder.path().to_str().unwrap();
    copy("model.safetensors", None);
    check(&["patch", "x", "-m", name], 4, &[name, "config.json"]);
    copy("config.json", None);
    copy("model.safetensors", Some(5000));
    check(&["patch", "x", "-m", name], 4, &["model.safetensors"]);
    check(&["inspect", "-m", name], 4, &["model.safetensors"]);
    let ran = super::Ran::of(super::blt(&["patch", "x"]).env("BLT_MODEL", name));
    assert_eq!(ran.code, 4);
}

/// `HUGGINGFACE_HUB_CACHE` is what `HF_HUB_CACHE` was called before, which wins.
#[test]
fn a_cache_is_found_by_its_older_name_and_its_revision_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = folder
        .path()
        .join("models--acme--tiny-blt/snapshots/0123456789abcdef");
    std::fs::create_dir_all(&snapshot).unwrap();
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(oracle("k2_base").join(file), snapshot.join(file)).unwrap();
    }
    let inspect = |name: &str, other: Option<&str>| {
        let mut command = super::blt(&["inspect", "-m", name]);
        command.env("HUGGINGFACE_HUB_CACHE", folder.path());
        command.env("HOME", "/nowhere");
        if let Some(other) = other {
            command.env("HF_HUB_CACHE", other);
        }
        super::Ran::of(&mut command)
    };
    let ran = inspect("acme/tiny-blt", None);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.text().contains("acme/tiny-blt@0123456789abcdef"),
        "{}",
        ran.text()
    );
    assert_eq!(inspect("acme/tiny-blt@0123456", None).code, 0);
    let ran = inspect("acme/tiny-blt@v2", None);
    assert_eq!(ran.code, 4);
    assert!(
        ran.err.contains("`v2`") && ran.err.contains("0123456789abcdef"),
        "{}",
        ran.err
    );
    assert_eq!(inspect("acme/tiny-blt", Some("/nowhere")).code, 4);
}
