//! Several documents in one text, and what is said about patches and characters.

use blt::record::decode_brackets;
use serde_json::Value;

use super::input::file;
use super::{good, model, refused};

/// Bytes that no document holds, nor any part of one.
const SEPARATOR: &str = r"\x1e\n";
const BETWEEN: &[u8] = b"\x1e\n";

const DOCUMENTS: [&str; 4] = [
    "The first document, of some words.\n",
    "둘째 문서.\n",
    "",
    "The first document, again.",
];

fn joined() -> Vec<u8> {
    DOCUMENTS.map(str::as_bytes).join(BETWEEN)
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn each_document_is_scored_as_if_alone() {
    let model = model();
    let (_file, path) = file(&joined());
    for part in ["blt", "entropy", "both"] {
        let score = ["score", "-m", &model, "--model-part", part, "--format"];
        let rows = |more: &[&str], stdin: &[u8]| {
            lines(&good(&[&score[..], &["jsonl"], more].concat(), stdin).text())
        };
        let found = rows(&["--separator", SEPARATOR, &path], b"");
        let mut found = found.iter();
        let (mut bytes, mut patches, mut nats) = (0, 0, 0.0);
        for (document, text) in DOCUMENTS.iter().enumerate() {
            let alone = rows(&["-"], text.as_bytes());
            assert_eq!(alone.len(), text.len());
            for row in &alone {
                let found = found.next().unwrap();
                assert_eq!(found["document"], document);
                for key in ["i", "byte", "patch"] {
                    assert_eq!(found[key], row[key], "{found}");
                }
                assert!((number(&found["nll"]) - number(&row["nll"])).abs() < 1e-4);
                assert_eq!(found["nll_entropy"].is_null(), part != "both");
                nats += number(&row["nll"]);
            }
            bytes += text.len();
            let last = alone.last().map(|row| row["patch"].as_u64().unwrap() + 1);
            patches += last.unwrap_or(0);
        }
        assert!(found.next().is_none());

        // A file has the sums of its documents.
        let arguments = [&score[..], &["text", "--separator", SEPARATOR, &path]].concat();
        let text = good(&arguments, b"").text();
        let row: Vec<&str> = text.lines().last().unwrap().split_whitespace().collect();
        let expected = ["4".to_owned(), bytes.to_string(), patches.to_string()];
        assert_eq!(row[1..4], expected, "{text}");
        let bits = nats / bytes as f64 / std::f64::consts::LN_2;
        assert!(
            (row[5].parse::<f64>().unwrap() - bits).abs() < 1e-3,
            "{text}"
        );
    }
}

#[test]
fn a_csv_line_names_its_document() {
    let arguments = [
        "score",
        "-m",
        &model(),
        "--separator",
        "|",
        "--format",
        "csv",
        "-",
    ];
    let csv = good(&arguments, b"a|b").text();
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0], ["file", "document", "i", "byte", "nll", "patch"]);
    assert_eq!(rows[1][..4], ["-", "0", "0", "97"]);
    assert_eq!(rows[2][..4], ["-", "1", "0", "98"]);
    assert_eq!(rows.len(), 3);
}

#[test]
fn noise_is_that_of_each_document() {
    let model = model();
    let (_file, path) = file(&joined());
    let (_loud, loud) = file(
        &DOCUMENTS
            .map(|text| text.to_uppercase().into_bytes())
            .join(BETWEEN),
    );
    let noise = |path: &str, separator: &str| -> Vec<Value> {
        let arguments = [
            "eval",
            "noise",
            "-m",
            &model,
            "--format",
            "json",
            "--separator",
            separator,
            path,
        ];
        serde_json::from_str(&good(&arguments, b"").text()).unwrap()
    };
    let rows = noise(&path, SEPARATOR);
    let bytes: usize = DOCUMENTS.iter().map(|text| text.len()).sum();
    assert_eq!(rows[0]["bytes"], bytes);
    let arguments = [
        "score",
        "-m",
        &model,
        "--separator",
        SEPARATOR,
        "--format",
        "md",
        &path,
    ];
    let scored = good(&arguments, b"").text();
    let bits = format!("{:.4}", number(&rows[0]["bits_per_byte"]));
    assert!(scored.contains(&bits), "{bits} {scored}");
    // Upper case does not reach the separator, and neither does any other noise.
    let close = |a: &Value, b: &Value| (number(a) - number(b)).abs() < 1e-6;
    assert!(close(
        &rows[5]["bits_per_byte"],
        &noise(&loud, SEPARATOR)[0]["bits_per_byte"]
    ));
    assert!(!close(
        &rows[0]["bits_per_byte"],
        &noise(&path, "no such thing")[0]["bits_per_byte"]
    ));
}

