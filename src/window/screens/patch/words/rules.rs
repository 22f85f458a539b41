//! What the rules are called and do, and why they start a patch or not.

use super::Language;
use crate::patch::Mode;
use crate::window::screens::patch::reason::Reason;

impl Mode {
    /// What it does, in a sentence.
    pub(in crate::window::screens::patch) fn hint(self, language: Language) -> &'static str {
        match self {
            Self::Entropy => language.pick(
                "A patch starts where the entropy is above θ.",
                "엔트로피가 θ보다 크면 패치가 시작됩니다.",
            ),
            Self::Monotonic => language.pick(
                "A patch starts where the entropy rises by more than θr.",
                "엔트로피가 θr보다 많이 오르면 패치가 시작됩니다.",
            ),
            Self::Both => language.pick(
                "A patch starts where the entropy is above θ and has risen by more than θr.",
                "엔트로피가 θ보다 크고 θr보다 많이 올랐으면 패치가 시작됩니다.",
            ),
            Self::Space => language.pick(
                "A patch ends with the first of a run of spaces or marks.",
                "공백이나 문장 부호가 나오면 그 바이트에서 패치가 끝납니다.",
            ),
            Self::Static => language.pick(
                "All patches have the same number of bytes.",
                "모든 패치의 바이트 수가 같습니다.",
            ),
            Self::Byte => language.pick(
                "Every byte is a patch of its own.",
                "바이트 하나하나가 패치입니다.",
            ),
            Self::Delimiter => language.pick(
                "A patch ends at a delimiter, which only a tokenizer writes: a plain text has none.",
                "토크나이저가 넣는 구분자에서 패치가 끝납니다. 일반 글에는 구분자가 없습니다.",
            ),
            Self::TopK => language.pick(
                "Patches start at the largest entropies of the text. What comes later can move \
                 them, so a model cannot generate this way.",
                "글 전체에서 엔트로피가 가장 큰 곳마다 패치가 시작됩니다. 뒤에 오는 글이 경계를 \
                 바꿀 수 있어 생성에는 쓸 수 없습니다.",
            ),
            Self::BpePatcher => language.pick(
                "A patch starts where the model expects a delimiter above all. Only a model that \
                 was trained with delimiters does; under another the text is one patch.",
                "모델이 구분자를 가장 유력하게 예상하는 곳에서 패치가 시작됩니다. 구분자로 학습한 \
                 모델만 그렇게 예상하며, 다른 모델에서는 글 전체가 한 패치입니다.",
            ),
            Self::Lookup => language.pick(
                "A patch starts after every pair of bytes that is in a table.",
                "표에 있는 바이트 두 개가 이어서 나오면 그 뒤에서 패치가 시작됩니다.",
            ),
        }
    }

    pub(crate) fn name(self, language: Language) -> &'static str {
        match self {
            Self::Entropy => language.pick("Global", "전역"),
            Self::Monotonic => language.pick("Monotonic", "단조"),
            Self::Both => language.pick("Both", "둘 다"),
            Self::Space => language.pick("Space", "공백"),
            Self::Static => language.pick("Static", "고정"),
            Self::Byte => language.pick("Byte", "바이트"),
            Self::Delimiter => language.pick("Delimiter", "구분자"),
            Self::TopK => language.pick("Largest", "상위"),
            Self::BpePatcher => language.pick("BPE patcher", "BPE 패처"),
            Self::Lookup => language.pick("Lookup", "룩업"),
        }
    }
}

/// What could have been decided otherwise, in a sentence, and how closely.
pub(crate) fn reason(language: Language, reason: Reason, start: bool) -> (String, Option<String>) {
    let korean = language == Language::Korean;
    let sentence = match (reason, korean) {
        (Reason::First, false) => "The first byte always starts a patch.".to_owned(),
        (Reason::First, true) => "첫 바이트는 언제나 패치를 시작합니다.".to_owned(),
        (Reason::Early, false) => match start {
            true => "So early in a text this rule always starts a patch.".to_owned(),
            false => "So early in a text this rule never starts a patch.".to_owned(),
        },
        (Reason::Early, true) => match start {
            true => "이 규칙은 글의 맨 앞에서는 언제나 패치를 시작합니다.".to_owned(),
            false => "이 규칙은 글의 맨 앞에서는 패치를 시작하지 않습니다.".to_owned(),
        },
        (Reason::Unknown, false) => "What the model says here has still to arrive.".to_owned(),
        (Reason::Unknown, true) => "모델이 아직 계산하고 있습니다.".to_owned(),
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
        (Reason::Predicted, false) => match start {
            true => "A patch starts here: the model expects a delimiter.".to_owned(),
            false => "No patch starts here: the model expects something else than a delimiter."
                .to_owned(),
        },
        (Reason::Predicted, true) => match start {
            true => "모델이 구분자를 예상해 패치가 시작됩니다.".to_owned(),
            false => "모델이 구분자가 아닌 것을 예상해 시작되지 않습니다.".to_owned(),
        },
        (Reason::Table, false) => match start {
            true => "A patch starts here: the pair before is in the table.".to_owned(),
            false => "No patch starts here: the pair before is not in the table.".to_owned(),
        },
        (Reason::Table, true) => match start {
            true => "앞의 두 바이트가 표에 있어 패치가 시작됩니다.".to_owned(),
            false => "앞의 두 바이트가 표에 없어 시작되지 않습니다.".to_owned(),
        },
        (Reason::NoTable, false) => "No patch starts here: there is no table yet.".to_owned(),
        (Reason::NoTable, true) => "아직 표가 없어 시작되지 않습니다.".to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_what_was_compared() {
        let compared = Reason::Compared {
            value: 2.0,
            threshold: 1.99,
            rise: true,
        };
        let (sentence, margin) = reason(Language::English, compared, true);
        assert_eq!(
            sentence,
            "A patch starts here: a rise of 2.00 is above θr = 1.99,"
        );
        assert_eq!(
            margin.as_deref(),
            Some("by 0.01 nats. Fragile: rounding may decide otherwise.")
        );
        let (sentence, _) = reason(Language::Korean, compared, true);
        assert_eq!(sentence, "여기서 패치가 시작됩니다: 상승 2.00 > θr = 1.99,");
    }
}
