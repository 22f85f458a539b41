//! Colours, sizes and type: the one place where the window's look is decided.

use std::sync::Arc;

use egui::{
    Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Id, Stroke,
    TextStyle, Theme, Visuals,
};

use super::system_fonts::SystemFonts;

/// How tall the parts of a line with its staff are, in points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measures {
    /// A line: its staff, its text, and what is below.
    pub(crate) line: f32,
    /// The staff.
    pub(crate) staff: f32,
    /// From the top of the line to the foot of its staff.
    pub(crate) foot: f32,
    /// From the foot of the staff down to where a hairline begins.
    pub(crate) rise: f32,
    /// From the foot of the staff down to where a hairline ends.
    pub(crate) drop: f32,
    /// Whether entropies are a curve, as in the paper, and not bars.
    pub(crate) curve: bool,
}

/// A bar for each byte, right above it.
pub(crate) const BARS: Measures = Measures {
    line: 86.0,
    staff: 28.0,
    foot: 28.0,
    rise: 2.0,
    drop: 29.0,
    curve: false,
};

/// The figure of the paper.
pub(crate) const CURVE: Measures = Measures {
    line: 170.0,
    staff: 66.0,
    foot: 70.0,
    rise: -66.0,
    drop: 30.0,
    curve: true,
};

/// The entropy in nats that fills a staff; greater ones are cut off there.
pub(crate) const MOST: f32 = 4.5;
/// Size of the letters below a staff in points.
pub(crate) const STAFF_TEXT: f32 = 18.0;
/// Space between the letters below a staff in points.
pub(crate) const STAFF_SPACING: f32 = 1.2;
/// Space around what a screen shows, in points.
pub(crate) const MARGIN: f32 = 40.0;

/// The colours of a theme.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Palette {
    pub(crate) background: Color32,
    /// Behind the side panel.
    pub(crate) panel: Color32,
    pub(crate) text: Color32,
    /// What is said beside.
    pub(crate) muted: Color32,
    pub(crate) hairline: Color32,
    /// Where a patch starts.
    pub(crate) boundary: Color32,
    /// The selection and the current tab.
    pub(crate) accent: Color32,
    /// The threshold, and what it decides.
    pub(crate) signal: Color32,
    /// Of an entropy of 0, of half and of all of [`MOST`].
    pub(crate) entropy: [Color32; 3],
}

const LIGHT: Palette = Palette {
    background: Color32::from_rgb(255, 255, 255),
    panel: Color32::from_rgb(246, 246, 244),
    text: Color32::from_rgb(24, 25, 28),
    muted: Color32::from_rgb(105, 107, 114),
    hairline: Color32::from_rgb(228, 228, 228),
    boundary: Color32::from_rgb(140, 142, 148),
    accent: Color32::from_rgb(31, 79, 191),
    signal: Color32::from_rgb(190, 62, 16),
    entropy: [
        Color32::from_rgb(110, 146, 160),
        Color32::from_rgb(70, 122, 145),
        Color32::from_rgb(14, 72, 98),
    ],
};

const DARK: Palette = Palette {
    background: Color32::from_rgb(23, 24, 28),
    panel: Color32::from_rgb(29, 32, 36),
    text: Color32::from_rgb(232, 232, 234),
    muted: Color32::from_rgb(150, 152, 160),
    hairline: Color32::from_rgb(46, 49, 54),
    boundary: Color32::from_rgb(112, 116, 124),
    accent: Color32::from_rgb(138, 168, 255),
    signal: Color32::from_rgb(255, 138, 92),
    entropy: [
        Color32::from_rgb(77, 112, 124),
        Color32::from_rgb(91, 158, 176),
        Color32::from_rgb(130, 219, 240),
    ],
};

impl Palette {
    /// The colours of the theme in use.
    pub(crate) fn of(context: &Context) -> &'static Self {
        Self::of_theme(context.theme())
    }

    /// The colours of a theme.
    pub(crate) fn of_theme(theme: Theme) -> &'static Self {
        match theme {
            Theme::Light => &LIGHT,
            Theme::Dark => &DARK,
        }
    }

    /// The colour of an entropy in nats.
    pub(crate) fn entropy(&self, nats: f32) -> Color32 {
        let share = (nats / MOST).clamp(0.0, 1.0) * 2.0;
        let [low, middle, high] = self.entropy;
        if share <= 1.0 {
            low.lerp_to_gamma(middle, share)
        } else {
            middle.lerp_to_gamma(high, share - 1.0)
        }
    }
}

/// The half-bold face of the interface.
pub(crate) fn strong() -> FontFamily {
    FontFamily::Name("strong".into())
}

/// Text of the interface, in points.
pub(crate) fn sans(size: f32) -> FontId {
    FontId::new(size, FontFamily::Proportional)
}

/// Half-bold text of the interface, in points.
pub(crate) fn bold(size: f32) -> FontId {
    FontId::new(size, strong())
}

/// Bytes and characters of texts, in points.
pub(crate) fn mono(size: f32) -> FontId {
    FontId::new(size, FontFamily::Monospace)
}

/// How often fonts have come since the first frame: what was laid out before lacks their
/// characters.
pub(crate) fn fonts_of(context: &Context) -> u32 {
    let count = context.data(|data| data.get_temp(Id::unique(FONTS)));
    count.unwrap_or_default()
}

/// Where egui keeps that number.
pub(super) const FONTS: &str = "fonts that have come";

