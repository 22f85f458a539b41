//! Texts as editors and shells write them: with byte order marks, as UTF-16, and with bytes
//! that JSON cannot hold.

use std::path::{Path, PathBuf};

use super::{Ran, blt, good, model, oracle};

const MARK: &[u8] = b"\xEF\xBB\xBF";

/// How a text may be written besides plain UTF-8, and what is said of it; none for what
/// must be as if it were plain.
fn clothes(text: &str) -> Vec<(&'static str, Vec<u8>, Option<&'static str>)> {
    let wide = |unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
        let marked = format!("\u{feff}{text}");
        marked.encode_utf16().flat_map(unit).collect()
    };
    let lines = text.replace('\n', "\r\n");
    vec![
        ("marked", [MARK, text.as_bytes()].concat(), None),
        ("marked, CRLF", [MARK, lines.as_bytes()].concat(), None),
        ("UTF-16 LE", wide(u16::to_le_bytes), Some("UTF-16")),
        ("UTF-16 BE", wide(u16::to_be_bytes), Some("UTF-16")),
    ]
}

/// A copy of a model, of which one file is written in other clothes.
fn dressed(variant: &Path, file: &str, content: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(variant).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    std::fs::write(folder.path().join(file), content).unwrap();
    folder
}

fn compare(plain: &Ran, ran: &Ran, what: &str, said: Option<&str>, (code, name): (i32, &str)) {
    match said {
        None => {
            assert_eq!(ran.code, 0, "{what}: {}", ran.err);
            assert_eq!(ran.out, plain.out, "{what}");
        }
        Some(said) => {
            assert_eq!(ran.code, code, "{what}: {}", ran.err);
            assert!(ran.err.contains(said), "{what}: {}", ran.err);
            assert!(ran.err.contains("save it as UTF-8"), "{what}: {}", ran.err);
            assert!(ran.err.contains(name), "{what}: {}", ran.err);
            assert_eq!(ran.err.lines().count(), 1, "{what}: {}", ran.err);
        }
    }
}

#[test]
fn a_config_may_have_a_mark_and_utf_16_is_named() {
    let text = std::fs::read_to_string(oracle("k2_base").join("config.json")).unwrap();
    let plain = good(&["entropy", "-q", "-m", &model(), "text"], b"");
    for (what, content, said) in clothes(&text) {
        let folder = dressed(&oracle("k2_base"), "config.json", &content);
        let folder = folder.path().to_str().unwrap();
        let ran = Ran::of(&mut blt(&["entropy", "-q", "-m", folder, "text"]));
        compare(&plain, &ran, what, said, (4, "config.json"));
    }
}

fn run(arguments: &[&str], stdin: &[u8]) -> Ran {
    Ran::of(blt(arguments).write_stdin(stdin))
}

fn written(folder: &Path, name: &str, content: &[u8]) -> String {
    let path: PathBuf = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path.display().to_string()
}

#[test]
fn requests_prompts_and_tables_may_have_a_mark() {
    let folder = tempfile::tempdir().unwrap();
    let model = model();
    let requests = "{\"context\": \"한글\", \"continuation\": \" b\"}\n\n{\"context\": \"\", \
                    \"continuation\": \"c\"}\n";
    let prompts = "first prompt\n두 번째\n";
    let objects = "{\"prompt\": \"first prompt\"}\n{\"prompt\": \"두 번째\"}\n";
    let table = "{\"side\": 260, \"pairs\": [[104, 105]]}";
    let generate = ["generate", "-q", "-m", &model, "-n", "5", "--temp", "0"];
    let all: [(&str, &str, Vec<&str>); 4] = [
        (
            "requests.jsonl",
            requests,
            vec!["score", "-q", "-m", &model, "--requests"],
        ),
        (
            "prompts.txt",
            prompts,
            [&generate[..], &["--prompts"]].concat(),
        ),
        (
            "prompts.jsonl",
            objects,
            [&generate[..], &["--prompts"]].concat(),
        ),
        (
            "table.json",
            table,
            vec!["patch", "-q", "--mode", "lookup", "hi hi", "--table"],
        ),
    ];
    for (name, text, arguments) in all {
        let path = written(folder.path(), name, text.as_bytes());
        let arguments = [&arguments[..], &[path.as_str()]].concat();
        let plain = good(&arguments, b"");
        assert!(!plain.out.is_empty());
        for (what, content, said) in clothes(text) {
            written(folder.path(), name, &content);
            compare(
                &plain,
                &run(&arguments, b""),
                &format!("{name} {what}"),
                said,
                (2, name),
            );
        }
    }
}

