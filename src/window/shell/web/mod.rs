//! The window in a page: eframe turns the page's events into egui's, and draws with
//! WebGPU, or WebGL where that is all there is.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use eframe::WebRunner;
use eframe::egui_wgpu::{WgpuConfiguration, WgpuSetup, WgpuSetupCreateNew, WgpuSetupExisting};
pub use web_sys::HtmlCanvasElement as Canvas;

use super::reopening::Reopening;
use crate::device::{AdapterChoice, Device, DeviceOptions};
use crate::error::{Error, Result};
use crate::page;
use crate::window::devices::Devices;
use crate::window::dialog::{Answer, NoDialog, Picker, Purpose};
use crate::window::export::{self, Form};
use crate::window::screens::patch::PatchScreen;
use crate::window::staff::{Pipelines, draw_triangles};
use crate::window::theme::Palette;
use crate::window::{App, AppOptions, Language, Link, Screen};

/// A window in a page, for scripts of the page.
pub struct PageWindow(WebRunner);

impl PageWindow {
    /// What the window says; `None` where there is none, as while its device is opened again.
    fn ask<T>(&self, asked: impl FnOnce(&App) -> T) -> Option<T> {
        let page = self.0.app_mut::<Page>()?;
        page.app.as_ref().map(asked)
    }

    /// Whether everything that was asked for has come.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.ask(|app| app.is_settled() && !app.is_loading())
            .unwrap_or_default()
    }

    /// The bytes of the patch screen's text as `blt patch --format jsonl` prints them.
    ///
    /// # Errors
    /// [`Error::Argument`] where there is nothing to cut the text by.
    pub fn records(&self) -> Result<Vec<u8>> {
        self.ask(|app| export::write(&app.patch.text, Form::Jsonl))
            .unwrap_or_else(|| Ok(Vec::new()))
    }

    /// What was written after the prompt of the generate screen.
    #[must_use]
    pub fn written(&self) -> Vec<u8> {
        self.ask(|app| app.generate.text.after_prompt().to_vec())
            .unwrap_or_default()
    }

    /// What computes.
    #[must_use]
    pub fn device(&self) -> String {
        self.ask(App::computes).flatten().unwrap_or_default()
    }

    /// What the open model is called; empty while there is none.
    #[must_use]
    pub fn model(&self) -> String {
        self.ask(|app| app.model_title().unwrap_or_default().to_owned())
            .unwrap_or_default()
    }

    /// What the user has been told and has not dismissed.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        self.ask(|app| app.notices.clone()).unwrap_or_default()
    }
}

/// Opens the window in a canvas of the page, and stays as long as the page.
///
/// The address may ask for a device (`?device=cpu`, or a part of an adapter's name), and
/// carry a text, a threshold in nats and a mode (`#text=…&theta=…&mode=…`).
///
/// # Errors
/// [`Error::Adapter`] where nothing can draw.
pub async fn start(canvas: Canvas) -> Result<PageWindow> {
    let runner = WebRunner::new();
    open(&runner, canvas, &Kept::default()).await?;
    Ok(PageWindow(runner))
}

/// The window's content while nothing shows it.
type Kept = Rc<Cell<Option<App>>>;

/// Shows a window in a canvas: what is kept, or else a new one.
async fn open(runner: &WebRunner, canvas: Canvas, kept: &Kept) -> Result<()> {
    let choice = AdapterChoice {
        adapter: page::of_link("device"),
        ..AdapterChoice::default()
    };
    let compute = Device::open(&DeviceOptions {
        choice,
        ..DeviceOptions::default()
    })
    .await?;
    let wgpu_setup = match compute.gpu() {
        // What draws reads what the model has written.
        Some(gpu) => WgpuSetup::Existing(WgpuSetupExisting {
            instance: gpu.instance().clone(),
            adapter: gpu.adapter().clone(),
            device: gpu.device().clone(),
            queue: gpu.queue().clone(),
        }),
        None => WgpuSetup::CreateNew(WgpuSetupCreateNew::without_display_handle()),
    };
    let options = eframe::WebOptions {
        wgpu_options: WgpuConfiguration {
            wgpu_setup,
            ..WgpuConfiguration::default()
        },
        // It costs every pixel, and there are no gradients.
        dithering: false,
        ..eframe::WebOptions::default()
    };
    let devices = Devices {
        compute,
        graphics: None,
    };
    let again = (runner.clone(), canvas.clone());
    let kept = Rc::clone(kept);
    let made = move |creation: &eframe::CreationContext<'_>| {
        let page: Box<dyn eframe::App> = Box::new(Page::new(creation, devices, again, kept.take()));
        Ok(page)
    };
    match runner.start(canvas, options, Box::new(made)).await {
        Ok(()) => Ok(()),
        Err(why) => {
            let why = format!("this browser cannot draw the window: {why:?}");
            Err(Error::Adapter(why))
        }
    }
}

