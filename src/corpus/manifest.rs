//! What a folder of results is of: model, rule, inputs, counts and hashes.

use std::fs;
use std::path::Path;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::document::Columns;
use super::input::Input;
use super::layout::{Layout, TableFormat};
use super::output::appear;
use super::reader::Reader;
use super::shard::Shard;
use crate::checkpoint::{EntropyWeights, TensorView};
use crate::patch::{Mode, Rule, Scheme};
use crate::{Error, Result};

/// Which model the results are of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelId {
    /// What it is called, in names of folders too.
    pub name: String,
    /// The hash of its weights.
    pub sha256: String,
}

impl ModelId {
    /// Names a model and hashes its weights, as they are used.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if weights that are to be quantised cannot be.
    pub fn new(name: &str, weights: &EntropyWeights<'_>) -> Result<Self> {
        let mut hash = Sha256::new();
        hash.update(format!("{:?}", weights.config));
        for tensor in weights.tensors() {
            hash_tensor(tensor, &mut hash)?;
        }
        Ok(Self {
            name: name.to_owned(),
            sha256: HEXLOWER.encode(&hash.finalize()),
        })
    }
}

fn hash_tensor(tensor: &TensorView<'_>, hash: &mut Sha256) -> Result<()> {
    if let Some(bytes) = tensor.bytes() {
        hash.update(bytes);
        return Ok(());
    }
    let rows = tensor.elements() / tensor.columns().max(1);
    let mut bytes = Vec::new();
    for row in 0..rows {
        bytes.clear();
        tensor.append_row(row, &mut bytes)?;
        hash.update(&bytes);
    }
    Ok(())
}

/// Texts and what they hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Texts.
    pub texts: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Their patches; 0 in the layout of the reference trainer, which has none.
    pub patches: u64,
    /// Lines and rows that are no documents.
    pub bad_lines: u64,
}

impl Counts {
    /// Counts others too.
    pub(super) fn add(&mut self, other: &Self) {
        self.texts += other.texts;
        self.bytes += other.bytes;
        self.patches += other.patches;
        self.bad_lines += other.bad_lines;
    }
}

/// What is known of an input that is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The input.
    pub(super) input: String,
    /// Where its results are, from the folder of all; `None` if it has no texts.
    pub(super) output: Option<String>,
    /// The hash of that file.
    pub(super) sha256: Option<String>,
    #[serde(flatten)]
    pub(super) counts: Counts,
}

/// All that the results depend on.
pub(super) fn settings(
    reader: &Reader,
    model: Option<&ModelId>,
    inputs: &[Input],
    columns: &Columns,
    shard: Shard,
) -> Value {
    let layout = reader.layout();
    let format = match layout.format() {
        TableFormat::Parquet => "parquet",
        TableFormat::Arrow => "arrow",
    };
    let (rule, extras) = match layout {
        Layout::Meta => (Value::Null, Value::Null),
        Layout::Patches { extras, .. } => (
            rule(&reader.rule),
            json!({"entropies": extras.entropies, "nll": extras.nll, "text": extras.text}),
        ),
    };
    let inputs = inputs
        .iter()
        .map(|input| json!({"name": input.name, "bytes": input.bytes}));
    json!({
        "layout": layout.name(),
        "format": format,
        "columns": extras,
        "model": model.filter(|_| reader.has_model()),
        "rule": rule,
        "reset_every": reader.context.reset_every,
        "reset_at_newline": reader.context.reset_at_newline,
        "text_column": columns.text,
        "id_column": columns.id,
        "shards": shard.count,
        "inputs": inputs.collect::<Vec<_>>(),
    })
}

fn rule(rule: &Rule) -> Value {
    let mut value = json!({
        "mode": Mode::of(rule.scheme()).as_str(),
        "max_patch_length": rule.max_patch_length(),
    });
    let numbers = match rule.scheme() {
        Scheme::Entropy { threshold } | Scheme::Monotonic { threshold } => {
            vec![("threshold", json!(threshold))]
        }
        Scheme::Both {
            threshold,
            threshold_add,
        } => vec![
            ("threshold", json!(threshold)),
            ("threshold_add", json!(threshold_add)),
        ],
        Scheme::Static { size } => vec![("patch_size", json!(size))],
        Scheme::Lookup { table } => {
            let hash = Sha256::digest(format!("{table:?}"));
            vec![("table_sha256", json!(HEXLOWER.encode(&hash)))]
        }
        _ => Vec::new(),
    };
    for (name, number) in numbers {
        value[name] = number;
    }
    value
}

/// The name of a shard's manifest.
fn name(shard: Shard) -> String {
    match shard {
        Shard { count: 1, .. } => "manifest.json".to_owned(),
        Shard { index, count } => format!("manifest.{index}-of-{count}.json"),
    }
}

/// Refuses a folder with results of other settings.
///
/// # Errors
/// [`Error::Argument`] that names what differs, [`Error::Io`] if the folder cannot be read.
pub(super) fn check(out: &Path, settings: &Value) -> Result<()> {
    let unread = |source| super::input::unread(out, source);
    for entry in fs::read_dir(out).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let file = entry.file_name().to_string_lossy().into_owned();
        if !file.starts_with("manifest.") || !file.ends_with(".json") {
            continue;
        }
        let text = fs::read(entry.path()).map_err(unread)?;
        let refused = |what: String| {
            Error::Argument(format!(
                "{} holds results of other settings: {what}; name another folder with -o, or \
                 remove this one",
                out.display()
            ))
        };
        let manifest: Value =
            serde_json::from_slice(&text).map_err(|_| refused(format!("{file} is no manifest")))?;
        let Some(other) = manifest.get("settings").and_then(Value::as_object) else {
            return Err(refused(format!("{file} is no manifest")));
        };
        let own = settings.as_object();
        let differs = own.into_iter().flatten().find(|(key, value)| {
            // A threshold is a float that went through text.
            other.get(*key).map(ToString::to_string) != Some(value.to_string())
        });
        if let Some((key, value)) = differs {
            let was = other.get(key).cloned().unwrap_or_default();
            return Err(refused(match key.as_str() {
                "inputs" => "the inputs are others, or their sizes".to_owned(),
                key => format!("`{key}` was {was} and is {value}"),
            }));
        }
    }
    Ok(())
}

/// Writes the manifest of a shard.
///
/// # Errors
/// [`Error::Io`] if it cannot be written.
pub(super) fn write(
    out: &Path,
    shard: Shard,
    settings: &Value,
    records: &[Record],
    complete: bool,
) -> Result<()> {
    let mut totals = Counts::default();
    records.iter().for_each(|record| totals.add(&record.counts));
    let manifest = json!({
        "schema_version": 1,
        "blt": env!("CARGO_PKG_VERSION"),
        "shard": format!("{}/{}", shard.index, shard.count),
        "complete": complete,
        "totals": totals,
        "settings": settings,
        "outputs": records,
    });
    let path = out.join(name(shard));
    appear(&path, |file| {
        use std::io::Write;
        serde_json::to_writer_pretty(&mut *file, &manifest)?;
        file.write_all(b"\n")
    })
}