/// A prompt from a file or a pipe is read without the mark; one in an argument is what
/// its author has typed.
#[test]
fn a_mark_is_no_part_of_a_prompt() {
    let folder = tempfile::tempdir().unwrap();
    let model = model();
    let base = [
        "generate", "-q", "-m", &model, "-n", "7", "--temp", "0", "--echo",
    ];
    let plain = good(&[&base[..], &["-p", "abc"]].concat(), b"");
    let marked = [MARK, b"abc"].concat();
    let path = written(folder.path(), "prompt.txt", &marked);
    let ran = good(&[&base[..], &["-f", &path]].concat(), b"");
    assert_eq!(ran.out, plain.out);
    assert_eq!(good(&base, &marked).out, plain.out);
    let typed = good(&[&base[..], &["-p", "\u{feff}abc"]].concat(), b"");
    assert!(typed.out.starts_with(&marked));
    let wide = b"\xFF\xFEa\0b\0";
    let path = written(folder.path(), "prompt.txt", wide);
    let ran = run(&[&base[..], &["-f", &path]].concat(), b"");
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("UTF-16"), "{}", ran.err);
}

/// Texts are bytes, marks too.
#[test]
fn a_text_keeps_every_byte() {
    let folder = tempfile::tempdir().unwrap();
    let model = model();
    for text in [
        &b"\xEF\xBB\xBFab"[..],
        b"\xFF\xFEa\0b\0",
        b"\xFE\xFF\0a",
        b"\0\xFF",
    ] {
        let path = written(folder.path(), "text", text);
        for from in [vec!["-f", &path], vec![]] {
            for command in ["patch", "entropy"] {
                let format = [command, "-q", "-m", &model, "--format", "csv"];
                let stdin = if from.is_empty() { text } else { b"" };
                let ran = good(&[&format[..], &from].concat(), stdin);
                let bytes: Vec<u8> = (ran.text().lines().skip(1))
                    .filter_map(|line| line.split(',').nth(1)?.parse().ok())
                    .collect();
                assert_eq!(bytes, text);
            }
        }
        let scored = good(
            &["score", "-q", "-m", &model, "--format", "csv", &path],
            b"",
        );
        assert_eq!(scored.text().lines().count(), text.len() + 1);
    }
}

/// Files put one behind the other have a mark each, and standard input is called so.
#[test]
fn each_of_several_files_may_have_a_mark() {
    let model = model();
    let base = ["score", "-q", "-m", &model, "--requests", "-"];
    let line = b"{\"context\": \"a\", \"continuation\": \"b\"}\r\n";
    let plain = good(&base, &[&line[..], line].concat());
    let marked = good(&base, &[MARK, line, MARK, line].concat());
    assert_eq!(plain.out, marked.out);
    let ran = run(&base, b"\xFF\xFE{\0");
    assert!(ran.err.contains("standard input is UTF-16"), "{}", ran.err);
}

#[test]
fn what_json_cannot_hold_names_line_and_remedy() {
    let model = model();
    let base = ["score", "-q", "-m", &model, "--requests", "-"];
    let sound = "{\"context\": \"a\", \"continuation\": \"b\"}\n";
    let bad: [&[u8]; 3] = [
        br#"{"context": "\ud800", "continuation": "b"}"#,
        br#"{"context": "\udc00x", "continuation": "b"}"#,
        b"{\"context\": \"\xFF\", \"continuation\": \"b\"}",
    ];
    for line in bad {
        let ran = run(&base, &[sound.as_bytes(), line].concat());
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.err.contains("line 2 of"), "{}", ran.err);
        assert!(ran.err.contains("context_base64"), "{}", ran.err);
    }
}

/// A text that is not UTF-8 can be asked about, prompted with, and read back.
#[test]
fn requests_prompts_and_results_carry_any_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let model = model();
    let plain = "{\"context\": \"ab\", \"continuation\": \"cd\"}\n";
    let coded = "{\"context_base64\": \"YWI=\", \"continuation_base64\": \"Y2Q\"}\n";
    let other = "{\"context_base64\": \"7aCA/w==\", \"continuation_base64\": \"/wA=\"}\n";
    let base = ["score", "-q", "-m", &model, "--requests", "-"];
    let ran = good(&base, format!("{plain}{coded}{other}").as_bytes()).text();
    let answers: Vec<&str> = ran.lines().collect();
    assert_eq!(answers.len(), 3);
    assert_eq!(answers[0], answers[1]);
    assert!(answers[2].contains("\"bytes\":2"));

    let prompts = "{\"prompt\": \"ab\\ncd\"}\n{\"prompt_base64\": \"7aCA/w==\"}\n";
    let path = written(folder.path(), "prompts.jsonl", prompts.as_bytes());
    let base = [
        "generate", "-q", "-m", &model, "-n", "9", "--temp", "0", "--echo",
    ];
    let lines = good(
        &[&base[..], &["--prompts", &path, "--format", "jsonl"]].concat(),
        b"",
    );
    for (index, prompt) in [&b"ab\ncd"[..], b"\xED\xA0\x80\xFF"]
        .into_iter()
        .enumerate()
    {
        let alone = written(folder.path(), "prompt", prompt);
        let exact = good(&[&base[..], &["-f", &alone]].concat(), b"").out;
        let line = lines.text().lines().nth(index).unwrap().to_owned();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["prompt"], index);
        let text = match line.get("text") {
            Some(text) => text.as_str().unwrap().as_bytes().to_vec(),
            None => data_encoding::BASE64
                .decode(line["text_base64"].as_str().unwrap().as_bytes())
                .unwrap(),
        };
        assert_eq!(text, exact);
    }
}
