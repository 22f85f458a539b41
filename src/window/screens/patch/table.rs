//! The table of [`super::Mode::Lookup`], and its way from a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::patch::LookupTable;
use crate::window::engine::{Engine, Request, TableFor, TableRequest, TableUpdate};
use crate::window::error_message::ErrorMessage;

/// A table over the last two tokens, and the file that it came from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    pub(crate) path: PathBuf,
    pub(crate) pairs: LookupTable,
}

impl Table {
    /// What it is called: its file.
    pub(crate) fn name(&self) -> String {
        name(&self.path)
    }
}

/// What the file of a table is called.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// A table on its way from a file. Until it has come the one before stays.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    /// The file that is being read.
    path: Option<PathBuf>,
    /// Whether the engine knows.
    asked: bool,
    /// Why the last one cannot be used.
    pub(crate) refused: Option<ErrorMessage>,
    /// What stands in the field for a path.
    pub(crate) typed: String,
}

impl Opening {
    /// Wants the table in a file.
    pub(crate) fn open(&mut self, path: &Path) {
        self.path = Some(path.to_owned());
        self.typed = path.display().to_string();
        self.asked = false;
        self.refused = None;
    }

    /// Whether a table has still to come.
    pub(crate) fn is_coming(&self) -> bool {
        self.path.is_some()
    }

    /// Asks for what is wanted, once.
    pub(crate) fn ask(&mut self, whom: TableFor, engine: &Engine) {
        if let Some(path) = self.path.clone().filter(|_| !self.asked) {
            self.asked = true;
            engine.ask(Request::Table(TableRequest { whom, path }));
        }
    }

    /// What was asked for may never come: the engine is another one.
    pub(crate) fn ask_again(&mut self) {
        self.asked = false;
    }

    /// Takes what has come; gives the table if it is the one that is wanted.
    pub(crate) fn take(&mut self, update: TableUpdate) -> Option<Arc<Table>> {
        if self.path.as_ref() != Some(&update.path) {
            return None;
        }
        self.path = None;
        match update.found {
            Ok(pairs) => Some(Arc::new(Table {
                path: update.path,
                pairs,
            })),
            Err(why) => {
                self.refused = Some(why);
                None
            }
        }
    }
}
