//! What the menus for a file or a model by its path say.

use super::Language;

/// On the button that takes the path that was typed.
pub(in crate::window) fn use_path(language: Language) -> &'static str {
    language.pick("Use", "사용")
}

/// What the field for a lookup table is for.
pub(in crate::window) fn path_of_table(language: Language) -> &'static str {
    language.pick("Path of a table (JSON)", "표 파일(JSON) 경로")
}

/// On the button that opens the system's dialog.
pub(in crate::window) fn choose_file(language: Language) -> &'static str {
    language.pick("Choose a file…", "파일 선택…")
}
