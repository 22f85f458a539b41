//! The whole window: what is above the screens, and which one shows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{Context, Frame, Margin, Panel, RichText, Ui};

use super::actions::Action;
use super::context::Shared;
use super::dialog::{Dialogs, Purpose};
use super::engine::{Engine, Model, Request, Update, Wake};
use super::export::{self, Form};
use super::palette::{self, CommandPalette, Picked};
use super::screens::compare::CompareScreen;
use super::screens::file::FileScreen;
use super::screens::generate::GenerateScreen;
use super::screens::patch::{MOST_BYTES, PatchScreen};
use super::screens::{FIRST_TEXT, Screen};
use super::settings::Settings;
use super::shell::figure;
use super::theme::{self, Palette};
use super::words::Language;
use crate::checkpoint::{Environment, cached_models};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::samples::SAMPLES;

/// How the window opens.
#[derive(Clone, Debug, Default)]
pub struct AppOptions {
    /// The model: `None` is the one in the program.
    pub model: Option<String>,
    /// The text to begin with: `None` is the sentence of the paper's figure.
    pub text: Option<Vec<u8>>,
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
    /// Where settings are kept; `None` keeps none.
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
    gpu: Option<Arc<Gpu>>,
    options: AppOptions,
    settings: Settings,
    dialogs: Dialogs,
    pub(super) model: Option<Arc<Model>>,
    loading: Option<(u64, u64)>,
    /// What the user must be told, the newest last.
    pub(super) notices: Vec<String>,
    pub(super) screen: Screen,
    pub(super) patch: PatchScreen,
    pub(super) generate: GenerateScreen,
    pub(super) compare: CompareScreen,
    pub(super) file: FileScreen,
    commands: CommandPalette,
    shortcuts: bool,
    lost: Option<String>,
    /// A pasted text that was too large for the editor.
    pub(super) pasted: Vec<tempfile::NamedTempFile>,
}

impl App {
    /// Dark on light.
    pub const LIGHT: egui::Theme = egui::Theme::Light;
    /// Light on dark.
    pub const DARK: egui::Theme = egui::Theme::Dark;

    /// The window's content, computed on a device. `wake` is called when there is
    /// something new to draw, from any thread.
    #[must_use]
    pub fn new(gpu: &Arc<Gpu>, options: AppOptions, wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        let engine = Engine::start(Arc::clone(gpu), Arc::clone(&wake));
        Self::with_engine(engine, Some(Arc::clone(gpu)), options, wake)
    }

