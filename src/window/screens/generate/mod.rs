//! A text that the model writes, byte by byte.

mod panel;
mod sampling;
mod spoken;
mod staff;
mod status;
mod words;
mod written;

use egui::{Frame, Margin, Panel, Ui};

use crate::generate::Prediction;
use crate::model::memory::MemoryPlan;
use crate::window::actions::{Action, Command};
use crate::window::context::Shared;
use crate::window::document::{to_bytes, to_editor};
use crate::window::engine::{
    BranchLine, Doing, GenerateRequest, GenerateSettings, GenerateUpdate, Kept, Model, Request,
    State, Wish,
};
use crate::window::screens::Content;
use crate::window::screens::patch::Cutting;
use crate::window::staff::View;
use crate::window::theme::MARGIN;
use crate::window::widgets::{is_narrow, side_panel};
use words::Note;
use written::Written;

/// What to continue before anybody has said what.
const FIRST_PROMPT: &str = "When the rain stopped, the children";

/// What the screen keeps.
#[derive(Debug)]
pub(crate) struct GenerateScreen {
    /// As the editor holds it.
    prompt: String,
    pub(crate) text: Written,
    pub(crate) settings: GenerateSettings,
    /// The temperature to go back to when bytes are no longer chosen greedily.
    warm: f32,
    /// What the engine has been told.
    sent: Option<GenerateSettings>,
    watched: Option<usize>,
    /// The byte that the panel is about; `None` is the one to come.
    pub(crate) selected: Option<usize>,
    hovered: Option<usize>,
    /// What could stand at a byte of those written.
    pub(crate) predictions: Option<(usize, Vec<Prediction>)>,
    pub(crate) branches: Vec<BranchLine>,
    state: State,
    doing: Doing,
    memory: Option<MemoryPlan>,
    note: Option<Note>,
    ticket: u64,
    /// Whether the engine holds the text.
    is_read: bool,
    /// What a lost device has left of the texts, until there is another one.
    kept: Option<Kept>,
    /// Write by itself when the screen is first shown: for pictures.
    automatic: bool,
    whole: bool,
    threshold: Option<f32>,
    view: View,
    /// Where the text begins on the screen.
    origin: egui::Pos2,
}

impl Content for GenerateScreen {
    fn use_model(&mut self, model: &Model, shared: &Shared<'_>) {
        self.whole = model.is_whole();
        self.threshold = Cutting::of_rule(&model.rule).line();
        self.memory = None;
        if self.is_read {
            self.note = Some(Note::OtherModel);
        }
        // Of a new device: the engine that had the texts is gone.
        if let Some(kept) = self.kept.take() {
            self.ask(Wish::Restore(kept), shared);
        }
    }

    fn lose_device(&mut self) {
        if !self.text.bytes().is_empty() {
            self.note = Some(Note::Lost);
        }
        self.forget_session();
        // Nobody will answer what the lost device was asked.
        self.state.ticket = self.ticket;
        self.sent = None;
    }

    fn is_settled(&self) -> bool {
        !self.automatic && !self.is_busy()
    }

    fn show(&mut self, ui: &mut Ui, shared: &Shared<'_>) -> Option<Action> {
        if self.automatic && shared.model.is_some() {
            self.automatic = false;
            self.act(Command::StartOrPause, shared);
        }
        self.text.refresh();
        let narrow = is_narrow(ui);
        side_panel(ui, "generate panel", 360.0, |ui| {
            if narrow {
                self.status(ui, shared);
                ui.add_space(12.0);
            }
            self.panel(ui, shared);
        });
        let frame = Frame::new().inner_margin(Margin {
            left: margin(ui.available_width()),
            right: margin(ui.available_width()),
            top: 12,
            bottom: 12,
        });
        if !narrow {
            Panel::bottom("generate status")
                .resizable(false)
                .frame(frame)
                .show(ui, |ui| self.status(ui, shared));
        }
        Panel::top("generate prompt")
            .resizable(false)
            .show_separator_line(false)
            .frame(frame)
            .show(ui, |ui| self.controls(ui, shared));
        egui::CentralPanel::no_frame().show(ui, |ui| self.staff(ui, shared));
        self.follow(shared);
        None
    }
}

impl GenerateScreen {
    /// With `automatic` the first text is written without being asked for.
    pub(crate) fn new(prompt: Option<&[u8]>, automatic: bool) -> Self {
        let settings = GenerateSettings {
            // A picture shows what can be seen, not how fast it goes.
            stage_times: automatic,
            ..GenerateSettings::default()
        };
        Self {
            prompt: to_editor(prompt.unwrap_or(FIRST_PROMPT.as_bytes())),
            text: Written::default(),
            warm: settings.sampler.temperature,
            settings,
            sent: None,
            watched: None,
            selected: None,
            hovered: None,
            predictions: None,
            branches: Vec::new(),
            state: State::default(),
            doing: Doing::Nothing,
            memory: None,
            note: None,
            ticket: 0,
            is_read: false,
            kept: None,
            automatic,
            whole: true,
            threshold: None,
            view: View::default(),
            origin: egui::Pos2::ZERO,
        }
    }

