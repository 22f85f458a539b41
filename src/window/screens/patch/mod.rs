//! The patch screen: a text, its entropies, and where its patches start, while it
//! is written.

mod controls;
mod curve;
mod cutting;
mod editor;
mod figures;
mod inspector;
mod measures;
mod panel;
mod reason;
mod spoken;
#[cfg(test)]
mod tests;
mod text;
mod threshold;
mod words;

use egui::{Context, Frame, Id, Margin, Panel, Ui};

pub(crate) use cutting::{Cutting, Mode, THRESHOLDS};
pub(crate) use text::{MOST_BYTES, Text};
pub(crate) use threshold::STEP as THRESHOLD_STEP;

use crate::window::accessibility;
use crate::window::context::Shared;
use crate::window::engine::{AnalysisRequest, AnalysisUpdate, Model, Request};
use crate::window::theme::Palette;
use editor::Editor;

/// What the patch screen keeps.
#[derive(Debug)]
pub(crate) struct PatchScreen {
    pub(crate) text: Text,
    editor: Editor,
    pub(crate) panel: panel::Panel,
    /// Ways to cut before the last changes of the threshold, for undo.
    undone: Vec<Cutting>,
    /// The byte that was asked about last, of which revision.
    asked: Option<(u64, usize)>,
    /// The place that the engine was told of as that of the next edit.
    prepared: Option<(u64, usize)>,
    /// What a screen reader was told about the byte at the caret.
    said: String,
}