    pub(super) fn with_engine(
        engine: Engine,
        gpu: Option<Arc<Gpu>>,
        options: AppOptions,
        wake: Wake,
    ) -> Self {
        let settings = match &options.settings {
            Some(path) => Settings {
                cached_models: cached_models(&Environment::of_process()),
                ..Settings::read(path)
            },
            None => Settings::default(),
        };
        let text = options.text.as_deref().unwrap_or(FIRST_TEXT.as_bytes());
        let mut app = Self {
            engine,
            gpu,
            settings,
            dialogs: Dialogs::new(wake),
            model: None,
            loading: Some((0, 0)),
            notices: Vec::new(),
            screen: Screen::Patch,
            patch: PatchScreen::new(text),
            generate: GenerateScreen::new(options.text.as_deref(), options.still),
            compare: CompareScreen::default(),
            file: FileScreen::default(),
            commands: CommandPalette::default(),
            shortcuts: false,
            lost: None,
            pasted: Vec::new(),
            options,
        };
        app.engine.ask(Request::Open(app.options.model.clone()));
        // A text opens on the file screen where that one is asked for.
        app.screen = app.options.screen.unwrap_or(app.screen);
        if let Some(path) = app.options.file.clone() {
            app.open_path(&path);
        }
        app.screen = app.options.screen.unwrap_or(app.screen);
        app
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

    fn is_still(&self) -> bool {
        self.options.still || self.settings.reduce_motion
    }

    fn language(&self) -> Language {
        self.options
            .language
            .or(self.settings.language)
            .unwrap_or_else(Language::of_system)
    }

    /// The device that is lost, in a sentence; the shell opens another and calls
    /// [`resume`](Self::resume).
    #[must_use]
    pub fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    /// Goes on, on another device. Nothing of what the user wrote is lost.
    pub fn resume(&mut self, gpu: &Arc<Gpu>, wake: Arc<dyn Fn() + Send + Sync>) {
        self.engine = Engine::start(Arc::clone(gpu), wake);
        self.gpu = Some(Arc::clone(gpu));
        self.lost = None;
        self.patch.text.lose_device();
        self.generate.lose_device();
        self.compare.lose_device();
        self.file.lose_device();
        self.notices
            .push(self.language().words().recovered.to_owned());
        let name = match self.model.take() {
            Some(model) => model.name.clone(),
            None => self.options.model.clone(),
        };
        self.loading = Some((0, 0));
        self.engine.ask(Request::Open(name));
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

    /// What keeps a picture from being what it should: a model that cannot be used,
    /// or a device that is lost.
    pub(super) fn failure(&self) -> Option<Error> {
        match (&self.lost, &self.model, self.loading, self.notices.last()) {
            (Some(why), ..) => Some(Error::DeviceLost(why.clone())),
            (None, None, None, Some(why)) => Some(Error::Checkpoint(why.clone())),
            _ => None,
        }
    }

    /// What has to be remembered is written.
    fn keep_settings(&mut self) {
        if let Some(path) = &self.options.settings
            && let Err(error) = self.settings.write(path)
        {
            tracing::warn!("settings are not kept in {}: {error}", path.display());
        }
    }

    fn take_updates(&mut self) {
        let language = self.language();
        for update in self.engine.updates() {
            match update {
                Update::Loading { done, total } => self.loading = Some((done, total)),
                Update::Opened(model) => {
                    self.loading = None;
                    self.model = Some(Arc::clone(&model));
                    if let Some(name) = &model.name {
                        self.settings.remember_model(name.clone());
                        self.keep_settings();
                    }
                    let shared = Shared {
                        engine: &self.engine,
                        model: Some(&model),
                        language,
                        words: language.words(),
                    };
                    self.patch.use_model(&model, &shared);
                    self.generate.use_model(&model, &shared);
                    self.compare.use_model(&model, &shared);
                    self.file.use_model(&model, &shared);
                }
                Update::NotOpened(why) => {
                    self.loading = None;
                    self.notices.push(why);
                }
                Update::Analysis(update) => self.patch.take(update),
                Update::Generate(update) => self.generate.take(update),
                Update::Compare(update) => self.compare.take(update),
                Update::File(update) => self.file.take(update),
                Update::Failed(why) => self.notices.push(why),
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
        self.take_keys(ui.ctx());
        let palette = Palette::of(ui.ctx());
        let margin = if ui.available_width() < 900.0 { 16 } else { 40 };
        Panel::top("top")
            .exact_size(60.0)
            .frame(
                Frame::new()
                    .fill(palette.background)
                    .inner_margin(Margin::symmetric(margin, 0)),
            )
            .show(ui, |ui| {
                if let Some(action) = self.top(ui) {
                    self.act(action, ui.ctx());
                }
            });
        self.show_notices(ui);
        let language = self.language();
        let shared = Shared {
            engine: &self.engine,
            model: self.model.as_ref(),
            language,
            words: language.words(),
        };
        let mut wish = None;
        match self.screen {
            Screen::Patch => self.patch.show(ui, &shared),
            Screen::Generate => self.generate.show(ui, &shared),
            Screen::Compare => {
                self.compare.set_text(&self.patch.text);
                self.compare.show(ui, &shared);
                if let Some(purpose) = self.compare.take_dialog() {
                    self.dialogs.open(purpose);
                }
            }
            Screen::File => wish = self.file.show(ui, &shared),
        }
        let context = ui.ctx().clone();
        if let Some(action) = wish {
            self.act(action, &context);
        }
        match self.commands.show(&context, language, &self.settings) {
            Some(Picked::Action(action)) => self.act(action, &context),
            Some(Picked::Path(path)) => self.open_path(&path),
            None => {}
        }
        if self.shortcuts {
            self.shortcuts = palette::shortcuts(&context, language, &self.settings);
        }
    }

    fn top(&self, ui: &mut Ui) -> Option<Action> {
        super::top::show(
            ui,
            &super::top::Top {
                screen: self.screen,
                language: self.language(),
                settings: &self.settings,
                model: self.model.as_deref(),
                loading: self.loading,
                gpu: self.gpu.as_deref(),
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

    fn take_keys(&mut self, context: &Context) {
        let mut all = Action::all(&self.settings);
        all.push(Action::Palette);
        for action in all {
            if let Some(keys) = action.shortcut()
                && context.input_mut(|input| input.consume_shortcut(&keys))
            {
                self.act(action, context);
            }
        }
        // A question mark is a letter while something is being written.
        let writing = context.memory(|memory| memory.focused().is_some());
        if !writing && context.input(|input| input.events.contains(&egui::Event::Text("?".into())))
        {
            self.shortcuts = !self.shortcuts;
        }
    }

    fn take_dropped(&mut self, context: &Context) {
        let dropped = context.input(|input| input.raw.dropped_files.clone());
        for file in dropped {
            let path = file.path().to_owned();
            if self.screen != Screen::Compare || !self.compare.drop_file(&path) {
                self.open_path(&path);
            }
        }
    }

    fn take_dialogs(&mut self, context: &Context) {
        for (purpose, path) in self.dialogs.chosen() {
            match purpose {
                Purpose::OpenFile => self.open_path(&path),
                Purpose::OpenModel => self.open_model(Some(path.display().to_string())),
                Purpose::CompareModel(lane) => {
                    let name = path.display().to_string();
                    self.compare.choose_model(lane, &name);
                }
                Purpose::CompareTokenizer(lane) => self.compare.choose_tokenizer(lane, &path),
                Purpose::SaveSvg => {
                    let saved = export::write(&self.patch.text, Form::Svg)
                        .and_then(|svg| export::save(&path, &svg));
                    self.tell_failure(saved);
                }
                Purpose::SavePng => {
                    let saved = self
                        .figure(context)
                        .and_then(|png| export::save(&path, &png));
                    self.tell_failure(saved);
                }
            }
        }
    }

    fn figure(&self, context: &Context) -> Result<Vec<u8>> {
        let gpu = self
            .gpu
            .as_ref()
            .ok_or_else(|| Error::Adapter("there is no graphics device to draw with".to_owned()))?;
        let theme = context.theme();
        pollster::block_on(figure(gpu, &self.patch, theme, self.options.system_fonts))?.png()
    }

    fn tell_failure(&mut self, done: Result<()>) {
        if let Err(error) = done {
            self.notices.push(error.to_string());
        }
    }

    /// A text that the editor cannot hold is shown as a file instead of being lost.
    fn take_large_paste(&mut self, context: &Context) {
        let most = MOST_BYTES;
        let mut large = None;
        context.input_mut(|input| {
            input.events.retain(|event| match event {
                egui::Event::Paste(text) if text.len() > most => {
                    large = Some(text.clone());
                    false
                }
                _ => true,
            });
        });
        let Some(text) = large else {
            return;
        };
        let kept = tempfile::Builder::new()
            .prefix("pasted-")
            .suffix(".txt")
            .tempfile()
            .and_then(|mut file| {
                std::io::Write::write_all(&mut file, text.as_bytes())?;
                Ok(file)
            });
        match kept {
            Ok(file) => {
                let path = file.path().to_owned();
                self.pasted.push(file);
                self.notices.push(self.language().words().pasted.to_owned());
                self.show_file(&path);
            }
            Err(error) => self.notices.push(error.to_string()),
        }
    }

    /// Opens what is at a path: a model's folder, a text, or any file.
    fn open_path(&mut self, path: &Path) {
        if path.is_dir() {
            self.open_model(Some(path.display().to_string()));
            return;
        }
        let length = match std::fs::metadata(path) {
            Ok(found) => found.len(),
            Err(source) => {
                let error = Error::Io {
                    action: "read",
                    path: path.to_owned(),
                    source,
                };
                self.notices.push(error.to_string());
                return;
            }
        };
        // Who looks at files wants to see a text as one too.
        let text = (length <= MOST_BYTES as u64 && self.screen != Screen::File)
            .then(|| std::fs::read(path).ok())
            .flatten()
            .filter(|bytes| std::str::from_utf8(bytes).is_ok());
        match text {
            Some(bytes) => {
                self.set_text(&bytes);
                self.screen = Screen::Patch;
            }
            None => self.show_file(path),
        }
        self.settings.remember_file(path.to_owned());
        self.keep_settings();
    }

    fn show_file(&mut self, path: &Path) {
        self.screen = Screen::File;
        let language = self.language();
        let shared = Shared {
            engine: &self.engine,
            model: self.model.as_ref(),
            language,
            words: language.words(),
        };
        self.file.open(path, &shared);
    }

    pub(super) fn set_text(&mut self, bytes: &[u8]) {
        let language = self.language();
        let shared = Shared {
            engine: &self.engine,
            model: self.model.as_ref(),
            language,
            words: language.words(),
        };
        self.patch.open(bytes, &shared);
    }

    pub(super) fn open_model(&mut self, name: Option<String>) {
        self.loading = Some((0, 0));
        self.engine.ask(Request::Open(name));
    }

    fn copy(&mut self, context: &Context, form: Form) {
        match export::write(&self.patch.text, form) {
            Ok(bytes) => context.copy_text(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => self.notices.push(error.to_string()),
        }
    }

    fn act(&mut self, action: Action, context: &Context) {
        match action {
            Action::Screen(screen) => self.screen = screen,
            Action::OpenFile => self.dialogs.open(Purpose::OpenFile),
            Action::RecentFile(index) => {
                if let Some(path) = self.settings.recent_files.get(index).cloned() {
                    self.open_path(&path);
                }
            }
            Action::Sample(index) => {
                if let Some(sample) = SAMPLES.get(index) {
                    self.set_text(sample.bytes);
                    self.screen = Screen::Patch;
                }
            }
            Action::OpenModel => self.dialogs.open(Purpose::OpenModel),
            Action::EmbeddedModel => self.open_model(None),
            Action::RecentModel(index) => {
                if let Some(name) = self.settings.recent_models.get(index).cloned() {
                    self.open_model(Some(name));
                }
            }
            Action::CachedModel(index) => {
                if let Some(name) = self.settings.cached_models.get(index).cloned() {
                    self.open_model(Some(name));
                }
            }
            Action::CopyBrackets => self.copy(context, Form::Brackets),
            Action::CopyJsonl => self.copy(context, Form::Jsonl),
            Action::CopyMarkdown => self.copy(context, Form::Markdown),
            Action::ExportSvg => self.dialogs.open(Purpose::SaveSvg),
            Action::ExportPng => self.dialogs.open(Purpose::SavePng),
            Action::Figure => self.patch.toggle_curve(),
            Action::RaiseThreshold => self.patch.move_threshold(0.05),
            Action::LowerThreshold => self.patch.move_threshold(-0.05),
            Action::UndoThreshold => self.patch.undo_cutting(),
            Action::NextPatch => self.patch.to_patch(context, true),
            Action::PreviousPatch => self.patch.to_patch(context, false),
            Action::Jump(jump) => {
                self.screen = Screen::File;
                self.file.jump(jump);
            }
            Action::Generate(command) => {
                self.screen = Screen::Generate;
                let language = self.language();
                let shared = Shared {
                    engine: &self.engine,
                    model: self.model.as_ref(),
                    language,
                    words: language.words(),
                };
                self.generate.act(command, &shared);
            }
            Action::Theme(theme) => {
                self.options.theme = None;
                self.settings.theme = theme;
                context.set_theme(theme.preference());
                self.keep_settings();
            }
            Action::Language(language) => {
                self.options.language = None;
                self.settings.language = Some(language);
                self.keep_settings();
            }
            Action::ZoomIn => self.zoom(context, self.settings.zoom * 1.1),
            Action::ZoomOut => self.zoom(context, self.settings.zoom / 1.1),
            Action::ZoomReset => self.zoom(context, 1.0),
            Action::ReduceMotion => {
                self.settings.reduce_motion = !self.settings.reduce_motion;
                self.apply_motion(context);
                self.keep_settings();
            }
            Action::Palette => self.commands.toggle(),
            Action::Shortcuts => self.shortcuts = !self.shortcuts,
            Action::Quit => context.send_viewport_cmd(egui::ViewportCommand::Close),
        }
    }

    fn zoom(&mut self, context: &Context, zoom: f32) {
        self.settings.zoom = zoom.clamp(*Settings::ZOOMS.start(), *Settings::ZOOMS.end());
        context.set_zoom_factor(self.settings.zoom);
        self.keep_settings();
    }
}

#[cfg(test)]
impl App {
    /// Takes out of the window what differs from machine to machine.
    pub(super) fn hide_machine(&mut self) {
        self.gpu = None;
        self.patch.text.forget_time();
    }
}
