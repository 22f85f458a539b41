//! The files of weights on disk: mapped, not read.

use std::fs::{self, File};
use std::path::{Component, Path};

use memmap2::Mmap;
use serde_json::Value;

use super::files::{WeightFile, Weights};
use super::header;
use super::pth;
use super::sentence::{quoted, refuse, value};
use crate::{Error, Result};

impl Weights {
    /// One `.safetensors` file.
    pub(super) fn open(path: &Path) -> Result<Self> {
        Self::join(vec![safetensors(path)?])
    }

    /// One file of `torch.save`.
    pub(super) fn open_pth(path: &Path) -> Result<Self> {
        let (label, mapped) = map(path)?;
        let table = pth::read(&mapped, &label)?;
        Self::join(vec![WeightFile::new(label, mapped.into(), table)])
    }

    /// The shards that `model.safetensors.index.json` names.
    pub(super) fn open_index(index: &Path) -> Result<Self> {
        let label = index.display();
        let text = fs::read(index).map_err(|source| Error::Io {
            action: "read",
            path: index.into(),
            source,
        })?;
        let json: Value = serde_json::from_slice(&text)
            .map_err(|e| refuse(format!("{label} is not valid JSON: {e}; download it again")))?;
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
            let file = weights
                .get(tensor)
                .and_then(|t| Path::new(t.file).file_name());
            if file != Some(shard.as_ref()) {
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

fn plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    )
}

fn safetensors(path: &Path) -> Result<WeightFile> {
    let (label, mapped) = map(path)?;
    let table = header::read(&mapped, &label)?;
    Ok(WeightFile::new(label, mapped.into(), table))
}

fn map(path: &Path) -> Result<(String, Mmap)> {
    let io = |action, source| Error::Io {
        action,
        path: path.into(),
        source,
    };
    let label = path.display().to_string();
    let facts = fs::metadata(path).map_err(|e| io("read", e))?;
    if !facts.is_file() {
        return Err(refuse(format!(
            "{label} is not a file; a checkpoint's weights must be a .safetensors or .pth file"
        )));
    }
    if facts.len() == 0 {
        return Err(refuse(format!("{label} is empty; download it again")));
    }
    let file = File::open(path).map_err(|e| io("read", e))?;
    // SAFETY: the mapping is read-only and private to this process's eyes: it is only ever
    // seen as `&[u8]`, for which every bit pattern is valid, and no decision is taken on its
    // bytes twice: the header is parsed once into owned values whose ranges were checked
    // against the length of the mapping, which cannot change. If another process rewrites
    // the file meanwhile, the weights become other numbers; if it shortens the file, the
    // operating system ends the process (SIGBUS). Neither can be ruled out for any mapped
    // file; checkpoints are replaced by renaming, which leaves a mapping intact.
    let mapped = unsafe { Mmap::map(&file) }.map_err(|e| io("map", e))?;
    Ok((label, mapped))
}
