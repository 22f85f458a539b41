//! What the compare screen says.

use crate::window::widgets::byte_label;
use crate::window::words::Language;

/// As a rule that a lane cuts by.
pub(super) fn tokenizer(language: Language) -> &'static str {
    language.pick("Tokenizer", "토크나이저")
}

pub(super) fn rule_of_lane(language: Language, number: usize, rule: &str) -> String {
    language.pick(
        format!("Rule of lane {number}: {rule}"),
        format!("레인 {number}의 규칙: {rule}"),
    )
}

pub(super) fn threshold(language: Language) -> &'static str {
    language.pick("Threshold", "임계값")
}

pub(super) fn threshold_of_rise(language: Language) -> &'static str {
    language.pick("Threshold of the rise", "상승 임계값")
}

pub(super) fn bytes_per_patch(language: Language) -> &'static str {
    language.pick("Bytes per patch", "패치당 바이트")
}

pub(super) fn bytes_behind_number(language: Language) -> &'static str {
    language.pick(" bytes", "바이트")
}

/// Of a threshold, or of the bytes per patch.
pub(super) fn setting_of_lane(language: Language, number: usize, setting: &str) -> String {
    language.pick(
        format!("{setting} of lane {number}"),
        format!("레인 {number}의 {setting}"),
    )
}

pub(super) fn longest_patch_hint(language: Language) -> &'static str {
    language.pick(
        "The longest patch in bytes; 0 for none",
        "가장 긴 패치(바이트). 0이면 제한 없음",
    )
}

pub(super) fn longest_patch_of_lane(language: Language, number: usize) -> String {
    language.pick(
        format!("Longest patch of lane {number}"),
        format!("레인 {number}의 가장 긴 패치"),
    )
}

/// In place of the title of the open model, where it has no name.
pub(super) fn embedded(language: Language) -> &'static str {
    language.pick("embedded", "내장")
}

pub(super) fn model_of_lane(language: Language, number: usize, model: &str) -> String {
    language.pick(
        format!("Model of lane {number}: {model}"),
        format!("레인 {number}의 모델: {model}"),
    )
}

/// Among the models that a lane can take.
pub(super) fn open_model(language: Language, model: &str) -> String {
    language.pick(
        format!("The open model ({model})"),
        format!("열려 있는 모델({model})"),
    )
}

pub(super) fn model_field(language: Language) -> &'static str {
    language.pick("Name or folder of a model", "모델의 이름 또는 폴더")
}

pub(super) fn choose_folder(language: Language) -> &'static str {
    language.pick("Choose a folder…", "폴더 선택…")
}

/// While a lane has no tokenizer or no table.
pub(super) fn choose_one(language: Language) -> &'static str {
    language.pick("choose one…", "선택…")
}

pub(super) fn tokenizer_of_lane(language: Language, number: usize, tokenizer: &str) -> String {
    language.pick(
        format!("Tokenizer of lane {number}: {tokenizer}"),
        format!("레인 {number}의 토크나이저: {tokenizer}"),
    )
}

pub(super) fn tokenizer_field(language: Language) -> &'static str {
    language.pick("Path of a tokenizer.json", "tokenizer.json 경로")
}

pub(super) fn choose_file(language: Language) -> &'static str {
    language.pick("Choose a file…", "파일 선택…")
}

pub(super) fn table_of_lane(language: Language, number: usize, table: &str) -> String {
    language.pick(
        format!("Table of lane {number}: {table}"),
        format!("레인 {number}의 표: {table}"),
    )
}

pub(super) fn move_up(language: Language, number: usize) -> String {
    language.pick(
        format!("Move lane {number} up"),
        format!("레인 {number} 위로"),
    )
}

pub(super) fn move_down(language: Language, number: usize) -> String {
    language.pick(
        format!("Move lane {number} down"),
        format!("레인 {number} 아래로"),
    )
}

pub(super) fn remove(language: Language, number: usize) -> String {
    language.pick(
        format!("Remove lane {number}"),
        format!("레인 {number} 지우기"),
    )
}

