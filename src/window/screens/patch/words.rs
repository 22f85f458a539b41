//! What the patch screen says.

use crate::window::screens::patch::Mode;
use crate::window::screens::patch::reason::Reason;
use crate::window::words::Language;

impl Mode {
    pub(crate) fn name(self, language: Language) -> &'static str {
        match self {
            Self::Entropy => language.pick("Global", "전역"),
            Self::Monotonic => language.pick("Monotonic", "단조"),
            Self::Both => language.pick("Both", "둘 다"),
            Self::Space => language.pick("Space", "공백"),
            Self::Static => language.pick("Static", "고정"),
            Self::Byte => language.pick("Byte", "바이트"),
            Self::Delimiter => language.pick("Delimiter", "구분자"),
            Self::TopK => language.pick("Largest", "최대"),
        }
    }
}

/// What could have been decided otherwise, in a sentence, and how closely.
pub(crate) fn reason(language: Language, reason: Reason, start: bool) -> (String, Option<String>) {
    let korean = language == Language::Korean;
    let sentence = match (reason, korean) {
        (Reason::First, false) => "The first byte always starts a patch.".to_owned(),
        (Reason::First, true) => "첫 바이트는 언제나 패치를 시작합니다.".to_owned(),
        (Reason::Unknown, false) => "Its entropy has still to arrive.".to_owned(),
        (Reason::Unknown, true) => "엔트로피를 아직 계산하고 있습니다.".to_owned(),
        (
            Reason::Compared {
                value,
                threshold,
                rise,
            },
            korean,
        ) => compared(korean, start, value, threshold, rise),
        (Reason::Longest, false) => {
            "A patch starts here: the one before has its greatest length.".to_owned()
        }
        (Reason::Longest, true) => "앞 패치가 최대 길이에 이르러 새 패치가 시작됩니다.".to_owned(),
        (Reason::Bytes, false) => match start {
            true => "A patch starts here, by the bytes alone.".to_owned(),
            false => "No patch starts here, by the bytes alone.".to_owned(),
        },
        (Reason::Bytes, true) => match start {
            true => "바이트만 보고 여기서 패치를 시작합니다.".to_owned(),
            false => "바이트만 보면 여기서 패치가 시작되지 않습니다.".to_owned(),
        },
        (Reason::Largest, false) => match start {
            true => "A patch starts here: its entropy is among the largest.".to_owned(),
            false => "No patch starts here: others have larger entropies.".to_owned(),
        },
        (Reason::Largest, true) => match start {
            true => "엔트로피가 가장 큰 곳에 들어 패치가 시작됩니다.".to_owned(),
            false => "엔트로피가 더 큰 곳들이 있어 시작되지 않습니다.".to_owned(),
        },
    };
    let margin = reason.margin().map(|margin| {
        let mut text = language.pick(
            format!("by {margin:.2} nats."),
            format!("차이 {margin:.2}내트."),
        );
        if reason.is_fragile() {
            text += language.pick(
                " Fragile: rounding may decide otherwise.",
                " 아슬아슬함: 반올림에 따라 달라질 수 있습니다.",
            );
        }
        text
    });
    (sentence, margin)
}

fn compared(korean: bool, start: bool, value: f32, threshold: f32, rise: bool) -> String {
    let (sign, symbol) = (if start { '>' } else { '≤' }, if rise { "θr" } else { "θ" });
    match (korean, start, rise) {
        (false, true, false) => {
            format!("A patch starts here: {value:.2} is above {symbol} = {threshold:.2},")
        }
        (false, false, false) => {
            format!("No patch starts here: {value:.2} is not above {symbol} = {threshold:.2},")
        }
        (false, true, true) => {
            format!("A patch starts here: a rise of {value:.2} is above {symbol} = {threshold:.2},")
        }
        (false, false, true) => format!(
            "No patch starts here: a rise of {value:.2} is not above {symbol} = {threshold:.2},"
        ),
        (true, true, false) => {
            format!("여기서 패치가 시작됩니다: {value:.2} {sign} {symbol} = {threshold:.2},")
        }
        (true, false, false) => {
            format!("패치가 시작되지 않습니다: {value:.2} {sign} {symbol} = {threshold:.2},")
        }
        (true, true, true) => {
            format!("여기서 패치가 시작됩니다: 상승 {value:.2} {sign} {symbol} = {threshold:.2},")
        }
        (true, false, true) => {
            format!("패치가 시작되지 않습니다: 상승 {value:.2} {sign} {symbol} = {threshold:.2},")
        }
    }
}
