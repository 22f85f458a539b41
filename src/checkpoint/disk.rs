//! The files of weights: mapped, or read in pieces.

use std::path::{Component, Path};

use serde_json::Value;

use super::files::{WeightFile, Weights};
use super::header;
#[cfg(not(target_arch = "wasm32"))]
use super::map;
use super::sentence::{quoted, refuse, unreadable, value};
use crate::{Result, files, text_file};

/// How the content of files comes into memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// As the system maps it; in a page in pieces.
    Mapped,
    /// In pieces, when they are needed.
    Pieces,
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

fn safetensors(path: &Path, access: Access) -> Result<WeightFile> {
    match access {
        #[cfg(not(target_arch = "wasm32"))]
        Access::Mapped => return map::read(path, header::read),
        _ => {}
    }
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
    Ok(WeightFile::unread(label, (&blob, length), table))
}
