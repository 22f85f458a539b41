//! What only those hear who hear the screen.

use crate::window::words::Language;

pub(crate) fn generated_text(language: Language) -> &'static str {
    language.pick("Generated text", "생성된 글")
}

/// The list of the bytes of the text.
pub(crate) fn bytes(language: Language) -> &'static str {
    language.pick("Bytes", "바이트")
}

pub(crate) fn byte(language: Language, at: usize, label: &str) -> String {
    language.pick(
        format!("byte {at}: {label}"),
        format!("바이트 {at}: {label}"),
    )
}

pub(crate) fn of_prompt(language: Language) -> &'static str {
    language.pick("of the prompt", "프롬프트")
}

pub(crate) fn written(language: Language) -> &'static str {
    language.pick("written", "생성됨")
}

pub(crate) fn entropy(language: Language, nats: f32) -> String {
    language.pick(
        format!("entropy {nats:.2} nats"),
        format!("엔트로피 {nats:.2}내트"),
    )
}

pub(crate) fn patch_starts(language: Language) -> &'static str {
    language.pick("a patch starts here", "여기서 패치가 시작됨")
}

pub(crate) fn latent_ran(language: Language) -> &'static str {
    language.pick(
        "the latent transformer ran before it",
        "이 앞에서 잠재 트랜스포머가 돌았음",
    )
}

pub(crate) fn only_local_ran(language: Language) -> &'static str {
    language.pick(
        "only the local models ran before it",
        "이 앞에서 로컬 모델만 돌았음",
    )
}

/// A byte that could stand at the place, with its probabilities.
pub(crate) fn take(language: Language, label: &str, numbers: &str) -> String {
    language.pick(
        format!("Take {label}, {numbers}"),
        format!("{label} 고르기, {numbers}"),
    )
}

/// A branch and what it begins with. Branches are counted from 1.
pub(crate) fn branch(language: Language, number: usize, begins: &str) -> String {
    language.pick(
        format!("Branch {number}: {begins}"),
        format!("갈래 {number}: {begins}"),
    )
}
