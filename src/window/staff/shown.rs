//! What an editor shows for each character of its text.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use egui::epaint::text::{FontsView, Glyph};
use egui::text::{LayoutJob, LayoutSection, TextFormat};
use egui::{Color32, Context, Galley};
use unicode_segmentation::UnicodeSegmentation as _;

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
    /// Parts of `text` that are shaped alone.
    ///
    /// A shaper reverses letters that are read from right to left, joins them, and
    /// gives some characters two glyphs. epaint then miscounts, and carets and bars
    /// stand beside other letters. Alone, each cluster of such scripts keeps its
    /// place, in the order of the bytes, and its glyphs can be counted.
    alone: Vec<Range<usize>>,
    /// Where there are more glyphs than characters.
    surplus: Vec<Surplus>,
}

/// Glyphs of a cluster beyond one for each character.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Surplus {
    /// Characters before them.
    before: usize,
    glyphs: usize,
}

/// What keeps the place of a character that no font has.
const PLACE: char = '\u{2003}';

impl Shown {
    /// What shows for a text.
    pub(crate) fn new(context: &Context, text: &str) -> Self {
        let font = theme::mono(theme::STAFF_TEXT);
        let mut shown = Self {
            text: String::with_capacity(text.len()),
            ..Self::default()
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
            if shown.text.chars().any(is_reshaped) {
                shown.find_alone(fonts);
            }
        });
        shown
    }

    fn find_alone(&mut self, fonts: &mut FontsView<'_>) {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let mut before = 0;
        for (at, cluster) in self.text.grapheme_indices(true) {
            let characters = cluster.chars().count();
            before += characters;
            if !cluster.chars().any(is_reshaped) {
                continue;
            }
            self.alone.push(at..at + cluster.len());
            let glyphs = *counts.entry(cluster).or_insert_with(|| {
                let job = LayoutJob::single_section(cluster.to_owned(), format());
                let rows = &fonts.layout_job(job).rows;
                rows.iter().map(|row| row.glyphs.len()).sum()
            });
            if glyphs > characters {
                self.surplus.push(Surplus {
                    before,
                    glyphs: glyphs - characters,
                });
            }
        }
    }

    /// How it is laid out below staves.
    pub(super) fn job(&self, color: Color32, width: f32, line: f32) -> LayoutJob {
        let format = TextFormat {
            color,
            line_height: Some(line),
            ..format()
        };
        let mut job = LayoutJob {
            text: self.text.clone(),
            ..LayoutJob::default()
        };
        job.wrap.max_width = width;
        let rest = self.text.len()..self.text.len();
        let mut end = 0;
        for alone in self.alone.iter().chain([&rest]) {
            for part in [end..alone.start, alone.clone()] {
                if !part.is_empty() {
                    job.sections.push(LayoutSection {
                        leading_space: 0.0,
                        byte_range: part.start.into()..part.end.into(),
                        format: format.clone(),
                    });
                }
            }
            end = alone.end;
        }
        job
    }

    /// What was laid out by [`Self::job`], with one glyph for each character, as egui
    /// expects. What else was drawn stays drawn.
    pub(super) fn counted(&self, galley: &Arc<Galley>) -> Arc<Galley> {
        if self.surplus.is_empty() {
            return Arc::clone(galley);
        }
        let mut counted = Galley::clone(galley);
        let mut surplus = self.surplus.iter().copied().peekable();
        let (mut characters, mut skipped) = (0, 0);
        for placed in &mut counted.rows {
            let row = Arc::make_mut(&mut placed.row);
            let mut kept: Vec<Glyph> = Vec::with_capacity(row.glyphs.len());
            for glyph in row.glyphs.drain(..) {
                if skipped > 0 {
                    skipped -= 1;
                    if let Some(last) = kept.last_mut() {
                        last.advance_width = last.advance_width.max(glyph.max_x() - last.pos.x);
                    }
                    continue;
                }
                kept.push(glyph);
                characters += 1;
                if let Some(more) = surplus.next_if(|more| more.before == characters) {
                    skipped = more.glyphs;
                }
            }
            row.glyphs = kept;
            characters += usize::from(placed.ends_with_newline);
        }
        Arc::new(counted)
    }
}

