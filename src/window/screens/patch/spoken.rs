//! The patches and the byte at the caret for those who hear the screen.

use std::ops::Range;

use egui::{Id, Pos2, Ui};

use super::text::Text;
use super::words;
use crate::window::accessibility::{self, Item, spoken};
use crate::window::staff::View;
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
    let name = words::spoken::patches(language);
    accessibility::list(ui, Id::unique("patch list"), name, items)
}

fn label(text: &Text, patch: &Range<usize>, language: Language) -> String {
    let index = text.patch_index(patch.start);
    let own = spoken(text.bytes().get(patch.clone()).unwrap_or_default());
    let reason = text.reason(patch.start);
    words::spoken::patch(language, index, &own, patch.len(), reason)
}

/// What the panel says about a byte, in a few sentences.
pub(super) fn about(text: &Text, at: usize, language: Language) -> String {
    let byte = match text.bytes().get(at) {
        Some(byte) => words::spoken::byte(language, at, *byte),
        None => words::spoken::byte_to_come(language).to_owned(),
    };
    let entropy = text.entropy(at).map_or_else(String::new, |entropy| {
        format!(" {}", words::spoken::entropy(language, entropy))
    });
    let start = text.starts().get(at).copied().unwrap_or(false);
    let (sentence, margin) = words::reason(language, text.reason(at), start);
    let margin = margin.map_or_else(String::new, |margin| format!(" {margin}"));
    format!("{byte}{entropy} {sentence}{margin}")
}
