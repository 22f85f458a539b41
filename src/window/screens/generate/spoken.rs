//! The bytes of the text for those who hear the screen.

use egui::{Id, Ui};

use super::GenerateScreen;
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
        let name = language.pick("Bytes", "바이트");
        accessibility::list(ui, Id::unique("byte list"), name, items)
    }

    fn label(&self, at: usize, language: Language) -> String {
        let byte = self.text.bytes().get(at).copied().map(byte_label);
        let byte = byte.unwrap_or_default();
        let mut label = language.pick(format!("byte {at}: {byte}"), format!("바이트 {at}: {byte}"));
        let mut add = |part: &str| {
            label.push_str(", ");
            label.push_str(part);
        };
        add(match at < self.text.prompt() {
            true => language.pick("of the prompt", "프롬프트"),
            false => language.pick("written", "생성됨"),
        });
        let record = self.text.record(at);
        if let Some(entropy) = record.and_then(|record| record.entropy) {
            add(&language.pick(
                format!("entropy {entropy:.2} nats"),
                format!("엔트로피 {entropy:.2}내트"),
            ));
        }
        if record.is_some_and(|record| record.start) {
            add(language.pick("a patch starts here", "여기서 패치가 시작됨"));
        }
        match self.text.mark(at) {
            Some(Mark::Latent) => add(language.pick(
                "the latent transformer ran before it",
                "이 앞에서 잠재 트랜스포머가 돌았음",
            )),
            Some(Mark::Local) => add(language.pick(
                "only the local models ran before it",
                "이 앞에서 로컬 모델만 돌았음",
            )),
            None => {}
        }
        label
    }
}
