//! What fits beside a text, and what goes below it where a window is as narrow as a telephone.

use egui::scroll_area::ScrollBarVisibility;
use egui::{Frame, InnerResponse, Margin, Panel, ScrollArea, Ui};

use crate::window::theme::Palette;

/// Narrower windows have no room for a panel beside the text.
const NARROW: f32 = 700.0;

/// A panel below a text is at least this high, or is not there.
const LEAST_HEIGHT: f32 = 90.0;

/// Points left free at both sides of what goes across a window.
pub(crate) fn side_margin(ui: &Ui) -> i8 {
    if ui.available_width() < 900.0 { 16 } else { 40 }
}

/// Whether panels go below the text.
pub(crate) fn is_narrow(ui: &Ui) -> bool {
    ui.available_width() < NARROW
}

/// The panel of a screen: to the right of its text, or below, where the text keeps `above`
/// points of the height. With a telephone's keyboard on the screen that leaves no panel.
pub(crate) fn side_panel(ui: &mut Ui, id: &'static str, above: f32, content: impl FnOnce(&mut Ui)) {
    let (width, height) = (ui.available_width(), ui.available_height());
    let (panel, margin) = match is_narrow(ui) {
        true => {
            let height = (height - above).min(height * 0.45);
            if height < LEAST_HEIGHT {
                return;
            }
            (Panel::bottom(id).exact_size(height), [16, 16])
        }
        false => (
            Panel::right(id).exact_size((width * 0.42).min(348.0)),
            [28, 24],
        ),
    };
    let frame = Frame::new()
        .fill(Palette::of(ui.ctx()).panel)
        .inner_margin(Margin::symmetric(margin[0], margin[1]));
    panel
        .resizable(false)
        .show_separator_line(false)
        .frame(frame)
        .show(ui, |ui| ScrollArea::vertical().show(ui, content));
}

/// A row that is scrolled sideways where it does not fit.
pub(crate) fn row<R>(
    ui: &mut Ui,
    id: &'static str,
    content: impl FnOnce(&mut Ui) -> R,
) -> InnerResponse<R> {
    ScrollArea::horizontal()
        .id_salt(id)
        .scroll_bar_visibility(ScrollBarVisibility::AlwaysHidden)
        .auto_shrink([false, true])
        .show(ui, |ui| ui.horizontal(content))
        .inner
}
