//! Output that is whole or not there, and messages that keep out of its way.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{good, model, oracle, program};

#[test]
fn a_file_gets_what_standard_output_would() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.jsonl");
    let model = model();
    std::fs::write(&path, "old").unwrap();
    let base = ["entropy", "-m", &model, "some text"];
    let printed = good(&base, b"").text();
    let ran = good(&[&base[..], &["-o", path.to_str().unwrap()]].concat(), b"");
    assert!(ran.out.is_empty());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), printed);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_failure_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.svg");
    let arguments = [
        "patch",
        "--mode",
        "byte",
        "--format",
        "svg",
        "-o",
        path.to_str().unwrap(),
    ];
    let ran = super::Ran::of(super::blt(&arguments).write_stdin(vec![b'x'; 9000]));
    assert_eq!(ran.code, 2);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    // What was there stays.
    std::fs::write(&path, "old").unwrap();
    let ran = super::Ran::of(super::blt(&arguments).write_stdin(vec![b'x'; 9000]));
    assert_eq!(ran.code, 2);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn messages_are_one_line_or_none() {
    let model = model();
    let ran = good(&["patch", "-m", &model, "abcdefgh"], b"");
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    for part in [
        "8 bytes · ",
        " patch",
        "mean ",
        "bits per byte",
        "B/s",
        " on ",
    ] {
        assert!(ran.err.contains(part), "{}", ran.err);
    }
    let quiet = good(&["patch", "-q", "-m", &model, "abcdefgh"], b"");
    assert_eq!((quiet.err.as_str(), quiet.text()), ("", ran.text()));
    let profile = good(&["patch", "-q", "--profile", "-m", &model, "abcdefgh"], b"");
    assert!(profile.err.contains("kernel") || profile.err.contains("cannot time"));
    let log = good(&["patch", "-v", "-m", &model, "abcdefgh"], b"");
    assert!(log.err.contains("INFO"), "{}", log.err);
}

fn spawn(arguments: &[&str]) -> std::process::Child {
    let mut command = Command::new(program());
    command.args(arguments).env_remove("RUST_LOG");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn who_stops_reading_is_no_error() {
    let text = vec![b'x'; 3 << 20];
    let (_file, path) = super::input::file(&text);
    let mut child = spawn(&["patch", "--mode", "byte", "--format", "jsonl", "-f", &path]);
    let mut head = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut head).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}

#[cfg(unix)]
fn interrupt(child: &std::process::Child, signal: &str) {
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([signal, &id])
            .status()
            .unwrap()
            .success()
    );
}

/// Waits for the end after a signal, which takes less than a second: exit code 130.
#[cfg(unix)]
fn interrupted(mut child: std::process::Child, signal: &str) -> std::process::Output {
    // Standard input stays open: the run must not wait for it.
    let input = child.stdin.take();
    let start = Instant::now();
    interrupt(&child, signal);
    let ended = child.wait_with_output().unwrap();
    drop(input);
    assert_eq!(ended.status.code(), Some(130));
    assert!(
        start.elapsed() < Duration::from_millis(1000),
        "{:?}",
        start.elapsed()
    );
    assert!(String::from_utf8_lossy(&ended.stderr).ends_with("blt: interrupted\n"));
    ended
}

