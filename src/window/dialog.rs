//! The system's dialogs for files, which must not keep the window from drawing.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::engine::Wake;

/// What a dialog was opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    OpenFile,
    OpenModel,
    SaveSvg,
    SavePng,
    /// The table that the text of the patch screen is cut by.
    Table,
    /// The model of a lane of the compare screen.
    CompareModel(u64),
    /// The tokenizer of a lane of the compare screen.
    CompareTokenizer(u64),
    /// The table of a lane of the compare screen.
    CompareTable(u64),
}

/// The dialogs of a window.
pub(crate) struct Dialogs {
    chosen: Receiver<(Purpose, PathBuf)>,
    sender: Sender<(Purpose, PathBuf)>,
    wake: Wake,
}

impl std::fmt::Debug for Dialogs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialogs").finish_non_exhaustive()
    }
}

impl Dialogs {
    pub(crate) fn new(wake: Wake) -> Self {
        let (sender, chosen) = channel();
        Self {
            chosen,
            sender,
            wake,
        }
    }

    /// Opens a dialog; what is chosen comes out of [`Dialogs::chosen`].
    pub(crate) fn open(&self, purpose: Purpose) {
        let dialog = rfd::AsyncFileDialog::new();
        // Some systems want dialogs to be opened by the thread of the window, and all
        // let another one wait for them.
        let answer: std::pin::Pin<Box<dyn Future<Output = Option<rfd::FileHandle>> + Send>> =
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
        let (sender, wake) = (self.sender.clone(), self.wake.clone());
        std::thread::spawn(move || {
            if let Some(file) = pollster::block_on(answer) {
                let _ = sender.send((purpose, file.path().to_owned()));
                wake();
            }
        });
    }

    /// What has been chosen since the last call.
    pub(crate) fn chosen(&self) -> Vec<(Purpose, PathBuf)> {
        self.chosen.try_iter().collect()
    }
}
