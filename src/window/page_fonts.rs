//! Characters that the bundled faces lack, from fonts beside the page, which are loaded
//! when a text needs them.

use std::sync::Mutex;

use egui::epaint::text::{
    FallbackRequest, FontInsert, FontPriority, FontProvider, InsertFontFamily,
};
use egui::{Context, FontData, FontFamily, Id};

use super::storage::locale;
use super::theme;
use crate::page;

/// The fonts of the page.
pub(super) struct SystemFonts {
    context: Context,
    /// The names of those that are loaded, or on their way.
    asked: Mutex<Vec<&'static str>>,
}

impl SystemFonts {
    pub(super) fn new(context: &Context) -> Self {
        Self {
            context: context.clone(),
            asked: Mutex::default(),
        }
    }
}

/// The font that has a character.
fn font_of(character: char) -> Option<&'static str> {
    Some(match character {
        '\u{600}'..='\u{6FF}'
        | '\u{750}'..='\u{77F}'
        | '\u{8A0}'..='\u{8FF}'
        | '\u{FB50}'..='\u{FDFF}'
        | '\u{FE70}'..='\u{FEFE}' => "arabic",
        '\u{1100}'..='\u{11FF}'
        | '\u{3130}'..='\u{318F}'
        | '\u{A960}'..='\u{A97F}'
        | '\u{AC00}'..='\u{D7FF}' => "korean",
        '\u{3040}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}' | '\u{FF61}'..='\u{FF9F}' => "japanese",
        '\u{2E80}'..='\u{312F}'
        | '\u{3190}'..='\u{9FFF}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{FE30}'..='\u{FE4F}'
        | '\u{FF00}'..='\u{FFEF}' => {
            match locale().is_some_and(|locale| locale.starts_with("ja")) {
                true => "japanese",
                false => "chinese",
            }
        }
        '\u{2190}'..='\u{2BFF}' | '\u{1F000}'..='\u{1FAFF}' => "emoji",
        _ => return None,
    })
}

/// A font has come.
fn has_come(context: &Context) {
    let count = theme::fonts_of(context) + 1;
    context.data_mut(|data| data.insert_temp(Id::unique(theme::FONTS), count));
    context.request_repaint();
}

impl FontProvider for SystemFonts {
    fn font_for(&self, request: &FallbackRequest<'_>) -> Option<FontInsert> {
        let name = request.cluster.chars().next().and_then(font_of)?;
        // Nobody else runs: there is one thread.
        let mut asked = self.asked.try_lock().ok()?;
        if !asked.contains(&name) {
            asked.push(name);
            let context = self.context.clone();
            wasm_bindgen_futures::spawn_local(load(name, context));
        }
        None
    }
}

async fn load(name: &'static str, context: Context) {
    match page::fetched(&format!("fonts/{name}.ttf"), |_, _| ()).await {
        Ok(bytes) => {
            let families = [
                FontFamily::Proportional,
                FontFamily::Monospace,
                theme::strong(),
            ];
            let families = families.map(|family| InsertFontFamily {
                family,
                priority: FontPriority::Lowest,
            });
            let data = FontData::from_owned(bytes);
            context.add_font(FontInsert::new(name, data, families.to_vec()));
            has_come(&context);
        }
        // The text shows its bytes instead.
        Err(why) => tracing::info!("the font {name} could not be loaded: {why}"),
    }
}
