//! Text that the program itself reads (configs, lists, requests), in the clothes that
//! editors, shells and downloads put on it.
//!
//! What a model reads is bytes, and nothing here is done to them.

use data_encoding::{BASE64, BASE64_NOPAD};
use serde_json::Value;

/// Three bytes that some editors put in front of UTF-8.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// What UTF-16 is called, and what to do about it.
const UTF_16: &str = "is UTF-16, which `>` in Windows PowerShell writes; save it as UTF-8 (in \
                      PowerShell `Get-Content FILE | Set-Content -Encoding utf8 NEW_FILE`)";
const UTF_32: &str = "is UTF-32; save it as UTF-8";

/// The text without a byte order mark.
///
/// # Errors
/// What is wrong, to be said of the file's name, if the mark is that of UTF-16 or UTF-32.
pub fn unmarked(text: &[u8]) -> Result<&[u8], &'static str> {
    match text {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => Err(UTF_32),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Err(UTF_16),
        text => Ok(text.strip_prefix(MARK).unwrap_or(text)),
    }
}

/// The same of a text that is to be JSON, which other things are called when a download
/// goes wrong.
///
/// # Errors
/// What is wrong, to be said of the file's name.
pub fn unmarked_json(text: &[u8]) -> Result<&[u8], &'static str> {
    let text = unmarked(text)?;
    match text.trim_ascii_start() {
        [] => Err("is empty; write or download it again"),
        // JSON begins with a character of ASCII and has no NULs.
        [0, 0, 0, 1..=127, ..] | [1..=127, 0, 0, 0, ..] => Err(UTF_32),
        [0, 1..=127, ..] | [1..=127, 0, ..] => Err(UTF_16),
        [0, ..] => Err("holds zeros in place of text; download it again"),
        [b'<', ..] => Err(
            "is a web page, not JSON; download the file itself (for a gated model after \
             `hf auth login`)",
        ),
        text if text.starts_with(b"version https://git-lfs") => {
            Err("is a Git LFS pointer, not JSON; run `git lfs pull` in its folder")
        }
        _ => Ok(text),
    }
}

/// The lines of a text that are to be JSON each, with their indices; lines without a
/// letter are none. Where files were put one behind the other, each has its own mark.
///
/// # Errors
/// As for [`unmarked_json`].
pub fn lines_of_json(text: &[u8]) -> Result<impl Iterator<Item = (usize, &[u8])>, &'static str> {
    let text = unmarked_json(text)?;
    let lines = text.split(|byte| *byte == b'\n').enumerate();
    let lines = lines.map(|(at, line)| (at, line.strip_prefix(MARK).unwrap_or(line)));
    Ok(lines.filter(|(_, line)| !line.trim_ascii().is_empty()))
}

