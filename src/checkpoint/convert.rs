//! Any checkpoint as a folder in the transformers layout (spec section 13).

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::Checkpoint;
use super::dtype::{Dtype, Narrowed};
use super::expected::{ExpectedTensor, expected_with};
use super::form::{DECODER_PROJECTION, Form, table};
use super::packed;
use super::tensor::TensorView;
use super::write::{Output, Source, shard};
use crate::{Error, Result};

/// What files are split at: 5 GB, as transformers does.
pub const SHARD_BYTES: u64 = 5_000_000_000;

/// How to write a checkpoint.
#[derive(Debug, Clone, Copy)]
pub struct ConvertOptions {
    /// The dtype of all weights; `None` keeps each as it is. Hash tables that
    /// become one and differ are then F32. Quantised: of matrices and tables; see
    /// [`Checkpoint::in_bits`]. To mix bits, convert [`Checkpoint::in_mixed_bits`].
    pub dtype: Option<Dtype>,
    /// The size at which another file begins; a tensor is never split.
    pub shard_bytes: u64,
    /// Told the folder in which the files are until they are whole: what a program removes
    /// that is ended before.
    pub unfinished: Option<fn(&Path)>,
}

impl Default for ConvertOptions {
    fn default() -> Self {
        Self {
            dtype: None,
            shard_bytes: SHARD_BYTES,
            unfinished: None,
        }
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Converted {
    /// Tensors.
    pub tensors: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files of weights.
    pub files: u64,
}

impl Checkpoint {
    /// Writes `config.json` and `model.safetensors` (or an index and shards) in
    /// the transformers layout. The folder appears when it is whole; only pieces
    /// of a few megabytes are ever in memory.
    ///
    /// `progress` is told the bytes of each piece that is written, and ends the
    /// work by an error; their sum is [`converted_bytes`](Self::converted_bytes).
    ///
    /// # Errors
    /// [`Error::Argument`] if the folder is there and not empty;
    /// [`Error::Checkpoint`] if weights are missing or too large for the dtype;
    /// [`Error::Io`] if the system refuses; what `progress` says. In every case
    /// nothing is left behind.
    pub fn convert(
        &self,
        folder: &Path,
        options: &ConvertOptions,
        mut progress: impl FnMut(u64) -> Result<()>,
    ) -> Result<Converted> {
        if let Some(Dtype::Quantised(quantisation)) = options.dtype {
            let kept = ConvertOptions {
                dtype: None,
                ..*options
            };
            let narrowed = self.narrowed(Some(Narrowed::To(quantisation)));
            return narrowed.convert(folder, &kept, progress);
        }
        vacant(folder)?;
        let outputs = self.outputs(options.dtype)?;
        let io = |action, source| Error::Io {
            action,
            path: folder.into(),
            source,
        };
        let parent = match folder.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".blt-").suffix(".part");
        #[cfg(unix)]
        let builder = {
            use std::os::unix::fs::PermissionsExt;
            // As for any new folder: the process's umask takes its share.
            builder.permissions(fs::Permissions::from_mode(0o777))
        };
        let unfinished = builder.tempdir_in(parent).map_err(|error| {
            // Without the temporary name, which tells nobody anything.
            let text = error.to_string();
            let reason = text.split(" at path ").next().unwrap_or(&text);
            io("create", std::io::Error::other(reason.to_owned()))
        })?;
        if let Some(told) = options.unfinished {
            told(unfinished.path());
        }

        let write = |name: &str, content: &[u8]| {
            fs::write(unfinished.path().join(name), content).map_err(|source| Error::Io {
                action: "write",
                path: folder.join(name),
                source,
            })
        };
        write(
            "config.json",
            &text(&self.written_config(&outputs, options.dtype)),
        )?;
        let shards = shards(&outputs, options.shard_bytes);
        let names = shard_names(shards.len());
        if shards.len() > 1 {
            write(
                "model.safetensors.index.json",
                &text(&index(&shards, &names)),
            )?;
        }
        for (name, outputs) in names.iter().zip(&shards) {
            let place = unfinished.path().join(name);
            shard(&place, &folder.join(name), outputs, &mut progress)?;
        }

        self.check_files()?;
        if folder.exists() {
            fs::remove_dir(folder).map_err(|e| io("replace", e))?;
        }
        let path = unfinished.keep();
        if let Err(source) = fs::rename(&path, folder) {
            // There is nobody to tell if it cannot be removed.
            let _ = fs::remove_dir_all(&path);
            return Err(io("create", source));
        }
        Ok(Converted {
            tensors: outputs.len() as u64,
            bytes: outputs.iter().map(Output::bytes).sum(),
            files: shards.len() as u64,
        })
    }

    /// The bytes of weights that [`convert`](Self::convert) writes.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if weights are missing.
    pub fn converted_bytes(&self, options: &ConvertOptions) -> Result<u64> {
        let sum = |outputs: &[Output<'_>]| outputs.iter().map(Output::bytes).sum();
        match options.dtype {
            Some(Dtype::Quantised(quantisation)) => {
                let narrowed = self.narrowed(Some(Narrowed::To(quantisation)));
                Ok(sum(&narrowed.outputs(None)?))
            }
            dtype => Ok(sum(&self.outputs(dtype)?)),
        }
    }

    /// What to write, and from what. Everything is checked first.
    fn outputs(&self, dtype: Option<Dtype>) -> Result<Vec<Output<'_>>> {
        if self.config.blt.is_some() {
            self.blt_weights()?;
        }
        if self.config.entropy.is_some() {
            self.entropy_weights()?;
        }
        let held = Form::of(&self.config, &self.weights);
        let target = Form::transformers(&self.config);
        let pairs = expected_with(&self.config, &target);
        let mut outputs = Vec::new();
        for tensor in pairs {
            let names = [Some(&tensor.name), tensor.alias.as_ref()];
            for name in names.into_iter().flatten() {
                let sources = self.sources(name, &tensor, &held, &target)?;
                if !sources.is_empty() {
                    outputs.push(Output::new(
                        name.clone(),
                        tensor.shape.clone(),
                        sources,
                        dtype,
                    ));
                }
            }
        }
        // Wider elements first keep all of them aligned, as the format's own writer does.
        outputs.sort_by_key(|output| std::cmp::Reverse(output.dtype.size()));
        Ok(outputs)
    }

    fn sources(
        &self,
        name: &str,
        tensor: &ExpectedTensor,
        held: &Form,
        target: &Form,
    ) -> Result<Vec<Source<'_>>> {
        let view = |name: &str| -> Result<Option<TensorView<'_>>> {
            self.weights
                .get(name)
                .map(super::files::Listed::view)
                .transpose()
        };
        if tensor.part == super::Part::HashTables && held.split_tables {
            let tables = self.config.blt.iter().flat_map(|blt| 0..blt.hash.tables());
            let tables = tables.map(|index| view(&table(index)));
            let tables: Vec<_> = tables.collect::<Result<_>>()?;
            return Ok(tables.into_iter().flatten().map(Source::Stored).collect());
        }
        if name == DECODER_PROJECTION && !held.decoder_projection {
            return Ok(vec![Source::Identity(
                tensor.shape.first().copied().unwrap_or(0),
            )]);
        }
        let stored = match name.strip_prefix(target.entropy_prefix) {
            Some(rest) if tensor.part == super::Part::Entropy => {
                view(&format!("{}{rest}", held.entropy_prefix))?
            }
            _ => view(name)?,
        };
        Ok(stored.into_iter().map(Source::Stored).collect())
    }

    /// The config, with the dtype that most of the weights have.
    fn written_config(&self, outputs: &[Output<'_>], dtype: Option<Dtype>) -> Value {
        let mut config = self.json.clone();
        let bytes = |dtype: Dtype| -> u64 {
            let of = outputs.iter().filter(|output| output.dtype == dtype);
            of.map(Output::bytes).sum()
        };
        let most = [Dtype::F32, Dtype::F16, Dtype::Bf16]
            .into_iter()
            .max_by_key(|d| bytes(*d));
        if let Value::Object(config) = &mut config {
            config.remove("torch_dtype");
            let name = match dtype.or(most).unwrap_or(Dtype::F32) {
                Dtype::F32 => "float32",
                Dtype::F16 | Dtype::Quantised(_) => "float16",
                Dtype::Bf16 => "bfloat16",
            };
            config.insert("dtype".into(), json!(name));
            let layers = outputs.iter().map(|out| (out.name.as_str(), out.dtype));
            packed::write_config(layers, config);
        }
        config
    }
}

