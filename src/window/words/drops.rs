//! What the window says about files that are dragged over it and let go on it.

use super::Language;

/// A folder is over the window.
pub(in crate::window) fn let_go_to_use_model(language: Language, name: &str) -> String {
    language.pick(
        format!("Let go to use {name} as the model"),
        format!("놓으면 {name} 폴더를 모델로 씁니다"),
    )
}

/// A file is over the window.
pub(in crate::window) fn let_go_to_open(language: Language, name: &str) -> String {
    language.pick(
        format!("Let go to open {name}"),
        format!("놓으면 {name} 파일을 엽니다"),
    )
}

/// A file is over the window, and its name is not known before it is let go.
pub(in crate::window) fn let_go_to_open_it(language: Language) -> &'static str {
    language.pick("Let go to open it", "놓으면 열립니다")
}

/// Several files are over the window.
pub(in crate::window) fn let_go_then_choose(language: Language, count: usize) -> String {
    language.pick(
        format!("Let go, then choose one of {count}"),
        format!("놓은 뒤 {count}개 중 하나를 고르세요"),
    )
}

/// Several files were let go.
pub(in crate::window) fn which_one(language: Language, count: usize) -> String {
    language.pick(
        format!("{count} files were dropped. Which one is to be opened?"),
        format!("파일 {count}개를 놓았습니다. 어느 것을 열까요?"),
    )
}

/// On the button that opens none of several files.
pub(in crate::window) fn none_of_them(language: Language) -> &'static str {
    language.pick("None of them", "열지 않음")
}