/// Above the column of the lanes, in the table and in its copy.
pub(super) fn lane(language: Language) -> &'static str {
    language.pick("Lane", "레인")
}

pub(super) fn add_lane(language: Language) -> &'static str {
    language.pick("+ Add", "+ 추가")
}

pub(super) fn begin_again(language: Language) -> &'static str {
    language.pick("Begin again", "처음 상태로")
}

pub(super) fn begin_again_hint(language: Language) -> &'static str {
    language.pick(
        "The lanes that the screen opens with",
        "화면을 처음 열었을 때의 레인",
    )
}

pub(super) fn copy_as_markdown(language: Language) -> &'static str {
    language.pick("Copy as Markdown", "마크다운으로 복사")
}

/// In the title of a lane, before the name of its tokenizer.
pub(super) fn tokens(language: Language) -> &'static str {
    language.pick("Tokens", "토큰")
}

/// A column of numbers: its name, in up to two lines, and what it means.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) hint: &'static str,
}

/// The columns of numbers, as they stand.
pub(super) fn columns(language: Language) -> [Column; 8] {
    let column = |name, hint| Column { name, hint };
    language.pick(
        [
            column("Patches", "Patches of the text"),
            column("Mean length", "Bytes per patch"),
            column(
                "Variation",
                "Coefficient of variation: the spread of the patch lengths relative to their mean",
            ),
            column(
                "Precision",
                "The share of this lane's boundaries that lane 1 has too",
            ),
            column(
                "Recall",
                "The share of lane 1's boundaries that this lane has too",
            ),
            column("F1", "The harmonic mean of precision and recall"),
            column(
                "Inside characters",
                "Boundaries between two bytes of one character",
            ),
            column(
                "Enrichment",
                "Mean surprisal of the bytes that start a patch, relative to that of all bytes: 1 \
                 where patches start as if by chance",
            ),
        ],
        [
            column("패치", "글 전체의 패치 수"),
            column("평균 길이", "패치당 바이트"),
            column("변동 계수", "패치 길이의 표준편차를 평균으로 나눈 값"),
            column("정밀도", "이 레인의 경계 가운데 레인 1에도 있는 비율"),
            column("재현율", "레인 1의 경계 가운데 이 레인에도 있는 비율"),
            column("F1", "정밀도와 재현율의 조화 평균"),
            column("글자 안 경계", "한 글자의 바이트 사이에 놓인 경계"),
            column(
                "놀라움 비율",
                "패치를 시작하는 바이트의 평균 놀라움을 전체 바이트의 평균으로 나눈 값. 1이면 \
                 아무 데서나 시작하는 것과 같습니다.",
            ),
        ],
    )
}

/// Which lanes start a patch at a byte, in a line. Lanes are counted from 1.
pub(super) fn at_byte(
    language: Language,
    at: usize,
    byte: u8,
    starting: &[usize],
    not: &[usize],
) -> String {
    let list = |lanes: &[usize]| {
        let numbers: Vec<String> = lanes.iter().map(ToString::to_string).collect();
        numbers.join(", ")
    };
    let label = match byte {
        0x21..=0x7E | b' ' | b'\n' | b'\t' => format!(" {}", byte_label(byte)),
        _ => String::new(),
    };
    let place = language.pick(
        format!("byte {at} · 0x{byte:02X}{label}"),
        format!("바이트 {at} · 0x{byte:02X}{label}"),
    );
    let said = match (starting, not) {
        ([], _) => language.pick(
            "no lane starts a patch here".to_owned(),
            "여기서 패치를 시작하는 레인이 없습니다".to_owned(),
        ),
        (_, []) => language.pick(
            "all lanes start a patch here".to_owned(),
            "모든 레인이 여기서 패치를 시작합니다".to_owned(),
        ),
        (starting, not) => language.pick(
            format!(
                "{} a patch here, {} not",
                match starting {
                    [one] => format!("lane {one} starts"),
                    many => format!("lanes {} start", list(many)),
                },
                match not {
                    [one] => format!("lane {one} does"),
                    many => format!("lanes {} do", list(many)),
                }
            ),
            format!(
                "여기서 시작: 레인 {} · 시작하지 않음: 레인 {}",
                list(starting),
                list(not)
            ),
        ),
    };
    format!("{place} · {said}")
}

