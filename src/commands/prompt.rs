//! Where the prompts come from.

use std::ffi::OsString;
use std::io::{IsTerminal, stdin};
use std::path::{Path, PathBuf};

use blt::Result;
use blt::text_file::{from_json, lines_of_json, unmarked};
use clap::Args;
use serde::Deserialize;

use super::failure::argument;
use super::input::{Input, shown};
use super::requests::remedied;

#[derive(Debug, Args)]
pub(super) struct PromptArgs {
    /// The text to continue; any bytes will do, or none
    #[arg(short, long, value_name = "TEXT", group = "given")]
    prompt: Option<OsString>,

    /// Read it from a file, as it is; `-`, or nothing in a pipe, is standard input
    #[arg(short, long, value_name = "FILE", group = "given")]
    file: Option<PathBuf>,

    /// Continue each line of a file on its own; a line feed is written after each. In a file
    /// that ends in .jsonl a line is {"prompt": "..."}, or {"prompt_base64": "..."} for any bytes
    #[arg(long, value_name = "FILE", group = "given")]
    prompts: Option<PathBuf>,
}

impl PromptArgs {
    /// Reads the prompts.
    ///
    /// # Errors
    /// What reading says, and [`blt::Error::Argument`] if none is named and
    /// nobody pipes one in.
    pub(super) fn read(&self) -> Result<Vec<Vec<u8>>> {
        match (&self.prompt, &self.file, &self.prompts) {
            (Some(text), ..) => Ok(vec![text.clone().into_encoded_bytes()]),
            (_, Some(file), _) => Ok(vec![whole(file)?]),
            (.., Some(file)) if file.extension().is_some_and(|end| end == "jsonl") => {
                objects(&Input::of_path(file)?.whole()?, file)
            }
            (.., Some(file)) => Ok(lines(&whole(file)?)),
            (None, None, None) if stdin().is_terminal() => Err(argument(
                "no prompt; give one with -p (-p '' is the beginning of a text), name a file with \
                 -f, or pipe one in",
            )),
            (None, None, None) => Ok(vec![whole("-".as_ref())?]),
        }
    }
}

/// All of a file but a byte order mark, which its editor has written, not its author.
fn whole(path: &Path) -> Result<Vec<u8>> {
    let text = Input::of_path(path)?.whole()?;
    match unmarked(&text) {
        Ok(unmarked) if unmarked.len() == text.len() => Ok(text),
        Ok(unmarked) => Ok(unmarked.to_vec()),
        Err(said) => Err(argument(format!("{} {said}", shown(path)))),
    }
}

#[derive(Deserialize)]
struct Line {
    prompt: Option<String>,
    prompt_base64: Option<String>,
}

/// The prompts in lines of JSON; empty lines are none.
fn objects(text: &[u8], path: &Path) -> Result<Vec<Vec<u8>>> {
    let shown = shown(path);
    lines_of_json(text)
        .map_err(|said| argument(format!("{shown} {said}")))?
        .map(|(at, line)| {
            let read: Result<Line, _> = serde_json::from_slice(line);
            read.map_err(|error| remedied(&error, "`prompt_base64`"))
                .and_then(|line| from_json("prompt", line.prompt, line.prompt_base64))
                .map_err(|said| {
                    argument(format!(
                        "line {} of {shown} is no prompt like {{\"prompt\": \"...\"}}: {said}",
                        at + 1
                    ))
                })
        })
        .collect()
}

/// The lines of a text; what ends the last one begins no other.
fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_prompt() {
        assert_eq!(lines(b"a\nb c\r\n\nd"), [&b"a"[..], b"b c", b"", b"d"]);
        assert_eq!(lines(b"a\n"), [b"a"]);
    }
}
