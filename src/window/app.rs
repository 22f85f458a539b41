//! The whole window: what is above the screens, and which one shows.

use std::sync::Arc;

use egui::{Frame, Margin, Panel, RichText, Ui};

use super::context::Shared;
use super::engine::{Engine, Model, Request, Update, Wake};
use super::screens::Screen;
use super::screens::patch::PatchScreen;
use super::theme::{self, Palette};
use super::widgets::{choice, right};
use super::words::Language;
use crate::error::Error;
use crate::gpu::{AdapterClass, Gpu};

/// How the window opens.
#[derive(Clone, Debug, Default)]
pub struct AppOptions {
    /// The model: `None` is the one in the program.
    pub model: Option<String>,
    /// The text to begin with: `None` is the sentence of the paper's figure.
    pub text: Option<Vec<u8>>,
    /// The screen to begin with.
    pub screen: Screen,
    /// The language; `None` is that of the system.
    pub language: Option<Language>,
    /// Light or dark; `None` is as the system has it.
    pub theme: Option<egui::Theme>,
    /// Nothing moves by itself.
    pub still: bool,
    /// Take characters that the bundled faces lack from the system's fonts.
    pub system_fonts: bool,
}

/// The sentence of the paper's figure 4.
const FIRST_TEXT: &str =
    "Daenerys Targaryen is in Game of Thrones, a fantasy epic by George R.R. Martin.";

/// The window's content, apart from any window.
#[derive(Debug)]
pub struct App {
    engine: Engine,
    options: AppOptions,
    language: Language,
    adapter: Adapter,
    model: Option<Arc<Model>>,
    loading: Option<(u64, u64)>,
    /// What the user must be told, the newest last.
    notices: Vec<String>,
    screen: Screen,
    patch: PatchScreen,
    lost: Option<String>,
}

/// The adapter, for people.
#[derive(Clone, Debug, Default)]
struct Adapter {
    name: String,
    backend: String,
    software: bool,
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
        let engine = Engine::start(Arc::clone(gpu), wake);
        Self::with_engine(engine, Some(gpu), options)
    }

    fn with_engine(engine: Engine, gpu: Option<&Arc<Gpu>>, options: AppOptions) -> Self {
        let text = options.text.as_deref().unwrap_or(FIRST_TEXT.as_bytes());
        let app = Self {
            language: options.language.unwrap_or_else(Language::of_system),
            adapter: gpu.map(Adapter::of).unwrap_or_default(),
            model: None,
            loading: Some((0, 0)),
            notices: Vec::new(),
            screen: options.screen,
            patch: PatchScreen::new(text),
            engine,
            options,
            lost: None,
        };
        app.engine.ask(Request::Open(app.options.model.clone()));
        app
    }

    /// Sets faces and colours of a context; once, before the first frame.
    pub fn set_up(&self, context: &egui::Context) {
        theme::apply(context, self.options.system_fonts);
        if let Some(theme) = self.options.theme {
            context.set_theme(theme);
        }
    }

    /// The device that is lost, in a sentence; the shell opens another and calls
    /// [`resume`](Self::resume).
    #[must_use]
    pub fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    /// Goes on, on another device. Nothing of what the user wrote is lost.
    pub fn resume(&mut self, gpu: &Arc<Gpu>, wake: Wake) {
        self.engine = Engine::start(Arc::clone(gpu), wake);
        self.adapter = Adapter::of(gpu);
        self.lost = None;
        self.patch.text.lose_device();
        self.notices
            .push(self.language.words().recovered.to_owned());
        let name = self.model.take().and_then(|model| model.name.clone());
        self.engine.ask(Request::Open(name));
    }

    /// Whether everything that was asked for has come.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let shown = self.screen != Screen::Patch || self.patch.is_settled();
        self.model.is_some() && self.patch.text.is_fresh() && shown
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

    fn take_updates(&mut self) {
        for update in self.engine.updates() {
            match update {
                Update::Loading { done, total } => self.loading = Some((done, total)),
                Update::Opened(model) => {
                    self.loading = None;
                    self.model = Some(Arc::clone(&model));
                    let shared = Shared {
                        engine: &self.engine,
                        model: Some(&model),
                        language: self.language,
                        words: self.language.words(),
                        still: self.options.still,
                    };
                    self.patch.use_model(&model, &shared);
                }
                Update::NotOpened(why) => {
                    self.loading = None;
                    self.notices.push(why);
                }
                Update::Analysis(update) => self.patch.take(update),
                Update::Failed(why) => self.notices.push(why),
                Update::Lost(why) => self.lost = Some(why),
            }
        }
    }

    /// Draws everything.
    pub fn ui(&mut self, ui: &mut Ui) {
        self.take_updates();
        let palette = Palette::of(ui.ctx());
        Panel::top("top")
            .exact_size(60.0)
            .frame(
                Frame::new()
                    .fill(palette.background)
                    .inner_margin(Margin::symmetric(40, 0)),
            )
            .show(ui, |ui| self.top(ui));
        let shared = Shared {
            engine: &self.engine,
            model: self.model.as_ref(),
            language: self.language,
            words: self.language.words(),
            still: self.options.still,
        };
        match self.screen {
            Screen::Patch => self.patch.show(ui, &shared),
            Screen::Generate | Screen::Compare | Screen::File => {}
        }
    }

    fn top(&mut self, ui: &mut Ui) {
        let palette = Palette::of(ui.ctx());
        let words = self.language.words();
        ui.horizontal_centered(|ui| {
            ui.label(RichText::new("blt").font(theme::bold(17.0)));
            ui.add_space(34.0);
            ui.spacing_mut().item_spacing.x = 34.0;
            for screen in Screen::ALL {
                let name = match screen {
                    Screen::Patch => words.patch,
                    Screen::Generate => words.generate,
                    Screen::Compare => words.compare,
                    Screen::File => words.file,
                };
                if choice(ui, name, screen == self.screen, 13.5).clicked() {
                    self.screen = screen;
                }
            }
            ui.spacing_mut().item_spacing.x = 18.0;
            right(ui, |ui| {
                let adapter = format!("{} · {}", self.adapter.name, self.adapter.backend);
                ui.label(RichText::new(adapter).size(12.5).color(palette.muted));
                if self.adapter.software {
                    ui.label(
                        RichText::new(words.software)
                            .size(12.0)
                            .color(palette.signal),
                    )
                    .on_hover_text(words.software_hint);
                }
                let model = match (&self.model, self.loading) {
                    (_, Some((done, total))) if total > 0 => {
                        format!("{} {} %", words.loading, done * 100 / total)
                    }
                    (_, Some(_)) => words.loading.to_owned(),
                    (Some(model), None) => format!(
                        "{} {:.1} M · {}",
                        model.title,
                        model.parameters as f64 / 1e6,
                        model.dtype.to_lowercase()
                    ),
                    (None, None) => words.no_model.to_owned(),
                };
                ui.label(RichText::new(model).size(12.5).color(palette.muted));
            });
        });
    }
}

impl Adapter {
    fn of(gpu: &Arc<Gpu>) -> Self {
        let summary = gpu.summary();
        // What stands in brackets is the driver's.
        let name = summary.name.split(" (").next().unwrap_or_default();
        let backend = match summary.backend {
            wgpu::Backend::Vulkan => "Vulkan",
            wgpu::Backend::Metal => "Metal",
            wgpu::Backend::Dx12 => "DX12",
            wgpu::Backend::Gl => "OpenGL",
            _ => "WebGPU",
        };
        Self {
            name: name.to_owned(),
            backend: backend.to_owned(),
            software: summary.class == AdapterClass::Software,
        }
    }
}
