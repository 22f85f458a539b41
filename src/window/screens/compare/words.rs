//! What the compare screen says.

use crate::window::widgets::byte_label;
use crate::window::words::Language;

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
