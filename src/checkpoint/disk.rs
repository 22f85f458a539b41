//! The files of weights: mapped, or read in parts.

use std::path::{Component, Path};

use serde_json::Value;

use super::files::{WeightFile, Weights};
use super::header;
use super::sentence::{quoted, refuse, value};
use crate::{Error, Result, files, text_file};
#[cfg(not(target_arch = "wasm32"))]
use mapped::read;

/// How the content of files comes into memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// As the system maps it; in a page in parts.
    Mapped,
    /// In parts, when they are needed.
    Parts,
}

impl Weights {
    /// One `.safetensors` file.
    pub(super) fn open(path: &Path, access: Access) -> Result<Self> {
        Self::join(vec![safetensors(path, access)?])
    }

    /// The shards that `model.safetensors.index.json` names.
    pub(super) fn open_index(index: &Path, access: Access) -> Result<Self> {
        let label = index.display();
        let text = files::read(index).map_err(|error| unreadable(index, error))?;
        let json: Value = text_file::json(&text, "is not valid JSON; download it again")
            .map_err(|said| refuse(format!("{label} {said}")))?;
        let Some(Value::Object(listed)) = json.get("weight_map") else {
            return Err(refuse(format!(
                "{label} has no `weight_map` from tensors to files; download it again"
            )));
        };

        let folder = index.parent().unwrap_or(Path::new(""));
        let mut shards: Vec<&str> = Vec::new();
        for (tensor, shard) in listed {
            let Some(name) = shard.as_str().filter(|s| plain(s)) else {
                return Err(refuse(format!(
                    "{label} places the tensor {} in {}, which is not the name of a file beside it",
                    quoted(tensor),
                    value(shard)
                )));
            };
            if !shards.contains(&name) {
                shards.push(name);
            }
        }
        if shards.is_empty() {
            return Err(refuse(format!(
                "{label} names no tensor; download it again"
            )));
        }
        shards.sort_unstable();

        let mut opened = Vec::new();
        for shard in &shards {
            let path = folder.join(shard);
            if !files::is_file(&path) {
                return Err(refuse(format!(
                    "{label} names the file {}, which is not in its folder; download it",
                    quoted(shard)
                )));
            }
            opened.push(safetensors(&path, access)?);
        }
        let weights = Self::join(opened)?;
        for (tensor, shard) in listed {
            let shard = shard.as_str().unwrap_or_default();
            // By the names of the files: those of the model are without what wraps them.
            let holds = weights.files().iter().any(|file| {
                Path::new(&file.label).file_name() == Some(shard.as_ref())
                    && file.table().contains_key(tensor)
            });
            if !holds {
                return Err(refuse(format!(
                    "{label} places the tensor {} in {}, which does not hold it; download both again",
                    quoted(tensor),
                    quoted(shard)
                )));
            }
        }
        Ok(weights)
    }
}

/// Whether a name is that of a file in the same folder.
pub(super) fn plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    )
}

fn unreadable(path: &Path, source: std::io::Error) -> Error {
    Error::Io {
        action: "read",
        path: path.into(),
        source,
    }
}

fn safetensors(path: &Path, access: Access) -> Result<WeightFile> {
    #[cfg(not(target_arch = "wasm32"))]
    if access == Access::Mapped {
        return read(path, header::read);
    }
    let _ = access;
    let label = path.display().to_string();
    let opened = files::open_blob(path).and_then(|blob| {
        let length = blob.length()?;
        let first = blob.begin(8)?;
        let begin = match first.as_slice().try_into() {
            Ok(first) => blob.begin(header::begin_bytes(first))?,
            Err(_) => first,
        };
        Ok((blob, length, begin))
    });
    let (blob, length, begin) = opened.map_err(|error| unreadable(path, error))?;
    let table = header::read_begin(&begin, length, &label)?;
    Ok(WeightFile::apart(label, (&blob, length), table))
}

/// Files that the system maps.
#[cfg(not(target_arch = "wasm32"))]
pub(super) mod mapped {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use super::super::files::{WeightFile, Weights};
    use super::super::header::Entry;
    use super::super::pth;
    use super::super::sentence::refuse;
    use super::unreadable;
    use crate::Result;
    use crate::mapped::MappedFile;

    impl Weights {
        /// One file of `torch.save`.
        pub(in super::super) fn open_pth(path: &Path) -> Result<Self> {
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
    pub(in super::super) fn map(path: &Path) -> Result<(String, MappedFile)> {
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
}
