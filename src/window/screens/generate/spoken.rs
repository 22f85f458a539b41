//! The bytes of the text for those who hear the screen.

use egui::{Id, Ui};

use super::GenerateScreen;
use super::words::spoken as words;
use super::written::Mark;
use crate::window::accessibility::{self, Item};
use crate::window::widgets::byte_label;
use crate::window::words::Language;

impl GenerateScreen {
    /// Lists the bytes that show; gives the one that was chosen.
    pub(super) fn list_bytes(&self, ui: &mut Ui, language: Language) -> Option<usize> {
        let (_, bytes) = self.view.visible(ui.clip_rect(), self.origin);
        let items = bytes.map(|at| Item {
            key: at,
            label: self.label(at, language),
            bounds: self.view.extent(self.origin, at..at + 1),
            is_selected: self.selected == Some(at),
        });
        let name = words::bytes(language);
        accessibility::list(ui, Id::unique("byte list"), name, items)
    }

    fn label(&self, at: usize, language: Language) -> String {
        let byte = self.text.bytes().get(at).copied().map(byte_label);
        let byte = byte.unwrap_or_default();
        let mut label = words::byte(language, at, &byte);
        let mut add = |part: &str| {
            label.push_str(", ");
            label.push_str(part);
        };
        add(match at < self.text.prompt() {
            true => words::of_prompt(language),
            false => words::written(language),
        });
        let record = self.text.record(at);
        if let Some(entropy) = record.and_then(|record| record.entropy) {
            add(&words::entropy(language, entropy));
        }
        if record.is_some_and(|record| record.start) {
            add(words::patch_starts(language));
        }
        match self.text.mark(at) {
            Some(Mark::Latent) => add(words::latent_ran(language)),
            Some(Mark::Local) => add(words::only_local_ran(language)),
            None => {}
        }
        label
    }
}
