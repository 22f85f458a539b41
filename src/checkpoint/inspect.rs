//! What is in a checkpoint, compared with what its config calls for.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::config::Config;
use super::expected::{ExpectedTensor, Part, expected_with};
use super::files::Weights;
use super::form::Form;
use super::released::{Closest, closest};

/// The content of a checkpoint. Prints as a table of its parts; `{:#}` adds
/// every tensor.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// What was opened.
    pub origin: String,
    /// The config, as understood.
    pub config: Config,
    /// The files of the weights.
    pub files: Vec<FileReport>,
    /// One line per part that the config calls for or the file holds.
    pub parts: Vec<PartReport>,
    /// The sums over all parts.
    pub total: Totals,
    /// Memory the model's weights need on the GPU; tensors that no
    /// part calls for stay on disk.
    pub gpu_bytes: u64,
    /// Every tensor of the files, part by part.
    pub tensors: Vec<TensorReport>,
    /// The released model that it is, or is closest to.
    pub closest: Option<Closest>,
    /// What the config calls for and no file holds.
    pub missing: Vec<ExpectedTensor>,
    /// Tensors whose shape is not what the config calls for.
    pub misshaped: Vec<Misshaped>,
    /// Tensors of a dtype that cannot serve as weight.
    pub mistyped: Vec<String>,
    /// Tensors that the config does not call for.
    pub extra: Vec<String>,
    /// What was taken where two files could be meant, and settings that ruin a result
    /// without an error; a sentence each.
    pub warnings: Vec<String>,
}

/// One file of the weights.
#[derive(Debug, Clone, Serialize)]
pub struct FileReport {
    /// Its path, or what the bytes were called.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// Counts of tensors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// How many tensors.
    pub tensors: u64,
    /// Their elements.
    pub parameters: u64,
    /// Their stored bytes.
    pub bytes: u64,
}

/// One part of the model.
#[derive(Debug, Clone, Serialize)]
pub struct PartReport {
    /// Which.
    pub part: Part,
    /// The dtypes of its tensors, most bytes first.
    pub dtypes: Vec<String>,
    /// What the files hold of it.
    #[serde(flatten)]
    pub held: Totals,
    /// How many of its tensors the files lack.
    pub missing: u64,
}

/// One tensor of the files.
#[derive(Debug, Clone, Serialize)]
pub struct TensorReport {
    /// Its name.
    pub name: String,
    /// The part it belongs to.
    pub part: Part,
    /// Its dtype, as the format spells it.
    pub dtype: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Its elements.
    pub parameters: u64,
    /// Its stored bytes.
    pub bytes: u64,
}

/// A tensor whose shape is not what the config calls for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Misshaped {
    /// Its name.
    pub name: String,
    /// The config's shape.
    pub expected: Vec<usize>,
    /// The file's shape.
    pub found: Vec<usize>,
}

impl Inspection {
    /// Whether the files hold exactly what the config calls for.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.missing.is_empty()
            && self.misshaped.is_empty()
            && self.mistyped.is_empty()
            && self.extra.is_empty()
    }

    pub(super) fn of(origin: &str, config: &Config, weights: &Weights) -> Self {
        let expected = expected_with(config, &Form::of(config, weights));
        let mut out = Self {
            origin: origin.to_owned(),
            config: config.clone(),
            files: weights
                .files()
                .iter()
                // Weights that are made on demand are in none.
                .filter(|f| f.len() > 0)
                .map(|f| FileReport {
                    name: f.label.clone(),
                    bytes: f.len(),
                })
                .collect(),
            parts: Vec::new(),
            total: Totals::default(),
            gpu_bytes: 0,
            tensors: Vec::new(),
            closest: closest(config),
            missing: Vec::new(),
            misshaped: Vec::new(),
            mistyped: Vec::new(),
            extra: Vec::new(),
            warnings: Vec::new(),
        };
        let mut known = BTreeSet::new();
        for tensor in &expected {
            let names = [Some(&tensor.name), tensor.alias.as_ref()]
                .into_iter()
                .flatten();
            let before = out.tensors.len();
            for name in names {
                known.insert(name.as_str());
                out.list(weights, name, tensor.part, Some(&tensor.shape));
            }
            if out.tensors.len() == before {
                out.missing.push(tensor.clone());
            }
        }
        let extra: Vec<_> = weights
            .iter()
            .map(|t| t.name.to_owned())
            .filter(|n| !known.contains(n.as_str()))
            .collect();
        for name in &extra {
            out.list(weights, name, Part::Other, None);
        }
        out.extra = extra;
        out.sum();
        out
    }

    fn list(&mut self, weights: &Weights, name: &str, part: Part, shape: Option<&[usize]>) {
        let Some(found) = weights.get(name) else {
            return;
        };
        if let Some(shape) = shape {
            if found.shape != shape {
                self.misshaped.push(Misshaped {
                    name: name.to_owned(),
                    expected: shape.to_vec(),
                    found: found.shape.to_vec(),
                });
            }
            if found.weight_type().is_err() {
                self.mistyped.push(name.to_owned());
            }
        }
        self.tensors.push(TensorReport {
            name: name.to_owned(),
            part,
            dtype: found.dtype(),
            shape: found.shape.to_vec(),
            parameters: found.shape.iter().map(|&n| n as u64).product(),
            bytes: found.bytes(),
        });
    }

    /// Fills parts, total and GPU memory from the tensors.
    fn sum(&mut self) {
        let mut parts: BTreeMap<Part, (Totals, BTreeMap<&str, u64>, u64)> = BTreeMap::new();
        for tensor in &self.tensors {
            let (held, dtypes, _) = parts.entry(tensor.part).or_default();
            for sum in [held, &mut self.total] {
                sum.tensors += 1;
                sum.parameters += tensor.parameters;
                sum.bytes += tensor.bytes;
            }
            *dtypes.entry(&tensor.dtype).or_default() += tensor.bytes;
            if tensor.part != Part::Other {
                self.gpu_bytes += tensor.bytes;
            }
        }
        for tensor in &self.missing {
            parts.entry(tensor.part).or_default().2 += 1;
        }
        self.parts = parts
            .into_iter()
            .map(|(part, (held, dtypes, missing))| {
                let mut dtypes: Vec<_> = dtypes.into_iter().collect();
                dtypes.sort_by_key(|&(_, bytes)| std::cmp::Reverse(bytes));
                let dtypes = dtypes
                    .into_iter()
                    .map(|(name, _)| name.to_owned())
                    .collect();
                PartReport {
                    part,
                    dtypes,
                    held,
                    missing,
                }
            })
            .collect();
    }
}
