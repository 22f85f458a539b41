//! `consolidated.pth`: weights as `torch.save` writes them, a zip archive of a
//! pickled table and one file of numbers per storage. Read where they lie,
//! without Python, and without executing anything.

mod archive;
mod metadata;
mod object;
mod pickle;
mod rebuild;
mod refused;

use std::collections::BTreeMap;

use super::header::Entry;
use super::sentence::{quoted, refuse};
use crate::{Error, Result};
use archive::Archive;
pub(super) use metadata::{Chunk, Distributed};
use object::{Names, Object, Tensor, Value};
use pickle::Loaded;

/// Reads the table of the file `label` whose content is `bytes`.
pub(super) fn read(bytes: &[u8], label: &str) -> Result<BTreeMap<String, Entry>> {
    let archive = Archive::open(bytes, label)?;
    let loaded = load(bytes, &archive, label)?;
    let mut table = BTreeMap::new();
    for (name, tensor) in state_dict(&loaded, label)? {
        let entry = entry(name, tensor, &archive, label)?;
        if table.insert(name.to_owned(), entry).is_some() {
            return Err(refuse(format!(
                "{label} lists the tensor {} twice",
                quoted(name)
            )));
        }
    }
    Ok(table)
}

/// Reads the one tensor, called `name`, that a part of a file of a distributed checkpoint
/// is.
pub(super) fn read_tensor(bytes: &[u8], name: &str, label: &str) -> Result<Entry> {
    let archive = Archive::open(bytes, label)?;
    let loaded = load(bytes, &archive, label)?;
    match object_of(&loaded, loaded.root) {
        Some(Object::Tensor(tensor)) => entry(name, tensor, &archive, label),
        _ => Err(refuse(format!(
            "{label} holds no tensor where its .metadata says that {} is",
            quoted(name)
        ))),
    }
}

fn load<'a>(bytes: &'a [u8], archive: &Archive, label: &'a str) -> Result<Loaded<'a>> {
    let content = |name: &str| archive.member(name).and_then(|range| bytes.get(range));
    if content("byteorder").is_some_and(|order| order != b"little") {
        return Err(refuse(format!(
            "{label} was written on a big-endian machine; load it there and save it as .safetensors"
        )));
    }
    let code = content("data.pkl").unwrap_or_default();
    pickle::load(code, label, Names::Tensors)
}

fn object_of<'l, 'a>(loaded: &'l Loaded<'a>, value: Value) -> Option<&'l Object<'a>> {
    match value {
        Value::Object(index) => loaded.objects.get(index),
        _ => None,
    }
}

/// What wraps a model's own table in one that holds more.
const WRAPPERS: [&str; 4] = ["model", "state_dict", "model_state_dict", "module"];

/// The tensors by name: those of `{"model": {...}}`, or of the whole.
fn state_dict<'a, 'l>(
    loaded: &'l Loaded<'a>,
    label: &str,
) -> Result<Vec<(&'a str, &'l Tensor<'a>)>> {
    let object = |value: Value| object_of(loaded, value);
    let text = |value: Value| match object(value) {
        Some(Object::Text(text)) => Some(*text),
        _ => None,
    };
    let dict = |value: Value| match object(value) {
        Some(Object::Dict(pairs)) => Some(pairs),
        _ => None,
    };
    let Some(root) = dict(loaded.root) else {
        return Err(refuse(format!(
            "{label} holds no table of tensors; name a checkpoint that {{\"model\": ...}} was saved to"
        )));
    };
    let mut pairs = root;
    // One in another at most, and a table cannot be in itself for ever.
    for _ in 0..2 {
        let within = |wrapper: &&str| {
            let found = pairs.iter().find(|(key, _)| text(*key) == Some(*wrapper));
            found.and_then(|(_, value)| dict(*value))
        };
        pairs = WRAPPERS.iter().find_map(within).unwrap_or(pairs);
    }
    pairs
        .iter()
        .map(|&(key, value)| {
            let name = text(key);
            match (name, object(value)) {
                (Some(name), Some(Object::Tensor(tensor))) => Ok((name, tensor)),
                _ => Err(refuse(format!(
                    "{label} holds {} among its tensors, which is none; save the model's state dict alone",
                    quoted(name.unwrap_or("something without a name"))
                ))),
            }
        })
        .collect()
}

fn entry(name: &str, tensor: &Tensor<'_>, archive: &Archive, label: &str) -> Result<Entry> {
    let named = quoted(name);
    let storage = &tensor.storage;
    if !tensor.contiguous {
        return Err(refuse(format!(
            "the tensor {named} in {label} is not stored row by row; save it after `.contiguous()`"
        )));
    }
    let Some(range) = archive.member(&format!("data/{}", storage.key)) else {
        return Err(refuse(format!(
            "{label} lacks the numbers of the tensor {named} (data/{}); download it again",
            quoted(storage.key).trim_matches('`')
        )));
    };
    let wrong = || -> Error {
        refuse(format!(
            "{label} contradicts itself: the tensor {named} of {} {:?} from element {} on does not fit \
             its storage of {} elements in {} bytes",
            storage.dtype,
            tensor.shape,
            tensor.offset,
            storage.elements,
            range.len()
        ))
    };
    let size = storage.dtype.bitsize() / 8;
    let elements = tensor
        .shape
        .iter()
        .try_fold(1usize, |product, &n| product.checked_mul(n))
        .ok_or_else(wrong)?;
    let end = tensor.offset.checked_add(elements).ok_or_else(wrong)?;
    let held = storage.elements.checked_mul(size).ok_or_else(wrong)?;
    if end > storage.elements || held > range.len() {
        return Err(wrong());
    }
    Ok(Entry {
        dtype: storage.dtype,
        shape: tensor.shape.clone(),
        range: (range.start + tensor.offset * size) as u64..(range.start + end * size) as u64,
    })
}
