//! A text with its staves on the screen: the letters, and what is drawn around them.

use std::ops::Range;
use std::sync::Arc;

use egui::{Align2, Galley, Id, Pos2, Rect, Response, Sense, Shape, Stroke, StrokeKind, Ui, vec2};
use egui_wgpu::Callback;

use super::Layout;
use super::mesh::draws_triangles;
use super::motion::{Motion, News};
use super::painter::Staff;
use super::shown::Shown;
use crate::window::document::{bytes_of, single_byte};
use crate::window::engine::Cells;
use crate::window::theme::{self, Measures, Palette};

/// What is drawn around the letters of a text.
#[derive(Clone, Debug)]
pub(crate) struct Around {
    /// The entropies of its bytes, if there are any.
    pub(crate) cells: Option<Cells>,
    /// Whether those are of the text before this one: bars stay as they are until
    /// its own come.
    pub(crate) is_behind: bool,
    /// Whether a patch starts at each byte.
    pub(crate) starts: Arc<Vec<bool>>,
    /// The threshold in nats, if the rule has one.
    pub(crate) threshold: Option<f32>,
    /// Bytes whose numbers have still to arrive.
    pub(crate) stale: Range<usize>,
}

/// What it keeps from one frame to the next.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// What shows for the text, and the text it is of.
    shown: Option<(Arc<str>, Arc<Shown>)>,
    /// See [`theme::fonts_of`].
    fonts: u32,
    /// What epaint laid out, and the same with a glyph for each character.
    galley: Option<(Arc<Galley>, Arc<Galley>)>,
    motion: Motion,
    /// The places of its bytes.
    pub(crate) layout: Arc<Layout>,
}

impl View {
    /// Lays a text out, or takes what is laid out already.
    pub(crate) fn galley(
        &mut self,
        ui: &Ui,
        text: &str,
        width: f32,
        measures: Measures,
    ) -> Arc<Galley> {
        let fonts = theme::fonts_of(ui.ctx());
        let shown = match &self.shown {
            Some((of, shown)) if self.fonts == fonts && **of == *text => Arc::clone(shown),
            _ => {
                let shown = Arc::new(Shown::new(ui.ctx(), text));
                self.fonts = fonts;
                self.shown = Some((text.into(), Arc::clone(&shown)));
                shown
            }
        };
        let job = shown.job(Palette::of(ui.ctx()).text, width, measures.line);
        let laid_out = ui.fonts_mut(|fonts| fonts.layout_job(job));
        match &self.galley {
            Some((held, galley))
                if Arc::ptr_eq(held, &laid_out) && self.layout.measures == measures =>
            {
                Arc::clone(galley)
            }
            _ => {
                let galley = shown.counted(&laid_out);
                self.layout = Arc::new(Layout::new(&galley, text, measures));
                self.galley = Some((laid_out, Arc::clone(&galley)));
                galley
            }
        }
    }

    /// The letters as they are laid out.
    pub(crate) fn laid_out(&self) -> Option<&Arc<Galley>> {
        self.galley.as_ref().map(|(_, galley)| galley)
    }

    /// What the shaders draw of it, below the letters: put it into a place that was
    /// kept before the letters were drawn.
    pub(crate) fn shape(&mut self, ui: &Ui, id: Id, origin: Pos2, around: Around) -> Shape {
        let area = ui.clip_rect();
        let text = self.shown.as_ref().map(|(text, _)| Arc::clone(text));
        let news = News {
            text: text.unwrap_or_else(|| "".into()),
            cells: around.cells,
            is_behind: around.is_behind,
            stale: around.stale,
        };
        let moment = self.motion.look(ui, &news);
        let staff = Staff {
            id,
            area,
            origin,
            layout: Arc::clone(&self.layout),
            news,
            moment,
            starts: around.starts,
            threshold: around.threshold,
            palette: Palette::of(ui.ctx()),
        };
        match draws_triangles(ui.ctx()) {
            true => staff.shape(ui.pixels_per_point()),
            false => Shape::Callback(Callback::new_paint_callback(area, staff)),
        }
    }

