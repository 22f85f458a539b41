//! What the settings say that choose bytes.

use crate::window::words::Language;

pub(crate) fn heading(language: Language) -> &'static str {
    language.pick("How a byte is chosen", "바이트를 고르는 법")
}

pub(crate) fn greedy(language: Language) -> &'static str {
    language.pick("Greedy: always the likeliest", "탐욕: 늘 가장 그럴듯한 것")
}

pub(crate) fn temperature(language: Language) -> &'static str {
    language.pick("Temperature", "온도")
}

/// In place of the number of a filter that cuts nothing.
pub(crate) fn all(language: Language) -> &'static str {
    language.pick("all", "모두")
}

pub(crate) fn repetition(language: Language) -> &'static str {
    language.pick("Repetition", "반복 벌점")
}

pub(crate) fn seed(language: Language) -> &'static str {
    language.pick("Seed", "시드")
}

pub(crate) fn length_limit(language: Language) -> &'static str {
    language.pick("Length limit", "길이 제한")
}

/// Behind the number of the length limit.
pub(crate) fn bytes_per_run(language: Language) -> &'static str {
    language.pick("bytes per run", "바이트씩")
}

pub(crate) fn constrain(language: Language) -> &'static str {
    language.pick("Only well-formed UTF-8", "올바른 UTF-8만")
}

pub(crate) fn draft(language: Language) -> &'static str {
    language.pick(
        "Draft several bytes at a time",
        "여러 바이트를 미리 써 보기",
    )
}

pub(crate) fn draft_hint(language: Language) -> &'static str {
    language.pick(
        "Encoder and decoder draft bytes with the patches that are closed, and the whole \
         model takes several at once; those that it would not have written are taken back. \
         The text stays the same. Drafts only while that is faster.",
        "인코더와 디코더가 닫힌 패치만으로 바이트를 미리 쓰고 모델 전체가 여러 개를 한 번에 \
         확인합니다. 모델이 쓰지 않았을 바이트는 되돌리므로 글은 그대로입니다. 더 빠를 때만 \
         미리 씁니다.",
    )
}

pub(crate) fn stage_times(language: Language) -> &'static str {
    language.pick("Time each part of the model", "모델의 부분마다 시간 재기")
}

pub(crate) fn stage_times_hint(language: Language) -> &'static str {
    language.pick(
        "From the next reading of the prompt on. Each part of the model is then a pass of \
         its own between two timestamps, which costs about a tenth of the speed on a software \
         driver.",
        "다음에 프롬프트를 읽을 때부터. 모델의 부분마다 따로 실행하고 시각을 재므로 소프트웨어 \
         드라이버에서는 10분의 1쯤 느려집니다.",
    )
}
