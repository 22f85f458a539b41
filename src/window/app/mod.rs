//! The whole window: what is above the screens, and which one shows.

mod acting;
mod clipboard;
mod draft;
mod drops;
mod files;
mod keys;
mod loading;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use egui::{Context, Frame, Margin, Panel, RichText, Ui};

use crate::error::Error;
use crate::files::Aside;
use crate::window::actions::Action;
use crate::window::context::Shared;
use crate::window::devices::Devices;
use crate::window::dialog::{Dialogs, Picker};
use crate::window::engine::{Engine, Model, Update, Wake};
use crate::window::error_message::ErrorMessage;
use crate::window::link::Link;
use crate::window::pace;
use crate::window::palette::{CommandPalette, Picked};
use crate::window::screens::compare::CompareScreen;
use crate::window::screens::file::FileScreen;
use crate::window::screens::generate::GenerateScreen;
use crate::window::screens::patch::PatchScreen;
use crate::window::screens::{Content, FIRST_TEXT, Screen};
use crate::window::settings::Settings;
use crate::window::sheet;
use crate::window::storage;
use crate::window::theme::{self, Palette};
use crate::window::widgets::side_margin;
use crate::window::words::{self, Language};
use draft::{Draft, Due};
use loading::Loading;

/// How the window opens.
#[derive(Clone, Debug, Default)]
pub struct AppOptions {
    /// The model: `None` is the one in the program.
    pub model: Option<String>,
    /// The text to begin with: `None` is the sentence of the paper's figure.
    pub text: Option<Vec<u8>>,
    /// How that text is cut, where a link says so; otherwise as the model wants it.
    pub link: Link,
    /// A file to open.
    pub file: Option<PathBuf>,
    /// The screen to begin with; `None` is what the file calls for.
    pub screen: Option<Screen>,
    /// The language; `None` is that of the settings or the system.
    pub language: Option<Language>,
    /// Light or dark; `None` is as the settings or the system have it.
    pub theme: Option<egui::Theme>,
    /// Nothing moves by itself.
    pub still: bool,
    /// Take characters that the bundled faces lack from the system's fonts.
    pub system_fonts: bool,
    /// Where settings are kept, and the text of the editor beside them; `None` keeps
    /// none.
    pub settings: Option<PathBuf>,
}

impl AppOptions {
    /// Where the system wants settings to be kept, if it has such a place.
    #[must_use]
    pub fn system_settings() -> Option<PathBuf> {
        Settings::path()
    }
}

/// The window's content, apart from any window.
#[derive(Debug)]
pub struct App {
    engine: Engine,
    devices: Option<Devices>,
    options: AppOptions,
    settings: Settings,
    pub(in crate::window) dialogs: Dialogs,
    pub(in crate::window) model: Option<Arc<Model>>,
    loading: Option<Loading>,
    /// What the user must be told, the newest last.
    pub(in crate::window) notices: Vec<String>,
    pub(in crate::window) screen: Screen,
    pub(in crate::window) patch: PatchScreen,
    pub(in crate::window) generate: GenerateScreen,
    pub(in crate::window) compare: CompareScreen,
    pub(in crate::window) file: FileScreen,
    commands: CommandPalette,
    shortcuts: bool,
    /// Files that were dropped together: one of them can be opened.
    pub(in crate::window) dropped: Vec<PathBuf>,
    /// What had the focus before something came to lie above it.
    return_to: Option<egui::Id>,
    /// Input behind an undo, which waits for the next frame.
    held: Vec<egui::Event>,
    draft: Draft,
    /// The user has been told that the text could not be kept.
    warned: bool,
    lost: Option<ErrorMessage>,
    /// A pasted text that was too large for the editor.
    pub(in crate::window) pasted: Vec<Aside>,
    /// What a page has been handed, or why that failed; `None` on a desktop.
    pub(in crate::window) handed: Option<Receiver<Handed>>,
}

/// What was dropped onto a page, or why it could not be read.
pub(in crate::window) type Handed = Result<Vec<PathBuf>, String>;

impl App {
    /// Dark on light.
    pub const LIGHT: egui::Theme = egui::Theme::Light;
    /// Light on dark.
    pub const DARK: egui::Theme = egui::Theme::Dark;

    /// The window's content, computed and drawn on `devices`. `wake` is called when there is
    /// something new to draw, from any thread.
    #[must_use]
    pub fn new(devices: &Devices, options: AppOptions, wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        let pause = pace::least_pause(devices.graphics.as_deref());
        let engine = Engine::start(Arc::clone(&devices.compute), Arc::clone(&wake), pause);
        Self::with_engine(engine, Some(devices.clone()), options, wake)
    }