#[cfg(unix)]
#[test]
fn an_interruption_leaves_whole_records() {
    let mut child = spawn(&["patch", "--mode", "space", "--format", "jsonl"]);
    child
        .stdin
        .as_mut()
        .unwrap()
        .write_all(b"some words")
        .unwrap();
    let mut first = [0; 60];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut first)
        .unwrap();
    let ended = interrupted(child, "-INT");
    let text = [&first[..], &ended.stdout].concat();
    let text = String::from_utf8(text).unwrap();
    assert!(text.ends_with('\n'));
    assert_eq!(text.lines().count(), 10);
    for line in text.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn an_interruption_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.txt");
    let model = model();
    let modes = [&["--mode", "space"][..], &["-m", &model]];
    let signals = ["-INT", "-TERM", "-HUP"];
    for (mode, signal) in modes
        .iter()
        .flat_map(|mode| signals.map(|signal| (*mode, signal)))
    {
        let arguments = [&["patch", "-o", path.to_str().unwrap()], mode].concat();
        let mut child = spawn(&arguments);
        child
            .stdin
            .as_mut()
            .unwrap()
            .write_all(b"some words")
            .unwrap();
        // The temporary file is there as soon as ctrl-C is watched.
        while std::fs::read_dir(folder.path()).unwrap().count() == 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        interrupted(child, signal);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

/// Prompts that are continued at the same time are written as far as they are.
#[cfg(unix)]
#[test]
fn an_interruption_keeps_texts_that_are_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let (_file, prompts) = super::input::file(b"one\ntwo\nthree\nfour\n");
    let model = oracle("k1").display().to_string();
    let options = "-n 10000000 --ignore-eos --batch 3 --format jsonl --adapter cpu --trace";
    let own = ["generate", "-m", &model, "--prompts", &prompts];
    let options: Vec<&str> = options.split(' ').collect();
    let child = spawn(&[&own[..], &options, &[trace.to_str().unwrap()]].concat());
    while std::fs::read_dir(folder.path()).unwrap().count() == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    // The model is small: by now it is loaded and has read what it goes on from.
    std::thread::sleep(Duration::from_millis(1500));
    let ended = interrupted(child, "-INT");
    let lines: Vec<serde_json::Value> = String::from_utf8(ended.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let written: Vec<_> = lines.iter().map(|line| line["prompt"].as_u64()).collect();
    assert_eq!(written, [Some(0), Some(1), Some(2)]);
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(told.contains("latent steps"), "{told}");
}

/// What `nohup` started goes on when the terminal closes, and is still ended by what ends
/// it.
#[cfg(unix)]
#[test]
fn a_signal_that_was_ignored_stays_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.txt");
    let mut child = Command::new("sh")
        .args(["-c", "trap '' HUP INT; exec \"$@\"", "sh", program()])
        .args(["patch", "--mode", "space", "-o", path.to_str().unwrap()])
        .env_remove("RUST_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while std::fs::read_dir(folder.path()).unwrap().count() == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    for signal in ["-HUP", "-INT"] {
        interrupt(&child, signal);
    }
    std::thread::sleep(Duration::from_millis(900));
    assert!(child.try_wait().unwrap().is_none(), "it has ended");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    interrupted(child, "-TERM");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Whoever reads may go away at any time, and whoever is told need not be there.
#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let model = model();
    let text = "some words to go through\n".repeat(4000);
    for command in [
        vec!["patch", "--mode", "space"],
        vec!["patch", "--mode", "space", "--format", "jsonl"],
        vec!["entropy", "-m", &model, "--format", "csv"],
        vec!["score", "-m", &model, "--format", "jsonl"],
        vec!["generate", "-n", "100000", "--ignore-eos", "-p", "a"],
        vec!["devices"],
        vec!["inspect", "--tensors"],
        vec!["completions", "bash"],
        vec!["--help"],
    ] {
        let mut child = spawn(&command);
        let mut input = child.stdin.take().unwrap();
        let text = text.clone();
        // Not all of them read it.
        let writing = std::thread::spawn(move || drop(input.write_all(text.as_bytes())));
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        writing.join().unwrap();
        let err = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(0), "{command:?}: {err}");
        assert!(
            !err.contains("blt: ") && !err.contains("panic"),
            "{command:?}: {err}"
        );
    }
    // Nobody to tell.
    for command in [
        "patch -v -m MODEL hello",
        "patch -m MODEL hello",
        "patch -m nowhere hello",
    ] {
        let command = command.replace("MODEL", &model);
        let ended = Command::new("sh")
            .args(["-c", &format!("exec {} {command} 2>&-", program())])
            .output()
            .unwrap();
        let code = if command.contains("nowhere") { 4 } else { 0 };
        assert_eq!(ended.status.code(), Some(code), "{command}");
    }
}