    /// A text that is only looked at; gives where it begins on the screen.
    pub(crate) fn show(
        &mut self,
        ui: &mut Ui,
        id: Id,
        text: &str,
        measures: Measures,
        around: Around,
        sense: Sense,
    ) -> (Pos2, Response) {
        let width = ui.available_width();
        let galley = self.galley(ui, text, width, measures);
        let size = vec2(width, galley.size().y.max(measures.line));
        let (rect, response) = ui.allocate_exact_size(size, sense);
        let origin = rect.min;
        let shape = self.shape(ui, id, origin, around);
        ui.painter().add(shape);
        let color = Palette::of(ui.ctx()).text;
        ui.painter().galley(origin, galley, color);
        self.draw_missing(ui, origin, text);
        (origin, response)
    }

    /// The byte at a place of the screen.
    pub(crate) fn byte_at(&self, origin: Pos2, place: Pos2) -> Option<usize> {
        self.layout.byte_at(place - origin.to_vec2())
    }

    /// Where bytes are on the screen, those in the line of the first.
    pub(crate) fn extent(&self, origin: Pos2, bytes: Range<usize>) -> Option<Rect> {
        Some(self.layout.extent(bytes)?.translate(origin.to_vec2()))
    }

    /// A frame around a byte.
    pub(crate) fn frame(&self, ui: &Ui, origin: Pos2, byte: usize) {
        let Some(rect) = self.layout.rectangle(byte) else {
            return;
        };
        let accent = Palette::of(ui.ctx()).accent;
        ui.painter().rect_stroke(
            rect.translate(origin.to_vec2()).expand2(vec2(1.0, 4.0)),
            3.0,
            Stroke::new(1.5, accent),
            StrokeKind::Outside,
        );
    }

    /// The lines and bytes that show.
    pub(crate) fn visible(&self, area: Rect, origin: Pos2) -> (Range<usize>, Range<usize>) {
        self.layout
            .visible(area.top() - origin.y, area.bottom() - origin.y)
    }

    /// Draws the bytes of characters that no font has.
    pub(crate) fn draw_missing(&self, ui: &Ui, origin: Pos2, text: &str) {
        let Some((_, shown)) = &self.shown else {
            return;
        };
        if shown.missing.is_empty() {
            return;
        }
        let (_, visible) = self.visible(ui.clip_rect(), origin);
        let mut missing = shown.missing.iter().copied().peekable();
        let mut byte = 0;
        for (index, character) in text.chars().enumerate() {
            if byte >= visible.end {
                break;
            }
            if missing.next_if_eq(&index).is_some() && byte >= visible.start {
                let bytes = match single_byte(character) {
                    Some(byte) => vec![byte],
                    None => character.to_string().into_bytes(),
                };
                self.draw_hex(ui, origin, byte, &bytes);
            }
            byte += bytes_of(character);
        }
    }

    fn draw_hex(&self, ui: &Ui, origin: Pos2, first: usize, bytes: &[u8]) {
        let (Some(left), Some(right)) = (
            self.layout.slots.get(first),
            self.layout.slots.get(first + bytes.len() - 1),
        ) else {
            return;
        };
        let measures = self.layout.measures;
        let middle = (left.left + right.right) / 2.0;
        // One above the other, around the middle of the line of letters.
        let step = 24.0 / (bytes.len().max(2) as f32);
        let center = left.foot - measures.foot + measures.line / 2.0;
        for (row, byte) in bytes.iter().enumerate() {
            let offset = (row as f32 - (bytes.len() as f32 - 1.0) / 2.0) * step;
            ui.painter().text(
                origin + vec2(middle, center + offset),
                Align2::CENTER_CENTER,
                format!("{byte:02X}"),
                theme::mono(step.clamp(6.0, 9.0)),
                Palette::of(ui.ctx()).muted,
            );
        }
    }
}
