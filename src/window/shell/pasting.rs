//! Which keys ask for the clipboard, as `egui-winit` has them: it says nothing where the
//! clipboard gives nothing.

use winit::event::WindowEvent;
use winit::keyboard::{Key, KeyCode, ModifiersState, NamedKey, PhysicalKey};

/// The modifier of commands on this system.
const COMMAND: ModifiersState = match cfg!(target_os = "macos") {
    true => ModifiersState::SUPER,
    false => ModifiersState::CONTROL,
};

/// Whether an event asks for the clipboard while these modifiers are held.
pub(super) fn asks(event: &WindowEvent, modifiers: ModifiersState) -> bool {
    match event {
        WindowEvent::KeyboardInput {
            event,
            is_synthetic: false,
            ..
        } => {
            event.state.is_pressed()
                && is_paste(&event.logical_key.as_ref(), event.physical_key, modifiers)
        }
        _ => false,
    }
}

fn is_paste(key: &Key<&str>, place: PhysicalKey, modifiers: ModifiersState) -> bool {
    let command = modifiers == COMMAND;
    match key {
        Key::Named(NamedKey::Paste) => true,
        Key::Named(NamedKey::Insert) => cfg!(windows) && modifiers.shift_key(),
        Key::Character(key) if key.is_ascii() => command && key.eq_ignore_ascii_case("v"),
        // By its place on the keyboard where it has no Latin letter.
        Key::Character(_) => command && place == PhysicalKey::Code(KeyCode::KeyV),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_that_paste_are_known_on_every_layout() {
        let at = PhysicalKey::Code;
        let v = at(KeyCode::KeyV);
        assert!(is_paste(&Key::Character("v"), v, COMMAND));
        assert!(is_paste(&Key::Character("ㅍ"), v, COMMAND));
        // Dvorak has its v elsewhere, and a full stop at this place.
        assert!(is_paste(&Key::Character("v"), at(KeyCode::Period), COMMAND));
        assert!(!is_paste(&Key::Character("."), v, COMMAND));
        assert!(!is_paste(&Key::Character("v"), v, ModifiersState::empty()));
        let more = COMMAND | ModifiersState::SHIFT;
        assert!(!is_paste(&Key::Character("V"), v, more));
        let paste = Key::Named(NamedKey::Paste);
        assert!(is_paste(
            &paste,
            at(KeyCode::Paste),
            ModifiersState::empty()
        ));
    }
}
