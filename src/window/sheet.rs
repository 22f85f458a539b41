//! The sheet of keys: all that the keyboard can do, by place.

use egui::{Context, Frame, Id, Key, KeyboardShortcut, Modal, Modifiers, RichText, ScrollArea};

use super::actions::Action;
use super::screens::Screen;
use super::settings::Settings;
use super::theme::{self, Palette};
use super::widgets::right;
use super::words::{self, Language};

/// A part of the sheet.
struct Part {
    title: &'static str,
    /// Keys, and what they do.
    rows: Vec<(String, String)>,
}

/// The screen that an action is about, if it is about one.
fn place(action: Action) -> Option<Screen> {
    match action {
        Action::Undo
        | Action::Redo
        | Action::Figure
        | Action::RaiseThreshold
        | Action::LowerThreshold
        | Action::NextPatch
        | Action::PreviousPatch => Some(Screen::Patch),
        Action::Generate(_) => Some(Screen::Generate),
        Action::Jump(_) => Some(Screen::File),
        _ => None,
    }
}

fn parts(context: &Context, language: Language, settings: &Settings) -> Vec<Part> {
    let key = |modifiers, key| context.format_shortcut(&KeyboardShortcut::new(modifiers, key));
    let command = |name| key(Modifiers::COMMAND, name);
    let mut all = Action::all(settings);
    all.push(Action::Palette);
    let of = |screen: Option<Screen>| -> Vec<(String, String)> {
        let here = all.iter().filter(|action| place(**action) == screen);
        here.filter_map(|action| {
            let keys = context.format_shortcut(&action.shortcut()?);
            let keys = match action {
                Action::Redo => format!("{keys}  {}", command(Key::Y)),
                Action::Shortcuts => format!("{keys}  ?"),
                _ => keys,
            };
            Some((keys, action.title(language, settings)))
        })
        .collect()
    };
    let row = |keys: String, what: &str| (keys, what.to_owned());
    let mut everywhere = of(None);
    everywhere.push(row("Esc".to_owned(), words::keys::escape(language)));
    everywhere.push(row(
        format!("Tab  {}", key(Modifiers::SHIFT, Key::Tab)),
        words::keys::next_control(language),
    ));
    let mut generate = of(Some(Screen::Generate));
    generate.push(row(
        "←  →".to_owned(),
        words::keys::next_byte_of_text(language),
    ));
    let compare = vec![
        row("N".to_owned(), words::keys::next_difference(language)),
        row(
            key(Modifiers::SHIFT, Key::N),
            words::keys::difference_before(language),
        ),
    ];
    let mut file = of(Some(Screen::File));
    file.extend([
        row("←  →  ↑  ↓".to_owned(), words::keys::byte_to_byte(language)),
        row("Home  End".to_owned(), words::keys::ends_of_row(language)),
        row(
            format!("{}  {}", command(Key::Home), command(Key::End)),
            words::keys::ends_of_file(language),
        ),
        row(
            "PageUp  PageDown".to_owned(),
            words::keys::by_page(language),
        ),
        row("Space".to_owned(), words::keys::pause_scan(language)),
    ]);
    vec![
        Part {
            title: words::keys::everywhere(language),
            rows: everywhere,
        },
        Part {
            title: Screen::Patch.name(language),
            rows: of(Some(Screen::Patch)),
        },
        Part {
            title: Screen::Generate.name(language),
            rows: generate,
        },
        Part {
            title: Screen::Compare.name(language),
            rows: compare,
        },
        Part {
            title: Screen::File.name(language),
            rows: file,
        },
    ]
}

/// How far the keys move the sheet, in points.
fn scrolled(context: &Context, page: f32) -> f32 {
    let keys = [
        (Key::ArrowUp, 40.0),
        (Key::ArrowDown, -40.0),
        (Key::PageUp, page),
        (Key::PageDown, -page),
        (Key::Home, f32::MAX),
        (Key::End, f32::MIN),
    ];
    context.input_mut(|input| {
        let pressed = |(key, by)| {
            let times = input.count_and_consume_key(Modifiers::NONE, key);
            (times > 0).then_some(by)
        };
        keys.into_iter().filter_map(pressed).next().unwrap_or(0.0)
    })
}

/// Shows it; says whether it stays open.
pub(super) fn show(context: &Context, language: Language, settings: &Settings) -> bool {
    let palette = Palette::of(context);
    let mut open = true;
    let room = context.content_rect().size();
    let height = (room.y - 160.0).max(60.0);
    let frame = Frame::popup(&context.global_style()).inner_margin(20);
    let by = scrolled(context, height * 0.9);
    let shown = Modal::new(Id::unique("keys"))
        .frame(frame)
        .show(context, |ui| {
            ui.set_width((room.x - 80.0).clamp(120.0, 460.0));
            ui.horizontal(|ui| {
                let title = words::keys::title(language);
                ui.label(RichText::new(title).font(theme::bold(16.0)));
                right(ui, |ui| {
                    open = !ui.button(words::keys::close(language)).clicked();
                });
            });
            ui.add_space(6.0);
            ScrollArea::vertical()
                .max_height(height)
                .min_scrolled_height(height)
                .auto_shrink([false, true])
                .show(ui, |ui| {
                    ui.spacing_mut().item_spacing.y = 6.0;
                    ui.spacing_mut().interact_size.y = 17.0;
                    if by != 0.0 {
                        let far = by.clamp(-1e6, 1e6);
                        ui.scroll_with_delta(egui::vec2(0.0, far));
                    }
                    for part in parts(context, language, settings) {
                        ui.add_space(8.0);
                        ui.label(
                            RichText::new(part.title)
                                .font(theme::bold(11.5))
                                .color(palette.muted),
                        );
                        for (keys, what) in part.rows {
                            ui.horizontal(|ui| {
                                ui.label(what);
                                right(ui, |ui| {
                                    // Room for the bar.
                                    ui.add_space(12.0);
                                    ui.label(
                                        RichText::new(keys)
                                            .font(theme::mono(12.0))
                                            .color(palette.muted),
                                    );
                                });
                            });
                        }
                    }
                });
        });
    open && !shown.backdrop_response.clicked()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_every_action_is_there() {
        let context = Context::default();
        let settings = Settings::default();
        for language in Language::ALL {
            let parts = parts(&context, language, &settings);
            let rows: Vec<&(String, String)> = parts.iter().flat_map(|part| &part.rows).collect();
            let mut all = Action::all(&settings);
            all.push(Action::Palette);
            let mut seen = 0;
            for action in all {
                let title = action.title(language, &settings);
                let found = rows.iter().filter(|(_, what)| *what == title).count();
                match action.shortcut() {
                    None => assert_eq!(found, 0, "{title}"),
                    Some(keys) => {
                        let keys = context.format_shortcut(&keys);
                        let row = rows.iter().find(|(_, what)| *what == title);
                        assert!(
                            row.is_some_and(|(said, _)| said.starts_with(&keys)),
                            "{title}"
                        );
                        assert_eq!(found, 1, "{title}");
                        seen += 1;
                    }
                }
            }
            assert!(seen > 25, "{seen}");
            // Keys of the screens, which are no actions.
            let keys: Vec<&str> = rows.iter().map(|(keys, _)| keys.as_str()).collect();
            for wanted in [
                "N",
                "Shift+N",
                "Space",
                "PageUp  PageDown",
                "Home  End",
                "Esc",
            ] {
                assert!(keys.contains(&wanted), "{wanted}: {keys:?}");
            }
            assert!(keys.iter().any(|keys| keys.contains("Ctrl+Y")));
        }
    }
}
