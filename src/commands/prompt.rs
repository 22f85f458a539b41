//! Where the prompts come from.

use std::ffi::OsString;
use std::io::{IsTerminal, stdin};
use std::path::PathBuf;

use blt::Result;
use clap::Args;

use super::failure::argument;
use super::input::Input;

#[derive(Debug, Args)]
pub(super) struct PromptArgs {
    /// The text to continue; any bytes will do, or none
    #[arg(short, long, value_name = "TEXT", group = "given")]
    prompt: Option<OsString>,

    /// Read it from a file, as it is; `-`, or nothing in a pipe, is standard input
    #[arg(short, long, value_name = "FILE", group = "given")]
    file: Option<PathBuf>,

    /// Continue each line of a file on its own; a line feed is written after each
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
            (_, Some(file), _) => Ok(vec![Input::of_path(file)?.whole()?]),
            (.., Some(file)) => Ok(lines(&Input::of_path(file)?.whole()?)),
            (None, None, None) if stdin().is_terminal() => Err(argument(
                "no prompt; give one with -p (-p '' is the beginning of a text), name a file with \
                 -f, or pipe one in",
            )),
            (None, None, None) => Ok(vec![Input::of_path("-".as_ref())?.whole()?]),
        }
    }
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
