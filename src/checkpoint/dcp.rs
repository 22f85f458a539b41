//! A folder of `torch.distributed.checkpoint`, as Meta's trainer leaves one for each
//! saved step: `.metadata` says in which part of which `.distcp` file each part of each
//! tensor is, and such a part is a small file of `torch.save`.
//!
//! A tensor in one part is used where it lies. One that several processes have written
//! together is put together in memory when it is first asked for.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::disk::plain;
use super::files::{Held, Slot, WeightBytes, WeightFile, Weights, inside};
use super::header::Entry;
use super::locate::METADATA;
use super::map::map;
use super::parts::{Part, Parts};
use super::pth::{self, Chunk, Distributed};
use super::sentence::{quoted, refuse, unreadable};
use crate::{Result, mapped};

/// What the names of the model's tensors begin with, beside those of its optimiser.
const MODEL: &str = "model.";

/// Opens the folder.
pub(super) fn open(folder: &Path) -> Result<Weights> {
    let path = folder.join(METADATA);
    let label = path.display().to_string();
    let code = fs::read(&path).map_err(|error| unreadable(&path, error))?;
    let mut tensors = Distributed::read(&code, &label)?.tensors;
    if tensors.keys().any(|name| name.starts_with(MODEL)) {
        tensors.retain(|name, _| name.starts_with(MODEL));
    }
    let mut files: BTreeMap<String, (String, Bytes)> = BTreeMap::new();
    for (name, (_, chunks)) in &tensors {
        for chunk in chunks {
            if files.contains_key(&chunk.file) {
                continue;
            }
            let place = folder.join(&chunk.file);
            if !plain(&chunk.file) || !place.exists() {
                return Err(refuse(format!(
                    "{label} places the tensor {} in the file {}, which is not in its folder; \
                     download it",
                    quoted(name),
                    quoted(&chunk.file)
                )));
            }
            let (shown, mapped) = map(&place)?;
            let bytes = WeightBytes::from(mapped).into_bytes();
            files.insert(chunk.file.clone(), (shown, bytes));
        }
    }
    let mut tables: BTreeMap<&str, BTreeMap<String, Entry>> = BTreeMap::new();
    let mut joined = BTreeMap::new();
    for (name, (shape, chunks)) in &tensors {
        let stored = name.strip_prefix(MODEL).unwrap_or(name).to_owned();
        let parts: Result<Vec<_>> = chunks
            .iter()
            .map(|chunk| Ok((chunk, entry(name, chunk, &files)?)))
            .collect();
        let parts = parts?;
        complete(name, shape, &parts, &label)?;
        match parts.as_slice() {
            [(chunk, entry)] => {
                let table = tables.entry(&chunk.file).or_default();
                table.insert(stored, entry.clone());
            }
            parts => {
                joined.insert(stored, slot(shape, parts, &files));
            }
        }
    }
    for (_, bytes) in files.values() {
        if let Some(file) = mapped::file_of(bytes) {
            file.check_faults()?;
        }
    }
    let mut all: Vec<WeightFile> = Vec::new();
    for (name, (shown, bytes)) in &files {
        let table = tables.remove(name.as_str()).unwrap_or_default();
        all.push(WeightFile::new(shown.clone(), bytes.clone().into(), table));
    }
    if !joined.is_empty() {
        all.push(WeightFile::made(folder.display().to_string(), joined));
    }
    Weights::join(all)
}

/// Where a part of a tensor is in its file.
fn entry(name: &str, chunk: &Chunk, files: &BTreeMap<String, (String, Bytes)>) -> Result<Entry> {
    let Some((shown, bytes)) = files.get(&chunk.file) else {
        return Err(refuse(format!("{} has no file", quoted(name))));
    };
    let at = |byte: u64| usize::try_from(byte).unwrap_or(usize::MAX);
    let (start, end) = (at(chunk.bytes.start), at(chunk.bytes.end));
    let Some(part) = bytes.get(start..end) else {
        return Err(refuse(format!(
            "{shown} is cut off: the tensor {} ends at its byte {end} and only {} are there; \
             download it again",
            quoted(name),
            bytes.len()
        )));
    };
    let mut entry = pth::read_tensor(part, name, shown)?;
    entry.range = entry.range.start + chunk.bytes.start..entry.range.end + chunk.bytes.start;
    Ok(entry)
}

/// The parts must be as many elements as the tensor has, of one type, each inside it and
/// none over another.
fn complete(name: &str, shape: &[usize], parts: &[(&Chunk, Entry)], label: &str) -> Result<()> {
    let ends = |(chunk, entry): &(&Chunk, Entry)| -> Option<Vec<(usize, usize)>> {
        let first = |at: usize| match chunk.first.is_empty() {
            true => Some(0),
            false => chunk.first.get(at).copied(),
        };
        let lengths = entry.shape.iter().enumerate();
        let ends = lengths.map(|(at, n)| Some((first(at)?, first(at)?.checked_add(*n)?)));
        let ends: Vec<_> = ends.collect::<Option<_>>()?;
        let inside = ends.iter().zip(shape).all(|((_, end), n)| end <= n);
        (entry.shape.len() == shape.len() && inside).then_some(ends)
    };
    let boxes: Option<Vec<_>> = parts.iter().map(ends).collect();
    let sound = boxes.is_some_and(|boxes| {
        let apart = |a: &[(usize, usize)], b: &[(usize, usize)]| {
            let mut sides = a.iter().zip(b);
            sides.any(|(a, b)| a.1 <= b.0 || b.1 <= a.0)
        };
        let mut sorted: Vec<_> = boxes
            .iter()
            .filter(|b| b.iter().all(|s| s.0 < s.1))
            .collect();
        sorted.sort();
        // Neighbours by the first dimension: nobody cuts a weight along both.
        sorted.windows(2).all(|pair| apart(pair[0], pair[1]))
    });
    let count = |shape: &[usize]| shape.iter().try_fold(1usize, |n, &m| n.checked_mul(m));
    let held = parts.iter().try_fold(0usize, |sum, (_, entry)| {
        sum.checked_add(count(&entry.shape)?)
    });
    let dtype = parts.first().map(|(_, entry)| entry.dtype);
    let one_type = parts.iter().all(|(_, entry)| Some(entry.dtype) == dtype);
    let whole = held.is_some() && held == count(shape) && !parts.is_empty();
    match sound && one_type && whole {
        true => Ok(()),
        false => Err(refuse(format!(
            "{label} contradicts the files beside it: the parts of the tensor {} do not make up \
             {shape:?}; download the folder again",
            quoted(name)
        ))),
    }
}

fn slot(
    shape: &[usize],
    parts: &[(&Chunk, Entry)],
    files: &BTreeMap<String, (String, Bytes)>,
) -> Slot {
    let dtype = parts
        .first()
        .map_or(safetensors::Dtype::F32, |(_, entry)| entry.dtype);
    let part = |(chunk, entry): &(&Chunk, Entry)| {
        let (_, bytes) = files.get(&chunk.file)?;
        Some(Part {
            first: chunk.first.clone(),
            shape: entry.shape.clone(),
            bytes: bytes.slice_ref(inside(bytes, &entry.range)?),
        })
    };
    Slot {
        dtype,
        shape: shape.to_vec(),
        data: Held::Parts(Arc::new(Parts::new(
            parts.iter().filter_map(part).collect(),
            shape.to_vec(),
            dtype.bitsize() / 8,
        ))),
    }
}