impl PatchScreen {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let cutting = Cutting::of_rule(&crate::patch::Rule::default());
        Self {
            text: Text::new(bytes, cutting),
            editor: Editor::default(),
            panel: panel::Panel::default(),
            undone: Vec::new(),
            asked: None,
            prepared: None,
            said: String::new(),
        }
    }

    /// Another model is there.
    pub(crate) fn use_model(&mut self, model: &Model, shared: &Shared<'_>) {
        self.text.set_cutting(Cutting::of_rule(&model.rule));
        self.text.set_reach(model.reach);
        self.panel.refused = None;
        self.asked = None;
        self.set_context(self.panel.context, shared);
    }

    pub(crate) fn take(&mut self, update: AnalysisUpdate) {
        self.text.take(update);
    }

    fn send(&self, shared: &Shared<'_>) {
        shared.engine.ask(Request::Analysis(AnalysisRequest::Text {
            revision: self.text.revision(),
            bytes: self.text.bytes().to_vec(),
        }));
    }

    /// Another text.
    pub(crate) fn open(&mut self, bytes: &[u8], shared: &Shared<'_>) {
        if self.text.replace(bytes) {
            self.send(shared);
        }
    }

    pub(crate) fn show(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let width = (ui.available_width() * 0.42).clamp(220.0, 348.0);
        Panel::right("inspector")
            .exact_size(width)
            .resizable(false)
            .show_separator_line(false)
            .frame(
                Frame::new()
                    .fill(palette.panel)
                    .inner_margin(Margin::symmetric(28, 24)),
            )
            .show(ui, |ui| {
                egui::ScrollArea::vertical().show(ui, |ui| self.panel(ui, shared));
            });
        Panel::bottom("status")
            .exact_size(44.0)
            .frame(
                Frame::new()
                    .fill(palette.background)
                    .inner_margin(Margin::symmetric(40, 0)),
            )
            .show(ui, |ui| self.status(ui, shared));
        egui::CentralPanel::no_frame()
            .frame(Frame::new().fill(palette.background))
            .show(ui, |ui| self.write(ui, shared));
        self.ask_about(shared);
        self.prepare(shared);
    }

    fn write(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let before = self.text.cutting().clone();
        let changed = { self.editor.show(ui, &mut self.text, shared.language) };
        self.speak(ui, shared);
        if let Some(threshold) = changed.threshold {
            self.set_cutting(
                Cutting {
                    threshold,
                    ..before
                },
                changed.settled,
            );
        }
        if changed.text {
            self.send(shared);
        }
    }

    /// Says what the panel says about the byte at the caret, once all is known.
    fn speak(&mut self, ui: &Ui, shared: &Shared<'_>) {
        let Some(caret) = self.editor.caret.filter(|_| accessibility::is_on(ui)) else {
            return;
        };
        if self.text.is_fresh() {
            self.said = spoken::about(&self.text, caret, shared.language);
        }
        accessibility::announce(ui, Id::unique("byte at the caret"), &self.said);
    }

    /// Cuts another way; with `keep` the way before can be had back.
    fn set_cutting(&mut self, cutting: Cutting, keep: bool) {
        if keep && self.undone.last() != Some(self.text.cutting()) {
            self.undone.push(self.text.cutting().clone());
        }
        self.text.set_cutting(cutting);
    }

    /// Whether everything that was asked for has come.
    pub(crate) fn is_settled(&self) -> bool {
        self.text.is_fresh() && self.text.distribution(self.inspected()).is_some()
    }

    /// Bars, or the curve of the paper.
    pub(crate) fn toggle_curve(&mut self) {
        self.editor.curve = !self.editor.curve;
    }

    /// Draws the text alone, with some space around it; gives the height it needs.
    pub(crate) fn figure(&self, ui: &mut Ui) -> f32 {
        self.editor.figure(ui, &self.text)
    }

    /// Moves the threshold by so many nats.
    pub(crate) fn move_threshold(&mut self, by: f32) {
        let mut cutting = self.text.cutting().clone();
        if cutting.line().is_some() {
            cutting.threshold =
                (cutting.threshold + by).clamp(*THRESHOLDS.start(), *THRESHOLDS.end());
            self.set_cutting(cutting, true);
        }
    }

    /// Goes back to how the text was cut before.
    pub(crate) fn undo_cutting(&mut self) {
        if let Some(cutting) = self.undone.pop() {
            self.text.set_cutting(cutting);
        }
    }

    /// Puts the caret where the next patch starts, or this one or the one before.
    pub(crate) fn to_patch(&self, context: &Context, next: bool) {
        let at = self.editor.caret.unwrap_or(0);
        let starts = self.text.starts();
        let is_start = |at: &usize| starts.get(*at).copied().unwrap_or(false);
        let end = self.text.bytes().len();
        let found = match next {
            true => (at + 1..end).find(is_start).unwrap_or(end),
            false => (0..at).rev().find(is_start).unwrap_or(0),
        };
        self.editor.put_caret(context, &self.text.editor, found);
    }

    /// The byte that the panel is about.
    pub(crate) fn inspected(&self) -> usize {
        self.editor.hovered.or(self.editor.caret).unwrap_or(0)
    }

    /// So that the next key has nothing to compute before it.
    fn prepare(&mut self, shared: &Shared<'_>) {
        let Some(caret) = self.editor.caret.filter(|_| self.text.is_fresh()) else {
            return;
        };
        let wanted = (self.text.revision(), caret);
        if self.prepared != Some(wanted) {
            self.prepared = Some(wanted);
            let request = AnalysisRequest::Caret(caret);
            shared.engine.ask(Request::Analysis(request));
        }
    }

    fn ask_about(&mut self, shared: &Shared<'_>) {
        let wanted = (self.text.revision(), self.inspected());
        let known = self.text.distribution(wanted.1).is_some();
        if self.text.is_fresh() && !known && self.asked != Some(wanted) {
            self.asked = Some(wanted);
            shared
                .engine
                .ask(Request::Analysis(AnalysisRequest::Inspect {
                    revision: wanted.0,
                    at: wanted.1,
                }));
        }
    }
}

#[cfg(test)]
impl PatchScreen {
    /// The identity of the editor and of its score.
    pub(crate) fn editor_id() -> Id {
        editor::id()
    }

    /// Where the text begins on the screen, and the places of its bytes.
    pub(crate) fn layout(&self) -> (egui::Pos2, &crate::window::score::Layout) {
        self.editor.layout()
    }
}
