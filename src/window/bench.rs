//! What `benches/window.rs` measures: the staves and the painter, which are nobody
//! else's business. A bench is a crate of its own and sees only what is public, and
//! tests, which see more, are built without optimisation. Not part of the API.

use std::fmt::{Debug, Formatter};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::text::TextFormat;
use egui::{Color32, Context, Event, Id, Rect, Sense, Ui, vec2};

use super::engine::Cells;
use super::screens::patch::Cutting;
use super::shell::OffscreenCanvas as Canvas;
use super::staff::{Around, View, draw_triangles};
use super::theme::{self, Palette};
use crate::device::Gpu;
use crate::error::Result;
use crate::patch::Mode;
use crate::patch::Rule;

/// Where the time of a frame went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// Everything that draws with egui: input, layout, shapes.
    pub layout: Duration,
    /// From shapes to triangles.
    pub tessellation: Duration,
    /// Upload and drawing, until the queue is idle.
    pub device: Duration,
}

impl Times {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.layout + self.tessellation + self.device
    }
}

/// A window's surface without a window.
pub struct Bench {
    graphics: Arc<Gpu>,
    canvas: Canvas,
}

impl Debug for Bench {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bench").finish_non_exhaustive()
    }
}

impl Bench {
    /// A surface of a size in points with so many pixels per point, in the light theme.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for an impossible size.
    pub fn new(graphics: &Arc<Gpu>, size: [f32; 2], scale: f32) -> Result<Self> {
        let canvas = Canvas::new(graphics, vec2(size[0], size[1]), scale)?;
        theme::apply(&canvas.context, false);
        canvas.context.set_theme(egui::Theme::Light);
        Ok(Self {
            graphics: Arc::clone(graphics),
            canvas,
        })
    }

    /// Draws only what differs from the frame before, as a window does on a software driver.
    pub fn keep_frames(&mut self) {
        self.canvas.keep_frames();
        draw_triangles(&self.canvas.context);
    }

    /// What egui keeps between frames.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.canvas.context
    }

    /// Draws a frame and waits until the device is done with it.
    ///
    /// # Errors
    /// Those of the device.
    pub fn frame(&mut self, events: Vec<Event>, draw: impl FnMut(&mut Ui)) -> Result<Times> {
        let mut input = self.canvas.input();
        input.events = events;
        let began = Instant::now();
        let output = self.canvas.context.run_ui(input, draw);
        let laid_out = Instant::now();
        let primitives = self
            .canvas
            .context
            .tessellate(output.shapes, output.pixels_per_point);
        let tessellated = Instant::now();
        self.canvas.paint(&primitives, output.textures_delta);
        self.graphics.while_idle(|| ());
        self.graphics.check()?;
        Ok(Times {
            layout: laid_out - began,
            tessellation: tessellated - laid_out,
            device: tessellated.elapsed(),
        })
    }
}

/// A text with its staves, as the patch screen shows it.
#[derive(Debug)]
pub struct Staff {
    view: View,
    text: String,
    entropies: Arc<Vec<f32>>,
    cutting: Cutting,
    starts: Arc<Vec<bool>>,
    visible: Range<usize>,
}

impl Staff {
    /// A text and the entropies of its bytes and of the byte to come, in nats.
    #[must_use]
    pub fn new(text: &str, entropies: Vec<f32>) -> Self {
        let mut cutting = Cutting::of_rule(&Rule::default());
        cutting.mode = Mode::Entropy;
        Self {
            view: View::default(),
            text: text.to_owned(),
            entropies: Arc::new(entropies),
            cutting,
            starts: Arc::default(),
            visible: 0..0,
        }
    }

    /// Cuts the text at a threshold in nats; gives where patches start.
    pub fn cut(&mut self, threshold: f32) -> &[bool] {
        self.cutting.threshold = threshold;
        self.starts = self
            .cutting
            .starts(self.text.as_bytes(), &self.entropies, &[]);
        &self.starts
    }

    /// Draws it, as wide as there is room.
    pub fn show(&mut self, ui: &mut Ui) {
        let around = Around {
            cells: Some(Cells::Values(Arc::clone(&self.entropies))),
            is_behind: false,
            starts: Arc::clone(&self.starts),
            threshold: self.cutting.line(),
            stale: 0..0,
        };
        let (text, view) = (&self.text, &mut self.view);
        let id = Id::unique("bench staff");
        let (origin, _) = view.show(ui, id, text, theme::BARS, around, Sense::hover());
        let area: Rect = ui.clip_rect();
        self.visible = view.visible(area, origin).1;
    }

    /// How many bytes showed in the last frame.
    #[must_use]
    pub fn visible(&self) -> usize {
        self.visible.len()
    }
}

/// How the letters below a staff are set.
#[must_use]
pub fn letters() -> TextFormat {
    TextFormat {
        font_id: theme::mono(theme::STAFF_TEXT),
        extra_letter_spacing: theme::STAFF_SPACING,
        line_height: Some(theme::BARS.line),
        color: Palette::of_theme(egui::Theme::Light).text,
        ..TextFormat::default()
    }
}

/// The colour of a byte that starts a patch.
#[must_use]
pub fn start_color() -> Color32 {
    Palette::of_theme(egui::Theme::Light).signal
}

/// The colour of an entropy in nats.
#[must_use]
pub fn entropy_color(nats: f32) -> Color32 {
    Palette::of_theme(egui::Theme::Light).entropy(nats)
}
