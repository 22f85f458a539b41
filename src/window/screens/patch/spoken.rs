//! The patches and the byte at the caret for those who hear the screen.

use std::ops::Range;

use egui::{Id, Pos2, Ui};

use super::reason::Reason;
use super::text::Text;
use super::words;
use crate::window::accessibility::{self, Item, spoken};
use crate::window::staff::View;
use crate::window::widgets::byte_label;
use crate::window::words::Language;

/// Lists the patches that show; gives the first byte of the one that was chosen.
pub(super) fn patches(
    ui: &mut Ui,
    view: &View,
    origin: Pos2,
    text: &Text,
    caret: Option<usize>,
    language: Language,
) -> Option<usize> {
    let (_, bytes) = view.visible(ui.clip_rect(), origin);
    let bytes = bytes.start..bytes.end.min(text.bytes().len());
    let mut next = bytes.start;
    let items = std::iter::from_fn(|| {
        if next >= bytes.end {
            return None;
        }
        let patch = text.patch_of(next);
        let shown = next..patch.end;
        next = patch.end.max(next + 1);
        Some(Item {
            key: patch.start,
            label: label(text, &patch, language),
            bounds: view.extent(origin, shown),
            is_selected: caret.is_some_and(|caret| patch.contains(&caret)),
        })
    });
    let name = language.pick("Patches", "패치");
    accessibility::list(ui, Id::unique("patch list"), name, items)
}

fn label(text: &Text, patch: &Range<usize>, language: Language) -> String {
    let index = text.patch_index(patch.start);
    let own = spoken(text.bytes().get(patch.clone()).unwrap_or_default());
    let length = words::patch(language, patch.len(), None);
    let because = because(language, text.reason(patch.start));
    language.pick(
        format!("patch {index}: ‘{own}’, {length}, {because}"),
        format!("패치 {index}: ‘{own}’, {length}, {because}"),
    )
}

/// Why a patch starts, after its name.
fn because(language: Language, reason: Reason) -> String {
    match reason {
        Reason::First => language.pick("the first one", "첫 패치").to_owned(),
        Reason::Early => language
            .pick(
                "starts because the rule always starts one so early",
                "글의 맨 앞이라 규칙에 따라 시작됨",
            )
            .to_owned(),
        Reason::Unknown => language
            .pick("its entropy has still to arrive", "엔트로피를 계산하는 중")
            .to_owned(),
        Reason::Compared {
            value,
            threshold,
            rise: false,
        } => language.pick(
            format!("starts because the entropy {value:.2} is above {threshold:.2}"),
            format!("엔트로피({value:.2})가 {threshold:.2}보다 커서 시작됨"),
        ),
        Reason::Compared {
            value,
            threshold,
            rise: true,
        } => language.pick(
            format!("starts because the rise {value:.2} of the entropy is above {threshold:.2}"),
            format!("엔트로피 상승폭({value:.2})이 {threshold:.2}보다 커서 시작됨"),
        ),
        Reason::Longest => language
            .pick(
                "starts because the one before has its greatest length",
                "앞 패치가 최대 길이에 이르러 시작됨",
            )
            .to_owned(),
        Reason::Bytes => language
            .pick("starts by the bytes alone", "바이트만 보고 시작됨")
            .to_owned(),
        Reason::Largest => language
            .pick(
                "starts because its entropy is among the largest",
                "엔트로피가 가장 큰 곳에 들어 시작됨",
            )
            .to_owned(),
        Reason::Predicted => language
            .pick(
                "starts because the model expects a delimiter",
                "모델이 구분자를 예상해 시작됨",
            )
            .to_owned(),
        Reason::Table => language
            .pick(
                "starts because the pair before is in the table",
                "앞의 두 바이트가 표에 있어 시작됨",
            )
            .to_owned(),
        Reason::NoTable => language
            .pick("there is no table yet", "아직 표가 없음")
            .to_owned(),
    }
}

/// What the panel says about a byte, in a few sentences.
pub(super) fn about(text: &Text, at: usize, language: Language) -> String {
    let byte = match text.bytes().get(at) {
        Some(byte) => language.pick(
            format!("Byte {at}, {}.", byte_label(*byte)),
            format!("바이트 {at}, {}.", byte_label(*byte)),
        ),
        None => language
            .pick("The byte to come.", "다음에 올 바이트.")
            .to_owned(),
    };
    let entropy = text.entropy(at).map(|entropy| {
        language.pick(
            format!(" Entropy {entropy:.2} nats."),
            format!(" 엔트로피 {entropy:.2}내트."),
        )
    });
    let start = text.starts().get(at).copied().unwrap_or(false);
    let (sentence, margin) = words::reason(language, text.reason(at), start);
    let margin = margin.map_or_else(String::new, |margin| format!(" {margin}"));
    format!("{byte}{} {sentence}{margin}", entropy.unwrap_or_default())
}
