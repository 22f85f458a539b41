//! What the line about a model that is being loaded says, in parts, and what stays when
//! that is cancelled.

use super::Language;
use crate::window::amounts::{TimeUnit, percent, size};

/// In the place of the name of a model.
pub(in crate::window) fn embedded_model(language: Language) -> &'static str {
    language.pick("the embedded model", "내장 모델")
}

pub(in crate::window) fn loading(language: Language, name: &str) -> String {
    language.pick(format!("Loading {name}"), format!("{name} 불러오는 중"))
}

/// How many of its bytes are there.
pub(in crate::window) fn progress(language: Language, done: u64, total: u64) -> String {
    let share = percent(done, total);
    let (done, total) = (size(done), size(total));
    language.pick(
        format!("{done} of {total}, {share}"),
        format!("{total} 중 {done}, {share}"),
    )
}

pub(in crate::window) fn rate(language: Language, bytes_per_second: u64) -> String {
    let bytes = size(bytes_per_second);
    language.pick(format!("{bytes}/s"), format!("초당 {bytes}"))
}

/// How long it will still take.
pub(in crate::window) fn time_left(language: Language, number: f64, unit: TimeUnit) -> String {
    let (english, korean) = match unit {
        TimeUnit::Second => ("s", "초"),
        TimeUnit::Minute => ("min", "분"),
        TimeUnit::Hour => ("h", "시간"),
        TimeUnit::Day => ("days", "일"),
    };
    language.pick(
        format!("{number:.0} {english} left"),
        format!("{number:.0}{korean} 남음"),
    )
}

pub(in crate::window) fn cancel(language: Language) -> &'static str {
    language.pick("Cancel", "취소")
}

/// The load was cancelled, and there was no model before.
pub(in crate::window) fn no_model(language: Language) -> &'static str {
    language.pick(
        "No model is loaded. Take one from the menu: ≡, Model.",
        "불러온 모델이 없습니다. 메뉴(≡)의 모델에서 고르세요.",
    )
}
