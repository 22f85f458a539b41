//! The upper part of the panel: a byte, what was expected in its place, and its patch.

use egui::{Align2, FontId, Rect, RichText, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::panel::{fold, note};
use super::words::says;
use super::{PatchScreen, words};
use crate::bytes::{BOS, byte_of, encode, id_of};
use crate::checkpoint::HashConfig;
use crate::numerics::hash_ids;
use crate::window::context::Shared;
use crate::window::theme::{self, Palette};
use crate::window::widgets::{byte_label, heading, right};

/// So many of the bytes that were expected are listed.
const LIKELY: usize = 8;
/// So many characters of a patch are shown.
const SHOWN: usize = 40;

impl PatchScreen {
    pub(super) fn inspector(&self, ui: &mut Ui, at: usize, shared: &Shared<'_>) {
        self.byte(ui, at, shared);
        ui.add_space(12.0);
        self.likely(ui, at, shared);
        ui.add_space(12.0);
        self.patch(ui, at, shared);
        let config = shared.model.and_then(|model| {
            let config = model.checkpoint.config().blt.as_ref()?;
            (config.hash.tables() > 0).then_some(&config.hash)
        });
        if let Some(config) = config {
            fold(ui, says(shared.language).hash_buckets, |ui| {
                self.buckets(ui, at, config, shared);
            });
        }
    }

    fn byte(&self, ui: &mut Ui, at: usize, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let says = says(shared.language);
        let bytes = self.text.bytes();
        let byte = bytes.get(at).copied();
        let character = character_of(bytes, at);
        ui.horizontal(|ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(44.0, 58.0), Sense::hover());
            let (picture, size) = picture(ui, byte, character.map(|(character, _)| character));
            ui.painter().text(
                rect.left_center(),
                Align2::LEFT_CENTER,
                picture,
                theme::mono(size),
                palette.text,
            );
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 3.0;
                note(
                    ui,
                    match byte {
                        Some(byte) => words::byte(shared.language, at, byte),
                        None => says.to_come.to_owned(),
                    },
                );
                ui.horizontal(|ui| {
                    ui.spacing_mut().interact_size.y = 20.0;
                    let Some(entropy) = self.text.entropy(at) else {
                        ui.label(RichText::new("…").font(theme::bold(20.0)));
                        return;
                    };
                    let stale = self.text.stale().contains(&at);
                    let color = match stale {
                        true => palette.muted,
                        false => palette.text,
                    };
                    let nats = format!("{entropy:.2} {}", shared.words.nats);
                    ui.label(RichText::new(nats).font(theme::bold(20.0)).color(color));
                    let bits = entropy / std::f32::consts::LN_2;
                    note(ui, format!("{bits:.2} {}", shared.words.bits));
                });
                match (byte, character) {
                    (Some(_), Some((character, first))) => {
                        let place = at - first + 1;
                        note(ui, words::code_point(shared.language, character, place));
                    }
                    (Some(_), None) => drop(note(ui, says.no_character)),
                    (None, _) => {}
                }
            });
        });
        let starts = self.text.starts();
        let start = starts.get(at).copied().unwrap_or(false);
        let why = self.text.reason(at);
        let (sentence, margin) = words::reason(shared.language, why, start);
        ui.add_space(4.0);
        ui.label(RichText::new(sentence).size(12.5));
        if let Some(margin) = margin {
            let color = match why.is_fragile() {
                true => palette.signal,
                false => palette.muted,
            };
            ui.label(RichText::new(margin).size(12.5).color(color));
        }
        if let (Some(byte), Some(nll)) = (byte, self.text.nll(at)) {
            let rank = self.text.distribution(at).map(|found| {
                let id = id_of(byte) as usize;
                let own = found.log_p.get(id).copied().unwrap_or(f32::NEG_INFINITY);
                found.log_p.iter().filter(|p| **p > own).count() + 1
            });
            note(ui, words::surprisal(shared.language, nll, rank));
        }
    }

    fn likely(&self, ui: &mut Ui, at: usize, shared: &Shared<'_>) {
        let bytes = self.text.bytes();
        let own = bytes.get(at).copied();
        let says = says(shared.language);
        heading(
            ui,
            match own {
                Some(_) => says.expected_here,
                None => says.expected_next,
            },
        );
        let mut best: Vec<(u8, f32)> = match self.text.distribution(at) {
            None => Vec::new(),
            Some(found) => (0..)
                .zip(&found.log_p)
                .filter_map(|(id, log_p)| Some((byte_of(id)?, log_p.exp())))
                .collect(),
        };
        best.sort_by(|a, b| b.1.total_cmp(&a.1));
        let most = best.first().map_or(1.0, |(_, p)| p.max(0.25));
        for row in 0..LIKELY {
            let size = vec2(ui.available_width(), 15.0);
            let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
            let Some((byte, p)) = best.get(row).copied() else {
                continue;
            };
            let completed = completed(bytes, at, byte);
            let label = match completed {
                Some(character) if has_glyph(ui, &theme::mono(13.0), character) => {
                    character.to_string()
                }
                _ => byte_label(byte),
            };
            likely_row(ui, rect, &label, p, p / most, own == Some(byte));
            response
                .widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{label} {p:.3}")));
            if completed.is_some() {
                response.on_hover_text(format!("{label} · 0x{byte:02X}"));
            }
        }
    }

    fn patch(&self, ui: &mut Ui, at: usize, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let bytes = self.text.bytes();
        if bytes.is_empty() {
            return;
        }
        let begins_one = at == bytes.len() && self.text.starts().get(at) == Some(&true);
        let at = at.min(bytes.len() - 1);
        let patch = self.text.patch_of(at);
        let index = self.text.patch_index(at);
        let count = self.text.statistics().patches;
        ui.horizontal(|ui| {
            ui.spacing_mut().interact_size.y = 16.0;
            heading(ui, &words::patch_title(shared.language, index));
            right(ui, |ui| note(ui, words::in_all(shared.language, count)));
        });
        let own = bytes.get(patch.clone()).unwrap_or_default();
        let shown = shown(ui, own);
        ui.add(
            egui::Label::new(
                RichText::new(shown)
                    .font(theme::mono(14.0))
                    .color(palette.text),
            )
            .truncate(),
        );
        let known = patch.clone().filter_map(|at| self.text.entropy(at));
        let (count, sum) = known.fold((0_u16, 0.0), |(count, sum), h| {
            (count.saturating_add(1), sum + h)
        });
        let mean = (count > 0).then(|| sum / f32::from(count));
        let mut text = words::patch(shared.language, patch.len(), mean);
        if patch.len() > 1 {
            text += &format!(" · {}–{}", patch.start, patch.end - 1);
        }
        note(ui, text);
        if begins_one {
            note(ui, says(shared.language).begins_one);
        }
    }

    /// The rows of the hash tables that make up the vector of a byte.
    fn buckets(&self, ui: &mut Ui, at: usize, config: &HashConfig, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let bytes = self.text.bytes();
        if at >= bytes.len() {
            note(ui, says(shared.language).hash_to_come);
            return;
        }
        let rows = bucket_ids(bytes, at, config);
        let columns = words::bucket_columns(shared.language, u64::from(config.vocab));
        note(ui, columns);
        let mono = |text: String| RichText::new(text).font(theme::mono(12.0));
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.spacing_mut().interact_size.y = 16.0;
            for (group, n) in config.group_sizes.iter().enumerate() {
                let ids = rows.iter().skip(group).step_by(config.group_sizes.len());
                let ids: Vec<String> = ids.map(u32::to_string).collect();
                let ids = mono(ids.join("  "));
                ui.horizontal(|ui| {
                    ui.label(mono(format!("{n:<3}")).color(palette.muted));
                    let gram = egui::Label::new(mono(gram(ui, bytes, at, *n))).truncate();
                    if config.functions > 2 {
                        ui.add(gram);
                        return;
                    }
                    right(ui, |ui| {
                        ui.label(ids.clone());
                        ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                            ui.add(gram);
                        });
                    });
                });
                if config.functions > 2 {
                    ui.label(ids);
                }
            }
        });
    }
}

