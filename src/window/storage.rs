//! What the window keeps for its user from one time to the next: files in the system's
//! folder for settings, or in a browser entries of the page's own storage.

use std::io::Result;
use std::path::{Path, PathBuf};

pub(crate) use place::{cached_models, folder, has_address, keep, link, locale, read, remove};

use crate::error::Error;

/// Writes a file that the user has asked for, all of it or nothing; a browser downloads
/// it.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn save(path: &Path, bytes: &[u8]) -> crate::Result<()> {
    place::save(path, bytes).map_err(|source| Error::Io {
        action: "write",
        path: path.to_owned(),
        source,
    })
}

#[cfg(not(target_arch = "wasm32"))]
mod place {
    use std::io::{Error, ErrorKind, Write};

    use super::{Path, PathBuf, Result};
    use crate::checkpoint::{self, Environment};

    pub(crate) use sys_locale::get_locale as locale;

    /// Models that are on this machine already.
    pub(crate) fn cached_models() -> Vec<String> {
        checkpoint::cached_models(&Environment::of_process())
    }

    /// Whether the window has an address that a link can lead to.
    pub(crate) fn has_address() -> bool {
        false
    }

    /// A link that carries some parts, with their names.
    pub(crate) fn link(_: &[(&'static str, String)]) -> Option<String> {
        None
    }

    pub(super) fn save(path: &Path, bytes: &[u8]) -> Result<()> {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        // As open to others as any file that is made, not as closed as a temporary one.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.persist(path).map_err(|failed| failed.error)?;
        Ok(())
    }

    /// Where things are kept, if the system has such a place.
    pub(crate) fn folder() -> Option<PathBuf> {
        let folders = directories::ProjectDirs::from("", "", "blt")?;
        Some(folders.config_dir().to_owned())
    }

    /// What was kept under this path; `None` if nothing was. More than `most` bytes are an error.
    ///
    /// # Errors
    /// The system's, and [`ErrorKind::InvalidData`] for what nobody kept here.
    pub(crate) fn read(path: &Path, most: usize) -> Result<Option<Vec<u8>>> {
        match std::fs::metadata(path) {
            Ok(found) if found.len() > most as u64 || !found.is_file() => {
                Err(Error::new(ErrorKind::InvalidData, "it is no kept text"))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            _ => std::fs::read(path).map(Some),
        }
    }

    /// Writes all of it or nothing, open to nobody else: it may be private. Makes the
    /// folder.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn keep(path: &Path, bytes: &[u8]) -> Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.persist(path).map_err(|failed| failed.error)?;
        Ok(())
    }

    /// Keeps it no longer.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn remove(path: &Path) -> Result<()> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod place {
    use std::io::{Error, ErrorKind};

    use data_encoding::BASE64;

    use super::{Path, PathBuf, Result};
    use crate::page;
    pub(crate) use crate::page::locale;

    /// Models that are on this machine already: a page does not know.
    pub(crate) fn cached_models() -> Vec<String> {
        Vec::new()
    }

    /// Whether the window has an address that a link can lead to.
    pub(crate) fn has_address() -> bool {
        true
    }

    /// A link that carries some parts, with their names.
    pub(crate) fn link(parts: &[(&'static str, String)]) -> Option<String> {
        Some(page::link_with(parts))
    }

    pub(super) fn save(path: &Path, bytes: &[u8]) -> Result<()> {
        page::download(path, bytes);
        Ok(())
    }

    /// Where things are kept: names in the storage begin with it.
    pub(crate) fn folder() -> Option<PathBuf> {
        Some("blt".into())
    }

    /// A browser may refuse its storage, as for pages without an origin.
    fn storage() -> Result<web_sys::Storage> {
        let storage = web_sys::window().and_then(|window| window.local_storage().ok().flatten());
        storage.ok_or_else(|| {
            Error::new(
                ErrorKind::PermissionDenied,
                "this browser keeps nothing for this page",
            )
        })
    }

    fn key(path: &Path) -> String {
        path.display().to_string()
    }

    /// What was kept under this path; `None` if nothing was, or if the browser keeps nothing.
    /// More than `most` bytes are an error.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] for what nobody kept here.
    pub(crate) fn read(path: &Path, most: usize) -> Result<Option<Vec<u8>>> {
        let kept = storage()
            .ok()
            .and_then(|storage| storage.get_item(&key(path)).ok().flatten());
        let Some(kept) = kept else {
            return Ok(None);
        };
        let bytes = BASE64.decode(kept.as_bytes()).ok();
        match bytes.filter(|bytes| bytes.len() <= most) {
            Some(bytes) => Ok(Some(bytes)),
            None => Err(Error::new(ErrorKind::InvalidData, "it is no kept text")),
        }
    }

    /// Keeps all of it or nothing.
    ///
    /// # Errors
    /// [`ErrorKind::StorageFull`].
    pub(crate) fn keep(path: &Path, bytes: &[u8]) -> Result<()> {
        let kept = storage()?.set_item(&key(path), &BASE64.encode(bytes));
        kept.map_err(|_| ErrorKind::StorageFull.into())
    }

    /// Keeps it no longer.
    ///
    /// # Errors
    /// [`ErrorKind::PermissionDenied`].
    pub(crate) fn remove(path: &Path) -> Result<()> {
        storage()?
            .remove_item(&key(path))
            .map_err(|_| ErrorKind::PermissionDenied.into())
    }
}
