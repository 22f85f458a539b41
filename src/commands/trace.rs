//! `--trace`: what happens, as JSON lines in a file of its own.

use std::path::Path;

use blt::generate::{Event, SamplerOptions, Speculate};
use serde::Serialize;
use serde_json::json;

use super::failure::{Outcome, argument};
use super::output::{Output, OutputArgs};

/// The file of the trace, if one is wanted.
pub(super) struct Trace {
    output: Option<Output>,
}

impl Trace {
    /// Opens the file.
    ///
    /// # Errors
    /// If it cannot be created there, and for standard output, which has the text.
    pub(super) fn open(path: Option<&Path>) -> blt::Result<Self> {
        let Some(path) = path else {
            return Ok(Self { output: None });
        };
        match Output::open(&OutputArgs::to(path))? {
            Output::Standard => Err(argument(
                "--trace needs a file of its own: standard output has the text",
            )),
            output => Ok(Self {
                output: Some(output),
            }),
        }
    }

    /// Writes what a text is generated from.
    ///
    /// # Errors
    /// What the file says.
    pub(super) fn prompt(
        &mut self,
        index: usize,
        prompt: &[u8],
        model: &str,
        options: &SamplerOptions,
        speculate: Speculate,
    ) -> Outcome {
        self.line(&json!({
            "event": "prompt",
            "prompt": index,
            "bytes": prompt.len(),
            "model": model,
            "temperature": options.temperature,
            "top_k": options.top_k,
            "top_p": options.top_p,
            "min_p": options.min_p,
            "repetition_penalty": options.repetition_penalty,
            "repetition_window": options.repetition_window,
            "seed": options.seed,
            "speculate": speculate.to_string(),
        }))
    }

    /// Writes an event.
    ///
    /// # Errors
    /// What the file says.
    pub(super) fn event(&mut self, event: &Event) -> Outcome {
        self.line(event)
    }

    fn line(&mut self, value: &impl Serialize) -> Outcome {
        let Some(output) = &mut self.output else {
            return Ok(());
        };
        let mut line = serde_json::to_vec(value).map_err(|error| argument(error.to_string()))?;
        line.push(b'\n');
        output.write(&line)
    }

    /// Ends it: the file takes its place.
    ///
    /// # Errors
    /// If the system does not let it.
    pub(super) fn commit(self) -> Outcome {
        self.output.map_or(Ok(()), Output::commit)
    }
}