/// The last `n` bytes up to a byte; a dot for each that is before the text.
fn gram(ui: &Ui, bytes: &[u8], at: usize, n: u32) -> String {
    let n = usize::try_from(n).unwrap_or(usize::MAX).min(SHOWN);
    let before = "·".repeat(n.saturating_sub(at + 1));
    let own = bytes.get((at + 1).saturating_sub(n)..=at);
    before + &shown(ui, own.unwrap_or_default())
}

fn likely_row(ui: &Ui, rect: Rect, label: &str, p: f32, share: f32, is_own: bool) {
    let palette = Palette::of(ui.ctx());
    let ink = match is_own {
        true => palette.accent,
        false => palette.text,
    };
    let y = rect.center().y;
    // The signs for white space are larger in the face of the interface.
    let font = match label {
        "␣" | "↵" | "⇥" => theme::sans(13.0),
        _ => theme::mono(13.0),
    };
    ui.painter().text(
        pos2(rect.left() + 18.0, y),
        Align2::CENTER_CENTER,
        label,
        font,
        ink,
    );
    let left = rect.left() + 36.0;
    let width = (rect.width() - 36.0 - 48.0).max(0.0) * share;
    let bar = Rect::from_min_size(pos2(left, y - 5.0), vec2(width.max(1.0), 10.0));
    ui.painter().rect_filled(bar, 2.0, palette.entropy[1]);
    ui.painter().text(
        pos2(bar.right() + 8.0, y),
        Align2::LEFT_CENTER,
        format!("{p:.3}"),
        theme::sans(11.5),
        palette.muted,
    );
    if is_own {
        // Colour alone would not say it.
        ui.painter().text(
            pos2(rect.left(), y),
            Align2::LEFT_CENTER,
            "›",
            theme::bold(13.0),
            palette.accent,
        );
    }
}

