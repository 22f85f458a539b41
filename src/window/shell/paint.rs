//! Draws what egui has made onto a texture, with our device.

use egui::{ClippedPrimitive, TexturesDelta};
use egui_wgpu::{Renderer, RendererOptions, ScreenDescriptor};

use super::damage::Damage;
use crate::device::Gpu;
use crate::window::staff::Pipelines;

/// egui's renderer on our device, with the pipelines of the staff.
pub(super) struct Painter {
    renderer: Renderer,
    /// Of a target that keeps what was drawn.
    damage: Option<Damage>,
    /// Frames of which only parts were drawn.
    #[cfg(test)]
    pub(super) partial: u32,
}

impl Painter {
    pub(super) fn new(gpu: &Gpu, format: wgpu::TextureFormat, options: RendererOptions) -> Self {
        let mut renderer = Renderer::new(gpu.device(), format, options);
        renderer
            .callback_resources
            .insert(Pipelines::new(gpu.device(), format));
        Self {
            renderer,
            damage: None,
            #[cfg(test)]
            partial: 0,
        }
    }

    /// From now on the target still holds the frame before, and only what differs from it
    /// is drawn.
    pub(super) fn keep_frames(&mut self) {
        self.damage = Some(Damage::default());
    }

    /// The target is another one.
    pub(super) fn forget_frame(&mut self) {
        if let Some(damage) = &mut self.damage {
            damage.forget();
        }
    }

    /// Draws a frame; the caller presents or reads it.
    pub(super) fn paint(
        &mut self,
        gpu: &Gpu,
        target: &wgpu::TextureView,
        screen: &ScreenDescriptor,
        primitives: &[ClippedPrimitive],
        mut textures: TexturesDelta,
        clear: egui::Color32,
    ) {
        let (device, queue) = (gpu.device(), gpu.queue());
        self.update(gpu, &mut textures);
        let damage = self.damage.as_mut();
        let parts = damage.and_then(|damage| damage.parts(primitives, screen, clear));
        let (primitives, is_whole) = match &parts {
            Some(parts) => (parts.as_slice(), false),
            None => (primitives, true),
        };
        #[cfg(test)]
        {
            self.partial += u32::from(!is_whole);
        }
        if !is_whole && primitives.is_empty() {
            return self.free(&mut textures);
        }
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor {
            label: Some("window"),
        });
        let prepared =
            self.renderer
                .update_buffers(device, queue, &mut encoder, primitives, screen);
        {
            let [r, g, b, a] = clear.to_array().map(|value| f64::from(value) / 255.0);
            let mut pass = encoder
                .begin_render_pass(&wgpu::RenderPassDescriptor {
                    label: Some("window"),
                    color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                        view: target,
                        depth_slice: None,
                        resolve_target: None,
                        ops: wgpu::Operations {
                            load: match is_whole {
                                true => wgpu::LoadOp::Clear(wgpu::Color { r, g, b, a }),
                                false => wgpu::LoadOp::Load,
                            },
                            store: wgpu::StoreOp::Store,
                        },
                    })],
                    ..Default::default()
                })
                .forget_lifetime();
            self.renderer.render(&mut pass, primitives, screen);
        }
        gpu.submit_commands(prepared.into_iter().chain([encoder.finish()]));
        self.free(&mut textures);
    }

    /// Takes the textures of a frame that is not drawn: later ones need them.
    pub(super) fn keep(&mut self, gpu: &Gpu, mut textures: TexturesDelta) {
        self.update(gpu, &mut textures);
        self.free(&mut textures);
    }

    fn update(&mut self, gpu: &Gpu, textures: &mut TexturesDelta) {
        for (id, images) in textures.set.drain() {
            for image in images {
                // What the same triangles show may be something else now.
                if image.is_whole() {
                    self.forget_frame();
                }
                self.renderer
                    .update_texture(gpu.device(), gpu.queue(), id, &image);
            }
        }
    }

    fn free(&mut self, textures: &mut TexturesDelta) {
        for id in textures.free.drain() {
            self.renderer.free_texture(&id);
        }
    }
}
