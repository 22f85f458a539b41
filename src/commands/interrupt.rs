//! Ctrl-C, SIGTERM and SIGHUP: the run stops at the next piece, and leaves nothing
//! half-written.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use blt::{Error, Result};

use super::global;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// The temporary files of outputs.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// How long a run may take to stop by itself (a driver can sit in a shader
/// compilation) before it is ended.
const PATIENCE: Duration = Duration::from_millis(600);

/// Takes over ctrl-C.
///
/// # Errors
/// If the system refuses.
pub(super) fn watch(color: bool) -> Result<()> {
    blt::signals::watch(move || {
        INTERRUPTED.store(true, Ordering::Relaxed);
        std::thread::sleep(PATIENCE);
        let unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
        for path in unfinished.iter() {
            // The process ends; there is nobody to tell if it cannot be removed.
            let _ = match path.is_dir() {
                true => std::fs::remove_dir_all(path),
                false => std::fs::remove_file(path),
            };
        }
        global::complain(&Error::Interrupted, color);
        std::process::exit(Error::Interrupted.exit_code().into());
    })
    .map_err(|source| Error::Io {
        action: "watch for",
        path: "ctrl-C".into(),
        source,
    })
}

/// Names a file or folder to remove if the run is ended.
pub(super) fn unfinished(path: &Path) {
    let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    unfinished.push(path.to_owned());
}

/// Names a file or folder that has taken its place.
pub(super) fn finished(path: &Path) {
    let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    unfinished.retain(|other| other != path);
}

/// Has ctrl-C been pressed?
///
/// # Errors
/// [`Error::Interrupted`] if so.
pub(super) fn check() -> Result<()> {
    if INTERRUPTED.load(Ordering::Relaxed) {
        Err(Error::Interrupted)
    } else {
        Ok(())
    }
}
