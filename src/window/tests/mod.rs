//! Tests that use the window as a person would, with the model inside the binary.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod accessibility;
mod bare;
mod breaking;
mod drafts;
mod files;
mod generate;
mod losses;
mod motion;
mod narrow;
mod parts;
mod patch;
mod pictures;
mod scale;
mod screens;
mod steps;

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use egui::mutex::RwLock;
use egui_kittest::Harness;
use egui_kittest::wgpu::WgpuTestRenderer;
use egui_wgpu::{RenderState, Renderer, RendererOptions};

use super::engine::{Engine, Gate, Wake};
use super::staff::Pipelines;
pub(in crate::window) use narrow::{finger, finger_goes_up};

use super::{App, AppOptions, Devices, Language};
use crate::device::{AdapterChoice, DeviceOptions};

const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

/// A window in the hands of a test.
struct Hand {
    harness: Harness<'static, App>,
    devices: Devices,
    renderer: Arc<RwLock<Renderer>>,
}

/// A reader of models that a test can hold up.
#[derive(Clone, Default)]
struct Reader(Arc<(Mutex<bool>, Condvar)>);

impl Reader {
    fn gate(&self) -> Gate {
        let own = self.clone();
        Arc::new(move || {
            let (held, moved) = &*own.0;
            let held = held.lock().unwrap();
            // A test that fails meanwhile ends too.
            let patience = Duration::from_secs(20);
            drop(
                moved
                    .wait_timeout_while(held, patience, |held| *held)
                    .unwrap(),
            );
        })
    }

    fn hold(&self, held: bool) {
        *self.0.0.lock().unwrap() = held;
        self.0.1.notify_all();
    }
}

/// Options under which a picture is the same on every machine.
fn plain() -> AppOptions {
    AppOptions {
        language: Some(Language::English),
        theme: Some(App::LIGHT),
        still: true,
        ..AppOptions::default()
    }
}

/// The same, with the fonts of the system: for texts in other scripts.
fn with_fonts() -> AppOptions {
    AppOptions {
        system_fonts: true,
        ..plain()
    }
}

fn devices() -> Devices {
    pollster::block_on(Devices::open(&DeviceOptions::default())).unwrap()
}

impl Hand {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "tests build options in place"
    )]
    fn open(options: AppOptions) -> Self {
        Self::of_size(&options, [1280.0, 800.0])
    }

    fn of_size(options: &AppOptions, size: [f32; 2]) -> Self {
        Self::moving(options, size, 0.0, 0.25)
    }

    /// A window in which what moves takes so many seconds, and a frame so many.
    fn moving(options: &AppOptions, size: [f32; 2], animation: f32, frame: f32) -> Self {
        Self::on(devices(), options, size, (animation, frame))
    }

    /// A window whose model runs in the kernels of a graphics adapter, which draws as
    /// well.
    fn on_graphics(options: &AppOptions) -> Self {
        let device = DeviceOptions {
            choice: AdapterChoice {
                adapter: Some("0".to_owned()),
                backend: Some("vulkan".to_owned()),
            },
            ..DeviceOptions::default()
        };
        let devices = pollster::block_on(Devices::open(&device)).unwrap();
        assert!(devices.compute.gpu().is_some());
        Self::on(devices, options, [1280.0, 800.0], (0.0, 0.25))
    }

    fn on(devices: Devices, options: &AppOptions, size: [f32; 2], times: (f32, f32)) -> Self {
        let app = App::new(&devices, options.clone(), Arc::new(|| ()));
        Self::holding(app, devices, options, size, times)
    }

    /// A window whose models are read as slowly as `gate` wants.
    fn of_slow_reader(options: &AppOptions, gate: Gate) -> Self {
        let devices = devices();
        let wake: Wake = Arc::new(|| ());
        let engine = Engine::start_slow(Arc::clone(&devices.compute), Arc::clone(&wake), gate);
        let app = App::with_engine(engine, Some(devices.clone()), options.clone(), wake);
        Self::holding(app, devices, options, [1280.0, 800.0], (0.0, 0.25))
    }

    fn holding(
        app: App,
        devices: Devices,
        options: &AppOptions,
        size: [f32; 2],
        (animation, frame): (f32, f32),
    ) -> Self {
        let gpu = devices.graphics().unwrap();
        let mut renderer = Renderer::new(gpu.device(), FORMAT, RendererOptions::PREDICTABLE);
        renderer
            .callback_resources
            .insert(Pipelines::new(gpu.device(), FORMAT));
        let renderer = Arc::new(RwLock::new(renderer));
        let state = RenderState {
            adapter: gpu.adapter().clone(),
            available_adapters: Vec::new(),
            instance: gpu.instance().clone(),
            device: gpu.device().clone(),
            queue: gpu.queue().clone(),
            target_format: FORMAT,
            renderer: Arc::clone(&renderer),
        };
        let theme = options.theme.unwrap_or(App::LIGHT);
        let system_fonts = options.system_fonts;
        let harness = Harness::builder()
            .with_size(size)
            .with_theme(theme)
            .with_max_steps(64)
            .with_step_dt(frame)
            .renderer(WgpuTestRenderer::from_render_state(state))
            .with_context_setup(move |context| {
                super::theme::apply(context, system_fonts);
                context.all_styles_mut(|style| style.animation_time = 0.0);
            })
            .build_ui_state(|ui, app: &mut App| app.ui(ui), app);
        // What it is built with does not move.
        harness
            .ctx
            .all_styles_mut(|style| style.animation_time = animation);
        Self {
            harness,
            devices,
            renderer,
        }
    }

    /// Draws until something is true.
    fn until(&mut self, what: &str, mut is: impl FnMut(&App) -> bool) {
        let patience = Instant::now() + Duration::from_secs(60);
        loop {
            self.harness.step();
            if is(self.harness.state()) {
                self.harness.step();
                return;
            }
            assert!(Instant::now() < patience, "{what} never came");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn settle(&mut self) {
        self.until("the numbers", App::is_settled);
    }
}
