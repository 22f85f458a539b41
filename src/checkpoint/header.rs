//! The header of a safetensors file: 8 bytes of length, JSON, then the data.
//!
//! The `safetensors` crate has a reader too, but it lets the later of two
//! tensors of one name win, trusts sums that can overflow, and its errors name
//! neither file nor tensor. This one checks the same rules (tensors tile the
//! data exactly, sizes match shapes) and says which tensor broke which.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use safetensors::tensor::Dtype;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::sentence::{quoted, refuse, value};
use crate::Result;

/// The same limit as the format's own reader.
const LONGEST: u64 = 100_000_000;

/// One tensor of the table; the range is relative to the start of the file.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) range: Range<u64>,
}

/// What a header says of a tensor. That of the `safetensors` crate counts in `usize`, of
/// which a page has too few bits for large files.
#[derive(Deserialize)]
struct Info {
    dtype: Dtype,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

/// Reads and checks the table of the file `label` whose content is `bytes`.
pub(super) fn read(bytes: &[u8], label: &str) -> Result<BTreeMap<String, Entry>> {
    read_begin(bytes, bytes.len() as u64, label)
}

/// The bytes of a file up to its data, by the first eight of them.
pub(super) fn begin_bytes(first: [u8; 8]) -> u64 {
    8 + u64::from_le_bytes(first).min(LONGEST)
}

/// The same of a file of `length` bytes that begins with `bytes`, its header at least.
pub(super) fn read_begin(
    bytes: &[u8],
    length: u64,
    label: &str,
) -> Result<BTreeMap<String, Entry>> {
    let (header, data_at) = split(bytes, label)?;
    let data_at = data_at as u64;
    let Raw(pairs) = serde_json::from_slice(header).map_err(|e| {
        refuse(format!(
            "{label} is not a safetensors file: its header is not valid: {e}"
        ))
    })?;

    let mut table = BTreeMap::new();
    for (name, info) in pairs {
        if name == "__metadata__" {
            continue;
        }
        let entry = entry(&name, &info, label)?;
        if table.contains_key(&name) {
            return Err(refuse(format!(
                "{label} lists the tensor {} twice",
                quoted(&name)
            )));
        }
        table.insert(name, entry);
    }
    tile(&table, length.saturating_sub(data_at), label)?;
    for entry in table.values_mut() {
        entry.range = entry.range.start + data_at..entry.range.end + data_at;
    }
    Ok(table)
}

/// The JSON of the header, and where the data starts.
fn split<'a>(bytes: &'a [u8], label: &str) -> Result<(&'a [u8], usize)> {
    if bytes.is_empty() {
        return Err(refuse(format!("{label} is empty; download it again")));
    }
    if bytes.starts_with(b"version https://git-lfs") {
        return Err(refuse(format!(
            "{label} is a Git LFS pointer, not the weights; run `git lfs pull` in its folder"
        )));
    }
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(refuse(format!(
            "{label} is cut off after {} bytes, inside the header's length; download it again",
            bytes.len()
        )));
    };
    let length = u64::from_le_bytes(*length);
    if length > LONGEST {
        return Err(refuse(format!(
            "{label} is not a safetensors file: its header would be {length} bytes long"
        )));
    }
    let header = usize::try_from(length).ok().and_then(|n| rest.get(..n));
    match header {
        Some(header) => Ok((header, 8 + header.len())),
        None => Err(refuse(format!(
            "{label} is cut off: its header needs {length} bytes and {} are there; download it again",
            rest.len()
        ))),
    }
}

fn entry(name: &str, info: &Value, label: &str) -> Result<Entry> {
    let tensor = quoted(name);
    let info = Info::deserialize(info).map_err(|e| {
        refuse(format!(
            "{label} describes the tensor {tensor} as {}: {e}",
            value(info)
        ))
    })?;
    let (start, end) = info.data_offsets;
    let needed = info
        .shape
        .iter()
        .try_fold(info.dtype.bitsize() as u64, |bits, &n| {
            bits.checked_mul(n as u64)
        })
        .filter(|bits| bits % 8 == 0)
        .map(|bits| bits / 8);
    if end < start || needed != Some(end - start) {
        return Err(refuse(format!(
            "{label} contradicts itself: the tensor {tensor} of {} {:?} cannot fill the bytes {start}..{end}",
            info.dtype, info.shape
        )));
    }
    Ok(Entry {
        dtype: info.dtype,
        shape: info.shape,
        range: start..end,
    })
}

/// The tensors must cover the data without gap or overlap, as the format says.
fn tile(table: &BTreeMap<String, Entry>, data: u64, label: &str) -> Result<()> {
    let mut order: Vec<_> = table.iter().collect();
    order.sort_by_key(|(_, e)| (e.range.start, e.range.end));
    let mut at = 0;
    let mut before = None::<&str>;
    for (name, entry) in order {
        let Range { start, end } = entry.range;
        if start < at {
            return Err(refuse(format!(
                "{label} contradicts itself: the tensors {} and {} overlap",
                quoted(before.unwrap_or_default()),
                quoted(name)
            )));
        }
        if start > at {
            return Err(refuse(format!(
                "{label} contradicts itself: {} bytes before the tensor {} belong to none",
                start - at,
                quoted(name)
            )));
        }
        if end > data {
            return Err(refuse(format!(
                "{label} is cut off: the tensor {} ends at byte {end} of the data and only {data} are there; \
                 download it again",
                quoted(name)
            )));
        }
        (at, before) = (end, Some(name.as_str()));
    }
    if at < data {
        return Err(refuse(format!(
            "{label} has {} bytes after its last tensor; download it again",
            data - at
        )));
    }
    Ok(())
}

/// The header's members in order, repeated names included.
struct Raw(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Raw, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Raw(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}
