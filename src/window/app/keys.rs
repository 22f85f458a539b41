//! What the keys of the whole window do.

use egui::{Context, Event, Key, Modifiers};

use super::App;
use crate::window::actions::Action;
use crate::window::screens::Screen;
use crate::window::screens::patch::editor_id;

/// What a key press wants of the steps of the patch screen.
fn step(event: &Event) -> Option<Action> {
    let Event::Key {
        key,
        pressed: true,
        modifiers,
        ..
    } = event
    else {
        return None;
    };
    if !modifiers.command || modifiers.alt {
        return None;
    }
    match (key, modifiers.shift) {
        (Key::Z, false) => Some(Action::Undo),
        (Key::Z, true) | (Key::Y, false) => Some(Action::Redo),
        _ => None,
    }
}

/// Whether an event may change the text, or what is selected in it.
fn edits(event: &Event) -> bool {
    matches!(
        event,
        Event::Text(_)
            | Event::Paste(_)
            | Event::Cut
            | Event::Ime(_)
            | Event::Key { pressed: true, .. }
    )
}

impl App {
    pub(super) fn take_keys(&mut self, context: &Context) {
        self.take_steps(context);
        let mut all = Action::all(&self.settings);
        all.push(Action::Palette);
        for action in all {
            if matches!(action, Action::Undo | Action::Redo) {
                continue;
            }
            if let Some(keys) = action.shortcut()
                && context.input_mut(|input| input.consume_shortcut(&keys))
            {
                self.act(action, context);
            }
        }
        let out = |input: &mut egui::InputState| input.consume_key(Modifiers::NONE, Key::Escape);
        if (self.shortcuts || !self.dropped.is_empty()) && context.input_mut(out) {
            self.shortcuts = false;
            self.dropped.clear();
        }
        // A question mark is a letter while something is being written.
        let asked = |input: &egui::InputState| input.events.contains(&Event::Text("?".into()));
        if !context.text_edit_focused() && context.input(asked) {
            self.act(Action::Shortcuts, context);
        }
    }

    /// Undo and redo come between what was typed before them and what was typed
    /// behind, also where a slow frame gets all of it at once.
    fn take_steps(&mut self, context: &Context) {
        let mut held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            context.input_mut(|input| {
                held.append(&mut input.events);
                input.events = held;
            });
        }
        let focused = context.memory(|memory| memory.focused());
        // Another field of text has steps of its own.
        let elsewhere = context.text_edit_focused() && focused != Some(editor_id());
        if self.screen != Screen::Patch || elsewhere {
            return;
        }
        loop {
            let action = context.input_mut(|input| {
                let at = input
                    .events
                    .iter()
                    .position(|event| step(event).is_some())?;
                let before = input.events.get(..at).unwrap_or_default();
                if focused == Some(editor_id()) && before.iter().any(edits) {
                    self.held = input.events.split_off(at);
                    return None;
                }
                step(&input.events.remove(at))
            });
            match action {
                Some(action) => self.act(action, context),
                None => break,
            }
        }
        if !self.held.is_empty() {
            context.request_repaint();
        }
    }
}
