//! What a screen reader is told about that which is only drawn. Without one, nothing
//! here does anything.

use egui::accesskit::{Action, Live, Node, Rect as Bounds, Role};
use egui::{Id, Rect, Sense, Ui, UiBuilder};

use crate::window::widgets::byte_label;

/// The most items of a list. A large screen shows more of a text than anybody listens
/// to.
pub(crate) const MOST: usize = 512;
/// So many characters of a text are read out.
const SPOKEN: usize = 40;

/// Something drawn.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// Different from those of other items.
    pub(crate) key: usize,
    /// What is said about it.
    pub(crate) label: String,
    /// Where it is on the screen.
    pub(crate) bounds: Option<Rect>,
    /// Whether the caret is in it.
    pub(crate) is_selected: bool,
}

/// Whether a screen reader listens.
pub(crate) fn is_on(ui: &Ui) -> bool {
    ui.ctx()
        .accesskit_node_builder(ui.unique_id(), |_| ())
        .is_some()
}

/// A node of its own below a part of the window; the pointer does not see it.
fn node(ui: &Ui, id: Id, write: impl FnOnce(&mut Node)) {
    // It is a child only of what it is made in.
    ui.interact(Rect::NOTHING, id, Sense::empty());
    ui.ctx().accesskit_node_builder(id, write);
}

fn bounds(rect: Rect) -> Bounds {
    let [x0, y0, x1, y1] = [rect.left(), rect.top(), rect.right(), rect.bottom()].map(f64::from);
    Bounds { x0, y0, x1, y1 }
}

/// Lists what is drawn, the first [`MOST`] of it; gives the key of the item that was
/// chosen.
pub(crate) fn list(
    ui: &mut Ui,
    id: Id,
    name: &str,
    items: impl IntoIterator<Item = Item>,
) -> Option<usize> {
    if !is_on(ui) {
        return None;
    }
    let list = ui.new_child(
        UiBuilder::new()
            .scope_id(id)
            .accessibility_role(Role::List)
            .accessibility_label(name),
    );
    let mut chosen = None;
    for item in items.into_iter().take(MOST) {
        let id = id.with(item.key);
        node(&list, id, |node| {
            node.set_role(Role::ListItem);
            node.set_label(item.label);
            node.add_action(Action::Click);
            node.set_selected(item.is_selected);
            if let Some(rect) = item.bounds {
                node.set_bounds(bounds(rect));
            }
        });
        if list.input(|input| input.has_accesskit_action_request(id, Action::Click)) {
            chosen = Some(item.key);
        }
    }
    chosen
}

/// Says something when it becomes something else, once nothing else is being said.
pub(crate) fn announce(ui: &Ui, id: Id, text: &str) {
    node(ui, id, |node| {
        node.set_role(Role::Status);
        node.set_live(Live::Polite);
        node.set_label(text);
    });
}

/// Bytes as they can be read out: characters where they are whole, values where they
/// are not.
pub(crate) fn spoken(bytes: &[u8]) -> String {
    let mut text = String::new();
    let value = |text: &mut String, byte: u8| {
        if !text.is_empty() && !text.ends_with(' ') {
            text.push(' ');
        }
        text.push_str(&format!("{byte:02X} "));
    };
    let bytes = bytes.get(..bytes.len().min(4 * SPOKEN + 4));
    for chunk in bytes.unwrap_or_default().utf8_chunks() {
        for character in chunk.valid().chars() {
            match u8::try_from(character) {
                Ok(byte @ (b'\n' | b'\t')) => text.push_str(&byte_label(byte)),
                Ok(byte) if byte.is_ascii_control() => value(&mut text, byte),
                _ => text.push(character),
            }
        }
        for byte in chunk.invalid() {
            value(&mut text, *byte);
        }
    }
    match text.char_indices().nth(SPOKEN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use egui::{Context, RawInput};

    use super::*;

    #[test]
    fn without_a_screen_reader_nothing_is_looked_at() {
        let context = Context::default();
        let looked_at = std::cell::Cell::new(0);
        let frame = || {
            let items = std::iter::repeat_with(|| {
                looked_at.set(looked_at.get() + 1);
                Item {
                    key: looked_at.get(),
                    label: "item".to_owned(),
                    bounds: None,
                    is_selected: false,
                }
            });
            let mut items = Some(items);
            let mut output = context.run_ui(RawInput::default(), |ui| {
                list(
                    ui,
                    Id::unique("list"),
                    "name",
                    items.take().into_iter().flatten(),
                );
            });
            output.textures_delta.clear();
            output.platform_output.accesskit_update
        };
        assert!(frame().is_none());
        assert_eq!(looked_at.get(), 0);
        context.enable_accesskit();
        let update = frame();
        assert_eq!(looked_at.get(), MOST, "a list has an end");
        let nodes = update.map_or(0, |update| update.nodes.len());
        assert!(nodes > MOST);
    }

    #[test]
    fn bytes_are_read_out() {
        assert_eq!(spoken(b" bright"), " bright");
        assert_eq!(spoken("a\n한".as_bytes()), "a↵한");
        assert_eq!(spoken(b"a\xED\x95 \x00"), "a ED 95  00 ");
        assert_eq!(spoken("한".repeat(60).as_bytes()), "한".repeat(40) + "…");
        assert_eq!(spoken(b""), "");
    }
}
