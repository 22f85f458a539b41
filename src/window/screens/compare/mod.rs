//! One text, cut in several ways, byte under byte.

mod controls;
mod drag;
mod lane;
mod spoken;
mod staff;
mod table;
mod words;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use egui::{Context, Frame, Key, Margin, Modifiers, Panel, RichText, Ui};
use web_time::Instant;

use crate::patch::Mode;
use crate::patch::Rule;
use crate::window::actions::Action;
use crate::window::context::Shared;
use crate::window::dialog::Purpose;
use crate::window::engine::{
    Cells, CompareRequest, CompareUpdate, Found, Model, Request, Source, TableFor, TableUpdate,
};
use crate::window::screens::Content;
use crate::window::screens::patch::{Cutting, Text};
use crate::window::staff::View;
use crate::window::theme::Palette;
use crate::window::widgets::{right, side_margin};
use lane::{Cut, Known, Lane, known_numbers};

/// What the screen keeps.
#[derive(Debug)]
pub(crate) struct CompareScreen {
    lanes: Vec<Lane>,
    next_id: u64,
    /// How the open model cuts.
    rule: Cutting,
    subject: Subject,
    /// What has come from other models and tokenizers.
    known: Vec<Known>,
    /// What the engine was asked for last.
    asked: Option<(u64, Vec<Source>)>,
    /// The bytes at which a lane differs from the first, ascending.
    differences: Vec<usize>,
    /// Whether all lanes have to be compared again.
    anew: bool,
    cut_at: Option<Instant>,
    view: View,
    /// The byte under the pointer.
    hovered: Option<usize>,
    /// The byte that was gone to, or clicked.
    at: Option<usize>,
    scroll_to: Option<usize>,
    dialog: Option<Purpose>,
    /// Files of tables that were used before, the latest first.
    pub(crate) recent_tables: Vec<PathBuf>,
    /// Of the rows of the table, as they were drawn last.
    rows_height: f32,
    /// Where the text begins on the screen.
    #[cfg(test)]
    origin: egui::Pos2,
}

/// The text, and what the open model says of it.
#[derive(Debug, Default)]
struct Subject {
    /// As an editor holds it.
    editor: String,
    bytes: Arc<Vec<u8>>,
    revision: u64,
    entropies: Arc<Vec<f32>>,
    surprisals: Vec<Option<f32>>,
    best: Arc<Vec<Option<u32>>>,
    stale: Range<usize>,
    cells: Option<Cells>,
    /// Whether the cells are still those of the text before.
    is_behind: bool,
    /// Whether there is a text at all, even an empty one.
    is_there: bool,
}

/// While numbers come, lanes are cut again no more often than this.
const CUT_AFTER: Duration = Duration::from_millis(200);

impl Default for CompareScreen {
    fn default() -> Self {
        let rule = Cutting::of_rule(&Rule::default());
        let mut screen = Self {
            lanes: Vec::new(),
            next_id: 0,
            rule,
            subject: Subject::default(),
            known: Vec::new(),
            asked: None,
            differences: Vec::new(),
            anew: true,
            cut_at: None,
            view: View::default(),
            hovered: None,
            at: None,
            scroll_to: None,
            dialog: None,
            recent_tables: Vec::new(),
            rows_height: 0.0,
            #[cfg(test)]
            origin: egui::Pos2::ZERO,
        };
        screen.begin();
        screen
    }
}

impl Content for CompareScreen {
    fn use_model(&mut self, model: &Model, _shared: &Shared<'_>) {
        let rule = Cutting::of_rule(&model.rule);
        for lane in self.lanes.iter_mut().filter(|l| l.cutting == self.rule) {
            lane.cutting = rule.clone();
            lane.dirty = true;
        }
        for lane in &mut self.lanes {
            lane.opening.ask_again();
        }
        self.rule = rule;
    }

    fn lose_device(&mut self) {
        self.asked = None;
        self.subject.cells = None;
        self.known
            .retain(|known| matches!(known.source, Source::Tokenizer(_)));
        self.dirty_all();
    }

    fn is_settled(&self) -> bool {
        self.subject.is_there
            && self.subject.stale.is_empty()
            && !self.anew
            && self.lanes.iter().all(|lane| {
                let complete = |source| self.known_of(&source).is_some_and(Known::is_complete);
                let is_here = !lane.dirty && !lane.opening.is_coming();
                is_here && lane.source().is_none_or(complete)
            })
    }