/// At how many bytes lanes differ from the first, and what the marks mean.
pub(super) fn differences(language: Language, count: usize) -> String {
    let said = match count {
        0 => {
            return language
                .pick(
                    "All lanes cut the text alike.",
                    "모든 레인이 같은 곳에서 나눕니다.",
                )
                .to_owned();
        }
        1 => language.pick(
            "Lanes differ from lane 1 at 1 byte".to_owned(),
            "레인 1과 다른 곳 1바이트".to_owned(),
        ),
        count => language.pick(
            format!("Lanes differ from lane 1 at {count} bytes"),
            format!("레인 1과 다른 곳 {count}바이트"),
        ),
    };
    let marks = language.pick(
        "▲ only here · ▽ only in lane 1",
        "▲ 이 레인에만 · ▽ 레인 1에만",
    );
    format!("{said} · {marks}")
}

pub(super) fn previous_difference(language: Language) -> &'static str {
    language.pick("Previous difference", "이전 차이")
}

pub(super) fn next_difference(language: Language) -> &'static str {
    language.pick("Next difference", "다음 차이")
}

/// What is said where tokenizers are not built in.
pub(super) fn no_tokenizers(language: Language) -> &'static str {
    language.pick(
        "This program was built without tokenizers; build it with --features tokenizers.",
        "토크나이저 없이 빌드된 프로그램입니다. --features tokenizers로 다시 빌드하세요.",
    )
}

/// What is said of a lane that has no table yet.
pub(super) fn no_table(language: Language) -> &'static str {
    language.pick(
        "No table is chosen yet. A table is a JSON file, as blt patch --table takes it.",
        "아직 표를 고르지 않았습니다. 표는 blt patch --table이 받는 JSON 파일입니다.",
    )
}

/// For those who hear the screen, as all that follows.
pub(super) fn text_and_lanes(language: Language) -> &'static str {
    language.pick("The text and its lanes", "글과 레인")
}

pub(super) fn spoken_lane(language: Language, number: usize, title: &str) -> String {
    language.pick(
        format!("Lane {number}: {title}"),
        format!("레인 {number}: {title}"),
    )
}

pub(super) fn spoken_patch(language: Language, index: usize, text: &str, bytes: usize) -> String {
    language.pick(
        match bytes {
            1 => format!("patch {index}: ‘{text}’, 1 byte"),
            _ => format!("patch {index}: ‘{text}’, {bytes} bytes"),
        },
        format!("패치 {index}: ‘{text}’, {bytes}바이트"),
    )
}

/// Behind a patch.
pub(super) fn spoken_only_here(language: Language) -> &'static str {
    language.pick(
        ", the first lane starts none here",
        ", 첫 레인에서는 시작되지 않음",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_said_by_its_lanes() {
        let say =
            |starting: &[usize], not: &[usize]| at_byte(Language::English, 7, b'y', starting, not);
        assert_eq!(
            say(&[1, 3], &[2]),
            "byte 7 · 0x79 y · lanes 1, 3 start a patch here, lane 2 does not"
        );
        assert_eq!(
            say(&[2], &[1, 3]),
            "byte 7 · 0x79 y · lane 2 starts a patch here, lanes 1, 3 do not"
        );
        assert_eq!(
            say(&[1], &[]),
            "byte 7 · 0x79 y · all lanes start a patch here"
        );
        assert_eq!(
            say(&[], &[1]),
            "byte 7 · 0x79 y · no lane starts a patch here"
        );
        assert_eq!(
            at_byte(Language::Korean, 0, 0xED, &[1], &[2]),
            "바이트 0 · 0xED · 여기서 시작: 레인 1 · 시작하지 않음: 레인 2"
        );
    }
}
