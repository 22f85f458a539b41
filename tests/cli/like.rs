//! Random weights in the shapes of another model.

use serde_json::Value;

use super::{Ran, blt, good, oracle, refused};

fn config() -> String {
    oracle("k2_base").join("config.json").display().to_string()
}

#[test]
fn random_weights_generate_in_patches_of_four() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace").display().to_string();
    let config = config();
    let arguments = [
        "generate",
        "--like",
        &config,
        "-p",
        "four and",
        "-n",
        "12",
        "--ignore-eos",
        "--trace",
        &trace,
    ];
    let ran = good(&arguments, b"");
    assert_eq!(ran.out.len(), 12);
    assert!(ran.err.contains("random weights like"), "{}", ran.err);
    let events = std::fs::read_to_string(&trace).unwrap();
    let boundaries: Vec<u64> = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event["event"] == "boundary")
        .map(|event| event["length"].as_u64().unwrap())
        .collect();
    assert_eq!(boundaries, [4, 4, 4]);
    let again = good(&arguments, b"").out;
    assert_eq!(again, ran.out, "the weights are the same in every run");
}

#[test]
fn random_weights_are_scored_and_inspected() {
    let config = config();
    let lines = |more: &[&str]| {
        let arguments = ["score", "--like", &config, "--format", "jsonl", "-q", "-"];
        let text = good(&[&arguments, more].concat(), b"twelve bytes").text();
        let patches = text.lines().map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["patch"].as_u64().unwrap()
        });
        patches.collect::<Vec<_>>()
    };
    assert_eq!(lines(&[]), [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
    assert_eq!(lines(&["--patch-size", "6"])[5..8], [0, 1, 1]);
    assert_eq!(lines(&["--mode", "byte"])[11], 11);

    let ran = good(&["inspect", "--like", "blt-7b", "--json"], b"");
    let found: Value = serde_json::from_str(&ran.text()).unwrap();
    assert_eq!(found["total"]["parameters"], 10_653_082_624_u64);
}

#[test]
fn a_flag_wins_over_the_variable() {
    let config = config();
    let arguments = ["inspect", "--like", &config];
    let ran = Ran::of(blt(&arguments).env("BLT_MODEL", "no/such/model"));
    assert_eq!(ran.code, 0, "{}", ran.err);
    for command in ["inspect", "generate", "score", "flops", "bench"] {
        let (code, sentence) = refused(&[command, "--like", &config, "-m", "x"]);
        assert_eq!(code, 2);
        assert!(
            sentence.contains("--like") && sentence.contains("--model"),
            "{sentence}"
        );
    }
}