    fn take_dialog(&mut self) -> Option<Purpose> {
        self.dialog.take()
    }

    fn show(&mut self, ui: &mut Ui, shared: &Shared<'_>) -> Option<Action> {
        self.take_keys(ui.ctx());
        self.ask(shared);
        self.cut();
        let palette = Palette::of(ui.ctx());
        let margin = side_margin(ui);
        let most = (ui.available_height() * 0.5).max(120.0);
        let height = (table::HEADER + self.rows_height + 24.0).min(most);
        Panel::bottom("lanes")
            .resizable(false)
            .exact_size(height)
            .frame(
                Frame::new()
                    .fill(palette.panel)
                    .inner_margin(Margin::symmetric(margin, 10)),
            )
            .show(ui, |ui| self.table(ui, shared));
        Panel::bottom("differences")
            .exact_size(38.0)
            .frame(Frame::new().inner_margin(Margin::symmetric(margin, 0)))
            .show(ui, |ui| self.status(ui, shared));
        egui::CentralPanel::no_frame().show(ui, |ui| self.staff(ui, f32::from(margin), shared));
        // What a control has changed shows in the next frame.
        if self.anew || self.lanes.iter().any(|lane| lane.dirty) {
            match self.subject.stale.is_empty() {
                true => ui.ctx().request_repaint(),
                false => ui.ctx().request_repaint_after(CUT_AFTER),
            }
        }
        None
    }
}

impl CompareScreen {
    /// Takes the text of the patch screen, and what is known of it by now.
    pub(crate) fn set_text(&mut self, text: &Text) {
        let subject = &mut self.subject;
        let same_bytes = subject.is_there
            && Arc::ptr_eq(&subject.bytes, text.bytes())
            && subject.revision == text.revision();
        let same_numbers =
            Arc::ptr_eq(&subject.entropies, text.entropies()) && subject.stale == text.stale();
        if same_bytes && same_numbers {
            return;
        }
        if !same_bytes {
            subject.editor.clone_from(&text.editor);
            subject.bytes = Arc::clone(text.bytes());
            subject.revision = text.revision();
            subject.is_there = true;
            self.known.clear();
            self.cut_at = None;
            self.at = None;
        }
        subject.entropies = Arc::clone(text.entropies());
        subject.surprisals = known_numbers(text.nlls());
        subject.best = Arc::clone(text.best());
        subject.stale = text.stale();
        subject.cells = text.cells().cloned();
        subject.is_behind = text.is_behind();
        self.dirty_all();
    }

    /// The lanes to begin with.
    fn begin(&mut self) {
        self.lanes.clear();
        let other = match self.rule.mode {
            Mode::Monotonic => Mode::Entropy,
            _ => Mode::Monotonic,
        };
        self.add(self.rule.clone());
        for mode in [Mode::Static, Mode::Space, other] {
            // No longest patch: it would show the model's rule in all of them.
            self.add(Cutting {
                mode,
                longest: None,
                ..self.rule.clone()
            });
        }
    }

    fn add(&mut self, cutting: Cutting) {
        self.next_id += 1;
        self.lanes.push(Lane::new(self.next_id, cutting));
    }

    fn dirty_all(&mut self) {
        for lane in &mut self.lanes {
            lane.dirty = true;
        }
    }

    pub(crate) fn take(&mut self, update: CompareUpdate) {
        if update.revision != self.subject.revision {
            return;
        }
        let CompareUpdate { source, found, .. } = update;
        self.known.retain(|known| known.source != source);
        for lane in &mut self.lanes {
            lane.dirty |= lane.source().as_ref() == Some(&source);
        }
        self.known.push(Known::new(source, found));
    }

    fn known_of(&self, source: &Source) -> Option<&Known> {
        self.known.iter().find(|known| known.source == *source)
    }

    /// A lane takes its entropies from the model in a folder.
    pub(crate) fn choose_model(&mut self, lane: u64, name: &str) {
        self.choose(lane, |lane| {
            lane.tokens = false;
            lane.model = Some(name.to_owned()).filter(|name| !name.is_empty());
            name.clone_into(&mut lane.typed);
        });
    }

