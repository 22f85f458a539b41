//! What the sheet of keys says besides the titles of actions.

use super::Language;

pub(in crate::window) fn title(language: Language) -> &'static str {
    language.pick("Keyboard shortcuts", "단축키")
}

pub(in crate::window) fn close(language: Language) -> &'static str {
    language.pick("Close", "닫기")
}

/// Above the keys that are those of no screen.
pub(in crate::window) fn everywhere(language: Language) -> &'static str {
    language.pick("Everywhere", "어디서나")
}

pub(in crate::window) fn escape(language: Language) -> &'static str {
    language.pick(
        "Close what lies above, or leave a field",
        "위에 뜬 것을 닫거나 입력란에서 나가기",
    )
}

pub(in crate::window) fn next_control(language: Language) -> &'static str {
    language.pick(
        "To the next control, or the one before",
        "다음 항목, 이전 항목으로",
    )
}

pub(in crate::window) fn next_byte_of_text(language: Language) -> &'static str {
    language.pick(
        "In the text: to the next byte, or the one before",
        "글에서 다음 바이트, 이전 바이트로",
    )
}

pub(in crate::window) fn next_difference(language: Language) -> &'static str {
    language.pick("To the next difference", "다음 차이로")
}

pub(in crate::window) fn difference_before(language: Language) -> &'static str {
    language.pick("To the difference before", "이전 차이로")
}

pub(in crate::window) fn byte_to_byte(language: Language) -> &'static str {
    language.pick("From byte to byte", "바이트 단위로 이동")
}

pub(in crate::window) fn ends_of_row(language: Language) -> &'static str {
    language.pick("To the ends of the row", "줄의 처음과 끝으로")
}

pub(in crate::window) fn ends_of_file(language: Language) -> &'static str {
    language.pick("To the ends of the file", "파일의 처음과 끝으로")
}

pub(in crate::window) fn by_page(language: Language) -> &'static str {
    language.pick("Page by page", "한 화면씩 이동")
}

pub(in crate::window) fn pause_scan(language: Language) -> &'static str {
    language.pick("Pause the scan, or go on", "스캔 멈춤, 계속")
}
