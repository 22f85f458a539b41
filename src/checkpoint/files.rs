//! The weights: one safetensors file or several, mapped or in memory, behind
//! one table of tensors.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::header::{self, Entry};
use super::sentence::{quoted, refuse};
use super::tensor::{Dtype, TensorData, TensorView};
use crate::Result;

/// The content of a safetensors file that is already in memory: the model
/// inside the binary (`&'static [u8]`) or one that was fetched (`Vec<u8>`,
/// `Arc<[u8]>`).
#[derive(Debug)]
pub struct WeightBytes(Source);

#[derive(Debug)]
enum Source {
    Static(&'static [u8]),
    Shared(Arc<[u8]>),
    #[cfg(not(target_arch = "wasm32"))]
    Mapped(memmap2::Mmap),
}

impl From<&'static [u8]> for WeightBytes {
    fn from(bytes: &'static [u8]) -> Self {
        Self(Source::Static(bytes))
    }
}

impl From<Arc<[u8]>> for WeightBytes {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self(Source::Shared(bytes))
    }
}

impl From<Vec<u8>> for WeightBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Source::Shared(bytes.into()))
    }
}

impl AsRef<[u8]> for WeightBytes {
    fn as_ref(&self) -> &[u8] {
        match &self.0 {
            Source::Static(bytes) => bytes,
            Source::Shared(bytes) => bytes,
            #[cfg(not(target_arch = "wasm32"))]
            Source::Mapped(map) => map,
        }
    }
}

/// One file of the checkpoint.
#[derive(Debug)]
pub(super) struct WeightFile {
    pub(super) label: String,
    bytes: WeightBytes,
    table: BTreeMap<String, Entry>,
}

impl WeightFile {
    fn new(label: String, bytes: WeightBytes) -> Result<Self> {
        let table = header::read(bytes.as_ref(), &label)?;
        Ok(Self {
            label,
            bytes,
            table,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.as_ref().len()
    }
}

/// What the table knows of a tensor, whether or not it can serve as a weight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed<'a> {
    pub(super) name: &'a str,
    pub(super) dtype: safetensors::Dtype,
    pub(super) shape: &'a [usize],
    pub(super) data: TensorData<'a>,
    pub(super) file: &'a str,
}

impl<'a> Listed<'a> {
    /// Bytes it takes in its dtype, stored or not.
    pub(super) fn stored(&self) -> u64 {
        let elements: u64 = self.shape.iter().map(|&n| n as u64).product();
        elements * self.dtype.bitsize() as u64 / 8
    }

    /// The tensor as a weight, or the sentence that says why it is none.
    pub(super) fn view(self) -> Result<TensorView<'a>> {
        let Some(dtype) = Dtype::of(self.dtype) else {
            return Err(refuse(format!(
                "the tensor {} in {} is {}; weights must be F32, F16 or BF16",
                quoted(self.name),
                self.file,
                self.dtype
            )));
        };
        Ok(TensorView {
            name: self.name,
            dtype,
            shape: self.shape,
            data: self.data,
        })
    }
}

/// All files of a checkpoint and where each tensor lies.
#[derive(Debug)]
pub(super) struct Weights {
    files: Vec<WeightFile>,
    /// Tensor name → index of its file.
    place: BTreeMap<String, usize>,
}

impl Weights {
    /// One file that is already in memory.
    pub(super) fn from_bytes(bytes: WeightBytes, label: &str) -> Result<Self> {
        Self::join(vec![WeightFile::new(label.to_owned(), bytes)?])
    }

    fn join(files: Vec<WeightFile>) -> Result<Self> {
        let mut place = BTreeMap::new();
        for (i, file) in files.iter().enumerate() {
            for name in file.table.keys() {
                if let Some(first) = place.insert(name.clone(), i) {
                    return Err(refuse(format!(
                        "both {} and {} hold the tensor {}; a checkpoint must hold each once",
                        files[first].label,
                        file.label,
                        quoted(name)
                    )));
                }
            }
        }
        Ok(Self { files, place })
    }

    pub(super) fn files(&self) -> &[WeightFile] {
        &self.files
    }

    /// What to call the weights in a sentence: the file, or the first of several.
    pub(super) fn label(&self) -> String {
        match self.files.as_slice() {
            [] => "the checkpoint".into(),
            [one] => one.label.clone(),
            [first, rest @ ..] => format!("{} and {} more files", first.label, rest.len()),
        }
    }

    /// Every tensor, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = Listed<'_>> {
        self.place.keys().filter_map(|name| self.get(name))
    }

    pub(super) fn get(&self, name: &str) -> Option<Listed<'_>> {
        let file = self.files.get(*self.place.get(name)?)?;
        let (name, entry) = file.table.get_key_value(name)?;
        Some(Listed {
            name,
            dtype: entry.dtype,
            shape: &entry.shape,
            data: TensorData::Bytes(file.bytes.as_ref().get(entry.range.clone())?),
            file: &file.label,
        })
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod disk {
    use std::fs::{self, File};
    use std::path::{Component, Path};

    use memmap2::Mmap;
    use serde_json::Value;

    use super::{Source, WeightBytes, WeightFile, Weights};
    use crate::checkpoint::sentence::{quoted, refuse, value};
    use crate::{Error, Result};

    impl Weights {
        /// One `.safetensors` file.
        pub(in crate::checkpoint) fn open(path: &Path) -> Result<Self> {
            Self::join(vec![map(path)?])
        }

        /// The shards that `model.safetensors.index.json` names.
        pub(in crate::checkpoint) fn open_index(index: &Path) -> Result<Self> {
            let label = index.display();
            let text = fs::read(index).map_err(|source| Error::Io {
                action: "read",
                path: index.into(),
                source,
            })?;
            let json: Value = serde_json::from_slice(&text).map_err(|e| {
                refuse(format!("{label} is not valid JSON: {e}; download it again"))
            })?;
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
                files.push(map(&path)?);
            }
            let weights = Self::join(files)?;
            for (tensor, shard) in listed {
                let shard = shard.as_str().unwrap_or_default();
                let file = weights.place.get(tensor).and_then(|&i| shards.get(i));
                if file != Some(&shard) {
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

    fn map(path: &Path) -> Result<WeightFile> {
        let io = |action, source| Error::Io {
            action,
            path: path.into(),
            source,
        };
        let label = path.display().to_string();
        let facts = fs::metadata(path).map_err(|e| io("read", e))?;
        if !facts.is_file() {
            return Err(refuse(format!(
                "{label} is not a file; a checkpoint's weights must be a .safetensors file"
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
        WeightFile::new(label, WeightBytes(Source::Mapped(mapped)))
    }
}
