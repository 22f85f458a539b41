//! Valid and invalid UTF-8 in a file.

use std::ops::Range;

use super::open_file::OpenFile;
use crate::error::Result;

/// Bytes looked at at a time.
const PIECE: u64 = 1 << 20;

/// Where the character or invalid byte that a byte belongs to may begin: a lead
/// byte or one of ASCII at most three bytes before it begins something in any
/// case, whatever is before that.
pub(super) fn piece_start(file: &OpenFile, at: u64) -> Result<u64> {
    let from = at.saturating_sub(3);
    let before = file.bytes(from..at.saturating_add(1))?;
    let begins = |byte: &u8| !(0x80..0xC0).contains(byte);
    let back = before.iter().rev().position(begins);
    Ok(back.map_or(at, |back| at.saturating_sub(back as u64)))
}

/// The first byte of a range that is part of no valid UTF-8.
pub(super) fn invalid_utf8(file: &OpenFile, range: Range<u64>) -> Result<Option<u64>> {
    let mut at = piece_start(file, range.start)?;
    while at < range.end {
        let end = at.saturating_add(PIECE).min(file.len());
        let Err(error) = std::str::from_utf8(&file.bytes(at..end)?) else {
            at = end;
            continue;
        };
        at += error.valid_up_to() as u64;
        let wrong = match error.error_len() {
            Some(bytes) => bytes as u64,
            // The piece ends within a character; the next one begins with it.
            None if end < file.len() => continue,
            None => end - at,
        };
        let first = at.max(range.start);
        if first < at + wrong {
            return Ok(Some(first).filter(|first| *first < range.end));
        }
        at += wrong;
    }
    Ok(None)
}
