//! What the patch screen says to those who hear it.

use super::Language;
use crate::window::screens::patch::reason::Reason;
use crate::window::widgets::byte_label;

/// The name of the editor.
pub(in crate::window::screens::patch) fn editor(language: Language) -> &'static str {
    language.pick("Text", "글")
}

/// The name of the list of patches.
pub(in crate::window::screens::patch) fn patches(language: Language) -> &'static str {
    language.pick("Patches", "패치")
}

/// The name of the slider that is the line of the threshold.
pub(in crate::window::screens::patch) fn threshold_line(language: Language) -> &'static str {
    language.pick("Threshold line", "임계값 선")
}

/// A patch in the list of patches.
pub(in crate::window::screens::patch) fn patch(
    language: Language,
    index: usize,
    own: &str,
    length: usize,
    reason: Reason,
) -> String {
    let length = super::patch(language, length, None);
    let because = because(language, reason);
    language.pick(
        format!("patch {index}: ‘{own}’, {length}, {because}"),
        format!("패치 {index}: ‘{own}’, {length}, {because}"),
    )
}

/// Why a patch starts, after its name.
fn because(language: Language, reason: Reason) -> String {
    match reason {
        Reason::First => language.pick("the first one", "첫 패치").to_owned(),
        Reason::Early => language
            .pick(
                "starts because the rule always starts one so early",
                "글의 맨 앞이라 규칙에 따라 시작됨",
            )
            .to_owned(),
        Reason::Unknown => language
            .pick("its entropy has still to arrive", "엔트로피를 계산하는 중")
            .to_owned(),
        Reason::Compared {
            value,
            threshold,
            rise: false,
        } => language.pick(
            format!("starts because the entropy {value:.2} is above {threshold:.2}"),
            format!("엔트로피({value:.2})가 {threshold:.2}보다 커서 시작됨"),
        ),
        Reason::Compared {
            value,
            threshold,
            rise: true,
        } => language.pick(
            format!("starts because the rise {value:.2} of the entropy is above {threshold:.2}"),
            format!("엔트로피 상승폭({value:.2})이 {threshold:.2}보다 커서 시작됨"),
        ),
        Reason::Longest => language
            .pick(
                "starts because the one before has its greatest length",
                "앞 패치가 최대 길이에 이르러 시작됨",
            )
            .to_owned(),
        Reason::Bytes => language
            .pick("starts by the bytes alone", "바이트만 보고 시작됨")
            .to_owned(),
        Reason::Largest => language
            .pick(
                "starts because its entropy is among the largest",
                "엔트로피가 가장 큰 곳에 들어 시작됨",
            )
            .to_owned(),
        Reason::Predicted => language
            .pick(
                "starts because the model expects a delimiter",
                "모델이 구분자를 예상해 시작됨",
            )
            .to_owned(),
        Reason::Table => language
            .pick(
                "starts because the pair before is in the table",
                "앞의 두 바이트가 표에 있어 시작됨",
            )
            .to_owned(),
        Reason::NoTable => language
            .pick("there is no table yet", "아직 표가 없음")
            .to_owned(),
    }
}

/// The byte at the caret.
pub(in crate::window::screens::patch) fn byte(language: Language, at: usize, byte: u8) -> String {
    let label = byte_label(byte);
    language.pick(
        format!("Byte {at}, {label}."),
        format!("바이트 {at}, {label}."),
    )
}

/// The caret is behind all bytes.
pub(in crate::window::screens::patch) fn byte_to_come(language: Language) -> &'static str {
    language.pick("The byte to come.", "다음에 올 바이트.")
}

/// The entropy at the caret.
pub(in crate::window::screens::patch) fn entropy(language: Language, nats: f32) -> String {
    language.pick(
        format!("Entropy {nats:.2} nats."),
        format!("엔트로피 {nats:.2}내트."),
    )
}
