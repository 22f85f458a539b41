//! What the window says, in each of its languages. Screens keep the words that only
//! they need beside themselves.

pub(in crate::window) mod actions;
pub(in crate::window) mod drops;
pub(in crate::window) mod errors;
pub(in crate::window) mod keys;
pub(in crate::window) mod loading;
pub(in crate::window) mod menu;
pub(in crate::window) mod paths;

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::storage;

/// A language of the interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Korean.
    Korean,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::English, Self::Korean];

    /// The one of the system, English if it has no other.
    #[must_use]
    pub fn of_system() -> Self {
        match storage::locale() {
            Some(locale) if locale.starts_with("ko") => Self::Korean,
            _ => Self::English,
        }
    }

    /// Its name in itself.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Korean => "한국어",
        }
    }

    /// One of two.
    pub(crate) fn pick<T>(self, english: T, korean: T) -> T {
        match self {
            Self::English => english,
            Self::Korean => korean,
        }
    }

    pub(crate) fn words(self) -> &'static Words {
        self.pick(&ENGLISH, &KOREAN)
    }
}

/// What more than one screen says.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) patch: &'static str,
    pub(crate) generate: &'static str,
    pub(crate) compare: &'static str,
    pub(crate) file: &'static str,
    pub(crate) computes: &'static str,
    pub(crate) draws: &'static str,
    pub(crate) software: &'static str,
    pub(crate) software_hint: &'static str,
    pub(crate) loading: &'static str,
    pub(crate) no_model: &'static str,
    pub(crate) bytes: &'static str,
    pub(crate) characters: &'static str,
    pub(crate) patches: &'static str,
    pub(crate) bytes_per_patch: &'static str,
    pub(crate) nats: &'static str,
    pub(crate) bits: &'static str,
    pub(crate) dismiss: &'static str,
    pub(crate) recovered: &'static str,
    pub(crate) pasted: &'static str,
    pub(crate) nothing_pasted: &'static str,
    pub(crate) copied_nul: &'static str,
    pub(crate) menu: &'static str,
}

const ENGLISH: Words = Words {
    patch: "Patch",
    generate: "Generate",
    compare: "Compare",
    file: "File",
    computes: "Computes",
    draws: "Draws",
    software: "software",
    software_hint: "A software driver computes here, for tests; the processor itself (--adapter cpu) is many times faster.",
    loading: "loading",
    no_model: "no model",
    bytes: "bytes",
    characters: "characters",
    patches: "patches",
    bytes_per_patch: "bytes per patch",
    nats: "nats",
    bits: "bits",
    dismiss: "Dismiss",
    recovered: "The graphics device was lost and has been opened again. Your text is as it was.",
    pasted: "The pasted text is too large for the editor; it is shown as a file.",
    nothing_pasted: "The clipboard gave no text. Where the program that copied it has ended, or the \
                     text was too much for the clipboard, copy it again or open it as a file.",
    copied_nul: "The copied text holds NUL bytes, and many programs paste only what comes before \
                 the first. Copy it as JSON lines to keep all of it.",
    menu: "Menu",
};

const KOREAN: Words = Words {
    patch: "패치",
    generate: "생성",
    compare: "비교",
    file: "파일",
    computes: "계산",
    draws: "그리기",
    software: "소프트웨어",
    software_hint: "시험용 소프트웨어 드라이버가 계산합니다. 프로세서(--adapter cpu)가 훨씬 빠릅니다.",
    loading: "불러오는 중",
    no_model: "모델 없음",
    bytes: "바이트",
    characters: "글자",
    patches: "패치",
    bytes_per_patch: "바이트/패치",
    nats: "내트",
    bits: "비트",
    dismiss: "닫기",
    recovered: "그래픽 장치가 끊겨 다시 열었습니다. 글은 그대로 있습니다.",
    pasted: "붙여 넣은 글이 편집기에는 너무 커서 파일로 보여 줍니다.",
    nothing_pasted: "클립보드에서 글을 받지 못했습니다. 복사한 프로그램이 끝났거나 글이 너무 크면 \
                     다시 복사하거나 파일로 여세요.",
    copied_nul: "복사한 글에 NUL 바이트가 있어, 많은 프로그램이 첫 NUL 앞까지만 붙여 넣습니다. 모두 \
                 남기려면 JSON 줄로 복사하세요.",
    menu: "메뉴",
};

/// What to do where the system shows no dialog to open a file, or to save one.
pub(crate) fn no_dialog(language: Language, saves: bool, keys: &str) -> String {
    let linux = cfg!(target_os = "linux");
    let mut sentence = match saves {
        false => language.pick(
            format!("No dialog could be opened. Press {keys} and type the path instead."),
            format!("대화 상자를 열 수 없습니다. 대신 {keys}를 누르고 경로를 입력하세요."),
        ),
        true => language.pick(
            format!(
                "No dialog could be opened. Press {keys} and type the path of the file to write \
                 instead, with .svg or .png at its end."
            ),
            format!(
                "대화 상자를 열 수 없습니다. 대신 {keys}를 누르고 저장할 파일의 경로를 .svg나 \
                 .png까지 입력하세요."
            ),
        ),
    };
    if linux {
        sentence += language.pick(
            " Dialogs need xdg-desktop-portal or zenity.",
            " 대화 상자에는 xdg-desktop-portal이나 zenity가 필요합니다.",
        );
    }
    sentence
}

/// The text of the editor cannot be kept for the next time.
pub(crate) fn unkept(language: Language, path: &Path, why: &std::io::Error) -> String {
    let path = path.display();
    if why.kind() == std::io::ErrorKind::FileTooLarge {
        return language
            .pick(
                "This text is too large to be kept when the window closes: copy it to where you \
                 want to have it, or close once more.",
                "글이 너무 커서 창을 닫으면 사라집니다. 필요하면 복사해 두거나 한 번 더 닫으세요.",
            )
            .to_owned();
    }
    language.pick(
        format!(
            "Your text could not be kept in {path} ({why}) and will be gone when the window \
             closes: copy it to where you want to have it, or close once more."
        ),
        format!(
            "글을 {path}에 보관하지 못했습니다({why}). 창을 닫으면 사라지니 필요하면 복사해 두거나 \
             한 번 더 닫으세요."
        ),
    )
}

/// The text of the last time is there and cannot be read.
pub(crate) fn unread(language: Language, path: &Path, why: &std::io::Error) -> String {
    let path = path.display();
    language.pick(
        format!(
            "The text of the last time cannot be read from {path} ({why}). Move that file away \
             before you write here: it will be replaced."
        ),
        format!(
            "지난번의 글을 {path}에서 읽을 수 없습니다({why}). 여기에 글을 쓰면 파일이 바뀌니 먼저 \
             옮겨 두세요."
        ),
    )
}

/// The settings cannot be kept for the next time.
pub(crate) fn unkept_settings(language: Language, path: &Path, why: &std::io::Error) -> String {
    let path = path.display();
    language.pick(
        format!("Settings could not be kept in {path} ({why}) and are for this time only."),
        format!("설정을 {path}에 저장하지 못해({why}) 이번에만 적용됩니다."),
    )
}

/// No link to a page with the text can be copied.
pub(in crate::window) fn too_long_for_link(language: Language) -> &'static str {
    language.pick(
        "The text is too long for a link. Send it as a file instead.",
        "글이 링크로는 너무 깁니다. 파일로 보내세요.",
    )
}

/// In the place of a path, where a text that was pasted cannot be written.
pub(in crate::window) fn pasted_text(language: Language) -> &'static str {
    language.pick("the pasted text", "붙여 넣은 글")
}
