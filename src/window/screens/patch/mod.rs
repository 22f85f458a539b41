//! The patch screen: a text, its entropies, and where its patches start, while it
//! is written.

mod controls;
mod curve;
mod cutting;
mod editor;
mod figures;
mod history;
mod inspector;
mod measures;
mod panel;
mod reason;
mod spoken;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod threshold;
mod words;

use std::path::Path;
use std::sync::Arc;

use egui::{Context, Frame, Id, Margin, Panel, Ui};

use crate::patch::Mode;
pub(crate) use cutting::{Cutting, RISES, THRESHOLDS};
pub(crate) use table::Opening;
pub(crate) use text::{MOST_BYTES, Text};
pub(crate) use threshold::STEP as THRESHOLD_STEP;

use crate::window::accessibility;
use crate::window::actions::Action;
use crate::window::context::Shared;
use crate::window::dialog::Purpose;
use crate::window::document::Edit;
use crate::window::engine::{
    AnalysisRequest, AnalysisUpdate, Model, Request, TableFor, TableUpdate,
};
use crate::window::error_message::ErrorMessage;
use crate::window::screens::Content;
use crate::window::widgets::{side_margin, side_panel};
use editor::Editor;
pub(crate) use editor::id as editor_id;
use history::{History, Hold, Made, Restore};

/// What the patch screen keeps.
#[derive(Debug)]
pub(crate) struct PatchScreen {
    pub(crate) text: Text,
    editor: Editor,
    pub(crate) panel: panel::Panel,
    /// What was done, for undo.
    history: History,
    /// The name of the model that is there, if there is one.
    model: Option<Option<String>>,
    /// Whether the engine has the text, so that edits of it will do.
    is_sent: bool,
    /// The byte that was asked about last, of which revision.
    asked: Option<(u64, usize)>,
    /// The place that the engine was told of as that of the next edit.
    prepared: Option<(u64, usize)>,
    /// What a screen reader was told about the byte at the caret.
    said: String,
}

impl Content for PatchScreen {
    fn use_model(&mut self, model: &Model, shared: &Shared<'_>) {
        // After a lost device the same model comes again.
        if self.model.as_ref() != Some(&model.name) {
            self.model = Some(model.name.clone());
            let cutting = self.text.cutting().back_to(&model.rule);
            self.text.set_cutting(cutting);
            self.history.forget_cutting();
        }
        self.text.set_reach(model.reach);
        self.panel.refused = None;
        self.asked = None;
        self.panel.opening.ask_again();
        self.set_context(self.panel.context, shared);
    }

    fn is_settled(&self) -> bool {
        let is_here = self.text.is_fresh() && !self.panel.opening.is_coming();
        is_here && self.text.distribution(self.inspected()).is_some()
    }

    fn show(&mut self, ui: &mut Ui, shared: &Shared<'_>) -> Option<Action> {
        let margin = side_margin(ui);
        side_panel(ui, "inspector", 240.0, |ui| self.panel(ui, shared));
        Panel::bottom("status")
            .exact_size(44.0)
            .frame(Frame::new().inner_margin(Margin::symmetric(margin, 0)))
            .show(ui, |ui| self.status(ui, shared));
        egui::CentralPanel::no_frame().show(ui, |ui| self.write(ui, shared));
        self.panel.opening.ask(TableFor::Patch, shared.engine);
        self.ask_about(shared);
        self.prepare(shared);
        None
    }

    fn take_dialog(&mut self) -> Option<Purpose> {
        self.panel.dialog.take()
    }

    fn lose_device(&mut self) {
        self.is_sent = false;
        self.text.lose_device();
    }
}

