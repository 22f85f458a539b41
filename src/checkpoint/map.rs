//! Files of weights that the system maps.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::files::{WeightFile, Weights};
use super::header::Entry;
use super::pth;
use super::sentence::{refuse, unreadable};
use crate::Result;
use crate::mapped::MappedFile;

impl Weights {
    /// One file of `torch.save`.
    pub(super) fn open_pth(path: &Path) -> Result<Self> {
        Self::join(vec![read(path, pth::read)?])
    }
}

pub(super) fn read(
    path: &Path,
    table: impl FnOnce(&[u8], &str) -> Result<BTreeMap<String, Entry>>,
) -> Result<WeightFile> {
    let (label, mapped) = map(path)?;
    let table = table(mapped.as_ref(), &label);
    // If the file changed while its table was read, that is the error to report.
    mapped.watched().check_faults()?;
    Ok(WeightFile::new(label, mapped.into(), table?))
}

/// Maps a file; what to call it in a sentence comes with it.
pub(super) fn map(path: &Path) -> Result<(String, MappedFile)> {
    let label = path.display().to_string();
    let facts = fs::metadata(path).map_err(|error| unreadable(path, error))?;
    if !facts.is_file() {
        return Err(refuse(format!(
            "{label} is not a file; a checkpoint's weights must be a .safetensors or .pth file"
        )));
    }
    if facts.len() == 0 {
        return Err(refuse(format!("{label} is empty; download it again")));
    }
    Ok((label, MappedFile::open(path)?))
}
