//! The weights: one safetensors file or several, mapped, in memory or read in pieces,
//! behind one table of tensors.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::blob::{FileRange, Unread};
use super::dtype::{Dtype, Narrowed};
use super::header::{self, Entry};
use super::naming::{Naming, is_derived, unwrapped};
#[cfg(not(target_arch = "wasm32"))]
use super::parts::Parts;
use super::sentence::{quoted, refuse};
use super::tensor::{Packed, TensorData, TensorView};
use crate::Result;
use crate::files::Blob;
#[cfg(not(target_arch = "wasm32"))]
use crate::mapped::{self, MappedFile};
use crate::numerics::Quantisation;

/// The content of a safetensors file that is already in memory: the model
/// inside the binary (`&'static [u8]`) or one that was fetched (`Vec<u8>`,
/// `Arc<[u8]>`). A clone is the same memory.
#[derive(Clone, Debug)]
pub struct WeightBytes(Bytes);

impl From<&'static [u8]> for WeightBytes {
    fn from(bytes: &'static [u8]) -> Self {
        Self(Bytes::from_static(bytes))
    }
}

impl From<Arc<[u8]>> for WeightBytes {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self(Bytes::from_owner(bytes))
    }
}

impl From<Vec<u8>> for WeightBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl From<MappedFile> for WeightBytes {
    fn from(mapped: MappedFile) -> Self {
        Self(Bytes::from_owner(mapped))
    }
}

impl From<Bytes> for WeightBytes {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl WeightBytes {
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl AsRef<[u8]> for WeightBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A tensor of the table.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) dtype: safetensors::Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) data: Held,
}

/// Where its elements are.
#[derive(Clone, Debug)]
pub(super) enum Held {
    /// In the file, which is in memory.
    At(Range<u64>),
    /// In three tensors, which may be in several files.
    Packed(HeldPacked),
    /// In a file that is read in pieces; in three tensors, if they are quantised.
    Unread(HeldUnread),
    /// Nowhere: they are made on demand.
    Made(TensorData<'static>),
    /// In parts, of one file or several.
    #[cfg(not(target_arch = "wasm32"))]
    Parts(Arc<Parts>),
}

/// A quantised tensor of the files.
#[derive(Clone, Debug)]
pub(super) struct HeldPacked {
    pub(super) quantisation: Quantisation,
    pub(super) numbers: Bytes,
    pub(super) scales: Bytes,
    pub(super) biases: Bytes,
    pub(super) pairs: Dtype,
}

/// A tensor of files that are read in pieces.
#[derive(Clone, Debug)]
pub(super) struct HeldUnread {
    pub(super) parts: Vec<FileRange>,
    /// How it is quantised, and the type of scales and biases.
    pub(super) packed: Option<(Quantisation, Dtype)>,
}

/// The bytes of a tensor that is in a file as it is.
#[derive(Clone, Debug)]
pub(super) enum Stored {
    Here(Bytes),
    Unread(FileRange),
}

impl Stored {
    pub(super) fn unread(self) -> Option<FileRange> {
        match self {
            Self::Here(_) => None,
            Self::Unread(part) => Some(part),
        }
    }
}

/// One file of the checkpoint.
#[derive(Clone, Debug)]
pub(super) struct WeightFile {
    pub(super) label: String,
    /// Its content, if that is in memory.
    bytes: WeightBytes,
    length: u64,
    table: BTreeMap<String, Slot>,
    naming: Naming,
    /// What its names begin with and the model's do not.
    root: String,
}

impl WeightFile {
    pub(super) fn new(label: String, bytes: WeightBytes, table: BTreeMap<String, Entry>) -> Self {
        let slots = table.into_iter().map(|(name, entry)| {
            let data = Held::At(entry.range.clone());
            (name, slot(entry, data))
        });
        Self {
            table: slots.collect(),
            length: bytes.as_ref().len() as u64,
            bytes,
            ..Self::made(label, BTreeMap::new())
        }
    }

    /// A file that is read in pieces.
    pub(super) fn unread(
        label: String,
        (blob, length): (&Blob, u64),
        table: BTreeMap<String, Entry>,
    ) -> Self {
        let slots = table.into_iter().map(|(name, entry)| {
            let part = FileRange {
                blob: blob.clone(),
                file: label.clone(),
                range: entry.range.clone(),
            };
            let held = HeldUnread {
                parts: vec![part],
                packed: None,
            };
            (name, slot(entry, Held::Unread(held)))
        });
        Self {
            table: slots.collect(),
            length,
            ..Self::made(label, BTreeMap::new())
        }
    }

