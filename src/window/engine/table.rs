//! Tables of the lookup rule from files.

use std::path::PathBuf;

use super::{Outbox, Update};
use crate::patch::LookupTable;
use crate::window::error_message::ErrorMessage;

/// Who wants a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableFor {
    /// The patch screen.
    Patch,
    /// A lane of the compare screen.
    Lane(u64),
}

/// Asks for the table in a file.
#[derive(Clone, Debug)]
pub(crate) struct TableRequest {
    /// For whom.
    pub(crate) whom: TableFor,
    /// The file.
    pub(crate) path: PathBuf,
}

/// What has come of it.
#[derive(Clone, Debug)]
pub(crate) struct TableUpdate {
    /// For whom.
    pub(crate) whom: TableFor,
    /// The file.
    pub(crate) path: PathBuf,
    /// Its table, or why it has none.
    pub(crate) found: Result<LookupTable, ErrorMessage>,
}

/// Reads a table beside what computes: a large one takes longer than a frame may.
pub(super) fn open(request: TableRequest, outbox: &Outbox) {
    let outbox = outbox.clone();
    super::task::spawn(async move || {
        let found = LookupTable::open(&request.path).map_err(|error| ErrorMessage::of(&error));
        outbox.put(Update::Table(TableUpdate {
            whom: request.whom,
            path: request.path,
            found,
        }));
    });
}
