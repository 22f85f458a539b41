//! What the patch screen says.

use super::reason::Reason;
use crate::patch::Mode;
use crate::window::error_message::ErrorMessage;
use crate::window::words::Language;

/// What the panel says that needs no number in it.
#[derive(Debug)]
pub(super) struct Says {
    pub(super) to_come: &'static str,
    pub(super) no_character: &'static str,
    pub(super) expected_here: &'static str,
    pub(super) expected_next: &'static str,
    pub(super) hash_buckets: &'static str,
    pub(super) hash_to_come: &'static str,
    pub(super) begins_one: &'static str,
    pub(super) rule: &'static str,
    pub(super) threshold: &'static str,
    pub(super) rise: &'static str,
    pub(super) patch_size: &'static str,
    pub(super) longest_patch: &'static str,
    pub(super) wanted_mean: &'static str,
    pub(super) solve: &'static str,
    pub(super) solve_hint: &'static str,
    pub(super) solve_later: &'static str,
    pub(super) context: &'static str,
    pub(super) reset_at_newline: &'static str,
    pub(super) reset_every: &'static str,
    pub(super) context_hint: &'static str,
    pub(super) back_to_model: &'static str,
    pub(super) curve: &'static str,
    pub(super) statistics: &'static str,
    pub(super) mean: &'static str,
    pub(super) spread: &'static str,
    pub(super) variation: &'static str,
    pub(super) longest: &'static str,
    pub(super) cut_characters: &'static str,
    pub(super) bits_per_byte: &'static str,
    pub(super) lengths: &'static str,
    pub(super) logarithmic: &'static str,
    pub(super) flops: &'static str,
    pub(super) flops_hint: &'static str,
    pub(super) every_byte: &'static str,
    pub(super) fixed_four: &'static str,
    /// Behind a number of bytes.
    pub(super) bytes: &'static str,
    pub(super) table: &'static str,
    pub(super) choose_table: &'static str,
    pub(super) no_table: &'static str,
    pub(super) reading_table: &'static str,
}

pub(super) fn says(language: Language) -> &'static Says {
    language.pick(&ENGLISH, &KOREAN)
}

const ENGLISH: Says = Says {
    to_come: "the byte to come",
    no_character: "part of no UTF-8 character",
    expected_here: "Expected here",
    expected_next: "Expected next",
    hash_buckets: "Hash buckets",
    hash_to_come: "Known once the byte is there.",
    begins_one: "The byte to come begins a new patch.",
    rule: "Rule",
    threshold: "Threshold θ",
    rise: "Rise θr",
    patch_size: "Patch size",
    longest_patch: "Longest patch",
    wanted_mean: "Wanted mean",
    solve: "Solve",
    solve_hint: "Finds the threshold that gives patches of this mean size on this text.",
    solve_later: "Some entropies have still to arrive.",
    context: "Context",
    reset_at_newline: "Reset at each newline",
    reset_every: "Reset every",
    context_hint: "After a reset the entropy model no longer sees what was before.",
    back_to_model: "Back to the model’s rule",
    curve: "Bytes per patch against the threshold",
    statistics: "Statistics",
    mean: "mean length",
    spread: "standard deviation",
    variation: "coefficient of variation",
    longest: "longest patch",
    cut_characters: "starts inside characters",
    bits_per_byte: "bits per byte",
    lengths: "Patch lengths",
    logarithmic: "log",
    flops: "FLOPs per byte, estimated",
    flops_hint: "Forward pass, over a context of 8192 bytes. The entropy model counts where \
                 the rule asks it. × says how many times as many this text takes.",
    every_byte: "one patch per byte",
    fixed_four: "fixed patches of 4",
    bytes: " bytes",
    table: "Table",
    choose_table: "choose one…",
    no_table: "No table is chosen yet, so all of the text is one patch. A table is a JSON file, as \
               blt patch --table takes it.",
    reading_table: "The table is being read.",
};