/// A text with control characters written as escapes: names and parsers' complaints come
/// from files, and a terminal would obey them.
#[must_use]
pub fn printable(text: &str) -> String {
    let escaped = |c: char| match c.is_control() {
        true => c.escape_default().collect::<String>(),
        false => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// Reads a JSON text.
///
/// # Errors
/// What is wrong, to be said of the file's name; `else_say` comes before what the parser
/// says.
pub fn json<T: serde::de::DeserializeOwned>(text: &[u8], else_say: &str) -> Result<T, String> {
    let text = unmarked_json(text)?;
    serde_json::from_slice(text).map_err(|error| printable(&format!("{else_say}: {error}")))
}

/// The bytes of a text that JSON has under a name as a string, or under the name with
/// `_base64` as any bytes.
///
/// # Errors
/// What is wrong, if there are both or neither, or if it is not base64.
pub fn from_json(
    name: &str,
    text: Option<String>,
    base64: Option<String>,
) -> Result<Vec<u8>, String> {
    match (text, base64) {
        (Some(text), None) => Ok(text.into_bytes()),
        (None, Some(coded)) => {
            // With the characters that fill the last group, or without.
            let coded = coded.trim_end_matches('=').as_bytes();
            BASE64_NOPAD
                .decode(coded)
                .map_err(|error| format!("`{name}_base64` is not base64: {error}"))
        }
        (Some(_), Some(_)) => Err(format!("both `{name}` and `{name}_base64` are there")),
        (None, None) => Err(format!("`{name}` (or `{name}_base64`) is missing")),
    }
}

/// The same the other way: what is not UTF-8 is base64.
#[must_use]
pub fn to_json(name: &str, bytes: &[u8]) -> (String, Value) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (name.to_owned(), text.into()),
        Err(_) => (format!("{name}_base64"), BASE64.encode(bytes).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf_16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn a_mark_is_as_if_it_were_not_there() {
        assert_eq!(unmarked(b"\xEF\xBB\xBFtext"), Ok(&b"text"[..]));
        assert_eq!(unmarked(b"\xEF\xBB"), Ok(&b"\xEF\xBB"[..]));
        assert_eq!(unmarked(b""), Ok(&b""[..]));
        // One mark is a mark, the next a character.
        assert_eq!(unmarked(b"\xEF\xBB\xBF\xEF\xBB\xBF"), Ok(MARK));
        let read: Result<Vec<u8>, String> = json(b"\xEF\xBB\xBF [1, 2]\r\n", "is no list");
        assert_eq!(read, Ok(vec![1, 2]));
    }

    #[test]
    fn other_encodings_are_named() {
        let text = "{\"한\": 1}";
        let marked = format!("\u{feff}{text}");
        for unit in [u16::to_le_bytes, u16::to_be_bytes] {
            assert_eq!(unmarked(&utf_16(&marked, unit)), Err(UTF_16));
            assert_eq!(unmarked_json(&utf_16(text, unit)), Err(UTF_16));
            assert_eq!(unmarked_json(&utf_16(&marked, unit)), Err(UTF_16));
        }
        for unit in [u32::to_le_bytes, u32::to_be_bytes] {
            let wide =
                |text: &str| -> Vec<u8> { text.chars().flat_map(|c| unit(u32::from(c))).collect() };
            assert_eq!(unmarked(&wide(&marked)), Err(UTF_32));
            assert_eq!(unmarked_json(&wide(text)), Err(UTF_32));
        }
    }

    #[test]
    fn what_is_no_json_is_called_by_its_name() {
        for (text, what) in [
            (&b""[..], "empty"),
            (b"\xEF\xBB\xBF \n", "empty"),
            (b"\0\0\0\0", "zeros"),
            (b"<!DOCTYPE html>", "web page"),
            (b"version https://git-lfs.github.com/spec/v1\n", "LFS"),
            (b"{]", "is no list: "),
        ] {
            let read: Result<Vec<u8>, String> = json(text, "is no list");
            assert!(read.is_err_and(|said| said.contains(what)), "{what}");
        }
    }

    #[test]
    fn a_terminal_has_nothing_to_obey() {
        assert_eq!(
            printable("한 \u{1b}[2J\r\n\u{7f}"),
            "한 \\u{1b}[2J\\r\\n\\u{7f}"
        );
        let read: Result<bool, String> = json(b"\"\\u001b[31m\"", "is none");
        assert!(read.is_err_and(|said| !said.chars().any(char::is_control)));
    }

    #[test]
    fn any_bytes_go_through_json() {
        for bytes in [&b""[..], "한".as_bytes(), b"\xED\xA0\x80", b"\xFF", b"\0a"] {
            let (name, value) = to_json("text", bytes);
            let text = value.as_str().map(str::to_owned);
            let read = match name.as_str() {
                "text" => from_json("text", text, None),
                _ => from_json("text", None, text),
            };
            assert_eq!(read.as_deref(), Ok(bytes));
        }
        assert_eq!(from_json("text", None, Some("/w".into())), Ok(vec![0xFF]));
        assert!(from_json("text", None, None).is_err());
    }
}
