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

/// Whether an event is the press of a key.
fn presses(event: &Event, wanted: Key, command: bool) -> bool {
    matches!(event, Event::Key { key, pressed: true, modifiers, .. }
        if *key == wanted && modifiers.command == command && !modifiers.alt && !modifiers.shift)
}

/// Slow frames get at once what was done one after the other. Keys that take what was
/// written before them, or open what the next is written into, divide it.
impl App {
    pub(super) fn take_keys(&mut self, context: &Context) {
        let mut held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            context.input_mut(|input| {
                held.append(&mut input.events);
                input.events = held;
            });
        }
        self.take_steps(context);
        self.divide_for_palette(context);
        if !self.held.is_empty() {
            context.request_repaint();
        }
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

    /// Holds back what comes from an event on.
    fn hold(&mut self, input: &mut egui::InputState, from: usize) {
        let mut later = input.events.split_off(from);
        later.append(&mut self.held);
        self.held = later;
    }

    /// What is typed behind its keys is for the palette, and what is entered there is
    /// what was typed before.
    fn divide_for_palette(&mut self, context: &Context) {
        context.input_mut(|input| {
            let opens = |event: &Event| presses(event, Key::K, true);
            if let Some(at) = input.events.iter().position(opens) {
                self.hold(input, at + 1);
            }
            let enters = |event: &Event| presses(event, Key::Enter, false);
            if self.commands.is_open()
                && let Some(at) = input.events.iter().position(enters)
                && input.events.iter().take(at).any(edits)
            {
                self.hold(input, at);
            }
        });
    }

    /// Undo and redo come between what was typed before them and what was typed
    /// behind.
    fn take_steps(&mut self, context: &Context) {
        let focused = context.memory(egui::Memory::focused);
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
                if before.iter().any(edits) {
                    self.hold(input, at);
                    return None;
                }
                step(&input.events.remove(at))
            });
            match action {
                Some(action) => self.act(action, context),
                None => break,
            }
        }
    }
}
