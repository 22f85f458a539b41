//! The rows of a file: where its bytes are, in numbers and as characters.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use egui::{Color32, FontId, Galley, Mesh, Painter, Pos2, Rect, Shape, Stroke, StrokeKind, Ui};
use egui::{pos2, vec2};

use super::grid::{Grid, Top};
use super::letters::{DOT, Letter, letters, place};
use crate::window::theme::{self, Palette};

/// The height of a row in points.
pub(super) const ROW: f32 = 21.0;
/// The size of letters.
const LETTERS: f32 = 13.0;
/// Between groups of so many bytes there is more space.
const GROUP: u16 = 8;
const GROUP_SPACE: f32 = 9.0;
/// Between the two digits of a byte and the next two.
const BETWEEN: f32 = 5.4;
/// Between offset, numbers and characters.
const GUTTER: f32 = 20.0;
/// How much of a letter's colour the mark has where a patch starts.
const TICK: f32 = 0.6;
/// How much of the colour of the greatest entropy is laid under letters, so that
/// they can still be read.
const HEAT: (f32, f32) = (0.55, 0.38);

/// Where the columns are, from the left edge of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Columns {
    /// Bytes of a row.
    pub(super) per_row: u16,
    /// The hexadecimal digits of an offset.
    digits: usize,
    /// The width of a digit.
    digit: f32,
    /// The left edge of the numbers, and of the characters.
    numbers: f32,
    characters: f32,
    /// The right edge.
    pub(super) width: f32,
}

impl Columns {
    /// As many bytes in a row as there is room for, of digits of a width.
    pub(super) fn new(room: f32, length: u64, digit: f32) -> Self {
        let needed = 16 - (length.max(1) - 1).leading_zeros() as usize / 4;
        let columns = |per_row: u16| {
            let digits = needed.max(8);
            let numbers = digits as f32 * digit + GUTTER;
            let groups = f32::from((per_row - 1) / GROUP) * GROUP_SPACE;
            let end = numbers + f32::from(per_row) * (2.0 * digit + BETWEEN) + groups;
            let characters = end + GUTTER - BETWEEN;
            Self {
                per_row,
                digits,
                digit,
                numbers,
                characters,
                width: characters + f32::from(per_row) * Self::cell(digit),
            }
        };
        [64, 32, 16, 8]
            .map(columns)
            .into_iter()
            .find(|columns| columns.width <= room)
            .unwrap_or_else(|| columns(4))
    }

    /// The width of a byte among the characters.
    fn cell(digit: f32) -> f32 {
        digit + 1.4
    }

    /// The left and right edges of a byte's number.
    fn number(&self, column: u16) -> (f32, f32) {
        let width = 2.0 * self.digit + BETWEEN;
        let left =
            self.numbers + f32::from(column) * width + f32::from(column / GROUP) * GROUP_SPACE
                - BETWEEN / 2.0;
        (left, left + width)
    }

    /// The left and right edges of a byte among the characters.
    fn character(&self, column: u16) -> (f32, f32) {
        let width = Self::cell(self.digit);
        let left = self.characters + f32::from(column) * width;
        (left, left + width)
    }

    /// The column at a place, in numbers or characters.
    fn column_at(&self, x: f32) -> Option<u16> {
        (0..self.per_row).find(|column| {
            let inside = |(left, right): (f32, f32)| (left..right).contains(&x);
            inside(self.number(*column)) || inside(self.character(*column))
        })
    }
}

/// The width of a digit.
pub(super) fn digit(ui: &Ui) -> f32 {
    ui.fonts_mut(|fonts| fonts.glyph_width(&theme::mono(LETTERS), '0'))
}

/// The colour under a byte of this entropy.
fn heat(palette: &Palette, dark: bool, nats: f32) -> Color32 {
    let share = (nats / theme::MOST).clamp(0.0, 1.0);
    let most = if dark { HEAT.1 } else { HEAT.0 };
    // Most bytes are far from the greatest entropy, and must differ too.
    let part = 0.06 + (most - 0.06) * share.powf(0.8);
    palette
        .background
        .lerp_to_gamma(palette.entropy(nats), part)
}