/// A folder may be there if it is empty.
fn vacant(folder: &Path) -> Result<()> {
    let refused = |what: &str| {
        Err(Error::Argument(format!(
            "{} {what}; name a folder that is not there yet",
            folder.display()
        )))
    };
    match fs::read_dir(folder).map(Iterator::count) {
        Ok(0) => Ok(()),
        Ok(_) => refused("is not empty"),
        Err(_) if fs::symlink_metadata(folder).is_ok() => refused("is there and no folder"),
        Err(_) => Ok(()),
    }
}

fn text(json: &Value) -> Vec<u8> {
    format!("{json:#}\n").into_bytes()
}

/// Files in order, each below the limit unless a single tensor is above it.
fn shards<'o, 'a>(outputs: &'o [Output<'a>], limit: u64) -> Vec<Vec<&'o Output<'a>>> {
    let mut shards: Vec<Vec<&Output<'_>>> = vec![Vec::new()];
    let mut filled = 0;
    for output in outputs {
        if filled > 0 && filled + output.bytes() > limit {
            shards.push(Vec::new());
            filled = 0;
        }
        filled += output.bytes();
        if let Some(last) = shards.last_mut() {
            last.push(output);
        }
    }
    shards
}

fn shard_names(count: usize) -> Vec<String> {
    if count == 1 {
        return vec!["model.safetensors".into()];
    }
    let name = |i| format!("model-{i:05}-of-{count:05}.safetensors");
    (1..=count).map(name).collect()
}

fn index(shards: &[Vec<&Output<'_>>], names: &[String]) -> Value {
    let mut map = Map::new();
    let mut total = 0;
    for (outputs, name) in shards.iter().zip(names) {
        for output in outputs {
            for entry in output.entries() {
                map.insert(entry.name, json!(name));
            }
            total += output.bytes();
        }
    }
    json!({"metadata": {"total_size": total}, "weight_map": map})
}
