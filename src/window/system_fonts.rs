//! Characters that the bundled faces lack, from the fonts of the system.

use std::panic::{set_hook, take_hook};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread::{Builder, JoinHandle, current};

use egui::FontFamily;
use egui::epaint::text::{FallbackRequest, FontInsert, FontProvider};
use egui_system_font_provider::SystemFontProvider;

/// The threads that look for fonts: ours, and that of the library.
const SEARCHING: [&str; 2] = ["system fonts", "egui_system_font_provider"];

/// The fonts of a system, which may have none. The library that lists them panics
/// where fontconfig knows no font at all; here that is a system without fonts.
pub(super) struct SystemFonts(Mutex<Search>);

enum Search {
    Begun(JoinHandle<Arc<SystemFontProvider>>),
    Found(Arc<SystemFontProvider>),
    Nothing,
}

impl SystemFonts {
    /// Begins to look for them.
    pub(super) fn new(_: &egui::Context) -> Self {
        keep_quiet();
        let search = Builder::new().name(SEARCHING[0].to_owned()).spawn(|| {
            let provider = SystemFontProvider::new();
            // Waits for the list, and panics if there is none.
            let _ = provider.font_for(&FallbackRequest {
                cluster: " ",
                family: &FontFamily::Proportional,
            });
            Arc::new(provider)
        });
        Self(Mutex::new(search.map_or(Search::Nothing, Search::Begun)))
    }
}

impl FontProvider for SystemFonts {
    fn font_for(&self, request: &FallbackRequest<'_>) -> Option<FontInsert> {
        let provider = {
            let mut search = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *search = match std::mem::replace(&mut *search, Search::Nothing) {
                Search::Begun(thread) => thread.join().map_or(Search::Nothing, Search::Found),
                known => known,
            };
            match &*search {
                Search::Found(provider) => Arc::clone(provider),
                _ => return None,
            }
        };
        provider.font_for(request)
    }
}

/// A system without fonts is none of the user's business.
fn keep_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !current()
                .name()
                .is_some_and(|name| SEARCHING.contains(&name))
            {
                before(panic);
            }
        }));
    });
}