    /// The text stays, what the engine held of it is gone.
    fn forget_session(&mut self) {
        self.is_read = false;
        self.doing = Doing::Nothing;
        self.state.doing = Doing::Nothing;
        self.state.to_come = None;
        self.state.memory = 0;
        self.branches.clear();
        self.predictions = None;
        self.watched = None;
    }

    pub(crate) fn take(&mut self, update: GenerateUpdate) {
        match update {
            GenerateUpdate::Memory(plan) => self.memory = Some(plan),
            GenerateUpdate::Doing(doing) => self.doing = doing,
            GenerateUpdate::Read(records) => {
                let bytes = records.iter().filter_map(|record| record.byte);
                let given = &self.text.bytes()[..self.text.given()];
                if bytes.eq(given.iter().copied()) {
                    self.text.grow(0, Vec::new());
                    self.text.read(records);
                    self.is_read = true;
                    self.note = None;
                }
            }
            GenerateUpdate::State(state) => {
                self.doing = state.doing;
                // An engine on a new device begins to count anew.
                let ticket = state.ticket.max(self.state.ticket);
                self.state = State { ticket, ..state };
            }
            GenerateUpdate::Kept(kept) => self.kept = Some(kept),
            GenerateUpdate::Text {
                given,
                prompt,
                records,
            } => {
                let (prompt, before) = given.split_at(prompt);
                self.text.begin(prompt, before, self.whole);
                self.text.read(records);
                self.is_read = true;
                self.selected = None;
                self.predictions = None;
            }
            GenerateUpdate::Failed(why) => self.note = Some(Note::Failed(why)),
            // What is about a text before this one.
            _ if !self.is_read => {}
            GenerateUpdate::Written { from, bytes } => {
                self.text.grow(from, bytes);
                let end = self.text.bytes().len();
                self.selected = self.selected.filter(|at| *at < end);
            }
            GenerateUpdate::Branches(branches) => self.branches = branches,
            GenerateUpdate::Predictions { at, all } => self.predictions = Some((at, all)),
        }
    }

    /// Whether something is being loaded, read or written.
    pub(crate) fn is_busy(&self) -> bool {
        self.state.ticket < self.ticket || self.doing != Doing::Nothing
    }

    fn ask(&mut self, wish: Wish, shared: &Shared<'_>) {
        self.ticket += 1;
        let ticket = self.ticket;
        let request = GenerateRequest { ticket, wish };
        shared.engine.ask(Request::Generate(request));
    }

    fn tell_settings(&mut self, shared: &Shared<'_>) {
        if self.sent != Some(self.settings) {
            self.sent = Some(self.settings);
            self.ask(Wish::Settings(self.settings), shared);
        }
    }

    /// Whether the prompt is another one than that of the text.
    fn has_other_prompt(&self) -> bool {
        let prompt = &self.text.bytes()[..self.text.prompt()];
        to_bytes(&self.prompt) != prompt
    }

    /// Reads the prompt anew, or what the model has lost of the text.
    fn need_text(&mut self, shared: &Shared<'_>) {
        let other = self.has_other_prompt();
        if self.is_read && !other {
            return;
        }
        let before = match other {
            true => Vec::new(),
            false => self.text.after_prompt().to_vec(),
        };
        self.begin(&before, shared);
    }

    fn begin(&mut self, before: &[u8], shared: &Shared<'_>) {
        let prompt = to_bytes(&self.prompt);
        self.forget_session();
        self.text.begin(&prompt, before, self.whole);
        self.selected = None;
        self.note = None;
        self.tell_settings(shared);
        // What is still being read is left.
        let read = Wish::Read {
            given: self.text.bytes().to_vec(),
            prompt: self.text.prompt(),
        };
        self.ask(read, shared);
    }

    /// Whether a command can be carried out now.
    fn can(&self, command: Command, shared: &Shared<'_>) -> bool {
        let idle = !self.is_busy();
        shared.model.is_some()
            && match command {
                Command::StartOrPause | Command::Restart => true,
                Command::Byte | Command::Patch => idle,
                Command::Back => idle && !self.text.after_prompt().is_empty(),
            }
    }

    pub(crate) fn act(&mut self, command: Command, shared: &Shared<'_>) {
        if !self.can(command, shared) {
            return;
        }
        match command {
            Command::StartOrPause if self.is_busy() => {
                self.ask(Wish::Pause, shared);
            }
            Command::StartOrPause => self.write(Wish::Run, shared),
            Command::Byte => self.write(Wish::Byte, shared),
            Command::Patch => self.write(Wish::Patch, shared),
            Command::Back => self.back(shared),
            Command::Restart => {
                self.begin(&[], shared);
                self.ask(Wish::Run, shared);
            }
        }
    }

