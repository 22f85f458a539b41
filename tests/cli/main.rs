//! The command line, run as a user would.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod alone;
mod bench;
mod changing_files;
mod clothes;
mod contract;
mod convert;
#[cfg(feature = "corpus")]
mod corpus;
mod documents;
mod doubts;
mod embedded;
mod errors;
mod faults;
mod forms;
mod generate;
mod help;
mod input;
mod like;
mod limits;
mod machine;
mod non_finite;
mod output;
mod quantised;
mod rules;
mod score;
mod view;

use std::path::PathBuf;

use assert_cmd::Command;

/// `blt` with the defaults of a machine that has set nothing.
fn blt(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    for name in VARIABLES {
        command.env_remove(name);
    }
    // What is found out about a GPU is not kept in the home of whoever runs the tests.
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.args(arguments);
    command
}

const VARIABLES: [&str; 10] = [
    "BLT_MODEL",
    "BLT_ADAPTER",
    "WGPU_BACKEND",
    "RUST_LOG",
    "NO_COLOR",
    "CLICOLOR_FORCE",
    "HF_HOME",
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "COLUMNS",
];

fn program() -> &'static str {
    env!("CARGO_BIN_EXE_blt")
}

/// What a run gave.
#[derive(Debug)]
struct Ran {
    code: i32,
    out: Vec<u8>,
    err: String,
}

impl Ran {
    fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        // What drivers print by themselves is not ours.
        let err = String::from_utf8(output.stderr).unwrap();
        let ours = err.lines().filter(|line| !line.starts_with("MESA"));
        Self {
            code: output.status.code().unwrap_or(-1),
            out: output.stdout,
            err: ours.map(|line| format!("{line}\n")).collect(),
        }
    }

    fn text(&self) -> String {
        String::from_utf8(self.out.clone()).unwrap()
    }
}

/// A run that succeeds.
fn good(arguments: &[&str], stdin: &[u8]) -> Ran {
    let ran = Ran::of(blt(arguments).write_stdin(stdin));
    assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
    ran
}

/// A run that is refused: its exit code and its one sentence.
fn refused(arguments: &[&str]) -> (i32, String) {
    let ran = Ran::of(blt(arguments).write_stdin("text"));
    assert_ne!(ran.code, 0, "{arguments:?} was not refused");
    assert!(ran.out.is_empty(), "{arguments:?}: {}", ran.text());
    let sentence = ran.err.strip_prefix("blt: ").map(str::trim_end);
    let sentence = sentence.unwrap_or_else(|| panic!("{arguments:?}: {:?}", ran.err));
    assert_eq!(sentence.lines().count(), 1, "{arguments:?}: {sentence}");
    (ran.code, sentence.to_owned())
}

fn oracle(variant: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "oracle", variant]
        .iter()
        .collect()
}

/// The model of most tests: small, and its numbers are known.
fn model() -> String {
    oracle("k2_base").display().to_string()
}