/// The character that a byte belongs to, and the first byte of it.
fn character_of(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    let first = (at.saturating_sub(3)..=at)
        .rev()
        .find(|first| bytes.get(*first).is_some_and(|byte| byte & 0xC0 != 0x80))?;
    let chunk = bytes.get(first..bytes.len().min(first + 4))?;
    let character = chunk.utf8_chunks().next()?.valid().chars().next()?;
    (first + character.len_utf8() > at).then_some((character, first))
}

/// The character that a byte would complete, if it stood there, for one of several
/// bytes.
fn completed(bytes: &[u8], at: usize, byte: u8) -> Option<char> {
    if byte & 0xC0 != 0x80 {
        return None;
    }
    (1..=3)
        .filter_map(|before| bytes.get(at.checked_sub(before)?..at))
        .find_map(|before| {
            let whole = [before, &[byte]].concat();
            let mut characters = std::str::from_utf8(&whole).ok()?.chars();
            characters.next().filter(|_| characters.next().is_none())
        })
}

/// What stands for a byte in the heading, and how large to write it.
fn picture(ui: &Ui, byte: Option<u8>, character: Option<char>) -> (String, f32) {
    match (byte, character) {
        (None, _) => ("…".to_owned(), 34.0),
        (Some(_), Some(character))
            if character > ' '
                && !character.is_control()
                && has_glyph(ui, &theme::mono(40.0), character) =>
        {
            (character.to_string(), 40.0)
        }
        (Some(byte), _) => (byte_label(byte), 26.0),
    }
}

fn has_glyph(ui: &Ui, font: &FontId, character: char) -> bool {
    ui.fonts_mut(|fonts| fonts.has_glyph(font, character))
}

/// Bytes on one line: characters where they are whole, values where they are not.
fn shown(ui: &Ui, bytes: &[u8]) -> String {
    let font = theme::mono(14.0);
    let mut text = String::new();
    let hex = |text: &mut String, byte: u8| {
        if !text.is_empty() && !text.ends_with(' ') {
            text.push(' ');
        }
        text.push_str(&format!("{byte:02X} "));
    };
    for chunk in bytes
        .get(..bytes.len().min(4 * SHOWN))
        .unwrap_or_default()
        .utf8_chunks()
    {
        for character in chunk.valid().chars() {
            match u8::try_from(character) {
                Ok(byte @ (b' ' | b'\n' | b'\t')) => text.push_str(&byte_label(byte)),
                _ if !character.is_control() && has_glyph(ui, &font, character) => {
                    text.push(character);
                }
                _ => {
                    let mut buffer = [0; 4];
                    for byte in character.encode_utf8(&mut buffer).bytes() {
                        hex(&mut text, byte);
                    }
                }
            }
        }
        for byte in chunk.invalid() {
            hex(&mut text, *byte);
        }
    }
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.trim_end().to_owned(),
    }
}

/// The rows of the hash tables for a byte, table by table: for each hash function
/// those of each n-gram length.
fn bucket_ids(bytes: &[u8], at: usize, config: &HashConfig) -> Vec<u32> {
    let history = config.group_sizes.iter().max().map_or(1, |n| *n as usize);
    // What is missing before BOS is filled as in the encoder, so BOS must be there
    // where an n-gram reaches that far.
    let first = (at + 1).saturating_sub(history);
    let own = encode(bytes.get(first..=at).unwrap_or_default());
    let ids: Vec<u32> = (first == 0).then_some(BOS).into_iter().chain(own).collect();
    let Some(last) = ids.len().checked_sub(1) else {
        return Vec::new();
    };
    let functions = config.functions as usize;
    hash_ids(&ids, last, &config.group_sizes, functions, config.vocab)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::prompt;

    #[test]
    fn buckets_are_those_of_the_encoder() {
        let config = HashConfig {
            group_sizes: (3..=8).collect(),
            vocab: 500_002,
            functions: 2,
        };
        let bytes = "Byte 잠재 transformer".as_bytes();
        let all = hash_ids(&prompt(bytes), 1, &config.group_sizes, 2, config.vocab);
        for (at, rows) in all.chunks(12).enumerate() {
            assert_eq!(bucket_ids(bytes, at, &config), rows, "{at}");
        }
        assert_eq!(all.len(), bytes.len() * 12);
    }

    #[test]
    fn a_byte_knows_its_character() {
        let bytes = b"a\xED\x95\x9C\xFF\xED\x95";
        assert_eq!(character_of(bytes, 0), Some(('a', 0)));
        for at in 1..4 {
            assert_eq!(character_of(bytes, at), Some(('한', 1)));
        }
        for at in 4..8 {
            assert_eq!(character_of(bytes, at), None, "{at}");
        }
    }

    #[test]
    fn a_byte_that_completes_a_character_shows_as_it() {
        let bytes = "가나한".as_bytes();
        assert_eq!(completed(bytes, 8, 0x9C), Some('한'));
        // The second of three, a byte that begins one, and one that stands alone.
        assert_eq!(completed(bytes, 7, 0x95), None);
        assert_eq!(completed(bytes, 6, 0xED), None);
        assert_eq!(completed(b"a", 1, 0x80), None);
        assert_eq!(completed(b"", 0, b'a'), None);
    }
}