/// Sets faces, sizes and colours. `system_fonts` lets characters that the bundled
/// faces lack come from the fonts of the system.
pub(crate) fn apply(context: &Context, system_fonts: bool) {
    context.set_fonts(fonts());
    if system_fonts {
        context.add_font_provider(Arc::new(SystemFonts::new(context)));
    }
    for theme in [Theme::Light, Theme::Dark] {
        context.set_visuals_of(theme, visuals(theme));
    }
    context.all_styles_mut(|style| {
        style.text_styles = [
            (TextStyle::Small, sans(11.0)),
            (TextStyle::Body, sans(13.0)),
            (TextStyle::Button, sans(13.0)),
            (TextStyle::Heading, bold(16.0)),
            (TextStyle::Monospace, mono(13.0)),
        ]
        .into();
        style.spacing.item_spacing = egui::vec2(8.0, 6.0);
        style.spacing.button_padding = egui::vec2(8.0, 4.0);
        style.spacing.interact_size.y = 24.0;
        style.spacing.scroll = egui::style::ScrollStyle::thin();
        style.interaction.selectable_labels = false;
    });
}

fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let mut add = |name: &str, bytes: &'static [u8], family: FontFamily| {
        fonts
            .font_data
            .insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
        let family = fonts.families.entry(family).or_default();
        family.insert(0, name.to_owned());
    };
    add(
        "Inter",
        include_bytes!("../../assets/fonts/Inter-Regular.otf"),
        FontFamily::Proportional,
    );
    add(
        "JetBrains Mono",
        include_bytes!("../../assets/fonts/JetBrainsMono-Regular.ttf"),
        FontFamily::Monospace,
    );
    add(
        "Inter SemiBold",
        include_bytes!("../../assets/fonts/Inter-SemiBold.otf"),
        strong(),
    );
    // What Inter lacks, JetBrains Mono may have.
    if let Some(faces) = fonts.families.get_mut(&FontFamily::Proportional) {
        faces.insert(1, "JetBrains Mono".to_owned());
    }
    // Signs for white space, which no other face has.
    if let Some(faces) = fonts.families.get_mut(&FontFamily::Monospace) {
        faces.push("Inter".to_owned());
    }
    // What Inter lacks is taken where the plain face takes it.
    let rest: Vec<String> = fonts
        .families
        .get(&FontFamily::Proportional)
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    fonts.families.entry(strong()).or_default().extend(rest);
    fonts
}

fn visuals(theme: Theme) -> Visuals {
    let palette = Palette::of_theme(theme);
    let mut visuals = match theme {
        Theme::Light => Visuals::light(),
        Theme::Dark => Visuals::dark(),
    };
    visuals.panel_fill = palette.background;
    visuals.window_fill = palette.background;
    visuals.extreme_bg_color = palette.background;
    visuals.faint_bg_color = palette.panel;
    visuals.code_bg_color = palette.panel;
    visuals.override_text_color = None;
    visuals.weak_text_color = Some(palette.muted);
    visuals.hyperlink_color = palette.accent;
    visuals.error_fg_color = palette.signal;
    visuals.warn_fg_color = palette.signal;
    visuals.selection.bg_fill = palette.accent.gamma_multiply(0.22);
    visuals.selection.stroke = Stroke::new(1.0, palette.text);
    visuals.window_stroke = Stroke::new(1.0, palette.hairline);
    visuals.window_corner_radius = CornerRadius::same(8);
    visuals.menu_corner_radius = CornerRadius::same(8);
    visuals.window_shadow.color = Color32::from_black_alpha(30);
    visuals.popup_shadow.color = Color32::from_black_alpha(30);
    visuals.slider_trailing_fill = true;
    let quiet = palette.panel.lerp_to_gamma(palette.text, 0.06);
    let widgets = &mut visuals.widgets;
    for (widget, fill, ink) in [
        (&mut widgets.noninteractive, palette.panel, palette.text),
        (&mut widgets.inactive, quiet, palette.text),
        (
            &mut widgets.hovered,
            quiet.lerp_to_gamma(palette.text, 0.06),
            palette.text,
        ),
        (
            &mut widgets.active,
            quiet.lerp_to_gamma(palette.text, 0.12),
            palette.text,
        ),
        (&mut widgets.open, quiet, palette.text),
    ] {
        widget.bg_fill = fill;
        widget.weak_bg_fill = fill;
        widget.fg_stroke = Stroke::new(1.0, ink);
        widget.bg_stroke = Stroke::NONE;
        widget.corner_radius = CornerRadius::same(5);
        widget.expansion = 0.0;
    }
    visuals.widgets.noninteractive.bg_stroke = Stroke::new(1.0, palette.hairline);
    visuals
}

/// The contrast of two colours, as WCAG counts it.
#[cfg(test)]
pub(crate) fn contrast(a: Color32, b: Color32) -> f32 {
    let luminance = |color: Color32| {
        let [r, g, b, _] = egui::Rgba::from(color).to_array();
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_marks_stand_out_in_both_themes() {
        for theme in [Theme::Light, Theme::Dark] {
            let palette = Palette::of_theme(theme);
            for ground in [palette.background, palette.panel] {
                for ink in [palette.text, palette.muted, palette.accent, palette.signal] {
                    let found = contrast(ink, ground);
                    assert!(found >= 4.5, "{theme:?}: {ink:?} on {ground:?}: {found}");
                }
                for mark in [&palette.entropy[..], &[palette.boundary]].concat() {
                    let found = contrast(mark, ground);
                    assert!(found >= 3.0, "{theme:?}: {mark:?} on {ground:?}: {found}");
                }
            }
        }
    }

    #[test]
    fn more_entropy_never_looks_like_less() {
        for theme in [Theme::Light, Theme::Dark] {
            let palette = Palette::of_theme(theme);
            let shades: Vec<f32> = (0..=45_u8)
                .map(|tenth| contrast(palette.entropy(f32::from(tenth) / 10.0), palette.background))
                .collect();
            assert!(shades.is_sorted(), "{theme:?}: {shades:?}");
        }
    }
}
