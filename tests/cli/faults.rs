//! A disk that is full at every write in turn, a reader that goes at any moment, and a program
//! that is killed: no half file is ever under its final name.

#![cfg(unix)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{model, oracle, program};

/// Runs with files of at most `blocks` blocks of 512 bytes; more is a write error.
fn within(blocks: u64, arguments: &[&str]) -> (Option<i32>, String) {
    let ended = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f $0; exec \"$@\""])
        .arg(blocks.to_string())
        .arg(program())
        .args(arguments)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&ended.stderr).into_owned();
    (ended.status.code(), err)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|e| e.file_name().into_string().unwrap())
        .collect()
}

/// Commands that write something, with the place of it as `OUT`.
fn writers() -> Vec<(&'static str, Vec<String>)> {
    let model = model();
    let text = oracle("manifest.json").display().to_string();
    let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    vec![
        ("convert", own(&["convert", "-q", "-m", &model, "OUT"])),
        (
            "patch",
            own(&[
                "patch", "-q", "--mode", "space", "-f", &text, "--format", "jsonl", "-o", "OUT",
            ]),
        ),
        (
            "trace",
            own(&[
                "generate",
                "-q",
                "-m",
                &model,
                "-p",
                "a",
                "-n",
                "60",
                "--ignore-eos",
                "--trace",
                "OUT",
            ]),
        ),
    ]
}

fn placed<'a>(arguments: &'a [String], out: &'a str) -> Vec<&'a str> {
    let place = |word: &'a String| if word == "OUT" { out } else { word.as_str() };
    arguments.iter().map(place).collect()
}

/// The bytes of a file or of all files of a folder.
fn content(path: &Path) -> Vec<u8> {
    match path.is_dir() {
        false => std::fs::read(path).unwrap(),
        true => {
            let mut names = names(path);
            names.sort();
            names
                .iter()
                .flat_map(|name| std::fs::read(path.join(name)).unwrap())
                .collect()
        }
    }
}

#[test]
fn a_disk_that_is_full_at_any_write_leaves_nothing() {
    for (what, arguments) in writers() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let shown = out.display().to_string();
        let (code, err) = within(1 << 20, &placed(&arguments, &shown));
        assert_eq!(code, Some(0), "{what}: {err}");
        let whole = content(&out);
        let largest = whole.len() as u64 / 512;
        match out.is_dir() {
            true => std::fs::remove_dir_all(&out).unwrap(),
            false => std::fs::remove_file(&out).unwrap(),
        }
        let mut refused = 0;
        // Each block of small outputs, and a number of places in large ones.
        for blocks in (0..=largest).step_by(usize::try_from(largest / 12).unwrap().max(1)) {
            let (code, err) = within(blocks, &placed(&arguments, &shown));
            if code == Some(0) {
                assert_eq!(content(&out), whole, "{what}, {blocks}");
                continue;
            }
            refused += 1;
            assert_eq!(code, Some(1), "{what}, {blocks}: {err}");
            assert_eq!(err.lines().count(), 1, "{what}, {blocks}: {err}");
            assert!(err.contains("out"), "{what}, {blocks}: {err}");
            assert_eq!(names(folder.path()), [""; 0], "{what}, {blocks}");
        }
        assert!(refused > 1, "{what}");
    }
}

#[test]
fn a_kill_at_any_moment_leaves_no_half_file_under_its_name() {
    for (what, arguments) in writers() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let shown = out.display().to_string();
        let start = |shown: &str| {
            Command::new(program())
                .args(placed(&arguments, shown))
                .env_remove("RUST_LOG")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        };
        let begun = Instant::now();
        assert!(start(&shown).wait().unwrap().success(), "{what}");
        let (whole, time) = (content(&out), begun.elapsed());
        for moment in 0..20u32 {
            let place = folder.path().join(format!("out-{moment}"));
            let mut child = start(place.to_str().unwrap());
            std::thread::sleep(time * moment / 18 + Duration::from_micros(50));
            child.kill().unwrap();
            child.wait().unwrap();
            if place.exists() {
                assert!(
                    content(&place) == whole,
                    "{what}, moment {moment}: a half file"
                );
            }
            // The same again goes on as if nothing had been.
            if moment % 5 == 0 && !place.exists() {
                assert!(start(place.to_str().unwrap()).wait().unwrap().success());
                assert!(content(&place) == whole, "{what}, after moment {moment}");
            }
        }
    }
}