/// What the table shows.
pub(super) struct Table<'a> {
    pub(super) columns: Columns,
    pub(super) grid: Grid,
    pub(super) top: Top,
    /// Bytes from `first` on, of which those of the rows show.
    pub(super) bytes: &'a [u8],
    pub(super) first: u64,
    pub(super) entropy: &'a dyn Fn(u64) -> Option<f32>,
    pub(super) start: &'a dyn Fn(u64) -> bool,
    pub(super) caret: u64,
    pub(super) hovered: Option<u64>,
    pub(super) focused: bool,
}

impl Table<'_> {
    /// The byte at a place, in points from the upper left corner.
    pub(super) fn byte_at(columns: &Columns, grid: &Grid, top: Top, place: Pos2) -> Option<u64> {
        let column = u64::from(columns.column_at(place.x)?);
        let down = ((place.y + top.above) / ROW).floor();
        if down < 0.0 {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "a row on the screen")]
        let row = top.row.checked_add(down as u64)?;
        let byte = row.checked_mul(grid.per_row)?.checked_add(column)?;
        (byte < grid.length).then_some(byte)
    }

    /// Draws it.
    pub(super) fn show(&self, ui: &Ui, area: Rect) {
        let palette = Palette::of(ui.ctx());
        let painter = ui.painter_at(area.expand2(vec2(4.0, 0.0)));
        let rows = self.rows(area.height());
        let visible = self.grid.bytes(self.top, rows);
        let mut pen = Pen::new(ui, &painter);
        self.heat(ui, &painter, area, &visible);
        for row in self.top.row..visible.end.div_ceil(self.grid.per_row) {
            let offset = format!("{:0w$X}", row * self.grid.per_row, w = self.columns.digits);
            let (left, middle) = (area.left(), self.middle(area, row));
            let galley = pen.galley(ui, offset, theme::mono(LETTERS));
            pen.left(pos2(left, middle), galley, palette.muted);
        }
        for at in visible.clone() {
            let Some(byte) = self.byte(at) else {
                break;
            };
            let (rect, _) = self.cells(area, at);
            let galley = pen.number(ui, byte);
            // What is nothing stands back, where nothing is behind it.
            let cold = (self.entropy)(at).is_none();
            let color = match byte == 0 && cold {
                true => palette.muted,
                false => palette.text,
            };
            pen.center(rect.center(), galley, color);
        }
        self.characters(ui, &mut pen, area, &visible);
        for (byte, accent) in [(self.hovered, false), (Some(self.caret), true)] {
            let Some(byte) = byte.filter(|byte| visible.contains(byte)) else {
                continue;
            };
            let stroke = match (accent, self.focused) {
                (true, true) => Stroke::new(2.0, palette.accent),
                (true, false) => Stroke::new(1.5, palette.accent),
                (false, _) => Stroke::new(1.0, palette.boundary),
            };
            let (number, character) = self.cells(area, byte);
            for rect in [number, character] {
                painter.rect_stroke(rect, 2.0, stroke, StrokeKind::Middle);
            }
        }
    }

    /// So many rows show at least in part.
    fn rows(&self, height: f32) -> u64 {
        shown_rows(height + self.top.above)
    }

    fn byte(&self, at: u64) -> Option<u8> {
        let index = usize::try_from(at.checked_sub(self.first)?).ok()?;
        self.bytes.get(index).copied()
    }

    fn row_top(&self, area: Rect, row: u64) -> f32 {
        area.top() + row.saturating_sub(self.top.row) as f32 * ROW - self.top.above
    }

    fn middle(&self, area: Rect, row: u64) -> f32 {
        self.row_top(area, row) + ROW / 2.0
    }

    /// The rectangles of a byte: its number, and its part of the characters.
    fn cells(&self, area: Rect, byte: u64) -> (Rect, Rect) {
        let top = self.row_top(area, byte / self.grid.per_row);
        let column = u16::try_from(byte % self.grid.per_row).unwrap_or(0);
        let rect = |(left, right): (f32, f32)| {
            Rect::from_min_max(
                pos2(area.left() + left, top),
                pos2(area.left() + right, top + ROW),
            )
        };
        let number = rect(self.columns.number(column));
        (number, rect(self.columns.character(column)))
    }

    /// What is known of the bytes, under them.
    fn heat(&self, ui: &Ui, painter: &Painter, area: Rect, visible: &Range<u64>) {
        let palette = Palette::of(ui.ctx());
        let dark = ui.visuals().dark_mode;
        let mut mesh = Mesh::default();
        let mut ticks = Vec::new();
        for at in visible.clone() {
            let (number, character) = self.cells(area, at);
            for rect in [number, character] {
                if let Some(nats) = (self.entropy)(at) {
                    let cell = Rect::from_min_max(rect.min, rect.max - vec2(0.0, 1.0));
                    mesh.add_colored_rect(cell, heat(palette, dark, nats));
                }
                if (self.start)(at) {
                    ticks.push(rect.left_top());
                }
            }
        }
        painter.add(mesh);
        let stroke = Stroke::new(1.0, palette.text.gamma_multiply(TICK));
        for tick in ticks {
            painter.vline(tick.x + 0.5, tick.y..=tick.y + ROW - 1.0, stroke);
        }
    }

    fn characters(&self, ui: &Ui, pen: &mut Pen, area: Rect, visible: &Range<u64>) {
        let palette = Palette::of(ui.ctx());
        let font = theme::mono(LETTERS);
        for letter in letters(self.bytes, self.first) {
            let end = letter.at + u64::from(letter.bytes);
            if end <= visible.start || letter.at >= visible.end {
                continue;
            }
            let character = letter.character.filter(|c| pen.has(ui, *c));
            let (row, columns) = place(&letter, self.grid.per_row);
            let drawn = row * self.grid.per_row;
            let drawn = match character {
                Some(_) => drawn + columns.start..drawn + columns.end,
                None => letter.at..letter.at,
            };
            if let Some(character) = character
                && drawn.end > visible.start
                && drawn.start < visible.end
            {
                let (_, left) = self.cells(area, drawn.start);
                let (_, right) = self.cells(area, drawn.end - 1);
                let galley = pen.galley(ui, character.to_string(), font.clone());
                pen.center(left.union(right).center(), galley, palette.text);
            }
            for at in letter.at..end {
                if !drawn.contains(&at) && visible.contains(&at) {
                    let (_, cell) = self.cells(area, at);
                    let galley = pen.galley(ui, DOT.to_string(), font.clone());
                    pen.center(cell.center(), galley, palette.muted);
                }
            }
        }
    }

    /// A row for those who hear it: its offset and its characters.
    pub(super) fn spoken(&self, row: u64) -> String {
        let bytes = self.grid.bytes(Top { row, above: 0.0 }, 1);
        let text: String = letters(self.bytes, self.first)
            .iter()
            .filter(|letter| bytes.contains(&letter.at))
            .map(|letter: &Letter| letter.character.unwrap_or(DOT))
            .collect();
        format!("0x{:X}: {text}", bytes.start)
    }
}

