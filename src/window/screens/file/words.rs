//! What the file screen says.

use super::jumps::Patch;
use super::source::Trouble;
use crate::window::actions::Jump;
pub(super) use crate::window::amounts::{left, percent, size};
use crate::window::widgets::thousands;
use crate::window::words::Language;

impl Jump {
    /// On its button.
    pub(super) fn label(self, language: Language) -> &'static str {
        match self {
            Self::Hottest => language.pick("Highest entropy", "최고 엔트로피"),
            Self::Longest => language.pick("Longest patch", "가장 긴 패치"),
            Self::Invalid => language.pick("Next invalid UTF-8", "다음 잘못된 UTF-8"),
            Self::Offset => language.pick("Go to", "이동"),
        }
    }

    /// In the palette.
    pub(crate) fn title(self, language: Language) -> &'static str {
        match self {
            Self::Hottest => {
                language.pick("File: next highest entropy", "파일: 다음 최고 엔트로피")
            }
            Self::Longest => language.pick("File: longest patch", "파일: 가장 긴 패치"),
            Self::Invalid => language.pick("File: next invalid UTF-8", "파일: 다음 잘못된 UTF-8"),
            Self::Offset => language.pick("File: go to an offset", "파일: 오프셋으로 이동"),
        }
    }
}

/// Why a file cannot be shown, in a sentence or two.
pub(super) fn trouble(language: Language, trouble: &Trouble) -> String {
    match trouble {
        Trouble::NoFile => language
            .pick(
                "This is no file: only something with a length can be read here.",
                "파일이 아닙니다. 길이가 있는 파일만 읽을 수 있습니다.",
            )
            .to_owned(),
        Trouble::Unreadable(why) => language.pick(
            format!("This file cannot be read: {why}. Check that it is there and may be read."),
            format!("파일을 읽을 수 없습니다: {why}. 파일과 읽기 권한을 확인하세요."),
        ),
        Trouble::Shorter { was, is } => {
            let (was, is) = (thousands(*was), thousands(*is));
            language.pick(
                format!(
                    "This file has become shorter while it was open, from {was} to {is} bytes. \
                     Read it again."
                ),
                format!(
                    "열려 있는 동안 파일이 {was}바이트에서 {is}바이트로 줄었습니다. 다시 읽으세요."
                ),
            )
        }
        Trouble::Changed => language
            .pick(
                "This file has become another one since it was opened. Read it again.",
                "파일을 연 뒤에 내용이 다른 파일로 바뀌었습니다. 다시 읽으세요.",
            )
            .to_owned(),
        Trouble::Scan(why) => why.text(language).to_owned(),
    }
}

/// A patch, in the line about a byte.
pub(super) fn patch(language: Language, patch: &Patch) -> String {
    match patch {
        Patch::Whole(range) => {
            let bytes = range.end - range.start;
            let (first, last) = (range.start, range.end - 1);
            let place = match bytes {
                1 => format!("0x{first:X}"),
                _ => format!("0x{first:X}–0x{last:X}"),
            };
            let (count, unit) = (thousands(bytes), if bytes == 1 { "byte" } else { "bytes" });
            language.pick(
                format!("patch {place}, {count} {unit}"),
                format!("패치 {place}, {count}바이트"),
            )
        }
        Patch::AtLeast(bytes) => language.pick(
            format!("patch of {} bytes or more", thousands(*bytes)),
            format!("{}바이트 이상인 패치", thousands(*bytes)),
        ),
    }
}
