//! What the menu says besides the titles of actions.

use super::Language;

/// In both languages: who looks for it may not read the one that is chosen.
pub(in crate::window) const LANGUAGES: &str = "Language · 언어";

pub(in crate::window) fn recent_files(language: Language) -> &'static str {
    language.pick("Recent files", "최근 파일")
}

pub(in crate::window) fn no_recent_files(language: Language) -> &'static str {
    language.pick("None yet", "아직 없음")
}

pub(in crate::window) fn samples(language: Language) -> &'static str {
    language.pick("Sample texts", "예문")
}

pub(in crate::window) fn model(language: Language) -> &'static str {
    language.pick("Model", "모델")
}

/// How to get a model, below those that can be chosen.
pub(in crate::window) fn gated_models(language: Language) -> &'static str {
    language.pick(
        "Meta's models are gated: accept their licence on the model's page, download the \
         folder, and open it here. Downloaded ones are found by name: org/name in the palette. \
         Nothing is ever downloaded from here.",
        "메타의 모델은 승인이 필요합니다. 모델 페이지에서 라이선스에 동의하고 폴더를 내려받아 \
         여기서 여세요. 이 프로그램은 아무것도 내려받지 않습니다.",
    )
}

pub(in crate::window) fn theme(language: Language) -> &'static str {
    language.pick("Theme", "테마")
}

pub(in crate::window) fn zoom(language: Language) -> &'static str {
    language.pick("Zoom", "확대")
}
