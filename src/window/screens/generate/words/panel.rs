//! What the side panel says of a byte, of those that could stand in its place, and of
//! the branches.

use crate::generate::Filter;
use crate::window::widgets::thousands;
use crate::window::words::Language;

pub(crate) fn place(language: Language, at: usize, byte: u8) -> String {
    let at = thousands(at as u64);
    language.pick(
        format!("byte {at} · 0x{byte:02X}"),
        format!("바이트 {at} · 0x{byte:02X}"),
    )
}

pub(crate) fn byte_to_come(language: Language) -> &'static str {
    language.pick("the byte to come", "다음에 올 바이트")
}

/// Where there is no text yet.
pub(crate) fn nothing_read(language: Language) -> &'static str {
    language.pick("Nothing is read yet.", "아직 아무것도 읽지 않았습니다.")
}

/// Where no byte is selected.
pub(crate) fn click_a_byte(language: Language) -> &'static str {
    language.pick(
        "Click a byte of the text to see it and to take another in its place.",
        "글의 바이트를 누르면 정보를 보고 다른 바이트로 바꿀 수 있습니다.",
    )
}

pub(crate) fn latent_ran(language: Language) -> &'static str {
    language.pick(
        "The latent transformer ran before it.",
        "앞에서 잠재 트랜스포머가 돌았습니다.",
    )
}

pub(crate) fn only_local_ran(language: Language) -> &'static str {
    language.pick("Only the local models ran.", "로컬 모델만 돌았습니다.")
}

pub(crate) fn surprisal(language: Language, nats: f32) -> String {
    let unit = language.words().nats;
    language.pick(
        format!("surprisal {nats:.2} {unit}"),
        format!("놀라움 {nats:.2}{unit}"),
    )
}

/// Ranks are counted from 1.
pub(crate) fn rank(language: Language, rank: usize) -> String {
    language.pick(format!("rank {rank}"), format!("{rank}위"))
}

pub(crate) fn drafted(language: Language) -> &'static str {
    language.pick("drafted", "미리 씀")
}

pub(crate) fn chosen_by_hand(language: Language) -> &'static str {
    language.pick("chosen by you", "직접 고름")
}

pub(crate) fn of_prompt(language: Language) -> &'static str {
    language.pick("part of the prompt", "프롬프트의 일부")
}

/// Of a byte that another model or device had written.
pub(crate) fn written_before(language: Language) -> &'static str {
    language.pick("written before, now given", "전에 써서 이제 주어진 글")
}

pub(crate) fn could_stand_here(language: Language) -> &'static str {
    language.pick("What could stand here", "여기에 올 수 있는 바이트")
}

pub(crate) fn could_come_next(language: Language) -> &'static str {
    language.pick("What could come next", "다음에 올 수 있는 바이트")
}

/// In the legend of the bars, as is the next.
pub(crate) fn by_model(language: Language) -> &'static str {
    language.pick("the model", "모델")
}

pub(crate) fn after_filters(language: Language) -> &'static str {
    language.pick("after the filters", "필터를 거친 뒤")
}

pub(crate) fn filter(language: Language, filter: Filter) -> &'static str {
    match filter {
        Filter::Allowed => language.pick("not allowed", "허용 안 됨"),
        Filter::Greedy => language.pick("greedy", "탐욕"),
        Filter::TopK => "top-k",
        Filter::TopP => "top-p",
        Filter::MinP => "min-p",
    }
}

/// How many bytes the filters have left.
pub(crate) fn kept(language: Language, count: usize) -> String {
    language.pick(
        format!("{count} of 256 bytes stay"),
        format!("256바이트 중 {count}개 남음"),
    )
}

/// How many bytes a filter has cut.
pub(crate) fn cut(language: Language, by: Filter, count: usize) -> String {
    let name = filter(language, by);
    language.pick(format!("{name}: −{count}"), format!("{name} −{count}"))
}

pub(crate) fn branches(language: Language) -> &'static str {
    language.pick("Branches", "갈래")
}

/// Where a branch has left another.
pub(crate) fn from_byte(language: Language, at: usize) -> String {
    language.pick(format!("from byte {at}"), format!("바이트 {at}부터"))
}
