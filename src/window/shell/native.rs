//! A window of the desktop: winit owns the event loop, and nothing runs while
//! nothing happens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::{Context, ViewportId};
use egui_wgpu::ScreenDescriptor;
use egui_winit::accesskit_winit;
use winit::application::ApplicationHandler;
use winit::event::{StartCause, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop, EventLoopProxy};
use winit::keyboard::ModifiersState;
use winit::window::{Icon, Window, WindowAttributes, WindowId};

use super::drawing::Drawing;
use super::frames::Missed;
use super::pasting;
use super::picker::System;
use super::reopening::Reopening;
use crate::device::DeviceOptions;
use crate::error::{Error, Result};
use crate::window::pace::least_pause;
use crate::window::theme::Palette;
use crate::window::{App, AppOptions};

/// What wakes the event loop.
#[derive(Debug)]
enum Event {
    /// There is something new to draw.
    Wake,
    /// A screen reader asks.
    Access(accesskit_winit::Event),
    /// The system asks the program to end.
    End,
}

impl From<accesskit_winit::Event> for Event {
    fn from(event: accesskit_winit::Event) -> Self {
        Self::Access(event)
    }
}

/// Opens the window and stays until it is closed.
///
/// # Errors
/// [`Error::Adapter`] when there is no display or no adapter for it, and the
/// device's errors.
pub fn run(device: DeviceOptions, options: AppOptions) -> Result<()> {
    let events = EventLoop::<Event>::with_user_event()
        .build()
        .map_err(|error| no_window(&error))?;
    events.set_control_flow(ControlFlow::Wait);
    let proxy = events.create_proxy();
    // Where the program watches signals already, it ends by them as it did.
    let _ = crate::signals::watch(move || drop(proxy.send_event(Event::End)));
    let mut desktop = Desktop {
        device,
        options: Some(options),
        proxy: events.create_proxy(),
        open: None,
        failure: None,
        reopening: Reopening::default(),
    };
    events
        .run_app(&mut desktop)
        .map_err(|e| Error::Adapter(format!("the window had to close: {e}")))?;
    match desktop.failure {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

/// What to do where there is no display.
fn no_window(error: &dyn std::error::Error) -> Error {
    // Its text has the places in winit's source at which it failed.
    tracing::debug!("{error}");
    Error::Adapter(
        "there is no display to open a window on; `blt --help` lists the commands, and \
         `blt view --screenshot FILE` draws the window into a picture"
            .to_owned(),
    )
}

struct Desktop {
    device: DeviceOptions,
    /// Until the window is there.
    options: Option<AppOptions>,
    proxy: EventLoopProxy<Event>,
    open: Option<Open>,
    failure: Option<Error>,
    reopening: Reopening,
}

/// What is there while the window is.
struct Open {
    // The surface must go before the device, the engine before both.
    app: App,
    drawing: Drawing,
    input: egui_winit::State,
    modifiers: ModifiersState,
    context: Context,
    window: Arc<Window>,
    info: egui::ViewportInfo,
    /// When it was drawn last, and how long news must wait from then on.
    drawn: Instant,
    least_pause: Duration,
    /// When to draw even if nothing happens.
    next: Option<Instant>,
    /// The user has asked for the end.
    closing: bool,
}

impl Desktop {
    fn open(&mut self, events: &ActiveEventLoop) -> Result<()> {
        let Some(options) = self.options.take() else {
            return Ok(());
        };
        let attributes = named(Window::default_attributes())
            .with_title("blt")
            .with_window_icon(icon())
            // Screen readers must be ready before it shows.
            .with_visible(false)
            .with_min_inner_size(winit::dpi::LogicalSize::new(320, 240))
            .with_inner_size(winit::dpi::LogicalSize::new(1280, 800));
        let window = events
            .create_window(attributes)
            .map_err(|error| no_window(&error))?;
        let window = Arc::new(window);
        let drawing = pollster::block_on(Drawing::new(&self.device, &window))?;
        let mut app = App::new(&drawing.devices, options, wake(&self.proxy));
        app.use_picker(Box::new(System));
        let context = Context::default();
        app.set_up(&context);
        drawing.set_up(&context);
        let proxy = self.proxy.clone();
        context.set_request_repaint_callback(move |info| {
            if info.delay.is_zero() {
                let _ = proxy.send_event(Event::Wake);
            }
        });
        let mut input = egui_winit::State::new(
            context.clone(),
            ViewportId::ROOT,
            &window,
            None,
            window.theme(),
            Some(drawing.gpu.device().limits().max_texture_dimension_2d as usize),
        );
        input.init_accesskit(events, &window, self.proxy.clone());
        window.set_visible(true);
        window.request_redraw();
        let least_pause = least_pause(Some(&drawing.gpu));
        self.open = Some(Open {
            app,
            drawing,
            input,
            modifiers: ModifiersState::empty(),
            context,
            window,
            info: egui::ViewportInfo::default(),
            drawn: Instant::now(),
            least_pause,
            next: None,
            closing: false,
        });
        Ok(())
    }

    /// Closes, unless the user has first to be told what would be lost.
    fn ask_to_close(&mut self, events: &ActiveEventLoop) {
        if let Some(open) = &mut self.open
            && !open.app.may_close()
        {
            open.closing = false;
            open.window.request_redraw();
        } else {
            self.close(events, None);
        }
    }

    fn close(&mut self, events: &ActiveEventLoop, failure: Option<Error>) {
        if let Some(open) = &mut self.open {
            // What is being computed may take a moment to end.
            open.window.set_visible(false);
            open.app.keep_draft();
            // The processor stops at the next step; what a GPU is at must be waited for.
            if open.drawing.devices.compute.gpu().is_none() {
                open.drawing.devices.compute.destroy();
            }
        }
        self.failure = failure;
        self.open = None;
        events.exit();
    }
}

/// By this name desktops on Linux find what belongs to a window: its icon, its entry
/// in the menu, rules for where it goes.
#[cfg(target_os = "linux")]
fn named(attributes: WindowAttributes) -> WindowAttributes {
    use winit::platform::{wayland, x11};
    let attributes = x11::WindowAttributesExtX11::with_name(attributes, "blt", "blt");
    wayland::WindowAttributesExtWayland::with_name(attributes, "blt", "blt")
}

#[cfg(not(target_os = "linux"))]
fn named(attributes: WindowAttributes) -> WindowAttributes {
    attributes
}

/// What stands for the window in task bars and lists of windows.
fn icon() -> Option<Icon> {
    let png = include_bytes!("../../../assets/icon/blt.png");
    let pixels = image::load_from_memory_with_format(png, image::ImageFormat::Png)
        .ok()?
        .into_rgba8();
    let (width, height) = pixels.dimensions();
    Icon::from_rgba(pixels.into_raw(), width, height).ok()
}

fn wake(proxy: &EventLoopProxy<Event>) -> Arc<dyn Fn() + Send + Sync> {
    let proxy = proxy.clone();
    Arc::new(move || {
        let _ = proxy.send_event(Event::Wake);
    })
}

impl Open {
    fn draw(&mut self, events: &ActiveEventLoop) {
        self.drawn = Instant::now();
        let input = self.input.take_egui_input(&self.window);
        let output = self.context.run_ui(input, |ui| self.app.ui(ui));
        self.input.handle_platform_output_with_event_loop(
            &self.window,
            events,
            output.platform_output,
        );
        self.next = output
            .viewport_output
            .get(&ViewportId::ROOT)
            .map(|viewport| viewport.repaint_delay)
            .filter(|delay| !delay.is_zero())
            .and_then(|delay| Instant::now().checked_add(delay));
        let commands = output
            .viewport_output
            .get(&ViewportId::ROOT)
            .map(|viewport| viewport.commands.clone())
            .unwrap_or_default();
        self.closing |= commands.contains(&egui::ViewportCommand::Close);
        egui_winit::process_viewport_commands(
            &self.context,
            &mut self.info,
            commands,
            &self.window,
            &mut Vec::new(),
        );
        let again = output
            .viewport_output
            .get(&ViewportId::ROOT)
            .is_some_and(|viewport| viewport.repaint_delay.is_zero());
        let scale = output.pixels_per_point;
        let primitives = self.context.tessellate(output.shapes, scale);
        let clear = Palette::of(&self.context).background;
        let drawing = &mut self.drawing;
        drawing.configure();
        let screen = ScreenDescriptor {
            size_in_pixels: [drawing.configuration.width, drawing.configuration.height],
            pixels_per_point: scale,
        };
        let (frame, missed) = match drawing.surface.get_current_texture() {
            wgpu::CurrentSurfaceTexture::Success(frame) => (Some(frame), None),
            wgpu::CurrentSurfaceTexture::Suboptimal(frame) => {
                (Some(frame), Some(Missed::Suboptimal))
            }
            wgpu::CurrentSurfaceTexture::Outdated => (None, Some(Missed::Outdated)),
            wgpu::CurrentSurfaceTexture::Lost => (None, Some(Missed::Lost)),
            wgpu::CurrentSurfaceTexture::Timeout | wgpu::CurrentSurfaceTexture::Validation => {
                (None, Some(Missed::Late))
            }
            wgpu::CurrentSurfaceTexture::Occluded => (None, Some(Missed::Hidden)),
        };
        match missed {
            None => drawing.frames.shown(),
            Some(how) => {
                let remedy = drawing.frames.missed(how);
                if remedy.renew {
                    drawing.renew(&self.window);
                }
                if remedy.configure {
                    let size = self.window.inner_size();
                    drawing.resize(size.width, size.height);
                }
                if let Some(pause) = remedy.again {
                    let due = Instant::now() + pause;
                    self.next = Some(self.next.map_or(due, |next| next.min(due)));
                }
            }
        }
        match frame {
            Some(frame) => {
                let textures = output.textures_delta;
                drawing.paint(&frame.texture, &screen, &primitives, textures, clear);
                self.window.pre_present_notify();
                drawing.gpu.queue().present(frame);
            }
            // The faces of the letters come only once.
            None => drawing.painter.keep(&drawing.gpu, output.textures_delta),
        }
        if again {
            self.window.request_redraw();
        }
    }
}

impl ApplicationHandler<Event> for Desktop {
    fn resumed(&mut self, events: &ActiveEventLoop) {
        if self.open.is_none()
            && let Err(failure) = self.open(events)
        {
            self.close(events, Some(failure));
        }
    }

    fn new_events(&mut self, _events: &ActiveEventLoop, cause: StartCause) {
        if let (StartCause::ResumeTimeReached { .. }, Some(open)) = (cause, &self.open) {
            open.window.request_redraw();
        }
    }

    fn user_event(&mut self, events: &ActiveEventLoop, event: Event) {
        if matches!(event, Event::End) {
            return self.close(events, Some(Error::Interrupted));
        }
        let Some(open) = &mut self.open else {
            return;
        };
        match event {
            // News of the engine may wait for a moment, what the user does may not.
            Event::Wake => {
                let due = open.drawn + open.least_pause;
                if due > Instant::now() {
                    open.next = Some(open.next.map_or(due, |next| next.min(due)));
                    return;
                }
            }
            Event::End => {}
            Event::Access(event) => match event.window_event {
                accesskit_winit::WindowEvent::InitialTreeRequested => {
                    open.context.enable_accesskit();
                }
                accesskit_winit::WindowEvent::ActionRequested(request) => {
                    open.input.on_accesskit_action_request(request);
                }
                accesskit_winit::WindowEvent::AccessibilityDeactivated => {
                    open.context.disable_accesskit();
                }
            },
        }
        open.window.request_redraw();
    }

    fn window_event(&mut self, events: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        let Some(open) = &mut self.open else {
            return;
        };
        match event {
            WindowEvent::RedrawRequested => {
                open.draw(events);
                if open.closing {
                    self.ask_to_close(events);
                } else if open.app.is_lost() {
                    self.recover(events);
                }
                return;
            }
            WindowEvent::CloseRequested => return self.ask_to_close(events),
            WindowEvent::Resized(size) => open.drawing.resize(size.width, size.height),
            WindowEvent::ModifiersChanged(modifiers) => open.modifiers = modifiers.state(),
            WindowEvent::Occluded(false) | WindowEvent::Focused(true) => {
                open.window.request_redraw();
            }
            _ => {}
        }
        let pasting = pasting::asks(&event, open.modifiers);
        let before = open.input.egui_input().events.len();
        let response = open.input.on_window_event(&open.window, &event);
        let came = &open.input.egui_input().events[before..];
        if pasting
            && !came
                .iter()
                .any(|event| matches!(event, egui::Event::Paste(_)))
        {
            open.app.nothing_pasted();
            open.window.request_redraw();
        }
        if response.repaint {
            open.window.request_redraw();
        }
    }

    fn about_to_wait(&mut self, events: &ActiveEventLoop) {
        let next = self.open.as_ref().and_then(|open| open.next);
        events.set_control_flow(match next {
            Some(next) if next > Instant::now() => ControlFlow::WaitUntil(next),
            _ => ControlFlow::Wait,
        });
        if let (Some(next), Some(open)) = (next, &mut self.open)
            && next <= Instant::now()
        {
            open.next = None;
            open.window.request_redraw();
        }
    }
}

impl Desktop {
    /// Opens the device again; what the user has written is in the app and stays.
    fn recover(&mut self, events: &ActiveEventLoop) {
        let Some(open) = &mut self.open else {
            return;
        };
        match pollster::block_on(Drawing::new(&self.device, &open.window)) {
            Ok(drawing) => {
                open.app.resume(&drawing.devices, wake(&self.proxy));
                open.least_pause = least_pause(Some(&drawing.gpu));
                open.drawing = drawing;
                // The new device knows no faces yet: have them drawn again.
                open.app.set_up(&open.context);
                open.drawing.set_up(&open.context);
                open.window.request_redraw();
                self.reopening.done();
            }
            Err(failure) => match self.reopening.failed() {
                // What is drawn then finds the device still lost, and comes here again.
                Some(pause) => open.next = Instant::now().checked_add(pause),
                None => self.close(events, Some(failure)),
            },
        }
    }
}