#[test]
fn patches_of_each_document_follow_those_of_the_one_before() {
    let model = model();
    for (command, format) in [
        ("patch", "brackets"),
        ("patch", "jsonl"),
        ("entropy", "jsonl"),
    ] {
        let base = [command, "-m", &model, "--format", format];
        let alone = DOCUMENTS.map(|text| good(&[&base[..], &["-"]].concat(), text.as_bytes()));
        let alone = alone.map(|ran| ran.text()).concat();
        let together = good(
            &[&base[..], &["--separator", SEPARATOR, "-"]].concat(),
            &joined(),
        );
        if format == "brackets" {
            assert_eq!(together.text(), alone);
        } else {
            let (found, expected) = (lines(&together.text()), lines(&alone));
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(&expected) {
                for key in ["i", "byte", "start", "patch"] {
                    assert_eq!(found[key], expected[key], "{found}");
                }
                let difference = number(&found["entropy"]) - number(&expected["entropy"]);
                assert!(difference.abs() < 1e-4, "{found} {expected}");
            }
        }
        let bytes: usize = DOCUMENTS.iter().map(|text| text.len()).sum();
        let begin = format!("4 documents · {bytes} bytes · ");
        assert!(together.err.starts_with(&begin), "{}", together.err);
    }
    // One header is enough.
    let csv = [
        "patch",
        "--mode",
        "byte",
        "--format",
        "csv",
        "--separator",
        "|",
        "-",
    ];
    let csv = good(&csv, b"a|b").text();
    assert_eq!(csv.lines().filter(|line| line.starts_with("i,")).count(), 1);
    assert_eq!(csv.lines().count(), 5);
}

#[test]
fn boundaries_inside_characters_are_counted() {
    let said = |more: &[&str], text: &str| {
        let base = ["patch", "--mode", "byte", "-"];
        good(&[&base[..], more].concat(), text.as_bytes()).err
    };
    let one = said(&[], "한a");
    let line = "4 bytes · 4 patches · mean 1.00 · 2 of 3 boundaries inside a character (66.7 %) · ";
    assert!(one.starts_with(line), "{one}");
    // The boundary between two documents is none of patches.
    let two = said(&["--separator", "||"], "한||é");
    let line = "2 documents · 5 bytes · 5 patches · mean 1.00 · \
                3 of 3 boundaries inside a character (100.0 %) · ";
    assert!(two.starts_with(line), "{two}");
    let words = good(&["patch", "--mode", "space", "two words"], b"").err;
    assert!(words.contains("0 of 1 boundary inside"), "{words}");
    assert!(!said(&[], "").contains("inside"));
}

#[test]
fn documents_stream() {
    let document = "Words of a long document, 낱말.\n".repeat(9000);
    let text = [document.as_str(); 5].join("\n<end>\n");
    let (_file, path) = file(text.as_bytes());
    let arguments = [
        "patch",
        "--mode",
        "space",
        "--separator",
        r"\n<end>\n",
        "-f",
        &path,
    ];
    let ran = good(&arguments, b"");
    let line = format!("5 documents · {} bytes · ", 5 * document.len());
    assert!(ran.err.starts_with(&line), "{}", ran.err);
    let patches = decode_brackets(&ran.text()).unwrap();
    assert_eq!(patches.concat(), document.repeat(5).into_bytes());
}

#[test]
fn what_several_documents_cannot_have_is_refused() {
    let model = model();
    let cases: [(&[&str], &[&str]); 5] = [
        (
            &["patch", "a|b", "--separator", "|", "--format", "svg"],
            &["one text", "--separator"],
        ),
        (
            &[
                "patch",
                "a|b",
                "-m",
                &model,
                "--separator",
                "|",
                "--patch-size",
                "4",
            ],
            &["--separator", "--threshold"],
        ),
        (
            &[
                "score",
                "-",
                "-m",
                &model,
                "--model-part",
                "entropy",
                "--separator",
                "|",
                "--patch-size",
                "4",
            ],
            &["--separator", "--threshold"],
        ),
        (&["patch", "a", "--separator", ""], &["a byte at least"]),
        (
            &["score", "--requests", "-", "-m", &model, "--separator", "|"],
            &["--separator"],
        ),
    ];
    for (arguments, words) in cases {
        let (code, sentence) = refused(arguments);
        assert_eq!(code, 2, "{arguments:?}: {sentence}");
        for word in words {
            assert!(sentence.contains(word), "{arguments:?}: {sentence}");
        }
    }
}
