//! What the file screen says.

use super::jumps::Patch;
use super::source::Trouble;
use crate::window::actions::Jump;
pub(super) use crate::window::amounts::{left, percent, size};
use crate::window::widgets::{counted, thousands};
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

/// While a file is held over the window.
pub(super) fn let_go(language: Language) -> &'static str {
    language.pick("Let go to open it", "놓으면 열립니다")
}

pub(super) fn drop_here(language: Language) -> &'static str {
    language.pick("Drop a file here", "파일을 여기에 놓으세요")
}

/// Below the invitation to drop a file.
pub(super) fn any_file(language: Language) -> &'static str {
    language.pick(
        "Any file of any size: its bytes at once, their entropies as the model reads them. The \
         file is only read, never changed, and never leaves this computer.",
        "종류와 크기에 관계없이 바이트는 바로, 엔트로피는 모델이 읽는 대로 보여 줍니다. 파일은 \
         읽기만 하며 바꾸거나 밖으로 보내지 않습니다.",
    )
}

pub(super) fn open_file(language: Language) -> &'static str {
    language.pick("Open file…", "파일 열기…")
}

pub(super) fn empty_title(language: Language) -> &'static str {
    language.pick("This file is empty", "빈 파일입니다")
}

pub(super) fn empty(language: Language, name: &str) -> String {
    language.pick(
        format!("There is nothing to read in {name}."),
        format!("{name}에는 읽을 바이트가 없습니다."),
    )
}

/// Beside what is wrong with a file.
pub(super) fn read_again(language: Language) -> &'static str {
    language.pick("Read again", "다시 읽기")
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

pub(super) fn opening(language: Language) -> &'static str {
    language.pick("opening…", "여는 중…")
}

pub(super) fn waiting_for_model(language: Language) -> &'static str {
    language.pick("waiting for the model…", "모델을 기다리는 중…")
}

pub(super) fn scanned(language: Language) -> &'static str {
    language.pick("scanned to the end", "끝까지 읽음")
}

/// Behind the share that is done.
pub(super) fn paused(language: Language) -> &'static str {
    language.pick(" · paused", " · 멈춤")
}

pub(super) fn cancel(language: Language) -> &'static str {
    language.pick("Cancel", "취소")
}

pub(super) fn cancel_hint(language: Language) -> &'static str {
    language.pick(
        "Stop, and forget the entropies that have come",
        "멈추고 지금까지의 엔트로피를 지웁니다",
    )
}

pub(super) fn pause(language: Language) -> &'static str {
    language.pick("Pause", "일시 정지")
}

pub(super) fn go_on(language: Language) -> &'static str {
    language.pick("Continue", "계속")
}

/// On the button that begins the scan.
pub(super) fn scan(language: Language) -> &'static str {
    language.pick("Scan", "읽기 시작")
}

pub(super) fn space_key(language: Language) -> &'static str {
    language.pick("Space", "스페이스")
}

/// Which of the places with the highest entropy was gone to.
pub(super) fn hottest(language: Language, number: usize, of: usize, nats: f32) -> String {
    language.pick(
        format!("{number} of {of} so far · {nats:.2} nats"),
        format!("지금까지 {of}곳 중 {number} · {nats:.2}내트"),
    )
}

/// Of the longest patch, which was gone to.
pub(super) fn longest(language: Language, bytes: u64) -> String {
    language.pick(
        counted(bytes, "byte", "bytes"),
        format!("{}바이트", thousands(bytes)),
    )
}

pub(super) fn searching(language: Language) -> &'static str {
    language.pick("searching…", "찾는 중…")
}

pub(super) fn all_valid(language: Language) -> &'static str {
    language.pick("All of it is valid UTF-8.", "모두 올바른 UTF-8입니다.")
}

/// Where the text in the field for an offset is none.
pub(super) fn no_offset(language: Language) -> &'static str {
    language.pick(
        "An offset is a number such as 0x1F4, 500, +16 or 50 %.",
        "오프셋은 0x1F4, 500, +16, 50 % 같은 수입니다.",
    )
}

pub(super) fn control_character(language: Language) -> &'static str {
    language.pick("control character", "제어 문자")
}

pub(super) fn no_character(language: Language) -> &'static str {
    language.pick("no character", "글자 아님")
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
            let count = counted(bytes, "byte", "bytes");
            language.pick(
                format!("patch {place}, {count}"),
                format!("패치 {place}, {}바이트", thousands(bytes)),
            )
        }
        Patch::AtLeast(bytes) => language.pick(
            format!("patch of {} or more", counted(*bytes, "byte", "bytes")),
            format!("{}바이트 이상인 패치", thousands(*bytes)),
        ),
    }
}

/// How far the scan has come.
pub(super) fn bytes_done(language: Language, bytes: u64) -> String {
    language.pick(
        format!("{} done", counted(bytes, "byte", "bytes")),
        format!("{}바이트 읽음", thousands(bytes)),
    )
}

pub(super) fn bits_per_byte(language: Language) -> &'static str {
    language.pick("bits per byte", "비트/바이트")
}

/// For those who hear the screen.
pub(super) fn whole_file(language: Language) -> &'static str {
    language.pick("The whole file", "파일 전체")
}

/// For those who hear the screen.
pub(super) fn bytes_of_file(language: Language) -> &'static str {
    language.pick("Bytes of the file", "파일의 바이트")
}
