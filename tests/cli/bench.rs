//! `blt bench`: the facts beside the times.

use serde_json::Value;

use super::{good, model, refused};

/// A text of which every byte is there.
fn text() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    path.to_owned()
}

fn bench(more: &[&str]) -> Vec<Value> {
    let (model, text) = (model(), text());
    let common = ["bench", "-m", &model, "--text", &text, "-r", "1"];
    let ran = good(&[&common, more].concat(), b"");
    assert!(ran.err.contains("for weights on"), "{}", ran.err);
    serde_json::from_str(&ran.text()).unwrap()
}

#[test]
fn each_test_has_a_row_with_its_steps() {
    let rows = bench(&["-p", "8,20", "-n", "5", "--patch-size", "4", "-o", "json"]);
    let facts: Vec<_> = rows
        .iter()
        .map(|row| {
            let number = |key: &str| row[key].as_u64().unwrap();
            (
                row["test"].as_str().unwrap(),
                number("context"),
                number("bytes"),
                number("latent_steps"),
            )
        })
        .collect();
    // A patch starts at bytes 0, 4, 8, ... and closes the one before; BOS is one.
    assert_eq!(
        facts,
        [
            ("prefill", 0, 8, 3),
            ("prefill", 0, 20, 6),
            ("decode", 8, 5, 1),
            ("decode", 20, 5, 1)
        ]
    );
    for row in &rows {
        assert!(row["bytes_per_second"].as_f64() > Some(0.0), "{row}");
        assert!(row["bytes_per_second_sd"].is_null(), "{row}");
        assert!(row["copy_bytes_per_second"].as_f64() > Some(0.0), "{row}");
        assert!(row["peak_flops_per_second"].as_f64() > Some(0.0), "{row}");
        assert!(row["session_bytes"].as_u64() > Some(0), "{row}");
        let share = match row["test"].as_str() {
            Some("prefill") => &row["peak_share"],
            _ => &row["copy_share"],
        };
        assert!(share.as_f64() > Some(0.0), "{row}");
    }
    let decoded = |row: &Value| row["decoded"].as_str().map(str::to_owned);
    let text = std::fs::read(text()).unwrap();
    let hexadecimal: String = text[8..13].iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(decoded(&rows[2]), Some(hexadecimal));
    assert_eq!(decoded(&rows[0]), Some(String::new()));
}

#[test]
fn the_text_does_not_depend_on_how_steps_are_sized() {
    let greedy = |how: &[&str]| {
        let common = ["-p", "30", "-n", "12", "--greedy", "-o", "json"];
        let rows = bench(&[&common, how].concat());
        let fact = |key: &str| [&rows[0], &rows[1]].map(|row| row[key].clone());
        (fact("decoded"), fact("latent_steps"))
    };
    let usual = greedy(&[]);
    assert_eq!(usual.0[1].as_str().map(str::len), Some(24));
    for how in ["worst", "indirect", "readback"] {
        assert_eq!(greedy(&["--latent-step", how]), usual, "{how}");
    }
    assert_eq!(greedy(&["--hash-tables", "host"]), usual);
}

#[test]
fn people_see_what_the_numbers_rest_on() {
    let model = model();
    let ran = good(
        &[
            "bench", "-m", &model, "-p", "0,8", "-n", "2", "-r", "2", "-q",
        ],
        b"",
    );
    assert!(ran.err.is_empty(), "{}", ran.err);
    let text = ran.text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].contains(": copies ") && lines[0].contains("FLOP/s in f32"),
        "{text}"
    );
    assert_eq!(lines[1], "Patches by the model's own rule.");
    assert!(lines[3].starts_with("| model | test | bytes/s |"), "{text}");
    let tests: Vec<_> = lines[5..]
        .iter()
        .map(|line| line.split(" | ").nth(1))
        .collect();
    assert_eq!(
        tests,
        [
            Some("prefill 8"),
            Some("decode 2 @ 0"),
            Some("decode 2 @ 8")
        ]
    );
    assert!(lines[5..].iter().all(|line| line.contains(" ± ")), "{text}");
}

#[test]
fn random_weights_get_patches_of_a_fixed_size() {
    let config = super::oracle("k2_base").join("config.json");
    let config = config.display().to_string();
    let arguments = ["bench", "--like", &config, "-p", "8", "-n", "2", "-r", "1"];
    let text = good(&arguments, b"").text();
    assert!(text.contains("mean nothing: patches of 4 bytes"), "{text}");
    let json = good(&[&arguments[..], &["-o", "json"]].concat(), b"").text();
    let rows: Vec<Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["latent_steps"], 3);
    for row in &rows {
        let facts = [&row["random_weights"], &row["patch_size"]];
        assert_eq!(facts, [&Value::from("yes"), &Value::from(4)]);
    }
}

#[test]
fn what_cannot_be_measured_is_refused_before_anything_runs() {
    let model = model();
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::write(&empty, b"").unwrap();
    let empty = empty.display().to_string();
    let cases: &[(&[&str], i32, &[&str])] = &[
        (&["-m", &model, "-p", "0", "-n", "0"], 2, &["-p 0", "-n 0"]),
        (
            &["-m", &model, "-p", "99999"],
            2,
            &["prefill 99999", "24576"],
        ),
        (
            &["-m", &model, "-p", "24000", "-n", "576"],
            2,
            &["decode 576 @ 24000", "24577", "24576"],
        ),
        (&["-m", &model, "-r", "0"], 2, &["from 1 on"]),
        (&["-m", &model, "--patch-size", "0"], 2, &["from 1 on"]),
        (&["-m", &model, "--text", &empty], 2, &["text is empty"]),
        (&["-m", &model, "--text", "/missing"], 1, &["/missing"]),
        (&["-m", &model, "--latent-step", "none"], 2, &["readback"]),
        (
            &["-m", &model, "--hash-tables", "disk"],
            2,
            &["device or host"],
        ),
        (&["-m", "/missing"], 4, &["/missing"]),
        (&["--like", "/missing"], 4, &["/missing"]),
    ];
    for (more, code, words) in cases {
        let arguments = [&["bench"], *more].concat();
        let (found, sentence) = refused(&arguments);
        assert_eq!(found, *code, "{arguments:?}: {sentence}");
        for word in *words {
            assert!(sentence.contains(word), "{arguments:?}: {sentence}");
        }
    }
}