fn format() -> TextFormat {
    TextFormat {
        font_id: theme::mono(theme::STAFF_TEXT),
        extra_letter_spacing: theme::STAFF_SPACING,
        ..TextFormat::default()
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

/// Whether a shaper may change the order or the number of characters around this one:
/// the scripts of western, southern and south-eastern Asia.
fn is_reshaped(character: char) -> bool {
    matches!(character,
        '\u{590}'..='\u{109F}' | '\u{1100}'..='\u{11FF}' | '\u{1700}'..='\u{1CFF}'
        | '\u{A800}'..='\u{ABFF}' | '\u{D7B0}'..='\u{D7FF}' | '\u{FB1D}'..='\u{FDFF}'
        | '\u{FE70}'..='\u{FEFC}' | '\u{10800}'..='\u{11FFF}' | '\u{1E800}'..='\u{1EFFF}')
}

#[cfg(test)]
mod tests {

    use egui::epaint::text::{FontInsert, FontPriority, InsertFontFamily};
    use egui::{Color32, Context, FontData, FontFamily, RawInput};

    use super::Shown;
    use crate::window::staff::Layout;
    use crate::window::theme;

    /// Rectangles as glyphs, with the rules of real fonts: lam and alef join, and the
    /// Thai vowel am falls into two glyphs. `tests/fonts/shaping.py` makes it.
    const FONT: &[u8] = include_bytes!("../../../tests/fonts/shaping.ttf");

    #[test]
    fn each_character_has_a_glyph_and_each_byte_a_place() {
        let context = Context::default();
        theme::apply(&context, false);
        let families = vec![InsertFontFamily {
            family: FontFamily::Monospace,
            priority: FontPriority::Lowest,
        }];
        context.add_font(FontInsert::new(
            "shaping",
            FontData::from_static(FONT),
            families,
        ));
        let mut output = context.run_ui(RawInput::default(), |ui| {
            for text in [
                "لا",
                "ab لا لالا cd\nلال x",
                "กำ",
                "xกำy กำำ\nกำ z",
                "e\u{301}x",
                "لا กำ",
            ] {
                for width in [f32::INFINITY, 40.0] {
                    let shown = Shown::new(ui.ctx(), text);
                    assert_eq!(shown.missing, [0; 0], "{text:?}");
                    let job = shown.job(Color32::BLACK, width, theme::BARS.line);
                    let galley = shown.counted(&ui.fonts_mut(|fonts| fonts.layout_job(job)));
                    let rows = galley.rows.iter();
                    let counted: usize = rows.map(|row| row.char_count_including_newline().0).sum();
                    assert_eq!(counted, text.chars().count(), "{text:?}");
                    let drawn: Vec<char> = galley
                        .rows
                        .iter()
                        .flat_map(|row| {
                            let feed = row.ends_with_newline.then_some('\n');
                            row.glyphs.iter().map(|glyph| glyph.chr).chain(feed)
                        })
                        .collect();
                    // A cluster's glyphs may all be called by its first character.
                    for (character, glyph) in text.chars().zip(&drawn) {
                        assert!(
                            !character.is_ascii() || character == *glyph,
                            "{text:?}: {drawn:?}"
                        );
                    }
                    let layout = Layout::new(&galley, text, theme::BARS);
                    assert_eq!(layout.slots.len(), text.len(), "{text:?}");
                    for line in &layout.lines {
                        let slots = &layout.slots[line.bytes.clone()];
                        assert!(slots.iter().all(|slot| slot.left < slot.right), "{text:?}");
                        assert!(
                            slots
                                .windows(2)
                                .all(|two| two[0].right <= two[1].left + 1.0)
                        );
                    }
                }
            }
        });
        output.textures_delta.clear();
    }
}
