//! The panels of the screen with a file: rows, and the whole file beside them.

use egui::{
    EventFilter, Frame, Id, Key, Margin, Modifiers, Panel, Rect, RichText, Role, Sense, Ui,
    UiBuilder, WidgetInfo, pos2,
};

use super::grid::{Motion, Top};
use super::letters::MARGIN;
use super::minimap::{self, Minimap};
use super::shown::Shown;
use super::table::{Columns, ROW, Table, digit, shown_rows, whole_rows};
use super::words;
use crate::window::accessibility;
use crate::window::context::Shared;
use crate::window::theme::{self, Palette};
use crate::window::widgets::{Swipe, side_margin};

/// Keys of the rows; those with more modifiers first.
const KEYS: [(Modifiers, Key, Motion); 10] = [
    (Modifiers::COMMAND, Key::Home, Motion::FileStart),
    (Modifiers::COMMAND, Key::End, Motion::FileEnd),
    (Modifiers::NONE, Key::Home, Motion::RowStart),
    (Modifiers::NONE, Key::End, Motion::RowEnd),
    (Modifiers::NONE, Key::ArrowLeft, Motion::Left),
    (Modifiers::NONE, Key::ArrowRight, Motion::Right),
    (Modifiers::NONE, Key::ArrowUp, Motion::Up),
    (Modifiers::NONE, Key::ArrowDown, Motion::Down),
    (Modifiers::NONE, Key::PageUp, Motion::PageUp),
    (Modifiers::NONE, Key::PageDown, Motion::PageDown),
];

/// The least and the greatest width of the column with the whole file, its notches
/// included.
const MINIMAP: std::ops::RangeInclusive<f32> = 84.0..=160.0;
/// Between it and the rows.
const BETWEEN: f32 = 12.0;

impl Shown {
    /// Draws everything; says whether the file must be opened again.
    pub(super) fn show(&mut self, ui: &mut Ui, shared: &Shared<'_>) -> bool {
        let palette = Palette::of(ui.ctx());
        let margin = side_margin(ui);
        let frame = Frame::new().inner_margin(Margin::symmetric(margin, 0));
        Panel::top("file strip")
            .exact_size(82.0)
            .show_separator_line(false)
            .frame(frame)
            .show(ui, |ui| self.strip(ui, shared));
        Panel::bottom("file status")
            .exact_size(60.0)
            .frame(frame)
            .show(ui, |ui| self.status(ui, shared));
        let mut again = false;
        egui::CentralPanel::no_frame().show(ui, |ui| match self.trouble.clone() {
            Some(trouble) => {
                self.visible = 0..0;
                ui.add_space(28.0);
                ui.horizontal_wrapped(|ui| {
                    ui.add_space(f32::from(margin));
                    let sign = RichText::new("!").font(theme::bold(14.0));
                    ui.label(sign.color(palette.signal));
                    ui.label(words::trouble(shared.language, &trouble));
                    let label = words::read_again(shared.language);
                    again = ui.button(label).clicked();
                });
            }
            None => self.body(ui, f32::from(margin), shared),
        });
        again
    }

    fn body(&mut self, ui: &mut Ui, margin: f32, shared: &Shared<'_>) {
        let whole = ui.available_rect_before_wrap();
        let right = whole.right() - margin.min(28.0);
        let left = whole.left() + margin;
        let room = right - left - BETWEEN - *MINIMAP.start();
        let columns = Columns::new(room, self.source.len(), digit(ui));
        // What the rows leave is the minimap's, as far as it makes use of it.
        let spare = (room - columns.width).max(0.0);
        let width = (MINIMAP.start() + spare).min(*MINIMAP.end());
        let column = Rect::from_min_max(
            pos2((right - width).max(whole.left()), whole.top() + 16.0),
            pos2(right, whole.bottom() - 16.0),
        );
        let area = Rect::from_min_max(
            pos2(left, whole.top() + 12.0),
            pos2(
                (left + columns.width).min(column.left()).max(left),
                whole.bottom(),
            ),
        );
        self.lay_out(columns, area);
        self.take_jump(shared);
        self.rows(ui, area, columns, shared);
        if column.width() > 20.0 && column.height() > 20.0 {
            let name = words::whole_file(shared.language);
            let mut child = ui.new_child(UiBuilder::new().max_rect(column));
            let overview = self.overview.as_ref();
            let map = Minimap {
                texels: overview.map_or(&[], |overview| &overview.texels),
                hottest: overview.map_or(&[], |overview| &overview.hottest),
                length: self.source.len(),
                done: self.done(),
                visible: self.visible.clone(),
                gone_to: self.gone_to,
                name,
            };
            if let Some(byte) = map.show(&mut child) {
                self.top = self.grid.center(byte);
                ui.ctx().request_repaint();
            }
        }
        self.ask(minimap::rows(column.height()), shared);
    }

