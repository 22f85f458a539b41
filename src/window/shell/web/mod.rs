//! The window in a page: eframe turns the page's events into egui's, and draws with
//! WebGPU, or WebGL where that is all there is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use eframe::egui_wgpu::{WgpuConfiguration, WgpuSetup, WgpuSetupCreateNew, WgpuSetupExisting};
pub use web_sys::HtmlCanvasElement as Canvas;

use crate::device::{AdapterChoice, Device, DeviceOptions};
use crate::error::{Error, Result};
use crate::page;
use crate::window::devices::Devices;
use crate::window::dialog::{Answer, NoDialog, Picker, Purpose};
use crate::window::export::{self, Form};
use crate::window::screens::patch::PatchScreen;
use crate::window::staff::{Pipelines, draw_triangles};
use crate::window::theme::Palette;
use crate::window::{App, AppOptions, Link, Screen};

/// A window in a page, for scripts of the page.
pub struct PageWindow(eframe::WebRunner);

impl PageWindow {
    /// Whether everything that was asked for has come.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.0
            .app_mut::<Page>()
            .is_some_and(|page| page.0.is_settled())
    }

    /// The bytes of the patch screen's text as `blt patch --format jsonl` prints them.
    ///
    /// # Errors
    /// [`Error::Argument`] where there is nothing to cut the text by.
    pub fn records(&self) -> Result<Vec<u8>> {
        match self.0.app_mut::<Page>() {
            Some(page) => export::write(&page.0.patch.text, Form::Jsonl),
            None => Ok(Vec::new()),
        }
    }

    /// What was written after the prompt of the generate screen.
    #[must_use]
    pub fn written(&self) -> Vec<u8> {
        let page = self.0.app_mut::<Page>();
        page.map_or_else(Vec::new, |page| {
            page.0.generate.text.after_prompt().to_vec()
        })
    }

    /// What computes.
    #[must_use]
    pub fn device(&self) -> String {
        let page = self.0.app_mut::<Page>();
        page.and_then(|page| page.0.computes()).unwrap_or_default()
    }

    /// What the user has been told and has not dismissed.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        let page = self.0.app_mut::<Page>();
        page.map_or_else(Vec::new, |page| page.0.notices.clone())
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
    let drops = canvas.clone();
    let made = move |creation: &eframe::CreationContext<'_>| {
        let page: Box<dyn eframe::App> = Box::new(Page::new(creation, &devices, &drops));
        Ok(page)
    };
    let runner = eframe::WebRunner::new();
    match runner.start(canvas, options, Box::new(made)).await {
        Ok(()) => Ok(PageWindow(runner)),
        Err(why) => {
            let why = format!("this browser cannot draw the window: {why:?}");
            Err(Error::Adapter(why))
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
struct Page(App);

impl Page {
    fn new(creation: &eframe::CreationContext<'_>, devices: &Devices, canvas: &Canvas) -> Self {
        let context = &creation.egui_ctx;
        match (&creation.wgpu_render_state, devices.compute.gpu()) {
            (Some(drawing), Some(_)) => {
                let pipelines = Pipelines::new(&drawing.device, drawing.target_format);
                let mut renderer = drawing.renderer.write();
                renderer.callback_resources.insert(pipelines);
            }
            _ => draw_triangles(context),
        }
        let mut link = Link::read(page::of_link);
        let options = AppOptions {
            text: link.text.take(),
            screen: page::of_link("screen").and_then(|name| Screen::named(&name)),
            link,
            settings: AppOptions::system_settings(),
            system_fonts: true,
            ..AppOptions::default()
        };
        let woken = context.clone();
        let wake = Arc::new(move || woken.request_repaint());
        let mut app = App::new(devices, options, wake);
        app.use_picker(Box::new(Browser));
        app.set_up(context);
        let woken = context.clone();
        app.take_drops(page::drops(canvas, move || woken.request_repaint()));
        Self(app)
    }
}

impl eframe::App for Page {
    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        self.0.ui(ui);
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
