//! `blt generate`: the bytes, the trace, and what ends a text.

use safetensors::SafeTensors;
use serde_json::Value;

use super::{Ran, blt, good, model, oracle, refused};

/// The ids of an input and those that greedy decoding continues with.
fn golden(variant: &str, input: &str) -> (Vec<u8>, Vec<i64>) {
    let path = oracle(variant).join(format!("golden_{input}.safetensors"));
    let file = std::fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let ints = |name: &str| -> Vec<i64> {
        let data = tensors.tensor(name).unwrap().data().to_vec();
        let chunks = data.chunks_exact(8);
        chunks
            .map(|chunk| i64::from_le_bytes(chunk.try_into().unwrap()))
            .collect()
    };
    let bytes = ints("input_ids")[1..].iter().map(|id| byte(*id)).collect();
    (bytes, ints("greedy"))
}

fn byte(id: i64) -> u8 {
    u8::try_from(id - 4).unwrap()
}

/// A folder for a trace, and the trace's path.
fn trace() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.jsonl").display().to_string();
    (folder, path)
}

fn lines(path: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn greedy_bytes_agree_with_the_golden_data() {
    let mut compared = 0;
    for variant in ["k2_base", "k4_proj", "gqa", "window", "nopatcher", "bf16w"] {
        let model = oracle(variant).display().to_string();
        for input in ["ascii", "korean", "empty"] {
            let (prompt, greedy) = golden(variant, input);
            // No special id is ever generated here, so the texts part at the first.
            let bytes: Vec<u8> = greedy
                .iter()
                .take_while(|id| **id >= 4)
                .map(|id| byte(*id))
                .collect();
            let count = bytes.len().to_string();
            let arguments = [
                "generate", "-f", "-", "--temp", "0", "-n", &count, "-m", &model,
            ];
            let mut arguments = arguments.to_vec();
            if variant == "nopatcher" {
                arguments.extend(["--mode", "byte"]);
            }
            assert_eq!(good(&arguments, &prompt).out, bytes, "{variant} {input}");
            compared += bytes.len();
        }
    }
    assert!(compared > 200, "{compared}");
}

#[test]
fn the_trace_is_the_text_and_its_scores_are_those_of_the_whole_text() {
    let (_folder, path) = trace();
    let model = model();
    let prompt = "Words and 글자, ";
    let common = ["-m", &model, "-n", "60", "--seed", "5", "--ignore-eos"];
    let arguments = [&["generate", "-p", prompt, "--trace", &path], &common[..]].concat();
    let ran = good(&arguments, b"");
    assert_eq!(ran.out.len(), 60);
    let events = lines(&path);
    assert_eq!(events[0]["event"], "prompt");
    assert_eq!(
        (&events[0]["bytes"], &events[0]["seed"]),
        (&prompt.len().into(), &5.into())
    );
    assert_eq!(events.last().unwrap()["reason"], "length");

    // The text read as a whole, without the caches of generation.
    let text = [prompt.as_bytes(), &ran.out].concat();
    let scored = good(
        &[
            "score",
            "-m",
            &model,
            "--model-part",
            "both",
            "--format",
            "jsonl",
            "-",
        ],
        &text,
    );
    let patched = good(&["entropy", "-m", &model, "-"], &text).text();
    let parse = |text: &str| -> Vec<Value> {
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let (scored, patched) = (parse(&scored.text()), parse(&patched));
    let bytes = events.iter().filter(|event| event["event"] == "byte");
    let bytes: Vec<&Value> = bytes.collect();
    assert_eq!(bytes.len(), 60);
    for (at, event) in bytes.iter().enumerate() {
        let i = prompt.len() + at;
        assert_eq!(
            (&event["i"], &event["byte"]),
            (&i.into(), &ran.out[at].into())
        );
        let close = |a: &Value, b: &Value| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-3;
        assert!(
            close(&event["nll"], &scored[i]["nll"]),
            "{event} {}",
            scored[i]
        );
        assert!(close(&event["entropy"], &patched[i]["entropy"]), "{event}");
        assert!(close(&patched[i]["nll"], &scored[i]["nll_entropy"]));
        assert_eq!(event["start"], patched[i]["start"]);
        assert_eq!(event["patch"], patched[i]["patch"]);
        assert_eq!(event["patch"], scored[i]["patch"]);
    }
    // Boundaries are where patches of the whole text end, with their lengths.
    let boundaries: Vec<(u64, u64)> = events
        .iter()
        .filter(|event| event["event"] == "boundary")
        .map(|event| {
            (
                event["patch"].as_u64().unwrap(),
                event["length"].as_u64().unwrap(),
            )
        })
        .collect();
    assert!(boundaries.len() > 3);
    for (patch, length) in &boundaries {
        let bytes = scored.iter().filter(|line| line["patch"] == *patch);
        assert_eq!(bytes.count() as u64, *length, "patch {patch}");
    }
    let steps = events
        .iter()
        .filter(|event| event["event"] == "latent_step");
    assert_eq!(steps.count(), boundaries.len());
    assert_eq!(events.last().unwrap()["latent_steps"], boundaries.len());
}

#[test]
fn the_seed_decides_and_greedy_takes_no_notice_of_it() {
    let model = model();
    let run = |more: &[&str]| {
        let arguments = [
            "generate",
            "-p",
            "x",
            "-n",
            "30",
            "--ignore-eos",
            "-m",
            &model,
        ];
        good(&[&arguments[..], more].concat(), b"").out
    };
    assert_eq!(run(&["--seed", "3"]), run(&["-s", "3"]));
    assert_ne!(run(&["--seed", "3"]), run(&["--seed", "4"]));
    assert_eq!(run(&["--temp", "0", "--seed", "3"]), run(&["--temp", "0"]));
    assert_eq!(run(&["--top-k", "1"]), run(&["--temp", "0"]));
    assert_eq!(run(&["--top-p", "0"]), run(&["--min-p", "1"]));
}

#[test]
fn a_stop_string_ends_the_text_before_it() {
    let model = model();
    let run = |more: &[&str]| {
        let arguments = [
            "generate", "-p", "The ", "-n", "25", "--temp", "0", "-m", &model,
        ];
        good(&[&arguments[..], more].concat(), b"").out
    };
    let whole = run(&[]);
    let stop: String = whole[10..13]
        .iter()
        .map(|b| format!("\\x{b:02x}"))
        .collect();
    let end = whole.windows(3).position(|bytes| bytes == &whole[10..13]);
    assert_eq!(run(&["--stop", &stop]), whole[..end.unwrap()]);
    assert_eq!(
        run(&["--stop", "not in it", "--echo"]),
        [b"The ", &whole[..]].concat()
    );
}

#[test]
fn drafts_change_no_byte_and_are_counted() {
    let (_folder, path) = trace();
    let model = model();
    for temperature in ["0", "0.9"] {
        let end = "--ignore-eos";
        let common = ["-m", &model, "-n", "60", "--temp", temperature, end];
        let plain = [&["generate", "-p", "Words and 글자, "], &common[..]].concat();
        let expected = good(&plain, b"");
        assert!(!expected.err.contains("drafted"), "{}", expected.err);
        let drafting = ["--speculate", "8", "--trace", &path];
        let ran = good(&[&plain, &drafting[..]].concat(), b"");
        assert_eq!(ran.out, expected.out);
        let events = lines(&path);
        assert_eq!(events[0]["speculate"], "8");
        let sum = |name: &str| -> u64 {
            let drafts = events.iter().filter(|event| event["event"] == "draft");
            drafts.map(|event| event[name].as_u64().unwrap()).sum()
        };
        let (drafted, accepted) = (sum("drafted"), sum("accepted"));
        assert!(accepted <= drafted && drafted > 40, "{accepted} {drafted}");
        let said = format!("drafted {drafted}, {accepted} accepted");
        assert!(ran.err.contains(&said), "{}", ran.err);
        let auto = good(&[&plain, &["--speculate", "auto"][..]].concat(), b"");
        assert_eq!(auto.out, expected.out);
    }
}

/// Prompts of different lengths, whose texts end at different times.
#[test]
fn prompts_at_the_same_time_are_continued_as_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let prompts = [
        "A",
        "Some words.",
        "",
        "글자",
        "fn main() {",
        "one two one two",
    ];
    let text: Vec<String> = prompts
        .iter()
        .map(|prompt| serde_json::json!({ "prompt": prompt }).to_string())
        .collect();
    std::fs::write(path("prompts.jsonl"), text.join("\n")).unwrap();
    for (variant, more) in [
        ("k2_base", &["--temp", "0"][..]),
        ("k2_base", &["--temp", "1.5", "--seed", "3", "--stop", "e"]),
        ("k1", &["--speculate", "4", "--temp", "1"]),
        ("gqa", &["--temp", "1", "--format", "jsonl", "--echo"]),
        ("window", &["--mode", "space"]),
        ("entropy", &["--temp", "1.2"]),
    ] {
        let model = match variant {
            "entropy" => concat!(env!("CARGO_MANIFEST_DIR"), "/assets/entropy").to_owned(),
            _ => oracle(variant).display().to_string(),
        };
        let run = |batch: &str| {
            let trace = path("trace");
            let (file, all) = (path("prompts.jsonl"), ["-n", "23", "--adapter", "cpu"]);
            let own = [
                "generate",
                "-m",
                &model,
                "--prompts",
                &file,
                "--trace",
                &trace,
            ];
            let text = good(&[&own, &all[..], more, &["--batch", batch]].concat(), b"").out;
            (text, std::fs::read(&trace).unwrap())
        };
        let alone = run("1");
        for batch in ["2", "4", "16"] {
            assert!(run(batch) == alone, "{variant} {more:?} {batch}");
        }
    }
}

#[test]
fn each_line_of_prompts_is_continued_as_if_alone() {
    let (_file, path) = super::input::file("one\n\n둘\n".as_bytes());
    let (_folder, trace) = trace();
    let model = model();
    let common = ["-n", "12", "-m", &model, "--ignore-eos", "--seed", "9"];
    let arguments = [
        &["generate", "--prompts", &path, "--trace", &trace],
        &common[..],
    ];
    let together = good(&arguments.concat(), b"").out;
    let mut expected = Vec::new();
    for prompt in ["one", "", "둘"] {
        let arguments = [&["generate", "-p", prompt], &common[..]].concat();
        expected.extend(good(&arguments, b"").out);
        expected.push(b'\n');
    }
    assert_eq!(together, expected);
    let prompts = lines(&trace);
    let prompts = prompts.iter().filter(|event| event["event"] == "prompt");
    assert_eq!(
        prompts.map(|event| event["prompt"].as_u64()).max(),
        Some(Some(2))
    );
}

#[test]
fn bytes_that_are_no_text_can_be_shown_or_avoided() {
    let model = model();
    let run = |utf8: &str| {
        let arguments = [
            "generate",
            "-p",
            "x",
            "-n",
            "40",
            "--ignore-eos",
            "-m",
            &model,
            "--utf8",
            utf8,
        ];
        good(&arguments, b"").out
    };
    let raw = run("raw");
    assert!(
        std::str::from_utf8(&raw).is_err(),
        "random weights write no text"
    );
    assert_eq!(run("replace"), String::from_utf8_lossy(&raw).as_bytes());
    let text = run("constrain");
    assert_eq!((text.len(), std::str::from_utf8(&text).is_ok()), (40, true));
}

#[test]
fn the_rule_can_be_changed() {
    let model = model();
    let steps = |more: &[&str]| {
        let (_folder, path) = trace();
        let arguments = [
            "generate",
            "-p",
            "x",
            "-n",
            "12",
            "--ignore-eos",
            "-m",
            &model,
            "--trace",
            &path,
        ];
        good(&[&arguments[..], more].concat(), b"");
        lines(&path).last().unwrap()["latent_steps"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(steps(&["--mode", "byte"]), 12);
    assert_eq!(steps(&["--mode", "static", "--patch-size", "4"]), 3);
    assert_eq!(steps(&["--threshold", "99"]), 0);
}

#[test]
fn messages_are_memory_and_summary_or_none() {
    let arguments = ["generate", "-p", "ab", "-n", "8", "--ignore-eos", "-m"];
    let model = model();
    let ran = good(&[&arguments[..], &[&model]].concat(), b"");
    assert_eq!(ran.err.lines().count(), 2, "{}", ran.err);
    for part in [
        "read 2 bytes in",
        "wrote 8 bytes in",
        "B/s",
        "latent step",
        "for weights on",
        "for a text of up to",
        "of weights",
        " on ",
    ] {
        assert!(ran.err.contains(part), "{}", ran.err);
    }
    let quiet = good(&[&arguments[..], &[&model, "-q"]].concat(), b"");
    assert_eq!((quiet.err.as_str(), quiet.out), ("", ran.out));
}

#[test]
fn an_output_file_gets_the_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out").display().to_string();
    let model = model();
    let base = [
        "generate",
        "-p",
        "x",
        "-n",
        "9",
        "--ignore-eos",
        "-m",
        &model,
    ];
    let printed = good(&base, b"").out;
    assert!(
        good(&[&base[..], &["-o", &path]].concat(), b"")
            .out
            .is_empty()
    );
    assert_eq!(std::fs::read(&path).unwrap(), printed);
}

#[test]
fn what_cannot_be_is_refused() {
    let cases: &[(&[&str], i32, &str)] = &[
        (&["-p", "a", "-f", "b"], 2, "--prompt"),
        (&["-p", "a", "--temp", "-1"], 2, "the temperature must be"),
        (&["-p", "a", "--top-p", "1.5"], 2, "the top-p must be"),
        (
            &["-p", "a", "--repetition-penalty", "0"],
            2,
            "repetition penalty",
        ),
        (&["-p", "a", "--stop", ""], 2, "a byte at least"),
        (&["-p", "a", "--stop", "\\q"], 2, "backslash"),
        (&["-p", "a", "--patch-size", "4"], 2, "--threshold"),
        (&["-p", "a", "--trace", "-"], 2, "file of its own"),
        (&["-p", "a", "--speculate", "1"], 2, "from 2 to 32"),
        (
            &["-p", "a", "--hash-tables", "there"],
            2,
            "auto, device or host",
        ),
        (&["-f", "no/such/file"], 1, "no/such/file"),
        (&["-p", "a", "--entropy-model", "no/such"], 4, "no/such"),
        (&["-p", "a", "-m", "no/such"], 4, "no/such"),
    ];
    for (arguments, code, words) in cases {
        let model = model();
        let mut all = vec!["generate"];
        if !arguments.contains(&"-m") {
            all.extend(["-m", &model]);
        }
        all.extend(*arguments);
        let (found, sentence) = refused(&all);
        assert_eq!(found, *code, "{arguments:?}: {sentence}");
        assert!(sentence.contains(words), "{arguments:?}: {sentence}");
    }
    // Nothing is left of a trace that never began.
    let (folder, path) = trace();
    let arguments = [
        "generate",
        "-p",
        "a",
        "--adapter",
        "imaginary",
        "--trace",
        &path,
    ];
    let ran = Ran::of(&mut blt(&arguments));
    assert_eq!(ran.code, 3);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
