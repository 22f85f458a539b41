//! An entropy model alone: a language model too, and nothing of a whole BLT.

use safetensors::SafeTensors;
use serde_json::Value;

use super::{good, oracle, refused};

/// A folder with the entropy model of the golden model and nothing else.
fn folder() -> (tempfile::TempDir, String) {
    let from = oracle("k2_base");
    let file = std::fs::read(from.join("model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let tensors = tensors.tensors();
    let tensors = tensors.iter().filter_map(|(name, view)| {
        let name = name.strip_prefix("model.patcher.")?;
        Some((name.to_owned(), view))
    });
    let config = std::fs::read(from.join("config.json")).unwrap();
    let mut config: Value = serde_json::from_slice(&config).unwrap();
    let mut alone = config["patcher_config"].take();
    alone["patching_threshold"] = config["patching_threshold"].take();
    let folder = tempfile::tempdir().unwrap();
    let write = |name, content: &[u8]| std::fs::write(folder.path().join(name), content).unwrap();
    write("config.json", alone.to_string().as_bytes());
    write(
        "model.safetensors",
        &safetensors::serialize(tensors, None).unwrap(),
    );
    let path = folder.path().display().to_string();
    (folder, path)
}

#[test]
fn it_cuts_writes_and_scores_as_inside_a_whole_model() {
    let (_folder, alone) = folder();
    let whole = super::model();
    let cut = |model: &str| good(&["patch", "-m", model, "Some text, 글자."], b"").text();
    assert_eq!(cut(&alone), cut(&whole));
    let score = [
        "score",
        "--model-part",
        "entropy",
        "--format",
        "csv",
        "-",
        "-m",
    ];
    let score = |model: &str| good(&[&score[..], &[model]].concat(), b"Some text.").text();
    assert_eq!(score(&alone), score(&whole));
    let ran = good(
        &[
            "generate",
            "-m",
            &alone,
            "-p",
            "The ",
            "-n",
            "12",
            "--ignore-eos",
        ],
        b"",
    );
    assert_eq!(ran.out.len(), 12);
    assert!(!ran.err.contains("latent"), "{}", ran.err);
}

#[test]
fn what_asks_for_a_whole_model_is_refused() {
    let (_folder, alone) = folder();
    let cases: [(&[&str], i32, &str); 6] = [
        (
            &["generate", "-p", "x", "--hash-tables", "host"],
            2,
            "--hash-tables",
        ),
        (
            &["generate", "-p", "x", "--speculate", "4"],
            2,
            "part of a whole BLT",
        ),
        (
            &["score", "-", "--model-part", "blt"],
            4,
            "entropy model alone",
        ),
        (&["score", "-", "--hash-tables", "host"], 2, "--hash-tables"),
        (&["flops", "--budget"], 2, "--like blt-1b"),
        (&["bench"], 2, "take random weights with --like"),
    ];
    for (arguments, code, words) in cases {
        let (found, sentence) = refused(&[arguments, &["-m", &alone]].concat());
        assert_eq!(found, code, "{arguments:?}: {sentence}");
        assert!(sentence.contains(words), "{arguments:?}: {sentence}");
    }
}
