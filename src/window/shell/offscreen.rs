//! The window, or a figure, as a picture, without a display.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use egui::{ClippedPrimitive, Context, RawInput, Rect, TexturesDelta, Theme, Ui, Vec2, vec2};
use egui_wgpu::{RendererOptions, ScreenDescriptor};

use super::paint::Painter;
use crate::device::Gpu;
use crate::error::{Error, Result};
use crate::window::devices::{Devices, no_graphics};
use crate::window::screens::patch::PatchScreen;
use crate::window::storage::save;
use crate::window::theme::{self, Palette};
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
    /// Writes it as a PNG file, all of it or nothing.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Argument`] if it is no picture.
    pub fn save(&self, path: &Path) -> Result<()> {
        save(path, &self.png()?)
    }

    /// As a PNG file.
    ///
    /// # Errors
    /// [`Error::Argument`] if it is no picture.
    pub fn png(&self) -> Result<Vec<u8>> {
        use image::ImageEncoder;
        use image::codecs::png::{CompressionType, FilterType, PngEncoder};
        let mut out = Vec::new();
        // Plain areas and repeated letters are smallest without a filter.
        PngEncoder::new_with_quality(&mut out, CompressionType::Best, FilterType::NoFilter)
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
/// So many frames more, for what a frame only asks for when all is known, and for
/// what moves into its place.
const MORE_FRAMES: u32 = 6;

const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

/// Draws the window as it looks when everything has been computed.
///
/// # Errors
/// [`Error::Argument`] for an impossible size, and the errors of the device and
/// the model.
pub async fn picture(devices: &Devices, options: PictureOptions) -> Result<Picture> {
    let [width, height] = options.size.map(|side| side as f32);
    let mut canvas = Canvas::new(devices.graphics()?, vec2(width, height), options.scale)?;
    let (sender, woken) = channel();
    let wake = Arc::new(move || {
        let _ = sender.send(());
    });
    let options = AppOptions {
        still: true,
        ..options.app
    };
    let mut app = App::new(devices, options, wake);
    app.set_up(&canvas.context);
    let mut after = 0;
    while after < MORE_FRAMES {
        // Only the last frames are looked at.
        canvas.run(after + 2 >= MORE_FRAMES, |ui| app.ui(ui));
        if let Some(failure) = app.failure() {
            return Err(failure);
        }
        if app.is_settled() {
            after += 1;
        } else {
            after = 0;
            if woken.recv_timeout(PATIENCE).is_err() {
                return Err(Error::Device(format!(
                    "nothing came from the model for {} seconds",
                    PATIENCE.as_secs()
                )));
            }
        }
    }
    canvas.read().await
}

/// Writes the text of the patch screen alone as a PNG file, with the faces of the system
/// or without.
///
/// # Errors
/// Those of [`figure`], and [`Error::Io`].
pub(crate) fn save_figure(
    path: &Path,
    devices: Option<&Devices>,
    patch: &PatchScreen,
    (theme, system_fonts): (Theme, bool),
) -> Result<()> {
    let graphics = devices.ok_or_else(no_graphics)?.graphics()?;
    let figure = pollster::block_on(figure(graphics, patch, theme, system_fonts))?;
    figure.save(path)
}

/// Draws the text of the patch screen alone, as wide as a column of print.
///
/// # Errors
/// [`Error::Argument`] for a text that needs too large a picture, and the errors of
/// the device.
async fn figure(
    gpu: &Arc<Gpu>,
    patch: &PatchScreen,
    theme: Theme,
    system_fonts: bool,
) -> Result<Picture> {
    const WIDTH: f32 = 960.0;
    const SCALE: f32 = 2.0;
    let set_up = |context: &Context| {
        theme::apply(context, system_fonts);
        context.set_theme(theme);
    };
    let mut trial = Canvas::new(gpu, vec2(WIDTH, 64.0), SCALE)?;
    set_up(&trial.context);
    let mut height = 0.0;
    for _ in 0..2 {
        trial.frame(|ui| height = patch.figure(ui));
    }
    if height * SCALE > LARGEST {
        return Err(Error::Argument(format!(
            "a picture of this text would be {height} points high and can be {}; export it as SVG \
             or export a part of it",
            LARGEST / SCALE
        )));
    }
    let mut canvas = Canvas::new(gpu, vec2(WIDTH, height.ceil()), SCALE)?;
    set_up(&canvas.context);
    for _ in 0..2 {
        canvas.frame(|ui| {
            patch.figure(ui);
        });
    }
    canvas.read().await
}

/// What a picture is drawn on.
pub(crate) struct Canvas {
    gpu: Arc<Gpu>,
    pub(crate) context: Context,
    size: Vec2,
    screen: ScreenDescriptor,
    painter: Painter,
    texture: wgpu::Texture,
    view: wgpu::TextureView,
}

impl Canvas {
    pub(crate) fn new(gpu: &Arc<Gpu>, size: Vec2, scale: f32) -> Result<Self> {
        let [width, height] = [size.x, size.y].map(|side| (side * scale).round());
        let possible = |side: f32| (1.0..=LARGEST).contains(&side);
        if !possible(width) || !possible(height) {
            return Err(Error::Argument(format!(
                "a picture of {} x {} points at {scale} pixels per point is impossible; its sides \
                 can have 1 to {LARGEST} pixels",
                size.x, size.y
            )));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within the largest side"
        )]
        let (width, height) = (width as u32, height as u32);
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
        let context = Context::default();
        context.set_pixels_per_point(scale);
        Ok(Self {
            gpu: Arc::clone(gpu),
            context,
            size,
            screen: ScreenDescriptor {
                size_in_pixels: [width, height],
                pixels_per_point: scale,
            },
            painter: Painter::new(gpu, FORMAT, RendererOptions::PREDICTABLE),
            view: texture.create_view(&wgpu::TextureViewDescriptor::default()),
            texture,
        })
    }

    /// Draws only what differs from the frame before, as a window does where drawing is slow.
    pub(crate) fn keep_frames(&mut self) {
        self.painter.keep_frames();
    }

    /// Frames of which only parts were drawn.
    #[cfg(test)]
    pub(crate) fn partial_frames(&self) -> u32 {
        self.painter.partial
    }

    /// What a frame begins with when the user does nothing.
    pub(crate) fn input(&self) -> RawInput {
        RawInput {
            screen_rect: Some(Rect::from_min_size(egui::Pos2::ZERO, self.size)),
            focused: true,
            ..RawInput::default()
        }
    }

    /// Draws what egui has made of a frame.
    pub(crate) fn paint(&mut self, primitives: &[ClippedPrimitive], textures: TexturesDelta) {
        self.painter.paint(
            &self.gpu,
            &self.view,
            &self.screen,
            primitives,
            textures,
            Palette::of(&self.context).background,
        );
    }

    fn frame(&mut self, draw: impl FnMut(&mut Ui)) {
        self.run(true, draw);
    }

    /// A frame, which may go undrawn if nobody will see it.
    fn run(&mut self, seen: bool, draw: impl FnMut(&mut Ui)) {
        let output = self.context.run_ui(self.input(), draw);
        if !seen {
            // Later frames need its textures.
            self.painter.keep(&self.gpu, output.textures_delta);
            return;
        }
        let primitives = self
            .context
            .tessellate(output.shapes, output.pixels_per_point);
        self.paint(&primitives, output.textures_delta);
    }

    pub(crate) async fn read(&self) -> Result<Picture> {
        let [width, height] = self.screen.size_in_pixels;
        let row = (width * 4).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let bytes = u64::from(row) * u64::from(height);
        let buffer = self.gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some("picture"),
            size: bytes,
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let mut encoder = self
            .gpu
            .device()
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_texture_to_buffer(
            self.texture.as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: &buffer,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(row),
                    rows_per_image: None,
                },
            },
            self.texture.size(),
        );
        self.gpu.submit_commands([encoder.finish()]);
        let padded = self.gpu.read_buffer(&buffer, bytes).await?;
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
}
