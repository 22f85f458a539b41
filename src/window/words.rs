//! What the window says, in each of its languages. Screens keep the words that only
//! they need beside themselves.

use serde::{Deserialize, Serialize};

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
        match sys_locale::get_locale() {
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
    pub(crate) menu: &'static str,
}

const ENGLISH: Words = Words {
    patch: "Patch",
    generate: "Generate",
    compare: "Compare",
    file: "File",
    software: "software",
    software_hint: "No GPU was found: a driver on the processor does its work, many times slower.",
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
    menu: "Menu",
};

const KOREAN: Words = Words {
    patch: "패치",
    generate: "생성",
    compare: "비교",
    file: "파일",
    software: "소프트웨어",
    software_hint: "GPU를 찾지 못해 프로세서의 드라이버가 대신 계산합니다. 훨씬 느립니다.",
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
    menu: "메뉴",
};
