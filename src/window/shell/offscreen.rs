//! The window as a picture, without a display.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use egui::{Context, RawInput, Rect, Vec2, vec2};
use egui_wgpu::{RendererOptions, ScreenDescriptor};

use super::paint::Painter;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::window::theme::Palette;
use crate::window::{App, AppOptions};

/// What the picture shows.
#[derive(Clone, Debug)]
pub struct PictureOptions {
    /// The window's size in points.
    pub size: [u32; 2],
    /// Pixels per point.
    pub scale: f32,
    /// What the window shows.
    pub app: AppOptions,
}

/// A picture.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Red, green, blue and opacity of each pixel, row by row.
    pub pixels: Vec<u8>,
}

impl Picture {
    /// As a PNG file.
    ///
    /// # Errors
    /// [`Error::Argument`] if it is no picture.
    pub fn png(&self) -> Result<Vec<u8>> {
        use image::ImageEncoder;
        let mut out = Vec::new();
        image::codecs::png::PngEncoder::new(&mut out)
            .write_image(
                &self.pixels,
                self.width,
                self.height,
                image::ExtendedColorType::Rgba8,
            )
            .map_err(|e| Error::Argument(format!("the picture cannot be encoded: {e}")))?;
        Ok(out)
    }
}

/// The largest side of a picture in pixels.
const LARGEST: f32 = 8192.0;
/// Give up when nothing has come for so long.
const PATIENCE: Duration = Duration::from_secs(120);

const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

/// Draws the window as it looks when everything has been computed.
///
/// # Errors
/// [`Error::Argument`] for an impossible size, and the errors of the device and
/// the model.
pub async fn picture(gpu: &Arc<Gpu>, options: PictureOptions) -> Result<Picture> {
    let size = options.size.map(|side| side as f32 * options.scale);
    if !size.iter().all(|side| (1.0..=LARGEST).contains(side)) || !options.scale.is_finite() {
        return Err(Error::Argument(format!(
            "a picture of {} x {} points at {} pixels per point is impossible; its sides can have \
             1 to {LARGEST} pixels",
            options.size[0], options.size[1], options.scale
        )));
    }
    let (sender, woken) = channel();
    let wake = Arc::new(move || {
        let _ = sender.send(());
    });
    let mut app = App::new(
        gpu,
        AppOptions {
            still: true,
            ..options.app
        },
        wake,
    );
    let context = Context::default();
    app.set_up(&context);
    context.set_pixels_per_point(options.scale);
    let mut painter = Painter::new(gpu, FORMAT, RendererOptions::PREDICTABLE);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within the largest side"
    )]
    let [width, height] = size.map(|side| side.round() as u32);
    let points = vec2(options.size[0] as f32, options.size[1] as f32);
    let texture = gpu.device().create_texture(&wgpu::TextureDescriptor {
        label: Some("picture"),
        size: wgpu::Extent3d {
            width,
            height,
            depth_or_array_layers: 1,
        },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: FORMAT,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    });
    let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
    let screen = ScreenDescriptor {
        size_in_pixels: [width, height],
        pixels_per_point: options.scale,
    };
    let mut after = 0;
    // A few frames more, for what a frame only asks for when all is known.
    while after < 6 {
        let output = context.run_ui(input(points), |ui| app.ui(ui));
        if let Some(failure) = app.failure() {
            return Err(failure);
        }
        let primitives = context.tessellate(output.shapes, output.pixels_per_point);
        let clear = Palette::of(&context).background;
        painter.paint(
            gpu,
            &view,
            &screen,
            &primitives,
            output.textures_delta,
            clear,
        );
        if app.is_settled() {
            after += 1;
            let _ = woken.recv_timeout(Duration::from_millis(20));
        } else if woken.recv_timeout(PATIENCE).is_err() {
            return Err(Error::Gpu(format!(
                "nothing came from the model for {} seconds",
                PATIENCE.as_secs()
            )));
        }
    }
    read(gpu, &texture, width, height).await
}

fn input(size: Vec2) -> RawInput {
    RawInput {
        screen_rect: Some(Rect::from_min_size(egui::Pos2::ZERO, size)),
        focused: true,
        ..RawInput::default()
    }
}

async fn read(gpu: &Gpu, texture: &wgpu::Texture, width: u32, height: u32) -> Result<Picture> {
    let row = (width * 4).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
    let bytes = u64::from(row) * u64::from(height);
    let buffer = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: Some("picture"),
        size: bytes,
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
        mapped_at_creation: false,
    });
    gpu.submit(|encoder| {
        encoder.copy_texture_to_buffer(
            texture.as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: &buffer,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(row),
                    rows_per_image: None,
                },
            },
            texture.size(),
        );
    });
    let padded = gpu
        .read(crate::gpu::Slice {
            buffer: &buffer,
            offset: 0,
            size: bytes,
        })
        .await?;
    let pixels = padded
        .chunks_exact(row as usize)
        .flat_map(|row| &row[..width as usize * 4])
        .copied()
        .collect();
    Ok(Picture {
        width,
        height,
        pixels,
    })
}