/// The rows that a height has room for, the last one perhaps in part.
pub(super) fn shown_rows(height: f32) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "rows on the screen")]
    let rows = (height / ROW).ceil().clamp(0.0, 10_000.0) as u64;
    rows
}

/// The rows that a height has room for whole.
pub(super) fn whole_rows(height: f32) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "rows on the screen")]
    let rows = (height / ROW).floor().clamp(0.0, 10_000.0) as u64;
    rows
}

/// Draws letters, each of them laid out once in a frame.
struct Pen {
    painter: Painter,
    numbers: [Option<Arc<Galley>>; 256],
    others: HashMap<String, Arc<Galley>>,
    pictures: HashMap<char, bool>,
    color: Color32,
}

impl Pen {
    fn new(ui: &Ui, painter: &Painter) -> Self {
        Self {
            painter: painter.clone(),
            numbers: [const { None }; 256],
            others: HashMap::new(),
            pictures: HashMap::new(),
            color: Palette::of(ui.ctx()).text,
        }
    }

    fn lay_out(&self, ui: &Ui, text: String, font: FontId) -> Arc<Galley> {
        // One colour for all, which is replaced when they are drawn.
        ui.fonts_mut(|fonts| fonts.layout_no_wrap(text, font, self.color))
    }

    fn number(&mut self, ui: &Ui, byte: u8) -> Arc<Galley> {
        if let Some(Some(galley)) = self.numbers.get(usize::from(byte)) {
            return Arc::clone(galley);
        }
        let galley = self.lay_out(ui, format!("{byte:02X}"), theme::mono(LETTERS));
        if let Some(held) = self.numbers.get_mut(usize::from(byte)) {
            *held = Some(Arc::clone(&galley));
        }
        galley
    }