impl PatchScreen {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let cutting = Cutting::of_rule(&crate::patch::Rule::default());
        Self {
            text: Text::new(bytes, cutting),
            editor: Editor::default(),
            panel: panel::Panel::default(),
            history: History::default(),
            model: None,
            is_sent: false,
            asked: None,
            prepared: None,
            said: String::new(),
        }
    }

    pub(crate) fn take(&mut self, update: AnalysisUpdate) {
        self.text.take(update);
    }

    /// Tells the engine of all of the text.
    fn send(&mut self, shared: &Shared<'_>) {
        self.is_sent = true;
        shared.engine.ask(Request::Analysis(AnalysisRequest::Text {
            revision: self.text.revision(),
            bytes: Arc::clone(self.text.bytes()),
        }));
    }

    /// Tells the engine what has changed of the text.
    fn send_edit(&mut self, edit: Edit, shared: &Shared<'_>) {
        if !self.is_sent {
            return self.send(shared);
        }
        shared.engine.ask(Request::Analysis(AnalysisRequest::Edit {
            revision: self.text.revision(),
            edit,
        }));
    }

    /// Keeps what has changed of the text for undo, and tells the engine of it.
    fn edited(&mut self, edit: Edit, made: Made, shared: &Shared<'_>) {
        self.history.text(edit.clone(), self.text.bytes(), made);
        self.send_edit(edit, shared);
    }

    /// Another text.
    pub(crate) fn open(&mut self, bytes: &[u8], shared: &Shared<'_>) {
        if let Some(edit) = self.text.replace(bytes) {
            let made = Made {
                // Another text is looked at from its begin.
                selections: [self.editor.selection, Some((0, 0))].map(|s| s.or(Some((0, 0)))),
                run: history::Run::Alone,
                time: 0.0,
            };
            self.edited(edit, made, shared);
        }
    }

    /// Cuts the text by the table in a file, once it has been read.
    pub(crate) fn open_table(&mut self, path: &Path) {
        self.panel.opening.open(path);
        self.panel.by_table = true;
    }

    /// Takes a table; says whether it is there now.
    ///
    /// # Errors
    /// Why it cannot be used, where no control says so.
    pub(crate) fn take_table(&mut self, update: TableUpdate) -> Result<bool, ErrorMessage> {
        let table = self.panel.opening.take(update);
        let by_table = std::mem::take(&mut self.panel.by_table);
        let mut cutting = self.text.cutting().clone();
        if table.is_none() {
            let shown = cutting.mode == Mode::Lookup;
            let unseen = self.panel.opening.refused.take_if(|_| !shown);
            return unseen.map_or(Ok(false), Err);
        }
        let keep = !cutting.lacks_table();
        cutting.table = table;
        if by_table {
            cutting.mode = Mode::Lookup;
        }
        self.set_cutting(cutting, keep);
        Ok(true)
    }

    fn write(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let mut changed = self.editor.show(ui, &mut self.text, shared.language);
        self.speak(ui, shared);
        if let Some(edit) = changed.edit.take() {
            let made = Made {
                selections: changed.selections,
                run: changed.run,
                time: ui.input(|input| input.time),
            };
            self.edited(edit, made, shared);
        } else {
            self.history.rest(changed.composing, changed.selections[1]);
        }
        if let Some(threshold) = changed.threshold {
            let cutting = Cutting {
                threshold,
                ..self.text.cutting().clone()
            };
            self.set_cutting(cutting, changed.settled);
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

    /// Cuts another way, which is not a step that can be undone.
    pub(crate) fn cut_as(&mut self, change: impl FnOnce(&mut Cutting)) {
        let mut cutting = self.text.cutting().clone();
        change(&mut cutting);
        if cutting != *self.text.cutting() {
            self.text.set_cutting(cutting);
        }
    }

    /// Cuts another way: a step of its own with `keep`, otherwise one with that before.
    fn set_cutting(&mut self, cutting: Cutting, keep: bool) {
        let hold = if keep { Hold::Begins } else { Hold::Goes };
        self.history.cutting(self.text.cutting(), &cutting, hold);
        self.text.set_cutting(cutting);
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
    pub(crate) fn move_threshold(&mut self, context: &Context, by: f32) {
        let mut cutting = self.text.cutting().clone();
        if let Some(threshold) = cutting.threshold() {
            let (least, most) = cutting.thresholds().into_inner();
            cutting.set_threshold((threshold + by).clamp(least, most));
            let hold = Hold::Key(context.input(|input| input.time));
            self.history.cutting(self.text.cutting(), &cutting, hold);
            self.text.set_cutting(cutting);
        }
    }

    /// Takes back what was done last.
    pub(crate) fn undo(&mut self, context: &Context, shared: &Shared<'_>) {
        let restore = self.history.undo();
        self.restore(restore, context, shared);
    }

    /// Does again what was taken back last.
    pub(crate) fn redo(&mut self, context: &Context, shared: &Shared<'_>) {
        let restore = self.history.redo();
        self.restore(restore, context, shared);
    }

    pub(crate) fn can_undo(&self) -> bool {
        self.history.can_undo()
    }

    pub(crate) fn can_redo(&self) -> bool {
        self.history.can_redo()
    }

    fn restore(&mut self, what: Option<Restore>, context: &Context, shared: &Shared<'_>) {
        self.panel.changing = None;
        self.panel.refused = None;
        match what {
            None => {}
            Some(Restore::Cutting(cutting)) => self.text.set_cutting(cutting),
            Some(Restore::Context(options)) => self.set_context(options, shared),
            Some(Restore::Text { edit, selection }) => {
                if !edit.fits(self.text.bytes()) {
                    // Steps that do not fit the text would make another one of it.
                    self.history = History::default();
                    return;
                }
                let after = edit.came().end;
                let mut bytes = self.text.bytes().to_vec();
                edit.apply(&mut bytes);
                if let Some(edit) = self.text.replace(&bytes) {
                    self.send_edit(edit, shared);
                }
                let selection = selection.unwrap_or((after, after));
                self.editor.select(context, &self.text.editor, selection);
            }
        }
    }

    /// Puts the caret where the next patch starts, or this one or the one before.
    pub(crate) fn go_to_patch(&mut self, context: &Context, next: bool) {
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
        if !known && self.asked != Some(wanted) {
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
    /// The identity of the editor and of its staves.
    pub(crate) fn editor_id() -> Id {
        editor::id()
    }

    /// Where the text begins on the screen, and the places of its bytes.
    pub(crate) fn layout(&self) -> (egui::Pos2, &crate::window::staff::Layout) {
        self.editor.layout()
    }

    /// Puts the caret before a byte.
    pub(crate) fn put_caret(&mut self, context: &Context, byte: usize) {
        self.editor.put_caret(context, &self.text.editor, byte);
    }
}
