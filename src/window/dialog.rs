//! Dialogs for files, which must not keep the window from drawing.

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

impl Purpose {
    /// Whether a file is to be written.
    pub(crate) fn saves(self) -> bool {
        matches!(self, Self::SaveSvg | Self::SavePng)
    }
}

/// The system can show no dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoDialog;

/// Takes the path that was chosen; none if the dialog was cancelled.
pub(crate) type Answer = Box<dyn FnOnce(Result<Option<PathBuf>, NoDialog>) + Send>;

/// What shows dialogs: the system, or a test in its place.
pub(crate) trait Picker {
    /// Opens a dialog. Called by the thread of the window, as some systems want it, which
    /// does not wait for the answer.
    fn pick(&self, purpose: Purpose, answer: Answer);
}

type Chosen = (Purpose, Result<PathBuf, NoDialog>);

/// The dialogs of a window.
pub(crate) struct Dialogs {
    picker: Option<Box<dyn Picker>>,
    chosen: Receiver<Chosen>,
    sender: Sender<Chosen>,
    wake: Wake,
}

impl std::fmt::Debug for Dialogs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialogs").finish_non_exhaustive()
    }
}

impl Dialogs {
    /// Without a picker, as for a picture, there are none to show.
    pub(crate) fn new(wake: Wake) -> Self {
        let (sender, chosen) = channel();
        Self {
            picker: None,
            chosen,
            sender,
            wake,
        }
    }

    pub(crate) fn use_picker(&mut self, picker: Box<dyn Picker>) {
        self.picker = Some(picker);
    }

    /// Opens a dialog; what is chosen comes out of [`Dialogs::chosen`].
    pub(crate) fn open(&self, purpose: Purpose) {
        let Some(picker) = &self.picker else {
            let _ = self.sender.send((purpose, Err(NoDialog)));
            (self.wake)();
            return;
        };
        let (sender, wake) = (self.sender.clone(), self.wake.clone());
        let answer = move |chosen: Result<Option<PathBuf>, NoDialog>| {
            if let Some(chosen) = chosen.transpose() {
                let _ = sender.send((purpose, chosen));
                wake();
            }
        };
        picker.pick(purpose, Box::new(answer));
    }

    /// What has been chosen since the last call.
    pub(crate) fn chosen(&self) -> Vec<Chosen> {
        self.chosen.try_iter().collect()
    }
}