    fn galley(&mut self, ui: &Ui, text: String, font: FontId) -> Arc<Galley> {
        if let Some(galley) = self.others.get(&text) {
            return Arc::clone(galley);
        }
        let galley = self.lay_out(ui, text.clone(), font);
        self.others.insert(text, Arc::clone(&galley));
        galley
    }

    /// Whether a character has a picture.
    fn has(&mut self, ui: &Ui, character: char) -> bool {
        *self.pictures.entry(character).or_insert_with(|| {
            ui.fonts_mut(|fonts| fonts.has_glyph(&theme::mono(LETTERS), character))
        })
    }

    fn center(&self, middle: Pos2, galley: Arc<Galley>, color: Color32) {
        let corner = middle - galley.size() / 2.0;
        self.put(corner, galley, color);
    }

    fn left(&self, middle: Pos2, galley: Arc<Galley>, color: Color32) {
        let corner = middle - vec2(0.0, galley.size().y / 2.0);
        self.put(corner, galley, color);
    }

    fn put(&self, corner: Pos2, galley: Arc<Galley>, color: Color32) {
        self.painter.add(Shape::galley_with_override_text_color(
            corner, galley, color,
        ));
    }
}

#[cfg(test)]
mod tests {
    use egui::Theme;

    use super::*;
    use crate::window::theme::contrast;

    #[test]
    fn letters_can_be_read_on_every_heat() {
        for theme in [Theme::Light, Theme::Dark] {
            let palette = Palette::of_theme(theme);
            let dark = theme == Theme::Dark;
            let shades: Vec<Color32> = (0..=60_u8)
                .map(|tenth| heat(palette, dark, f32::from(tenth) / 10.0))
                .collect();
            for shade in &shades {
                let found = contrast(palette.text, *shade);
                assert!(found >= 4.5, "{theme:?} {shade:?}: {found}");
            }
            let against = |shade: &Color32| contrast(*shade, palette.background);
            assert!(shades.iter().map(against).is_sorted());
            // Known and certain is not the same as unknown.
            assert!(against(&shades[0]) > 1.02);
        }
    }

    #[test]
    fn wider_tables_have_more_bytes_in_a_row() {
        let per_row = |room, length| Columns::new(room, length, 7.8).per_row;
        assert_eq!(per_row(2400.0, 1000), 64);
        assert_eq!(per_row(1108.0, 1000), 32);
        assert_eq!(per_row(800.0, 1000), 16);
        assert_eq!(per_row(440.0, 1000), 8);
        assert_eq!(per_row(1.0, 1000), 4);
        assert_eq!(Columns::new(900.0, 1 << 32, 7.8).digits, 8);
        assert_eq!(Columns::new(900.0, (1 << 32) + 1, 7.8).digits, 9);
        assert_eq!(Columns::new(900.0, u64::MAX, 7.8).digits, 16);
        assert_eq!(Columns::new(900.0, 0, 7.8).digits, 8);
    }

    #[test]
    fn a_place_is_a_byte() {
        let columns = Columns::new(800.0, 100, 7.8);
        let grid = Grid {
            length: 100,
            per_row: 16,
            shown: 3,
        };
        let at = |x, y, above| Table::byte_at(&columns, &grid, Top { row: 1, above }, pos2(x, y));
        for column in 0..16 {
            for (left, right) in [columns.number(column), columns.character(column)] {
                let middle = f32::midpoint(left, right);
                assert_eq!(at(middle, 3.0, 0.0), Some(16 + u64::from(column)));
                assert_eq!(at(middle, 3.0, 19.0), Some(32 + u64::from(column)));
            }
            assert!(columns.number(column).1 <= columns.characters);
        }
        assert_eq!(at(2.0, 3.0, 0.0), None);
        assert_eq!(at(columns.width + 2.0, 3.0, 0.0), None);
        let (left, right) = columns.number(5);
        // Behind the end of the file.
        assert_eq!(at(f32::midpoint(left, right), 5.0 * ROW + 1.0, 0.0), None);
        assert_eq!(at(columns.number(0).0, -30.0, 0.0), None);
        assert_eq!(columns.character(15).1.round(), columns.width.round());
    }
}
