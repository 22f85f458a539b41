//! Bad lines, as they are kept beside the results.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::Bad;
use super::input::Input;
use crate::text_file::to_json;

/// A bad line, as the side file has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct BadLine {
    /// The input.
    file: String,
    /// Its number in it, from 1.
    line: u64,
    /// What is wrong with it.
    reason: String,
    /// The line itself: `raw`, or `raw_base64` where it is no UTF-8.
    #[serde(flatten)]
    raw: serde_json::Map<String, Value>,
}

impl BadLine {
    pub(super) fn new(input: &Input, bad: &Bad) -> Self {
        let line = bad.raw.strip_suffix(b"\n").unwrap_or(&bad.raw);
        let raw = match line {
            [] => None,
            line => Some(to_json("raw", line)),
        };
        Self {
            file: input.name.clone(),
            line: bad.line,
            reason: bad.reason.clone(),
            raw: raw.into_iter().collect(),
        }
    }

    /// Where it is and what is wrong, for people.
    pub(super) fn named(&self) -> String {
        format!("line {} of {}: {}", self.line, self.file, self.reason)
    }
}
