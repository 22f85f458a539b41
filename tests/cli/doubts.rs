//! What `patch` and `score` point out once per run: settings and thresholds that ruin a result
//! without an error.

use super::{good, oracle};

/// A copy of a model with another config.
fn with(change: impl FnOnce(&mut serde_json::Value)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source = oracle("k2_base");
    let text = std::fs::read(source.join("config.json")).unwrap();
    let mut config: serde_json::Value = serde_json::from_slice(&text).unwrap();
    change(&mut config);
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let weights = "model.safetensors";
    std::fs::copy(source.join(weights), folder.path().join(weights)).unwrap();
    folder
}

fn warnings(arguments: &[&str], text: &str) -> Vec<String> {
    let err = good(arguments, text.as_bytes()).err;
    let lines = err.lines().filter(|line| line.starts_with("warning: "));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_lost_window_is_pointed_out_where_it_matters() {
    let folder = with(|config| {
        config["patcher_config"]["sliding_window"] = serde_json::Value::Null;
        config["patcher_config"]["max_position_embeddings"] = 8192.into();
    });
    let model = folder.path().to_str().unwrap();
    let long = "word ".repeat(120);
    for command in ["patch", "score"] {
        let found = warnings(&[command, "-m", model], &long);
        assert_eq!(found.len(), 1, "{command}: {found:?}");
        assert!(found[0].contains("sliding_window"), "{found:?}");
        assert!(warnings(&[command, "-m", model], "short").is_empty());
        assert!(
            good(&[command, "-q", "-m", model], long.as_bytes())
                .err
                .is_empty()
        );
    }
}

#[test]
fn a_threshold_of_another_model_is_pointed_out() {
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(47);
    for (command, threshold, doubtful) in [
        ("patch", "0.0001", true),
        ("patch", "9", true),
        ("patch", "1.2", false),
        ("score", "9", true),
    ] {
        let found = warnings(&[command, "--threshold", threshold], &text);
        assert_eq!(
            !found.is_empty(),
            doubtful,
            "{command} {threshold}: {found:?}"
        );
    }
    // Too little to say anything of, or asked for.
    assert!(warnings(&["patch", "--threshold", "9"], &text[..2000]).is_empty());
    assert!(warnings(&["patch", "--mode", "byte"], &text).is_empty());
    assert!(warnings(&["patch", "--patch-size", "20"], &text).is_empty());
}