    /// How many bytes stand in a row, and how many rows there are.
    fn lay_out(&mut self, columns: Columns, area: Rect) {
        let before = self.grid;
        self.grid.per_row = u64::from(columns.per_row);
        self.grid.shown = whole_rows(area.height());
        if before.per_row != self.grid.per_row {
            self.top = self.grid.regrid(self.top, before.per_row);
        }
        self.top = self.grid.clamp(self.top);
    }

    fn rows(&mut self, ui: &mut Ui, area: Rect, columns: Columns, shared: &Shared<'_>) {
        let id = Id::unique("file rows");
        let response = ui.interact(area, id, Sense::click_and_drag());
        response.widget_info(|| {
            let name = words::bytes_of_file(shared.language);
            WidgetInfo::labeled(Role::ListBox, true, name)
        });
        if std::mem::take(&mut self.focus_rows) || response.clicked() {
            response.request_focus();
        }
        let corner = area.min.to_vec2();
        let byte_at =
            |shown: &Self, place| Table::byte_at(&columns, &shown.grid, shown.top, place - corner);
        if response.contains_pointer() {
            let down = -ui.input(|input| input.smooth_scroll_delta().y);
            if down != 0.0 {
                self.top = self.grid.scroll(self.top, down, ROW);
            }
        }
        self.hovered = response.hover_pos().and_then(|place| byte_at(self, place));
        if self.finger.begins(ui) {
            self.pressed_from = self.caret;
        }
        if let Some(Swipe { down, held }) = self.finger.swipe(ui, &response) {
            self.top = self.grid.scroll(self.top, -down, ROW);
            if held {
                self.caret = self.pressed_from;
            }
        } else if let Some(place) = response.interact_pointer_pos()
            && (response.clicked() || !self.finger.presses)
            && let Some(byte) = byte_at(self, place)
        {
            self.caret = byte;
        }
        let unfocused = ui.memory(|memory| memory.focused().is_none());
        if response.has_focus() || unfocused {
            let filter = EventFilter {
                horizontal_arrows: true,
                vertical_arrows: true,
                ..EventFilter::default()
            };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
            self.keys(ui, shared);
        }
        let rows = shown_rows(area.height() + self.top.above);
        self.visible = self.grid.bytes(self.top, rows);
        let first = self.visible.start.saturating_sub(MARGIN);
        let read = self
            .source
            .read(first..self.visible.end.saturating_add(MARGIN));
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(trouble) => {
                self.trouble = Some(trouble);
                ui.ctx().request_repaint();
                return;
            }
        };
        let table = Table {
            columns,
            grid: self.grid,
            top: self.top,
            bytes: &bytes,
            first,
            entropy: &|byte| self.entropy(byte),
            start: &|byte| self.start(byte),
            caret: self.caret,
            hovered: self.hovered,
            focused: response.has_focus(),
        };
        table.show(ui, area);
        self.describe(ui, area, &table);
        if accessibility::is_on(ui) {
            let about = self.about_byte(self.caret, shared).join(", ");
            accessibility::announce(ui, Id::unique("file caret"), &about);
        }
    }

    /// Each row for those who hear the screen.
    fn describe(&self, ui: &Ui, area: Rect, table: &Table<'_>) {
        let rows =
            self.visible.start / self.grid.per_row..self.visible.end.div_ceil(self.grid.per_row);
        for (line, row) in rows.enumerate() {
            let top = area.top() + line as f32 * ROW - self.top.above;
            let rect = Rect::from_x_y_ranges(area.x_range(), top..=top + ROW);
            let id = Id::unique(("file row", line));
            let response = ui.interact(rect.intersect(area), id, Sense::empty());
            response
                .widget_info(|| WidgetInfo::labeled(Role::ListBoxOption, true, table.spoken(row)));
        }
    }

    fn keys(&mut self, ui: &Ui, shared: &Shared<'_>) {
        let pressed = |modifiers, key| ui.input_mut(|input| input.consume_key(modifiers, key));
        for (modifiers, key, motion) in KEYS {
            while pressed(modifiers, key) {
                let before = self.caret;
                self.caret = self.grid.moved(self.caret, motion);
                // A page moves what shows along with the caret.
                let page = matches!(motion, Motion::PageUp | Motion::PageDown);
                if page && self.visible.contains(&before) {
                    let row = |byte: u64| byte / self.grid.per_row;
                    let by = row(self.caret).abs_diff(row(before));
                    let row = match self.caret > before {
                        true => self.top.row.saturating_add(by),
                        false => self.top.row.saturating_sub(by),
                    };
                    self.top = self.grid.clamp(Top { row, above: 0.0 });
                }
                self.top = self.grid.reveal(self.top, self.caret);
            }
        }
        let finished = self
            .overview
            .as_ref()
            .is_none_or(|overview| overview.progress.finished);
        if !finished && pressed(Modifiers::NONE, Key::Space) {
            self.set_run(!self.run, shared);
        }
    }
}