    /// What is no file: weights that are made on demand.
    pub(super) fn made(label: String, table: BTreeMap<String, Slot>) -> Self {
        Self {
            label,
            bytes: WeightBytes(Bytes::new()),
            length: 0,
            table,
            naming: Naming::Transformers,
            root: String::new(),
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.length
    }

    pub(super) fn table(&self) -> &BTreeMap<String, Slot> {
        &self.table
    }

    pub(super) fn table_mut(&mut self) -> &mut BTreeMap<String, Slot> {
        &mut self.table
    }

    /// The bytes of a tensor that is in the file as it is.
    pub(super) fn bytes_of(&self, slot: &Slot) -> Option<Stored> {
        match &slot.data {
            Held::At(range) => {
                let bytes = inside(&self.bytes.0, range)?;
                Some(Stored::Here(self.bytes.0.slice_ref(bytes)))
            }
            Held::Unread(held) => held.parts.first().cloned().map(Stored::Unread),
            _ => None,
        }
    }
}

fn slot(entry: Entry, data: Held) -> Slot {
    Slot {
        dtype: entry.dtype,
        shape: entry.shape,
        data,
    }
}

/// The bytes of a range; `None` if they are not all there.
pub(super) fn inside<'a>(bytes: &'a [u8], range: &Range<u64>) -> Option<&'a [u8]> {
    let at = |end: u64| usize::try_from(end).ok();
    bytes.get(at(range.start)?..at(range.end)?)
}

/// What the table knows of a tensor, whether or not it can serve as a weight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed<'a> {
    /// Its name in the transformers layout.
    pub(super) name: &'a str,
    /// Its name in the file.
    pub(super) stored_name: &'a str,
    stored: safetensors::Dtype,
    /// As it is to be used, and as it is, where it can serve as a weight.
    dtypes: Option<(Dtype, Dtype)>,
    pub(super) shape: &'a [usize],
    held: &'a Held,
    whole: &'a Bytes,
    pub(super) file: &'a str,
}

impl<'a> Listed<'a> {
    /// Bytes it takes in its dtype, stored or not.
    pub(super) fn bytes(&self) -> u64 {
        match self.dtypes {
            Some((dtype, _)) => dtype.bytes(self.shape),
            None => {
                let elements: u64 = self.shape.iter().map(|&n| n as u64).product();
                elements * self.stored.bitsize() as u64 / 8
            }
        }
    }

    /// What its dtype is called.
    pub(super) fn dtype(&self) -> String {
        match self.dtypes {
            Some((dtype, _)) => dtype.to_string(),
            None => self.stored.to_string(),
        }
    }

    /// Its type as that of a weight, or the sentence that says why it is none.
    pub(super) fn weight_type(self) -> Result<Dtype> {
        self.types().map(|(used, _)| used)
    }

    fn types(self) -> Result<(Dtype, Dtype)> {
        self.dtypes.ok_or_else(|| {
            refuse(format!(
                "the tensor {} in {} is {}; weights must be F32, F16 or BF16",
                quoted(self.stored_name),
                self.file,
                self.stored
            ))
        })
    }

    /// Whether its elements are made on demand.
    pub(super) fn is_made(self) -> bool {
        matches!(self.held, Held::Made(_))
    }

    /// The tensor as a weight, or the sentence that says why it is none.
    pub(super) fn view(self) -> Result<TensorView<'a>> {
        let (dtype, source) = self.types()?;
        let (data, whole) = match self.held {
            Held::At(range) => {
                let bytes = inside(self.whole, range).unwrap_or_default();
                (TensorData::Bytes(bytes), self.whole)
            }
            Held::Unread(held) => {
                let unread = Unread {
                    parts: &held.parts,
                    pairs: held.packed.map(|(_, pairs)| pairs),
                };
                (TensorData::Unread(unread), self.whole)
            }
            Held::Packed(held) => {
                let packed = Packed {
                    numbers: &held.numbers,
                    scales: &held.scales,
                    biases: &held.biases,
                    pairs: held.pairs,
                };
                (TensorData::Packed(packed), self.whole)
            }
            Held::Made(made) => (*made, self.whole),
            #[cfg(not(target_arch = "wasm32"))]
            Held::Parts(parts) => {
                let whole = parts.whole();
                parts.check()?;
                (TensorData::Bytes(whole), whole)
            }
        };
        Ok(TensorView {
            name: self.name,
            dtype,
            source,
            shape: self.shape,
            data,
            whole: Some(whole),
        })
    }
}

/// All files of a checkpoint and where each tensor lies.
#[derive(Clone, Debug)]
pub(super) struct Weights {
    files: Vec<WeightFile>,
    /// What those that have more bits are used as.
    narrowed: Option<Narrowed>,
    /// Name in the transformers layout → index of the file, name in it.
    place: BTreeMap<String, (usize, String)>,
}

impl Weights {
    /// One file that is already in memory.
    pub(super) fn from_bytes(bytes: WeightBytes, label: &str) -> Result<Self> {
        let table = header::read(bytes.as_ref(), label)?;
        Self::join(vec![WeightFile::new(label.to_owned(), bytes, table)])
    }

