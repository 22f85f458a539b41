//! The command palette.

use std::path::PathBuf;

use egui::{
    Align2, Area, Context, Frame, Id, Key, Modifiers, Order, RichText, ScrollArea, TextEdit, vec2,
};

use super::actions::Action;
use super::settings::Settings;
use super::theme::{self, Palette};
use super::words::{self, Language};

/// The command palette.
#[derive(Debug, Default)]
pub(crate) struct CommandPalette {
    open: bool,
    query: String,
    chosen: usize,
}

/// What came out of the palette.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Picked {
    Action(Action),
    /// A path that was typed, to open what is there.
    Path(PathBuf),
    /// A path that was typed, to write the figure there.
    Figure(PathBuf),
    /// A path that was typed, to cut by the table there.
    Table(PathBuf),
}

impl CommandPalette {
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    pub(crate) fn close(&mut self) {
        self.open = false;
    }

    /// Opens it, or closes it.
    pub(crate) fn toggle(&mut self) {
        self.open = !self.open;
        self.query.clear();
        self.chosen = 0;
    }

    /// Shows it while it is open, and gives what was picked.
    pub(crate) fn show(
        &mut self,
        context: &Context,
        language: Language,
        settings: &Settings,
    ) -> Option<Picked> {
        if !self.open {
            return None;
        }
        let pressed = |key| context.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        if pressed(Key::Escape) {
            self.open = false;
            return None;
        }
        let entries = entries(&self.query, language, settings);
        if pressed(Key::ArrowDown) {
            self.chosen += 1;
        }
        if pressed(Key::ArrowUp) {
            self.chosen = self.chosen.saturating_sub(1);
        }
        self.chosen = self.chosen.min(entries.len().saturating_sub(1));
        let mut picked = pressed(Key::Enter)
            .then(|| entries.get(self.chosen).map(|(_, picked)| picked.clone()))
            .flatten();
        let palette = Palette::of(context);
        let width = (context.content_rect().width() - 40.0).clamp(1.0, 520.0);
        let area = Area::new(Id::unique("command palette"))
            .order(Order::Foreground)
            .anchor(Align2::CENTER_TOP, vec2(0.0, 72.0))
            .show(context, |ui| {
                Frame::popup(ui.style()).inner_margin(10).show(ui, |ui| {
                    ui.set_width(width);
                    let hint = words::actions::palette_hint(language);
                    let response = ui.add(
                        TextEdit::singleline(&mut self.query)
                            .hint_text(hint)
                            .frame(Frame::NONE)
                            .font(theme::sans(15.0))
                            .desired_width(f32::INFINITY),
                    );
                    response.request_focus();
                    response.widget_info(|| {
                        egui::WidgetInfo::labeled(egui::Role::TextInput, true, hint)
                    });
                    if response.changed() {
                        self.chosen = 0;
                    }
                    ui.separator();
                    ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
                        ui.spacing_mut().item_spacing.y = 0.0;
                        for (index, (title, what)) in entries.iter().enumerate() {
                            let chosen = index == self.chosen;
                            let shortcut = match what {
                                Picked::Action(action) => action.shortcut(),
                                Picked::Path(_) | Picked::Figure(_) | Picked::Table(_) => None,
                            };
                            let keys = shortcut.map(|keys| ui.ctx().format_shortcut(&keys));
                            let response = ui.add(
                                egui::Button::selectable(
                                    chosen,
                                    RichText::new(title).size(13.5).color(palette.text),
                                )
                                .right_text(
                                    RichText::new(keys.unwrap_or_default())
                                        .size(12.0)
                                        .color(palette.muted),
                                )
                                .min_size(vec2(width, 28.0)),
                            );
                            if chosen {
                                response.scroll_to_me(None);
                            }
                            if response.clicked() {
                                picked = Some(what.clone());
                            }
                        }
                        if entries.is_empty() {
                            let nothing = words::actions::nothing_found(language);
                            ui.label(RichText::new(nothing).color(palette.muted));
                        }
                    });
                });
            });
        if picked.is_some() || area.response.clicked_elsewhere() {
            self.open = false;
        }
        picked
    }
}

