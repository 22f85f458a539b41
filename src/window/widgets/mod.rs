//! Small parts that several screens draw with.

mod beside;
mod finger;
pub(crate) mod path;

pub(crate) use beside::{is_narrow, row, side_margin, side_panel};
pub(crate) use finger::{Finger, Swipe};

use egui::{
    Align, Color32, FontId, Layout, Response, RichText, Role, Sense, Stroke, Ui, WidgetInfo, vec2,
};

use crate::window::theme::{self, Palette};

/// A heading in the side panel.
pub(crate) fn heading(ui: &mut Ui, text: &str) {
    let palette = Palette::of(ui.ctx());
    ui.label(
        RichText::new(text)
            .font(theme::bold(11.5))
            .color(palette.muted),
    );
}

/// A word that can be chosen; the chosen one is underlined.
pub(crate) fn choice(ui: &mut Ui, text: &str, chosen: bool, size: f32) -> Response {
    let palette = Palette::of(ui.ctx());
    let font = match chosen {
        true => theme::bold(size),
        false => theme::sans(size),
    };
    let width = ui.fonts_mut(|fonts| {
        // As wide chosen as not, so that nothing moves.
        let measure = |fonts: &mut egui::epaint::text::FontsView<'_>, font: FontId| {
            fonts
                .layout_no_wrap(text.to_owned(), font, Color32::WHITE)
                .size()
                .x
        };
        measure(fonts, theme::bold(size)).max(measure(fonts, theme::sans(size)))
    });
    let (rect, response) = ui.allocate_exact_size(vec2(width, size + 16.0), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Tab, ui.is_enabled(), chosen, text));
    let color = match chosen || response.hovered() || response.has_focus() {
        true => palette.text,
        false => palette.muted,
    };
    ui.painter().text(
        rect.left_center() - vec2(0.0, 1.0),
        egui::Align2::LEFT_CENTER,
        text,
        font,
        color,
    );
    if chosen || response.has_focus() {
        let color = match chosen {
            true => palette.accent,
            false => palette.hairline,
        };
        let y = rect.bottom() - 1.0;
        ui.painter()
            .hline(rect.x_range(), y, Stroke::new(2.0, color));
    }
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}

/// A hairline across the panel, with space around it.
pub(crate) fn rule(ui: &mut Ui) {
    let palette = Palette::of(ui.ctx());
    ui.add_space(10.0);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 1.0), Sense::hover());
    ui.painter().hline(
        rect.x_range(),
        rect.center().y,
        Stroke::new(1.0, palette.hairline),
    );
    ui.add_space(10.0);
}

/// A row with its parts at the right end.
pub(crate) fn right<R>(ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> R {
    ui.with_layout(Layout::right_to_left(Align::Center), add)
        .inner
}

/// A number with its thousands apart.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{2009}');
        }
        out.push(digit);
    }
    out
}

/// A number of things, in English.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    let name = if number == 1 { one } else { many };
    format!("{} {name}", thousands(number))
}

/// How a byte shows in a list: its character if it has one, otherwise its value.
pub(crate) fn byte_label(byte: u8) -> String {
    match byte {
        b' ' => "␣".to_owned(),
        b'\n' => "↵".to_owned(),
        b'\t' => "⇥".to_owned(),
        0x21..=0x7E => char::from(byte).to_string(),
        _ => format!("{byte:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(thousands(7), "7");
        assert_eq!(thousands(1234), "1\u{2009}234");
        assert_eq!(thousands(123_456_789), "123\u{2009}456\u{2009}789");
    }

    #[test]
    fn one_thing_is_not_many() {
        let patches = |count| counted(count, "patch", "patches");
        assert_eq!(patches(0), "0 patches");
        assert_eq!(patches(1), "1 patch");
        assert_eq!(patches(1200), "1\u{2009}200 patches");
    }
}
