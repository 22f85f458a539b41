//! The dialogs of the system.

use std::time::{Duration, Instant};

use crate::window::dialog::{Answer, NoDialog, Picker, Purpose};

/// Nobody cancels a dialog so soon: none has been shown.
const TOO_SOON: Duration = Duration::from_millis(400);

/// Shows the dialogs of the system.
#[derive(Debug)]
pub(super) struct System;

impl Picker for System {
    fn pick(&self, purpose: Purpose, answer: Answer) {
        let dialog = rfd::AsyncFileDialog::new();
        let asked = Instant::now();
        let chosen: std::pin::Pin<Box<dyn Future<Output = Option<rfd::FileHandle>> + Send>> =
            match purpose {
                Purpose::OpenFile => Box::pin(dialog.pick_file()),
                Purpose::OpenModel | Purpose::CompareModel(_) => Box::pin(dialog.pick_folder()),
                Purpose::CompareTokenizer(_) => {
                    Box::pin(dialog.add_filter("tokenizer.json", &["json"]).pick_file())
                }
                Purpose::Table | Purpose::CompareTable(_) => {
                    Box::pin(dialog.add_filter("JSON", &["json"]).pick_file())
                }
                Purpose::SaveSvg => Box::pin(
                    dialog
                        .add_filter("SVG", &["svg"])
                        .set_file_name("entropy.svg")
                        .save_file(),
                ),
                Purpose::SavePng => Box::pin(
                    dialog
                        .add_filter("PNG", &["png"])
                        .set_file_name("entropy.png")
                        .save_file(),
                ),
            };
        std::thread::spawn(move || {
            answer(match pollster::block_on(chosen) {
                Some(file) => Ok(Some(file.path().to_owned())),
                // A system without dialogs answers as one whose user cancels.
                None if asked.elapsed() < TOO_SOON => Err(NoDialog),
                None => Ok(None),
            });
        });
    }
}
