//! Files of a model that another program changes while it is in use.

#![cfg(unix)]

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::{oracle, program};

/// What another program does to a file, and its name.
type Change = (&'static str, fn(&Path));

const CHANGES: [Change; 4] = [
    ("cut after a page", |path| cut(path, 4096)),
    ("emptied", |path| cut(path, 0)),
    ("written in place", |path| {
        let bytes = std::fs::read(path).unwrap();
        std::fs::write(path, bytes).unwrap();
    }),
    ("longer", |path| {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(b"more").unwrap();
    }),
];

fn cut(path: &Path, bytes: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(bytes).unwrap();
}

/// Runs a command on a copy of a model, changes its file once the first line of output is
/// there, and hands on more input.
fn run(arguments: &[&str], first: &[u8], change: fn(&Path)) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(oracle("k2_base").join(file), folder.path().join(file)).unwrap();
    }
    let weights = folder.path().join("model.safetensors");
    let mut child = Command::new(program())
        .args(arguments)
        .args(["-q", "-m", folder.path().to_str().unwrap()])
        .env_remove("RUST_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    input.write_all(first).unwrap();
    input.flush().unwrap();
    let mut line = Vec::new();
    output.read_until(b'\n', &mut line).unwrap();
    assert!(!line.is_empty(), "nothing was written");
    change(&weights);
    // The run may end before it has read all of it.
    let _ = input.write_all(&first.repeat(50));
    drop(input);
    let reading = std::thread::spawn(move || output.read_to_end(&mut Vec::new()).unwrap());
    let mut err = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut err).unwrap();
    reading.join().unwrap();
    let status = child.wait().unwrap();
    (status.code(), err, weights.display().to_string())
}

#[test]
fn a_command_that_reads_a_text_names_the_file_and_ends() {
    for (what, change) in CHANGES {
        let (code, err, weights) = run(&["entropy"], &[b'x'; 100], change);
        assert_eq!(code, Some(4), "{what}: {err}");
        assert_eq!(err.lines().count(), 1, "{what}: {err}");
        assert!(err.contains(&weights), "{what}: {err}");
        assert!(err.contains("another program"), "{what}: {err}");
    }
}

#[test]
fn a_generation_names_the_file_and_ends_wherever_its_tables_are() {
    let folder = tempfile::tempdir().unwrap();
    let prompts = folder.path().join("prompts.txt");
    // More than a pipe holds, so that the run waits for its reader.
    std::fs::write(&prompts, "a prompt\n".repeat(20_000)).unwrap();
    let prompts = prompts.to_str().unwrap();
    for tables in ["host", "device"] {
        for (what, change) in CHANGES {
            let arguments = ["generate", "-n", "60", "--ignore-eos", "--prompts", prompts];
            let tables = ["--hash-tables", tables];
            let (code, err, weights) = run(&[&arguments[..], &tables].concat(), b"", change);
            assert_eq!(code, Some(4), "{what}: {err}");
            assert_eq!(err.lines().count(), 1, "{what}: {err}");
            assert!(err.contains(&weights), "{what}: {err}");
        }
    }
}
