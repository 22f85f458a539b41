//! The surface of a native window, and what draws onto it.

use std::sync::Arc;

use egui::Context;
use egui_wgpu::{RendererOptions, ScreenDescriptor};
use winit::window::Window;

use super::frames::Frames;
use super::paint::Painter;
use crate::device::{DeviceOptions, Gpu};
use crate::error::{Error, Result};
use crate::window::devices::Devices;
use crate::window::pace::is_slow;
use crate::window::staff::draw_triangles;

/// What draws, on one device.
pub(super) struct Drawing {
    pub(super) painter: Painter,
    pub(super) surface: wgpu::Surface<'static>,
    pub(super) frames: Frames,
    pub(super) configuration: wgpu::SurfaceConfiguration,
    /// The surface has not been told of the configuration yet.
    changed: bool,
    /// Where drawing is slow: the last frame, over which the next is drawn. The surface
    /// gives another texture for each.
    last: Option<wgpu::Texture>,
    pub(super) gpu: Arc<Gpu>,
    pub(super) devices: Devices,
}

impl Drawing {
    pub(super) async fn new(options: &DeviceOptions, window: &Arc<Window>) -> Result<Self> {
        let draws = |instance: &wgpu::Instance, adapter: &wgpu::Adapter| {
            let cannot = || {
                Error::Adapter(format!(
                    "{} cannot draw onto this display",
                    adapter.get_info().name
                ))
            };
            let surface = instance.create_surface(Arc::clone(window));
            match surface {
                Ok(surface) if adapter.is_surface_supported(&surface) => Ok(()),
                _ => Err(cannot()),
            }
        };
        let devices = Devices::open_for(options, draws).await?;
        let gpu = Arc::clone(devices.graphics()?);
        let surface = gpu
            .instance()
            .create_surface(Arc::clone(window))
            .map_err(|e| {
                Error::Adapter(format!(
                    "{} cannot draw onto this display ({e}); name another adapter with --adapter",
                    gpu.summary().name
                ))
            })?;
        let capabilities = surface.get_capabilities(gpu.adapter());
        let format =
            egui_wgpu::preferred_framebuffer_format(&capabilities.formats).map_err(|_| {
                Error::Adapter(format!(
                    "{} cannot draw onto this display; name another adapter with --adapter",
                    gpu.summary().name
                ))
            })?;
        let size = window.inner_size();
        let mut configuration = wgpu::SurfaceConfiguration {
            format,
            present_mode: wgpu::PresentMode::AutoVsync,
            ..surface
                .get_default_config(gpu.adapter(), size.width.max(1), size.height.max(1))
                .ok_or_else(|| Error::Adapter("the display offers no surface".to_owned()))?
        };
        let options = RendererOptions {
            // The window has no gradients, which are what it is for.
            dithering: false,
            ..RendererOptions::default()
        };
        let mut painter = Painter::new(&gpu, format, options);
        let mut last = None;
        if is_slow(&gpu) && capabilities.usages.contains(wgpu::TextureUsages::COPY_DST) {
            configuration.usage |= wgpu::TextureUsages::COPY_DST;
            painter.keep_frames();
            last = Some(last_frame(&gpu, &configuration));
        }
        Ok(Self {
            painter,
            surface,
            frames: Frames::default(),
            configuration,
            changed: true,
            last,
            gpu,
            devices,
        })
    }

    /// What shaders make of numbers is not known to differ from the frame before or not,
    /// what triangles show is.
    pub(super) fn set_up(&self, context: &Context) {
        if self.last.is_some() && self.devices.compute.gpu().is_none() {
            draw_triangles(context);
        }
    }

    pub(super) fn resize(&mut self, width: u32, height: u32) {
        if width > 0 && height > 0 {
            self.configuration.width = width;
            self.configuration.height = height;
            self.changed = true;
        }
    }

    /// Makes a surface that was lost anew. Where that fails the next frame tries again.
    pub(super) fn renew(&mut self, window: &Arc<Window>) {
        let made = self.gpu.instance().create_surface(Arc::clone(window));
        match made {
            Ok(surface) => self.surface = surface,
            Err(error) => tracing::debug!("the surface could not be made again: {error}"),
        }
    }

    /// Tells the surface once per frame: while an edge is dragged, sizes come faster
    /// than frames, and each waits for the model's work to end.
    pub(super) fn configure(&mut self) {
        if std::mem::take(&mut self.changed) {
            let (gpu, surface) = (&self.gpu, &self.surface);
            gpu.while_idle(|| surface.configure(gpu.device(), &self.configuration));
            if let Some(last) = &mut self.last {
                *last = last_frame(gpu, &self.configuration);
                self.painter.forget_frame();
            }
        }
    }

    /// Draws onto a frame of the surface.
    pub(super) fn paint(
        &mut self,
        frame: &wgpu::Texture,
        screen: &ScreenDescriptor,
        primitives: &[egui::ClippedPrimitive],
        textures: egui::TexturesDelta,
        background: egui::Color32,
    ) {
        let target = self.last.as_ref().unwrap_or(frame);
        let view = target.create_view(&wgpu::TextureViewDescriptor::default());
        self.painter
            .paint(&self.gpu, &view, screen, primitives, textures, background);
        if let Some(last) = &self.last {
            let mut encoder = self
                .gpu
                .device()
                .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            let size = last.size();
            encoder.copy_texture_to_texture(last.as_image_copy(), frame.as_image_copy(), size);
            self.gpu.submit_commands([encoder.finish()]);
        }
    }
}

/// A texture of the size of the surface.
fn last_frame(gpu: &Gpu, surface: &wgpu::SurfaceConfiguration) -> wgpu::Texture {
    gpu.device().create_texture(&wgpu::TextureDescriptor {
        label: Some("last frame"),
        size: wgpu::Extent3d {
            width: surface.width,
            height: surface.height,
            depth_or_array_layers: 1,
        },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: surface.format,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    })
}