const KOREAN: Says = Says {
    to_come: "다음에 올 바이트",
    no_character: "UTF-8 글자에 속하지 않음",
    expected_here: "이 자리에 예상된 바이트",
    expected_next: "다음에 예상되는 바이트",
    hash_buckets: "해시 버킷",
    hash_to_come: "바이트가 오면 알 수 있습니다.",
    begins_one: "다음 바이트에서 새 패치가 시작됩니다.",
    rule: "규칙",
    threshold: "임계값 θ",
    rise: "상승 임계값 θr",
    patch_size: "패치 크기",
    longest_patch: "최대 패치 길이",
    wanted_mean: "목표 평균",
    solve: "찾기",
    solve_hint: "이 글에서 패치의 평균 길이가 이렇게 되는 임계값을 찾습니다.",
    solve_later: "아직 계산 중인 엔트로피가 있습니다.",
    context: "문맥",
    reset_at_newline: "줄바꿈마다 초기화",
    reset_every: "일정 간격으로 초기화",
    context_hint: "초기화하면 엔트로피 모델은 그 앞의 내용을 보지 못합니다.",
    back_to_model: "모델의 규칙으로 되돌리기",
    curve: "임계값에 따른 패치당 바이트 수",
    statistics: "통계",
    mean: "평균 길이",
    spread: "표준편차",
    variation: "변동 계수",
    longest: "가장 긴 패치",
    cut_characters: "글자 안에서 시작",
    bits_per_byte: "바이트당 비트",
    lengths: "패치 길이 분포",
    logarithmic: "로그",
    flops: "바이트당 연산량(FLOP) 추정",
    flops_hint: "문맥 8192바이트에서의 순전파 연산량입니다. 엔트로피 모델은 규칙이 쓸 때만 \
                 더합니다. ×는 이 글의 연산량이 그 몇 배인지를 뜻합니다.",
    every_byte: "바이트마다 패치",
    fixed_four: "4바이트 고정 패치",
    bytes: "바이트",
    table: "표",
    choose_table: "선택…",
    no_table: "아직 표를 고르지 않아 글 전체가 한 패치입니다. 표는 blt patch --table이 받는 JSON \
               파일입니다.",
    reading_table: "표를 읽고 있습니다.",
};

/// Where a byte is in its character.
pub(super) fn code_point(language: Language, character: char, place: usize) -> String {
    let code = u32::from(character);
    let length = character.len_utf8();
    match length {
        1 => format!("U+{code:04X}"),
        _ => language.pick(
            format!("U+{code:04X} · byte {place} of {length}"),
            format!("U+{code:04X} · {length}바이트 중 {place}번째"),
        ),
    }
}

/// How unlikely the byte that came was.
pub(super) fn surprisal(language: Language, nats: f32, rank: Option<usize>) -> String {
    let rank = rank.map_or_else(|| "…".to_owned(), |rank| rank.to_string());
    language.pick(
        format!("Surprisal {nats:.2} nats, rank {rank}."),
        format!("놀람도 {nats:.2}내트, 순위 {rank}위."),
    )
}

/// A patch and its bytes.
pub(super) fn patch(language: Language, length: usize, mean: Option<f32>) -> String {
    let mut text = language.pick(
        match length {
            1 => "1 byte".to_owned(),
            _ => format!("{length} bytes"),
        },
        format!("{length}바이트"),
    );
    if let Some(mean) = mean {
        text += &language.pick(
            format!(" · mean {mean:.2} nats"),
            format!(" · 평균 {mean:.2}내트"),
        );
    }
    text
}

/// What the library says of an error, standing alone.
pub(super) fn sentence(error: &str) -> String {
    let mut characters = error.chars();
    match characters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), characters.as_str()),
        None => String::new(),
    }
}

/// Why no threshold gives a wanted mean, where the library's sentence is in another
/// language.
pub(super) fn unreachable(language: Language, sentence: String, least: f64, most: f64) -> String {
    language.pick(
        sentence,
        format!(
            "이 글에서 패치의 평균 길이는 {least:.2}바이트에서 {most:.2}바이트까지만 될 수 있습니다."
        ),
    )
}

/// Why a table cannot be used, and what stays.
pub(super) fn table_refused(language: Language, why: &ErrorMessage) -> String {
    let why = why.text(language);
    language.pick(sentence(why), why.to_owned())
}

impl Mode {
    /// What it does, in a sentence.
    pub(super) fn hint(self, language: Language) -> &'static str {
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

    #[test]
    fn a_place_in_a_character_is_said_where_there_is_a_choice() {
        let say = |character, place| code_point(Language::English, character, place);
        assert_eq!(say('g', 1), "U+0067");
        assert_eq!(say('한', 2), "U+D55C · byte 2 of 3");
    }
}
