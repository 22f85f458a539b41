//! A window without a model and without a device: what it asks for goes nowhere.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use egui::{Event, Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use super::plain;
use crate::window::dialog::{Answer, NoDialog, Picker, Purpose};
use crate::window::engine::{Engine, Request, Update};
use crate::window::{App, AppOptions};

pub(super) struct Bare {
    pub(super) harness: Harness<'static, App>,
    requests: Receiver<Request>,
    // Without it the engine would be one that has ended.
    _updates: Sender<Update>,
}

/// Answers in place of the system's dialogs.
pub(super) struct Scripted<F>(pub(super) F);

impl<F: Fn(Purpose) -> Result<Option<PathBuf>, NoDialog>> Picker for Scripted<F> {
    fn pick(&self, purpose: Purpose, answer: Answer) {
        answer((self.0)(purpose));
    }
}

impl Bare {
    pub(super) fn open(options: AppOptions, size: [f32; 2]) -> Self {
        Self::open_in_steps(options, size, 0.25)
    }

    /// A window whose frames are that many seconds apart.
    pub(super) fn open_in_steps(options: AppOptions, size: [f32; 2], seconds: f32) -> Self {
        let (engine, requests, updates) = Engine::by_hand();
        let system_fonts = options.system_fonts;
        let app = App::with_engine(engine, None, options, Arc::new(|| ()));
        let mut harness = Harness::builder()
            .with_size(size)
            .with_step_dt(seconds)
            .with_theme(App::LIGHT)
            // Fonts are another test's.
            .allow_missing_glyphs()
            .with_context_setup(move |context| {
                crate::window::theme::apply(context, system_fonts);
                context.all_styles_mut(|style| style.animation_time = 0.0);
            })
            .build_ui_state(|ui, app: &mut App| app.ui(ui), app);
        harness.run_steps(2);
        Self {
            harness,
            requests,
            _updates: updates,
        }
    }

    /// A window with a text, and the caret at its end.
    pub(super) fn of(text: &[u8]) -> Self {
        let mut bare = Self::open(
            AppOptions {
                text: Some(text.to_vec()),
                ..plain()
            },
            // So high that nothing of the panel has to be scrolled to.
            [1280.0, 1600.0],
        );
        bare.write();
        bare
    }

    /// Puts the caret to the end of the text.
    pub(super) fn write(&mut self) {
        self.harness
            .get_by_role(egui::accesskit::Role::MultilineTextInput)
            .focus();
        self.harness.run_steps(2);
        self.keys(Modifiers::COMMAND, Key::End);
    }

    pub(super) fn app(&self) -> &App {
        self.harness.state()
    }

    pub(super) fn text(&self) -> &str {
        &self.app().patch.text.editor
    }

    pub(super) fn threshold(&self) -> f32 {
        self.app().patch.text.cutting().threshold
    }

    pub(super) fn keys(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.harness.run_steps(3);
    }

    /// Types letter by letter, a frame each.
    pub(super) fn type_text(&mut self, text: &str) {
        for letter in text.chars() {
            self.harness.event(Event::Text(letter.into()));
            self.harness.step();
        }
        self.harness.step();
    }

    pub(super) fn undo(&mut self) {
        self.keys(Modifiers::COMMAND, Key::Z);
    }

    pub(super) fn redo(&mut self) {
        self.keys(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    }

    pub(super) fn click(&mut self, label: &str) {
        self.harness.get_by_label(label).click();
        self.harness.run_steps(3);
    }

    /// Draws until something is true.
    pub(super) fn until(&mut self, what: &str, is: impl Fn(&App) -> bool) {
        let patience = Instant::now() + Duration::from_secs(20);
        while !is(self.app()) {
            assert!(Instant::now() < patience, "{what} never came");
            std::thread::sleep(Duration::from_millis(2));
            self.harness.step();
        }
        self.harness.run_steps(2);
    }

    /// What has been asked of the engine since the last call.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.try_iter().collect()
    }

    /// Has every dialog answered so.
    pub(super) fn answer(&mut self, path: Result<Option<PathBuf>, NoDialog>) {
        let answer = Scripted(move |_| path.clone());
        self.harness.state_mut().use_picker(Box::new(answer));
    }
}
