//! `blt convert`, and `blt inspect` on what it reads and writes.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{good, refused};

fn layout(name: &str) -> String {
    let folder = ["tests", "library", "checkpoint", "meta", name];
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let path = folder.iter().fold(root, |path, part| path.join(part));
    path.display().to_string()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let mut names: Vec<_> = entries
        .map(|e| e.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn inspected(model: &str) -> Value {
    let text = good(&["inspect", "-m", model, "--json"], b"").text();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_model_of_meta_becomes_one_of_transformers() {
    let root = tempfile::tempdir().unwrap();
    for (model, tensors) in [("hub", 95), ("original/blt_tiny", 95), ("transformers", 90)] {
        let model = layout(model);
        let before = inspected(&model);
        assert_eq!(before["total"]["tensors"], tensors, "{model}");
        let folder = root
            .path()
            .join(tensors.to_string() + &names(root.path()).len().to_string());
        let out = folder.to_str().unwrap();
        let ran = good(&["convert", "-m", &model, out], b"");
        assert!(ran.out.is_empty());
        assert!(
            ran.err.contains("90 tensors") && ran.err.contains("1 file") && ran.err.contains(out),
            "{}",
            ran.err
        );
        assert_eq!(names(&folder), ["config.json", "model.safetensors"]);
        let after = inspected(out);
        assert_eq!(after["total"]["tensors"], 90);
        assert_eq!(after["total"]["parameters"], before["total"]["parameters"]);
        assert_eq!(after["config"], before["config"]);
    }
    assert_eq!(names(root.path()).len(), 3);
}

#[test]
fn a_dtype_may_be_chosen_and_silence_too() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("half");
    let out = folder.to_str().unwrap();
    let ran = good(
        &["convert", "-q", "-m", &layout("hub"), out, "--dtype", "f16"],
        b"",
    );
    assert!(ran.out.is_empty() && ran.err.is_empty(), "{}", ran.err);
    assert_eq!(
        inspected(out)["parts"][0]["dtypes"],
        serde_json::json!(["F16"])
    );
    let (code, sentence) = refused(&["convert", "-m", &layout("hub"), out, "--dtype", "f8"]);
    assert_eq!(code, 2);
    assert!(
        sentence.contains("f8") && sentence.contains("bf16"),
        "{sentence}"
    );
}

#[test]
fn what_is_there_is_never_overwritten() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("mine.txt"), "mine").unwrap();
    let out = root.path().to_str().unwrap();
    let (code, sentence) = refused(&["convert", "-m", &layout("hub"), out]);
    assert_eq!(code, 2);
    assert!(
        sentence.contains(out) && sentence.contains("not empty"),
        "{sentence}"
    );
    assert_eq!(names(root.path()), ["mine.txt"]);
    let (code, _) = refused(&["convert", "-m", "no-such-model", "somewhere"]);
    assert_eq!(code, 4);
}

/// A limit on the size of files stands for a full disk: the system refuses to
/// write beyond it.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("out");
    let mut command = assert_cmd::Command::new("sh");
    command.env_remove("BLT_MODEL").arg("-c");
    // 40 blocks of 512 bytes or of 1024, by shell; ignored signals stay ignored in what is started.
    command.arg("trap '' XFSZ; ulimit -f 40; exec \"$0\" convert -m \"$1\" \"$2\"");
    command.args([super::program(), &layout("hub"), folder.to_str().unwrap()]);
    let ran = super::Ran::of(&mut command);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let sentence = ran.err.trim_end();
    assert!(
        sentence.starts_with("blt: cannot write") && sentence.contains("out/model.safetensors"),
        "{sentence}"
    );
    assert_eq!(sentence.lines().count(), 1, "{sentence}");
    assert!(names(root.path()).is_empty(), "{:?}", names(root.path()));
}

#[test]
fn inspect_names_the_closest_released_model() {
    let text = good(&["inspect", "-m", &layout("hub")], b"").text();
    assert!(
        text.contains("2 files") && text.contains("closest to blt-1b"),
        "{text}"
    );
    let closest = &inspected(&layout("transformers"))["closest"];
    assert_eq!(closest["name"], "blt-1b");
    let differences = closest["differences"].as_array().unwrap();
    let heads = differences
        .iter()
        .find(|d| d["setting"] == "blt.latent.heads");
    assert_eq!(heads.unwrap()["released"], 16);
}
