//! What the patch screen says.

mod rules;
pub(super) mod spoken;

use crate::window::error_message::ErrorMessage;
use crate::window::widgets::{counted, thousands};
use crate::window::words::Language;

pub(crate) use rules::reason;

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
        counted(length as u64, "byte", "bytes"),
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

/// A byte of the text in numbers.
pub(super) fn byte(language: Language, at: usize, byte: u8) -> String {
    language.pick(
        format!("byte {at} · 0x{byte:02X} · {byte}"),
        format!("바이트 {at} · 0x{byte:02X} · {byte}"),
    )
}

/// Above a patch.
pub(super) fn patch_title(language: Language, index: usize) -> String {
    language.pick(format!("Patch {index}"), format!("패치 {index}"))
}

/// How many patches the text has, beside the title of one.
pub(super) fn in_all(language: Language, patches: u64) -> String {
    let count = thousands(patches);
    language.pick(format!("{count} in all"), format!("모두 {count}개"))
}

/// Above the hash buckets: what stands in a line of them.
pub(super) fn bucket_columns(language: Language, rows: u64) -> String {
    let of = thousands(rows);
    language.pick(
        format!("n, its bytes, and its row of {of}"),
        format!("n, 그 바이트들, 그리고 {of}개 가운데 행 번호"),
    )
}

/// At the upper edge of the curve.
pub(super) fn bytes_per_patch(language: Language, bytes: f32) -> String {
    language.pick(
        format!("{bytes} bytes per patch"),
        format!("패치당 {bytes}바이트"),
    )
}

/// At the upper edge of the histogram.
pub(super) fn patches(language: Language, count: u64) -> String {
    language.pick(
        counted(count, "patch", "patches"),
        format!("패치 {}개", thousands(count)),
    )
}

/// A bar of the histogram; the last one may have what is longer too.
pub(super) fn patches_of_length(
    language: Language,
    length: u64,
    or_longer: bool,
    count: u64,
) -> String {
    let (more, bytes) = match (or_longer, length) {
        (true, _) => ("+", "bytes"),
        (false, 1) => ("", "byte"),
        (false, _) => ("", "bytes"),
    };
    language.pick(
        format!(
            "{length}{more} {bytes}: {}",
            patches(Language::English, count)
        ),
        format!("{length}{more}바이트: {}", patches(Language::Korean, count)),
    )
}

/// The operations for this text, among those for other patches.
pub(super) fn this_text(language: Language, mean: f64) -> String {
    language.pick(
        format!("this text, {mean:.2} bytes per patch"),
        format!("이 글, 패치당 {mean:.2}바이트"),
    )
}

/// How long the last change of the text took to be analysed.
pub(super) fn per_change(language: Language, millis: f64) -> String {
    language.pick(
        format!("{millis:.1} ms per change"),
        format!("변경당 {millis:.1} ms"),
    )
}

/// In the editor while nothing is in it.
pub(super) fn empty_editor(language: Language) -> &'static str {
    language.pick(
        "Type, paste or drop a text",
        "글을 쓰거나 붙여넣거나 끌어다 놓으세요",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_character_is_said_where_there_is_a_choice() {
        let say = |character, place| code_point(Language::English, character, place);
        assert_eq!(say('g', 1), "U+0067");
        assert_eq!(say('한', 2), "U+D55C · byte 2 of 3");
    }
}
