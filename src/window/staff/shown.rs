//! What an editor shows for each character of its text.

use egui::text::{LayoutJob, TextFormat};
use egui::{Color32, Context};

use crate::window::document::single_byte;
use crate::window::theme;

/// The text to lay out in place of an editor's text: as many characters, each of
/// which shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Shown {
    /// Characters to lay out, one for each of the text.
    pub(crate) text: String,
    /// Indices of the characters that no font has: their bytes are drawn instead.
    pub(crate) missing: Vec<usize>,
}

/// What keeps the place of a character that no font has.
const PLACE: char = '\u{2003}';

impl Shown {
    /// What shows for a text.
    pub(crate) fn new(context: &Context, text: &str) -> Self {
        let font = theme::mono(theme::STAFF_TEXT);
        let mut shown = Self {
            text: String::with_capacity(text.len()),
            missing: Vec::new(),
        };
        context.fonts_mut(|fonts| {
            for (index, character) in text.chars().enumerate() {
                let picture = match character {
                    '\n' | '\t' => Some(character),
                    '\0'..=' ' => char::from_u32(0x2400 + u32::from(character))
                        .filter(|_| character != ' ')
                        .or(Some(character)),
                    '\u{7F}' => Some('\u{2421}'),
                    '!'..='\u{24F}' if !character.is_control() => Some(character),
                    _ if single_byte(character).is_some() || invisible(character) => None,
                    _ if fonts.has_glyph(&font, character) => Some(character),
                    _ => None,
                };
                if picture.is_none() {
                    shown.missing.push(index);
                }
                shown.text.push(picture.unwrap_or(PLACE));
            }
        });
        shown
    }
}

/// Characters without a picture of their own, and those that reorder others.
fn invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{AD}' | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{E0000}'..='\u{E007F}')
}

/// How the letters below staves are laid out.
pub(crate) fn job(shown: &str, color: Color32, width: f32, line: f32) -> LayoutJob {
    let mut job = LayoutJob::single_section(
        shown.to_owned(),
        TextFormat {
            font_id: theme::mono(theme::STAFF_TEXT),
            extra_letter_spacing: theme::STAFF_SPACING,
            line_height: Some(line),
            color,
            ..TextFormat::default()
        },
    );
    job.wrap.max_width = width;
    job
}
