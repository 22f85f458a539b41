//! The files of weights on disk: mapped, not read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path};

use serde_json::Value;

use super::files::{WeightFile, Weights};
use super::header::{self, Entry};
use super::pth;
use super::sentence::{quoted, refuse, value};
use crate::mapped::MappedFile;
use crate::{Error, Result, text_file};

impl Weights {
    /// One `.safetensors` file.
    pub(super) fn open(path: &Path) -> Result<Self> {
        Self::join(vec![safetensors(path)?])
    }

    /// One file of `torch.save`.
    pub(super) fn open_pth(path: &Path) -> Result<Self> {
        Self::join(vec![read(path, pth::read)?])
    }

    /// The shards that `model.safetensors.index.json` names.
    pub(super) fn open_index(index: &Path) -> Result<Self> {
        let label = index.display();
        let text = fs::read(index).map_err(|source| Error::Io {
            action: "read",
            path: index.into(),
            source,
        })?;
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

        let mut files = Vec::new();
        for shard in &shards {
            let path = folder.join(shard);
            if !path.exists() {
                return Err(refuse(format!(
                    "{label} names the file {}, which is not in its folder; download it",
                    quoted(shard)
                )));
            }
            files.push(safetensors(&path)?);
        }
        let weights = Self::join(files)?;
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

fn safetensors(path: &Path) -> Result<WeightFile> {
    read(path, header::read)
}

fn read(
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
    let facts = fs::metadata(path).map_err(|source| Error::Io {
        action: "read",
        path: path.into(),
        source,
    })?;
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
