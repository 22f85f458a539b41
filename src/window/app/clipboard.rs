//! What goes through the clipboard, and what does not.

use egui::{Context, Event, OutputCommand};

use super::App;
use crate::error::Error;
use crate::files;
use crate::window::screens::patch::MOST_BYTES;
use crate::window::words;

impl App {
    /// A text that the editor cannot hold is shown as a file instead of being lost.
    pub(super) fn take_large_paste(&mut self, context: &Context) {
        let mut large = None;
        context.input_mut(|input| {
            input.events.retain(|event| match event {
                Event::Paste(text) if text.len() > MOST_BYTES => {
                    large = Some(text.clone());
                    false
                }
                _ => true,
            });
        });
        let Some(text) = large else {
            return;
        };
        match files::keep_aside("pasted-", ".txt", text.as_bytes()) {
            Ok(file) => {
                let path = file.path().to_owned();
                self.pasted.push(file);
                self.tell(self.language().words().pasted.to_owned());
                self.show_file(&path);
            }
            Err(source) => self.tell_error(&Error::Io {
                action: "write",
                path: words::pasted_text(self.language()).into(),
                source,
            }),
        }
    }

    /// The user has pasted, and the clipboard had nothing to give.
    pub(in crate::window) fn nothing_pasted(&mut self) {
        self.tell(self.language().words().nothing_pasted.to_owned());
    }

    /// Says where a copied text may be cut: the clipboards of some systems end it at a NUL.
    pub(super) fn look_at_copied(&mut self, context: &Context) {
        let has_nul = context.output(|output| {
            output.commands.iter().any(
                |command| matches!(command, OutputCommand::CopyText(text) if text.contains('\0')),
            )
        });
        if has_nul {
            self.tell(self.language().words().copied_nul.to_owned());
        }
    }
}
