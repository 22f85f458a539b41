//! The pieces that errors of this module are made of.

use std::path::PathBuf;

use serde_json::Value;

use crate::{Error, text_file};

/// A [`Error::Checkpoint`] from its sentence.
pub(super) fn refuse(sentence: impl Into<String>) -> Error {
    // What a parser says may quote the file.
    Error::Checkpoint(text_file::printable(&sentence.into()))
}

/// That the system refuses to read a file.
pub(super) fn unreadable(path: impl Into<PathBuf>, source: std::io::Error) -> Error {
    Error::Io {
        action: "read",
        path: path.into(),
        source,
    }
}

/// A name from a file, safe to print on one line: quoted, control characters
/// escaped, cut when absurdly long.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", printable(name, 120))
}

/// A JSON value, compact and on one line.
pub(super) fn value(value: &Value) -> String {
    printable(&value.to_string(), 60)
}

fn printable(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for (i, c) in text.chars().enumerate() {
        if i == limit {
            out.push('…');
            break;
        }
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// `a, b, c and 4 more`, or `nothing`.
pub(super) fn listing<S: AsRef<str>>(names: &[S], shown: usize) -> String {
    if names.is_empty() {
        return "nothing".into();
    }
    let head: Vec<_> = names
        .iter()
        .take(shown)
        .map(|n| printable(n.as_ref(), 120))
        .collect();
    match names.len() - head.len() {
        0 => head.join(", "),
        rest => format!("{} and {rest} more", head.join(", ")),
    }
}