/// What a query finds: each of its words must be in the title.
fn entries(query: &str, language: Language, settings: &Settings) -> Vec<(String, Picked)> {
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    let mut found: Vec<(String, Picked)> = Action::all(settings)
        .into_iter()
        .map(|action| (action.title(language, settings), Picked::Action(action)))
        .filter(|(title, _)| {
            let title = title.to_lowercase();
            words.iter().all(|word| title.contains(word))
        })
        .collect();
    found.splice(0..0, at_path(query, language));
    found
}

/// What can be done with a path that is typed: open what is there, or write the
/// figure there.
fn at_path(query: &str, language: Language) -> Vec<(String, Picked)> {
    let mut found = Vec::new();
    if !query.contains(['/', '\\', '.']) {
        return found;
    }
    let path = typed_path(query);
    let name = path.display().to_string();
    let exists = path.exists();
    if exists {
        let title = words::actions::open(language, &name);
        found.push((title, Picked::Path(path.clone())));
    }
    let is_json = |extension: &std::ffi::OsStr| extension.eq_ignore_ascii_case("json");
    if path.extension().is_some_and(is_json) && path.is_file() {
        let title = words::actions::cut_by_table(language, &name);
        found.push((title, Picked::Table(path.clone())));
    }
    let figure = |extension: &std::ffi::OsStr| {
        extension.eq_ignore_ascii_case("svg") || extension.eq_ignore_ascii_case("png")
    };
    if path.extension().is_some_and(figure) && !path.is_dir() {
        let title = match exists {
            true => words::actions::replace_by_figure(language, &name),
            false => words::actions::save_figure(language, &name),
        };
        found.push((title, Picked::Figure(path.clone())));
    }
    found
}

/// A path as people write it: in quotes, as a shell copies it, or from their home.
fn typed_path(query: &str) -> PathBuf {
    let query = query.trim();
    let quoted = |mark| {
        let inner = query.strip_prefix(mark)?.strip_suffix(mark)?;
        (!inner.is_empty()).then_some(inner)
    };
    let query = quoted('"').or_else(|| quoted('\'')).unwrap_or(query);
    match (query.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(query),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn a_query_finds_titles_with_all_its_words() {
        let settings = Settings::default();
        let all = entries("", Language::English, &settings);
        assert_eq!(all.len(), Action::all(&settings).len());
        let found = entries("json COPY", Language::English, &settings);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1, Picked::Action(Action::CopyJsonl));
        let found = entries("패치", Language::Korean, &settings);
        assert!(!found.is_empty());
        assert!(found.iter().all(|(title, _)| title.contains("패치")));
        assert!(entries("nothing like it", Language::English, &settings).is_empty());
    }

    #[test]
    fn a_path_is_opened_or_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("a text.png");
        std::fs::write(&there, "text").unwrap();
        let picked = |query: &str| -> Vec<Picked> {
            let found = at_path(query, Language::English).into_iter();
            found.map(|(_, picked)| picked).collect()
        };
        let name = there.display().to_string();
        let both = [Picked::Path(there.clone()), Picked::Figure(there.clone())];
        for query in [&name, &format!(" '{name}' "), &format!("\"{name}\"")] {
            assert_eq!(picked(query), both);
        }
        let new = folder.path().join("new.SVG");
        assert_eq!(picked(&new.display().to_string()), [Picked::Figure(new)]);
        let missing = folder.path().join("missing.txt");
        assert!(picked(&missing.display().to_string()).is_empty());
        assert!(picked("theme").is_empty());
        assert!(picked("/").contains(&Picked::Path("/".into())));
        let home = std::env::home_dir().unwrap();
        assert_eq!(typed_path("~/x"), home.join("x"));
        assert_eq!(typed_path("\""), PathBuf::from("\""));
    }
}