    pub(in crate::window) fn with_engine(
        engine: Engine,
        devices: Option<Devices>,
        options: AppOptions,
        wake: Wake,
    ) -> Self {
        let settings = match &options.settings {
            Some(path) => Settings {
                cached_models: storage::cached_models(),
                ..Settings::read(path)
            },
            None => Settings::default(),
        };
        let draft = Draft::beside(options.settings.as_deref());
        let (kept, unread) = match draft.read() {
            Ok(kept) => (kept, None),
            Err(why) => (None, Some(why)),
        };
        let given = options.text.clone();
        let first = match (&kept, &given) {
            (Some(text), _) | (None, Some(text)) => text,
            (None, None) => FIRST_TEXT.as_bytes(),
        };
        let patch = PatchScreen::new(first);
        let mut app = Self {
            engine,
            devices,
            settings,
            dialogs: Dialogs::new(wake),
            model: None,
            loading: None,
            notices: Vec::new(),
            screen: Screen::Patch,
            patch,
            generate: GenerateScreen::new(options.text.as_deref(), options.still),
            compare: CompareScreen::default(),
            file: FileScreen::default(),
            commands: CommandPalette::default(),
            shortcuts: false,
            dropped: Vec::new(),
            return_to: None,
            held: Vec::new(),
            draft,
            warned: false,
            lost: None,
            pasted: Vec::new(),
            handed: None,
            options,
        };
        app.tell_recent_tables();
        app.open_model(app.options.model.clone());
        if let (Some(why), Some(path)) = (unread, app.draft.path()) {
            let notice = words::unread(app.language(), path, &why);
            app.tell(notice);
        }
        // What was kept is one step back.
        if let (Some(text), true) = (given, kept.is_some()) {
            app.set_text(&text);
        }
        // A text opens on the file screen where that one is asked for.
        app.screen = app.options.screen.unwrap_or(app.screen);
        if let Some(path) = app.options.file.clone() {
            app.open_path(&path);
        }
        app.screen = app.options.screen.unwrap_or(app.screen);
        app.draft.begin(app.patch.text.bytes());
        app
    }

    /// Where dialogs for files come from.
    pub(in crate::window) fn use_picker(&mut self, picker: Box<dyn Picker>) {
        self.dialogs.use_picker(picker);
    }

    fn tell_error(&mut self, error: &Error) {
        let notice = ErrorMessage::of(error).text(self.language()).to_owned();
        self.tell(notice);
    }

    /// Tells the user something, once.
    fn tell(&mut self, notice: String) {
        if !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
    }

    /// Writes the text for the next time; says whether the window may close. Where it
    /// cannot be written the user is told before it is lost.
    pub(in crate::window) fn may_close(&mut self) -> bool {
        self.keep_draft() || std::mem::replace(&mut self.warned, true)
    }

    /// Writes the text for the next time; says whether that went well.
    pub(in crate::window) fn keep_draft(&mut self) -> bool {
        let done = self.draft.keep(self.patch.text.bytes());
        if let (Err(why), Some(path)) = (&done, self.draft.path()) {
            let notice = words::unkept(self.language(), path, why);
            self.tell(notice);
        }
        done.is_ok()
    }

    fn look_after_draft(&mut self, context: &Context) {
        let now = context.input(|input| input.time);
        match self.draft.look(self.patch.text.bytes(), now) {
            Due::Nothing => {}
            Due::Later(left) => context.request_repaint_after(left),
            Due::Now => {
                self.keep_draft();
            }
        }
    }

    /// Sets faces and colours of a context; once, before the first frame.
    pub fn set_up(&self, context: &Context) {
        theme::apply(context, self.options.system_fonts);
        match self.options.theme {
            Some(theme) => context.set_theme(theme),
            None => context.set_theme(self.settings.theme.preference()),
        }
        if self.options.settings.is_some() {
            context.set_zoom_factor(self.settings.zoom);
        }
        self.apply_motion(context);
        if self.waits() {
            // The numbers, and what is asked about the byte at the caret.
            let passes = std::num::NonZeroUsize::new(3).unwrap_or(std::num::NonZeroUsize::MIN);
            context.options_mut(|options| options.max_passes = passes);
        }
    }

    fn apply_motion(&self, context: &Context) {
        let still = self.is_still();
        context.all_styles_mut(|style| {
            style.animation_time = if still { 0.0 } else { 0.12 };
            style.scroll_animation = match still {
                true => egui::style::ScrollAnimation::none(),
                false => egui::style::ScrollAnimation::default(),
            };
        });
    }

    /// Whether nothing moves by itself.
    fn is_still(&self) -> bool {
        self.options.still || self.settings.reduce_motion || self.draws_slowly()
    }

    /// Whether a frame waits for the numbers of its key.
    fn waits(&self) -> bool {
        let devices = self.devices.as_ref();
        devices.is_some_and(|devices| devices.graphics.is_none()) || self.draws_slowly()
    }

