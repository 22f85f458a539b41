//! The command palette, and the sheet of keys.

use egui::{
    Align2, Area, Context, Frame, Id, Key, Modifiers, Order, RichText, ScrollArea, TextEdit, vec2,
};

use super::actions::Action;
use super::settings::Settings;
use super::theme::{self, Palette};
use super::widgets::right;
use super::words::Language;

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
    /// A path that was typed.
    Path(std::path::PathBuf),
}

impl CommandPalette {
    /// Opens it, or closes it.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

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
        let width = (context.content_rect().width() - 40.0).min(520.0);
        let area = Area::new(Id::unique("command palette"))
            .order(Order::Foreground)
            .anchor(Align2::CENTER_TOP, vec2(0.0, 72.0))
            .show(context, |ui| {
                Frame::popup(ui.style()).inner_margin(10).show(ui, |ui| {
                    ui.set_width(width);
                    let hint = language.pick("Command or path", "명령 또는 경로");
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
                                Picked::Path(_) => None,
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
                            let nothing = language.pick("Nothing of that name", "찾을 수 없습니다");
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
    let path = std::path::Path::new(query.trim());
    if query.contains(['/', '\\', '.']) && path.exists() {
        let title = language.pick(
            format!("Open {}", path.display()),
            format!("{} 열기", path.display()),
        );
        found.insert(0, (title, Picked::Path(path.to_owned())));
    }
    found
}

/// The sheet of keys; says whether it stays open.
pub(crate) fn shortcuts(context: &Context, language: Language, settings: &Settings) -> bool {
    let mut open = true;
    let palette = Palette::of(context);
    egui::Window::new(language.pick("Keyboard shortcuts", "단축키"))
        .open(&mut open)
        .collapsible(false)
        .resizable(false)
        .anchor(Align2::CENTER_CENTER, vec2(0.0, 0.0))
        .show(context, |ui| {
            ui.set_width(340.0);
            let mut all = Action::all(settings);
            all.push(Action::Palette);
            ScrollArea::vertical()
                .max_height(context.content_rect().height() - 140.0)
                .show(ui, |ui| {
                    for action in all {
                        let Some(keys) = action.shortcut() else {
                            continue;
                        };
                        ui.horizontal(|ui| {
                            ui.label(action.title(language, settings));
                            right(ui, |ui| {
                                let keys = ui.ctx().format_shortcut(&keys);
                                ui.label(
                                    RichText::new(keys)
                                        .font(theme::mono(12.0))
                                        .color(palette.muted),
                                );
                            });
                        });
                    }
                });
        });
    open && !context.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape))
}

#[cfg(test)]
mod tests {
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
}