    fn write(&mut self, wish: Wish, shared: &Shared<'_>) {
        self.need_text(shared);
        self.note = None;
        self.ask(wish, shared);
    }

    fn back(&mut self, shared: &Shared<'_>) {
        if self.is_read && !self.text.written().is_empty() {
            self.ask(Wish::Back, shared);
            return;
        }
        // Of what another model or device has written.
        if let Some((_, before)) = self.text.after_prompt().split_last() {
            let before = before.to_vec();
            self.begin(&before, shared);
        }
    }

    /// Takes another byte at a place of the text, and goes on from there.
    fn choose(&mut self, at: usize, byte: u8, shared: &Shared<'_>) {
        let end = self.text.written().len();
        self.selected = None;
        let on = at < end;
        self.ask(Wish::Branch { at, byte, on }, shared);
    }

    /// Goes on with another branch.
    pub(crate) fn switch(&mut self, branch: usize, shared: &Shared<'_>) {
        self.selected = None;
        self.ask(Wish::Pause, shared);
        self.ask(Wish::Switch(branch), shared);
    }

    /// Tells the engine what has been changed here.
    fn follow(&mut self, shared: &Shared<'_>) {
        if self.is_read {
            self.tell_settings(shared);
            let given = self.text.given();
            let wanted = self.selected.and_then(|at| at.checked_sub(given));
            if self.watched != wanted {
                self.watched = wanted;
                self.ask(Wish::Watch(wanted), shared);
            }
        } else if matches!(self.doing, Doing::Reading(..)) && self.has_other_prompt() {
            // Nobody wants the prompt that is being read.
            self.doing = Doing::Nothing;
            self.ask(Wish::Pause, shared);
        }
    }
}

/// Space at the left and right of the text, in a window so wide; in points.
fn margin(width: f32) -> i8 {
    #[expect(clippy::cast_possible_truncation, reason = "at most the margin")]
    let points = MARGIN.min(width * 0.06) as i8;
    points
}

#[cfg(test)]
impl GenerateScreen {
    pub(crate) fn is_loading(&self) -> bool {
        matches!(self.doing, Doing::Loading(_, total) if total > 0)
    }

    /// Where the text begins on the screen, and the places of its bytes.
    pub(crate) fn layout(&self) -> (egui::Pos2, &crate::window::staff::Layout) {
        (self.origin, &self.view.layout)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, reason = "a test may fail loudly")]
    use super::written::tests::{byte, record};
    use super::*;
    use crate::window::engine::Engine;
    use crate::window::words::Language;

    #[test]
    fn a_text_outlives_its_session_and_takes_nothing_of_another() {
        let (engine, asked, _updates) = Engine::by_hand();
        let shared = Shared {
            engine: &engine,
            model: None,
            language: Language::English,
            words: Language::English.words(),
        };
        let given = || {
            let given = asked.try_iter().find_map(|request| match request {
                Request::Generate(GenerateRequest {
                    wish: Wish::Read { given, .. },
                    ..
                }) => Some(given),
                _ => None,
            });
            given.unwrap_or_else(|| panic!("nothing was to be read"))
        };
        let written = |letter| GenerateUpdate::Written {
            from: 0,
            bytes: vec![byte(letter, true)],
        };
        let read = |text: &[u8]| {
            let bytes = text.iter().zip(0..);
            GenerateUpdate::Read(bytes.map(|(b, at)| record(*b, at, at == 0)).collect())
        };
        let mut screen = GenerateScreen::new(Some(b"ab"), false);
        screen.write(Wish::Run, &shared);
        assert_eq!(given(), b"ab");
        assert!(!screen.is_settled());
        screen.take(written(b'x'));
        screen.take(read(b"other"));
        screen.take(written(b'y'));
        assert_eq!(screen.text.bytes(), b"ab", "that was of another text");
        screen.take(read(b"ab"));
        screen.take(written(b'z'));
        assert_eq!(screen.text.bytes(), b"abz");

        screen.lose_device();
        assert_eq!(screen.note, Some(Note::Lost));
        assert_eq!(screen.text.bytes(), b"abz");
        assert!(screen.is_settled(), "nobody will answer any more");
        screen.write(Wish::Run, &shared);
        assert_eq!(given(), b"abz");
        assert_eq!((screen.text.prompt(), screen.text.given()), (2, 3));

        // Another prompt begins anew.
        screen.take(read(b"abz"));
        "cd".clone_into(&mut screen.prompt);
        screen.write(Wish::Run, &shared);
        assert_eq!(given(), b"cd");
    }
}