    /// A lane is cut by the tokens of a tokenizer.
    pub(crate) fn choose_tokenizer(&mut self, lane: u64, path: &Path) {
        self.choose(lane, |lane| {
            lane.tokens = true;
            lane.tokenizer = path.to_owned();
            lane.typed = path.display().to_string();
        });
    }

    /// A lane is cut by the table in a file, once it has been read.
    pub(crate) fn choose_table(&mut self, id: u64, path: &Path) {
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.id == id) {
            lane.opening.open(path);
        }
    }

    /// Takes a table; says whether it is one that is used now.
    pub(crate) fn take_table(&mut self, id: u64, update: TableUpdate) -> bool {
        let Some(lane) = self.lanes.iter_mut().find(|lane| lane.id == id) else {
            return false;
        };
        let table = lane.opening.take(update);
        let is_used = table.is_some();
        if is_used {
            lane.cutting.table = table;
            lane.dirty = true;
        }
        is_used
    }

    fn choose(&mut self, id: u64, change: impl FnOnce(&mut Lane)) {
        let Some(lane) = self.lanes.iter_mut().find(|lane| lane.id == id) else {
            return;
        };
        change(lane);
        lane.dirty = true;
        if let Some(source) = lane.source() {
            // Chosen once more, what has failed is tried once more.
            let failed =
                |known: &Known| known.source == source && matches!(known.found, Found::Failed(_));
            if self.known.iter().any(failed) {
                self.known.retain(|known| !failed(known));
                self.asked = None;
            }
        }
    }

    /// Adds a lane for a tokenizer; says whether the path is one.
    pub(crate) fn drop_file(&mut self, path: &Path) -> bool {
        let is_tokenizer = path.file_name().is_some_and(|name| {
            let name = name.to_string_lossy().to_lowercase();
            name.contains("tokenizer") && name.ends_with(".json")
        });
        if is_tokenizer {
            self.add(self.rule.clone());
            self.choose_tokenizer(self.next_id, path);
        }
        is_tokenizer
    }

    /// Asks for what lanes need; what no lane needs any more is let go.
    fn ask(&mut self, shared: &Shared<'_>) {
        for lane in &mut self.lanes {
            lane.opening.ask(TableFor::Lane(lane.id), shared.engine);
        }
        let mut sources: Vec<Source> = Vec::new();
        for source in self.lanes.iter().filter_map(Lane::source) {
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        let nothing_yet = self.asked.is_none() && sources.is_empty();
        let wanted = (self.subject.revision, sources);
        if nothing_yet || self.asked.as_ref() == Some(&wanted) {
            return;
        }
        self.known.retain(|known| wanted.1.contains(&known.source));
        shared.engine.ask(Request::Compare(CompareRequest {
            revision: wanted.0,
            bytes: Arc::clone(&self.subject.bytes),
            sources: wanted.1.clone(),
        }));
        self.asked = Some(wanted);
    }

    /// Cuts again what has changed, and compares it with the first lane.
    fn cut(&mut self) {
        if !self.anew && !self.lanes.iter().any(|lane| lane.dirty) {
            return;
        }
        let is_coming = !self.subject.stale.is_empty();
        if is_coming && self.cut_at.is_some_and(|at| at.elapsed() < CUT_AFTER) {
            return;
        }
        self.cut_at = Some(Instant::now());
        let subject = &self.subject;
        let bytes = subject.bytes.as_slice();
        let known = &self.known;
        let find = |lane: &Lane| {
            let source = lane.source()?;
            known.iter().find(|known| known.source == source)
        };
        let first_changed = self.anew || self.lanes.first().is_some_and(|lane| lane.dirty);
        let mut first: Option<Arc<Vec<bool>>> = None;
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            let found = find(lane);
            let starts = match (&lane.cut, lane.dirty) {
                (Some(cut), false) => Some(Arc::clone(&cut.starts)),
                _ => lane.starts(bytes, &subject.entropies, &subject.best, found),
            };
            if index == 0 {
                first.clone_from(&starts);
            }
            let has_first = first.is_some();
            if lane.dirty || first_changed {
                let surprisals = match found {
                    Some(known) if !known.surprisals.is_empty() => &known.surprisals,
                    _ => &subject.surprisals,
                };
                // Without a first lane there is nothing to differ from.
                let first = first.as_ref().or(starts.as_ref());
                lane.cut = first
                    .zip(starts.as_ref())
                    .and_then(|(first, starts)| Cut::new(bytes, first, starts, surprisals).ok());
                if let Some(cut) = &mut lane.cut
                    && (index == 0 || !has_first)
                {
                    cut.numbers.forget_first();
                }
            }
            lane.dirty = false;
        }
        self.anew = false;
        // Lanes differ at many bytes of a long text: marking is cheaper than sorting.
        let mut differs = vec![false; bytes.len()];
        let cuts = self.lanes.iter().filter_map(|lane| lane.cut.as_ref());
        for at in cuts.flat_map(|cut| cut.only_here.iter().chain(&cut.missing)) {
            if let Some(differs) = differs.get_mut(*at) {
                *differs = true;
            }
        }
        let marked = differs.iter().enumerate().filter(|(_, differs)| **differs);
        self.differences = marked.map(|(at, _)| at).collect();
    }

    /// Goes to the next difference, or to the one before.
    fn go(&mut self, next: bool) {
        let found = match (self.at, next) {
            (None, true) => self.differences.first(),
            (None, false) => self.differences.last(),
            (Some(at), true) => {
                let index = self.differences.partition_point(|byte| *byte <= at);
                self.differences.get(index).or(self.differences.first())
            }
            (Some(at), false) => {
                let index = self.differences.partition_point(|byte| *byte < at);
                let before = index.checked_sub(1).and_then(|i| self.differences.get(i));
                before.or(self.differences.last())
            }
        };
        if let Some(at) = found.copied() {
            self.at = Some(at);
            self.scroll_to = Some(at);
        }
    }

    fn take_keys(&mut self, context: &Context) {
        if context.text_edit_focused() {
            return;
        }
        let pressed = |modifiers| context.input_mut(|input| input.consume_key(modifiers, Key::N));
        // The one with more modifiers first: a plain key is taken with any.
        if pressed(Modifiers::SHIFT) {
            self.go(false);
        } else if pressed(Modifiers::NONE) {
            self.go(true);
        }
    }

    /// The byte that the line of text is about.
    fn inspected(&self) -> Option<usize> {
        self.hovered
            .or(self.at)
            .filter(|at| *at < self.subject.bytes.len())
    }

    fn status(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let quiet = |text: String| RichText::new(text).size(12.5).color(palette.muted);
        let language = shared.language;
        ui.horizontal_centered(|ui| {
            let count = self.differences.len();
            right(ui, |ui| {
                self.copy_button(ui, language);
                ui.add_space(8.0);
                let previous = words::previous_difference(language);
                let next = words::next_difference(language);
                for (picture, name, keys, is_next) in
                    [("›", next, "N", true), ("‹", previous, "Shift+N", false)]
                {
                    let button = egui::Button::new(RichText::new(picture).size(14.0));
                    let response = ui
                        .add_enabled(count > 0, button.min_size(egui::vec2(26.0, 24.0)))
                        .on_hover_text(format!("{name} ({keys})"));
                    response.widget_info(|| {
                        egui::WidgetInfo::labeled(egui::Role::Button, count > 0, name)
                    });
                    if response.clicked() {
                        self.go(is_next);
                    }
                }
                let here = self
                    .at
                    .and_then(|at| self.differences.binary_search(&at).ok());
                if let Some(index) = here {
                    ui.label(quiet(format!("{} / {count}", index + 1)));
                }
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                    let text = match self.inspected() {
                        Some(at) => self.sentence(at, shared),
                        None => words::differences(language, count),
                    };
                    ui.add(egui::Label::new(quiet(text)).truncate());
                });
            });
        });
    }

    fn sentence(&self, at: usize, shared: &Shared<'_>) -> String {
        let (mut starting, mut not) = (Vec::new(), Vec::new());
        for (number, lane) in (1..).zip(&self.lanes) {
            match &lane.cut {
                Some(cut) if cut.is_start(at) => starting.push(number),
                Some(_) => not.push(number),
                None => {}
            }
        }
        let byte = self.subject.bytes.get(at).copied().unwrap_or(0);
        words::at_byte(shared.language, at, byte, &starting, &not)
    }
}

#[cfg(test)]
mod tests;