/// Shows the window again after its device was lost, in a canvas that takes the place of the
/// one before, which keeps its lost context.
async fn recover(runner: WebRunner, mut canvas: Canvas) {
    let app = runner
        .app_mut::<Page>()
        .and_then(|mut page| page.app.take());
    runner.destroy();
    let kept = Rc::new(Cell::new(app));
    let mut reopening = Reopening::default();
    loop {
        canvas = page::renewed(&canvas);
        let Err(error) = open(&runner, canvas.clone(), &kept).await else {
            return;
        };
        match reopening.failed() {
            Some(pause) => page::pause(pause).await,
            None => return page::ended(&error.to_string()),
        }
    }
}

/// Downloads the text of the patch screen alone as a PNG file, which the browser draws.
///
/// # Errors
/// [`Error::Argument`] where there is nothing to draw.
pub(crate) fn save_figure(
    path: &Path,
    _: Option<&Devices>,
    patch: &PatchScreen,
    _: (egui::Theme, bool),
) -> Result<()> {
    let svg = export::write(&patch.text, Form::Svg)?;
    page::download_png(path, &svg);
    Ok(())
}

/// The window as eframe drives it.
struct Page {
    /// `None` once its device is lost.
    app: Option<App>,
    devices: Devices,
    /// Whether the canvas has lost its WebGL context.
    context_lost: Rc<Cell<bool>>,
    again: (WebRunner, Canvas),
}

impl Page {
    fn new(
        creation: &eframe::CreationContext<'_>,
        devices: Devices,
        again: (WebRunner, Canvas),
        kept: Option<App>,
    ) -> Self {
        let context = &creation.egui_ctx;
        match (&creation.wgpu_render_state, devices.compute.gpu()) {
            (Some(drawing), Some(_)) => {
                let pipelines = Pipelines::new(&drawing.device, drawing.target_format);
                let mut renderer = drawing.renderer.write();
                renderer.callback_resources.insert(pipelines);
            }
            _ => draw_triangles(context),
        }
        let woken = context.clone();
        let wake = Arc::new(move || woken.request_repaint());
        let mut app = match kept {
            Some(mut app) => {
                app.resume(&devices, wake);
                app
            }
            None => Self::begin(&devices, wake),
        };
        app.set_up(context);
        let woken = context.clone();
        app.handed = Some(page::drops(&again.1, move || woken.request_repaint()));
        let context_lost = Rc::new(Cell::new(false));
        let (told, woken) = (Rc::clone(&context_lost), context.clone());
        page::on_context_lost(&again.1, move || {
            told.set(true);
            woken.request_repaint();
        });
        Self {
            app: Some(app),
            devices,
            context_lost,
            again,
        }
    }

    /// The window as the page's address asks for it.
    fn begin(devices: &Devices, wake: Arc<dyn Fn() + Send + Sync>) -> App {
        let mut link = Link::read(page::of_link);
        let options = AppOptions {
            text: link.text.take(),
            screen: page::of_link("screen").and_then(|name| screen_named(&name)),
            link,
            settings: AppOptions::system_settings(),
            system_fonts: true,
            ..AppOptions::default()
        };
        let mut app = App::new(devices, options, wake);
        app.use_picker(Box::new(Browser));
        app
    }

    fn is_lost(&self, app: &App) -> bool {
        let checked = self.devices.compute.check();
        app.is_lost() || self.context_lost.get() || matches!(checked, Err(Error::DeviceLost(_)))
    }
}

impl eframe::App for Page {
    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        match self.app.take() {
            Some(app) if self.is_lost(&app) => {
                self.app = Some(app);
                let (runner, canvas) = self.again.clone();
                // Not within a frame of what it ends.
                wasm_bindgen_futures::spawn_local(recover(runner, canvas));
            }
            Some(mut app) => {
                app.ui(ui);
                self.app = Some(app);
            }
            None => {}
        }
    }

    fn as_any_mut(&mut self) -> Option<&mut dyn std::any::Any> {
        Some(self)
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        let theme = if visuals.dark_mode {
            App::DARK
        } else {
            App::LIGHT
        };
        let color = Palette::of_theme(theme).background;
        color.to_array().map(|value| f32::from(value) / 255.0)
    }
}

/// The screen of a name in links.
fn screen_named(name: &str) -> Option<Screen> {
    let named = |screen: &Screen| {
        let own = screen.name(Language::English);
        own.eq_ignore_ascii_case(name)
    };
    Screen::ALL.into_iter().find(named)
}

/// Shows the browser's dialogs.
struct Browser;

impl Picker for Browser {
    fn pick(&self, purpose: Purpose, answer: Answer) {
        let accept = match purpose {
            // A browser asks for nothing before it downloads.
            Purpose::SaveSvg => return answer(Ok(Some(PathBuf::from("entropy.svg")))),
            Purpose::SavePng => return answer(Ok(Some(PathBuf::from("entropy.png")))),
            Purpose::OpenFile | Purpose::OpenModel | Purpose::CompareModel(_) => "",
            Purpose::CompareTokenizer(_) | Purpose::Table | Purpose::CompareTable(_) => ".json",
        };
        let folder = matches!(purpose, Purpose::OpenModel | Purpose::CompareModel(_));
        wasm_bindgen_futures::spawn_local(async move {
            answer(page::picked(folder, accept).await.map_err(|_| NoDialog));
        });
    }
}