    pub(super) fn join(files: Vec<WeightFile>) -> Result<Self> {
        let mut place: BTreeMap<String, (usize, String)> = BTreeMap::new();
        for (i, file) in files.iter().enumerate() {
            for stored in file.table.keys() {
                let plain = unwrapped(stored);
                let plain = plain.strip_prefix(&file.root).unwrap_or(&plain);
                if is_derived(plain) {
                    continue;
                }
                let name = file.naming.ours(plain);
                if let Some((first, _)) = place.insert(name, (i, stored.clone())) {
                    return Err(refuse(format!(
                        "both {} and {} hold the tensor {}; a checkpoint must hold each once",
                        files[first].label,
                        file.label,
                        quoted(stored)
                    )));
                }
            }
        }
        Ok(Self {
            files,
            narrowed: None,
            place,
        })
    }

    /// The same tensors, without what the names have before that of the tensor `anchor`.
    pub(super) fn rooted(mut self, anchor: &str) -> Result<Self> {
        let names = self.files.iter().flat_map(|file| file.table.keys());
        let root = names.into_iter().find_map(|stored| {
            let plain = unwrapped(stored);
            let root = plain.strip_suffix(anchor)?;
            root.ends_with('.').then(|| root.to_owned())
        });
        let Some(root) = root else {
            return Ok(self);
        };
        for file in &mut self.files {
            file.root.clone_from(&root);
        }
        Self::join(self.files)
    }

    /// The same tensors, their names read in another way.
    pub(super) fn named(mut self, naming: Naming) -> Result<Self> {
        for file in &mut self.files {
            file.naming = naming;
        }
        Self::join(self.files)
    }

    /// The tensors of both.
    pub(super) fn with(mut self, other: Self) -> Result<Self> {
        self.files.extend(other.files);
        Self::join(self.files)
    }

    /// Whether the files are still what was opened.
    pub(super) fn check(&self) -> Result<()> {
        #[cfg(not(target_arch = "wasm32"))]
        for file in &self.files {
            if let Some(watched) = mapped::file_of(file.bytes.as_ref()) {
                watched.check()?;
            }
        }
        Ok(())
    }

    pub(super) fn files(&self) -> &[WeightFile] {
        &self.files
    }

    /// The files, to be joined again.
    pub(super) fn into_files(self) -> Vec<WeightFile> {
        self.files
    }

    /// The same tensors, quantised where they have more bits.
    pub(super) fn narrowed(mut self, narrowed: Option<Narrowed>) -> Self {
        self.narrowed = narrowed;
        self
    }

    /// What tensors of more bits are quantised to, if they are.
    pub(super) fn narrowed_to(&self) -> Option<Narrowed> {
        self.narrowed
    }

    /// What to call the weights in a sentence: the file, or the first of several.
    pub(super) fn label(&self) -> String {
        label(&self.files.iter().collect::<Vec<_>>())
    }

    /// The same of the files that would hold a certain tensor.
    pub(super) fn label_for(&self, name: &str) -> String {
        let files = self.files.iter().filter(|file| file.naming.covers(name));
        label(&files.collect::<Vec<_>>())
    }

    /// The name that a file would give a tensor it lacks.
    pub(super) fn name_if_stored(&self, name: &str) -> String {
        let naming = self.files.iter().map(|file| file.naming);
        let mut namings = naming.filter(|naming| naming.covers(name));
        let naming = namings.next().unwrap_or(Naming::Transformers);
        naming.theirs(name)
    }

    /// Every tensor, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = Listed<'_>> {
        self.place.keys().filter_map(|name| self.get(name))
    }

    pub(super) fn get(&self, name: &str) -> Option<Listed<'_>> {
        let (name, (file, stored)) = self.place.get_key_value(name)?;
        let file = self.files.get(*file)?;
        let (stored_name, entry) = file.table.get_key_value(stored)?;
        let source = match &entry.data {
            Held::Packed(held) => Some(Dtype::Quantised(held.quantisation)),
            Held::Unread(HeldUnread {
                packed: Some((quantisation, _)),
                ..
            }) => Some(Dtype::Quantised(*quantisation)),
            _ => Dtype::of(entry.dtype),
        };
        let used = |source: Dtype| source.used_as(name, &entry.shape, self.narrowed);
        Some(Listed {
            name,
            stored_name,
            stored: entry.dtype,
            dtypes: source.map(|source| (used(source), source)),
            shape: &entry.shape,
            held: &entry.data,
            whole: &file.bytes.0,
            file: &file.label,
        })
    }
}

fn label(files: &[&WeightFile]) -> String {
    match files {
        [] => "the checkpoint".into(),
        [one] => one.label.clone(),
        [first, _] => format!("{} and 1 more file", first.label),
        [first, rest @ ..] => format!("{} and {} more files", first.label, rest.len()),
    }
}