    fn draws_slowly(&self) -> bool {
        let graphics = self
            .devices
            .as_ref()
            .and_then(|devices| devices.graphics.as_ref());
        graphics.is_some_and(|graphics| pace::is_slow(graphics))
    }

    fn language(&self) -> Language {
        self.options
            .language
            .or(self.settings.language)
            .unwrap_or_else(Language::of_system)
    }

    /// Whether the device is lost; the shell opens another and calls
    /// [`resume`](Self::resume).
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// Goes on, on another device. Nothing of what the user wrote is lost.
    pub fn resume(&mut self, devices: &Devices, wake: Arc<dyn Fn() + Send + Sync>) {
        let pause = pace::least_pause(devices.graphics.as_deref());
        self.engine = Engine::start(Arc::clone(&devices.compute), wake, pause);
        self.devices = Some(devices.clone());
        if let Some(why) = self.lost.take() {
            tracing::warn!("the graphics device was opened again: {why}");
        }
        for (_, screen) in self.screens().1 {
            screen.lose_device();
        }
        self.notices
            .push(self.language().words().recovered.to_owned());
        let name = match self.model.take() {
            Some(model) => model.name.clone(),
            None => self.options.model.clone(),
        };
        self.open_model(name);
    }

    /// Whether everything that was asked for has come.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.model.is_some()
            && match self.screen {
                Screen::Patch => self.patch.is_settled(),
                Screen::Generate => self.generate.is_settled(),
                Screen::Compare => self.compare.is_settled(),
                Screen::File => self.file.is_settled(),
            }
    }

    /// Whether a model is being loaded.
    #[must_use]
    pub fn is_loading(&self) -> bool {
        self.loading.is_some()
    }

    /// What the open model is called.
    #[must_use]
    pub fn model_title(&self) -> Option<&str> {
        self.model.as_ref().map(|model| model.title.as_str())
    }

    /// The name of the device that computes.
    #[must_use]
    pub fn computes(&self) -> Option<String> {
        let devices = self.devices.as_ref()?;
        Some(devices.compute.summary().name.clone())
    }

    /// All screens, and what they are given.
    fn screens(&mut self) -> (Shared<'_>, [(Screen, &mut dyn Content); 4]) {
        let shared = Shared::new(&self.engine, self.model.as_ref(), self.language());
        let screens: [(Screen, &mut dyn Content); 4] = [
            (Screen::Patch, &mut self.patch),
            (Screen::Generate, &mut self.generate),
            (Screen::Compare, &mut self.compare),
            (Screen::File, &mut self.file),
        ];
        (shared, screens)
    }

    /// What keeps a picture from being what it should: a model that cannot be used,
    /// or a device that is lost.
    pub(in crate::window) fn failure(&self) -> Option<Error> {
        match (&self.lost, &self.model, &self.loading, self.notices.last()) {
            (Some(why), ..) => Some(Error::DeviceLost(why.to_string())),
            (None, None, None, Some(why)) => Some(Error::Checkpoint(why.clone())),
            _ => None,
        }
    }

    /// What has to be remembered is written.
    fn keep_settings(&mut self) {
        if let Some(path) = &self.options.settings
            && let Err(why) = self.settings.write(path)
        {
            let notice = words::unkept_settings(self.language(), path, &why);
            self.tell(notice);
        }
    }

    fn take_updates(&mut self) {
        for update in self.engine.updates() {
            match update {
                Update::Loading { done, total } => {
                    if let Some(loading) = &mut self.loading {
                        (loading.done, loading.total) = (done, total);
                    }
                }
                Update::Opened(model) => {
                    self.loading = None;
                    self.model = Some(Arc::clone(&model));
                    if let Some(wrong) = &model.wrong {
                        self.tell(wrong.text(self.language()).to_owned());
                    }
                    if let Some(name) = &model.name {
                        self.settings.remember_model(name.clone());
                        self.keep_settings();
                    }
                    let (shared, screens) = self.screens();
                    for (_, screen) in screens {
                        screen.use_model(&model, &shared);
                    }
                    // Later models cut as they want to.
                    let link = std::mem::take(&mut self.options.link);
                    self.patch.cut_as(|cutting| link.cut(cutting));
                }
                Update::NotOpened(why) => {
                    self.loading = None;
                    self.notices.push(why.text(self.language()).to_owned());
                }
                Update::OpenCancelled => self.open_cancelled(),
                Update::Analysis(update) => self.patch.take(update),
                Update::Generate(update) => self.generate.take(update),
                Update::Compare(update) => self.compare.take(update),
                Update::File(update) => self.file.take(update),
                Update::Table(update) => self.take_table(update),
                Update::Failed(why) => self.notices.push(why.text(self.language()).to_owned()),
                Update::Lost(why) => self.lost = Some(why),
            }
        }
    }

    /// Draws everything.
    pub fn ui(&mut self, ui: &mut Ui) {
        self.take_updates();
        self.take_dialogs(ui.ctx());
        self.take_dropped(ui.ctx());
        self.take_large_paste(ui.ctx());
        let focused = ui.ctx().memory(egui::Memory::focused);
        self.take_keys(ui.ctx());
        if self.is_covered() && self.return_to.is_none() {
            self.return_to = focused;
        }
        let margin = side_margin(ui);
        // A frame begins with the background, so no panel of that colour fills itself: a
        // software rasteriser pays for every pixel.
        Panel::top("top")
            .exact_size(60.0)
            .frame(Frame::new().inner_margin(Margin::symmetric(margin, 0)))
            .show(ui, |ui| {
                if let Some(action) = self.top(ui) {
                    self.act(action, ui.ctx());
                }
            });
        self.show_notices(ui);
        self.show_loading(ui);
        let language = self.language();
        if self.screen == Screen::Compare {
            self.compare.set_text(&self.patch.text);
        }
        let showing = self.screen;
        let (shared, screens) = self.screens();
        let mut wish = None;
        let mut dialog = None;
        for (_, screen) in screens.into_iter().filter(|(name, _)| *name == showing) {
            wish = screen.show(ui, &shared);
            dialog = screen.take_dialog();
        }
        if let Some(purpose) = dialog {
            self.dialogs.open(purpose);
        }
        let context = ui.ctx().clone();
        if let Some(action) = wish {
            self.act(action, &context);
        }
        let picked = self.commands.show(&context, language, &self.settings);
        if self.shortcuts {
            self.shortcuts = sheet::show(&context, language, &self.settings);
        }
        self.show_dropped(&context);
        self.give_focus_back(&context);
        match picked {
            Some(Picked::Action(action)) => self.act(action, &context),
            Some(Picked::Path(path)) => self.open_path(&path),
            Some(Picked::Table(path)) => self.cut_by_table(&path),
            Some(Picked::Figure(path)) => self.save_figure(&path, &context),
            None => {}
        }
        self.show_hovered(&context);
        self.look_at_copied(&context);
        self.look_after_draft(&context);
        self.await_numbers(&context);
    }

    /// Where a frame takes long to draw, numbers are waited for a moment, so that the
    /// frame of a key shows them.
    fn await_numbers(&self, context: &Context) {
        if self.waits() && !self.is_settled() && self.engine.wait(pace::PATIENCE) {
            context.request_discard("numbers have come");
        }
    }

    /// Whether something lies above the screens.
    fn is_covered(&self) -> bool {
        self.commands.is_open() || self.shortcuts || !self.dropped.is_empty()
    }

    /// Who was writing goes on writing when nothing lies above the text any more.
    fn give_focus_back(&mut self, context: &Context) {
        if !self.is_covered()
            && let Some(id) = self.return_to.take()
        {
            context.memory_mut(|memory| memory.request_focus(id));
        }
    }

    fn top(&self, ui: &mut Ui) -> Option<Action> {
        crate::window::top::show(
            ui,
            &crate::window::top::Top {
                screen: self.screen,
                language: self.language(),
                settings: &self.settings,
                model: self.model.as_deref(),
                loading: self
                    .loading
                    .as_ref()
                    .map(|loading| (loading.done, loading.total)),
                devices: self.devices.as_ref(),
                steps: (self.patch.can_undo(), self.patch.can_redo()),
            },
        )
    }

    fn show_notices(&mut self, ui: &mut Ui) {
        let palette = Palette::of(ui.ctx());
        let dismiss = self.language().words().dismiss;
        let mut gone = None;
        for (index, notice) in self.notices.iter().enumerate() {
            Panel::top(egui::IdSalt::new(("notice", index)))
                .frame(
                    Frame::new()
                        .fill(palette.panel)
                        .inner_margin(Margin::symmetric(40, 10)),
                )
                .show(ui, |ui| {
                    ui.horizontal_wrapped(|ui| {
                        if ui.button(dismiss).clicked() {
                            gone = Some(index);
                        }
                        ui.label(
                            RichText::new("!")
                                .font(theme::bold(14.0))
                                .color(palette.signal),
                        );
                        ui.label(notice);
                    });
                });
        }
        if let Some(index) = gone {
            self.notices.remove(index);
        }
    }
}

#[cfg(test)]
impl App {
    /// Goes on with a branch of the generate screen.
    pub(in crate::window) fn switch_branch(&mut self, branch: usize) {
        let language = self.language();
        let shared = Shared::new(&self.engine, self.model.as_ref(), language);
        self.generate.switch(branch, &shared);
    }

    /// Takes out of the window what differs from machine to machine.
    pub(in crate::window) fn hide_machine(&mut self) {
        self.devices = None;
        self.patch.text.forget_time();
    }
}
