//! Quantised weights in files, and checkpoints whose weights are to be quantised.
//!
//! The layout is that of MLX: in place of a matrix `X.weight` a file holds its numbers
//! packed into `X.weight` (U32), and `X.scales` and `X.biases`, a number for each group
//! of a row. The key `quantization` of the config says how many bits and how large
//! groups are, for all or by the name of a layer.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Checkpoint;
use super::dtype::{Dtype, Narrowed};
use super::files::{Held, HeldPacked, HeldUnread, Slot, Stored, WeightFile, Weights};
use super::sentence::{quoted, refuse, value};
use crate::Result;
use crate::numerics::Quantisation;

/// The key of the config, and the one that other tools write beside it.
const KEYS: [&str; 2] = ["quantization", "quantization_config"];

impl Checkpoint {
    /// The same model, its matrices and tables quantised to 8 or 4 bits when they are read;
    /// for any other number of bits the model as it is. Norms are not quantised, nor are
    /// matrices whose rows cannot be divided into whole groups; embeddings of bytes and heads
    /// get no less than 8 bits.
    #[must_use]
    pub fn in_bits(&self, bits: u32) -> Self {
        self.narrowed(Quantisation::of_bits(bits).map(Narrowed::To))
    }

    /// Like [`in_bits`](Self::in_bits), with 4 bits for hash tables and the latent model,
    /// which are most of the weights, and 8 for the layers that every byte passes through.
    #[must_use]
    pub fn in_mixed_bits(&self) -> Self {
        self.narrowed(Some(Narrowed::Mixed))
    }

    /// The bits that weights of more are quantised to, for people: `8`, or `8 and 4`; `None`
    /// for the model as it is.
    #[must_use]
    pub fn narrowed_to(&self) -> Option<String> {
        self.weights.narrowed_to().map(|narrowed| match narrowed {
            Narrowed::To(quantisation) => quantisation.bits().to_string(),
            Narrowed::Mixed => "8 and 4".to_owned(),
        })
    }

    pub(super) fn narrowed(&self, narrowed: Option<Narrowed>) -> Self {
        Self {
            origin: self.origin.clone(),
            config: self.config.clone(),
            json: self.json.clone(),
            weights: self.weights.clone().narrowed(narrowed),
            card: self.card,
            note: self.note.clone(),
        }
    }
}

/// Writes the keys that say how the layers of a file are quantised; none, if none is.
pub(super) fn write_config<'n>(
    layers: impl Iterator<Item = (&'n str, Dtype)>,
    json: &mut Map<String, Value>,
) {
    let layers: Vec<(&str, Quantisation)> = layers
        .filter_map(|(name, dtype)| match dtype {
            Dtype::Quantised(found) => Some((name.trim_end_matches(".weight"), found)),
            _ => None,
        })
        .collect();
    for key in KEYS {
        json.remove(key);
    }
    let count = |wanted| layers.iter().filter(|(_, found)| *found == wanted).count();
    let Some((_, most)) = layers.iter().max_by_key(|(_, found)| count(*found)) else {
        return;
    };
    let own = |q: &Quantisation| json!({"group_size": q.group(), "bits": q.bits()});
    let mut all = own(most);
    for (layer, other) in layers.iter().filter(|(_, found)| found != most) {
        all[*layer] = own(other);
    }
    for key in KEYS {
        json.insert(key.into(), all.clone());
    }
}

/// How layers are quantised, by a config.
struct Layers<'a> {
    label: &'a str,
    all: Quantisation,
    members: &'a Map<String, Value>,
}

impl<'a> Layers<'a> {
    fn of(json: &'a Value, label: &'a str) -> Result<Option<Self>> {
        let there = |key| Some((key, json.get(key).filter(|found| !found.is_null())?));
        let Some((key, found)) = KEYS.into_iter().find_map(there) else {
            return Ok(None);
        };
        let Value::Object(members) = found else {
            return Err(refuse(format!(
                "{label} has the `{key}` {}, where an object with `group_size` and `bits` is wanted",
                value(found)
            )));
        };
        let all = one(members, label)?;
        Ok(Some(Self {
            label,
            all,
            members,
        }))
    }

    /// How a layer of this name is quantised.
    fn layer(&self, name: &str) -> Result<Quantisation> {
        match self.members.get(name) {
            Some(Value::Object(own)) => one(own, self.label),
            _ => Ok(self.all),
        }
    }
}

fn one(members: &Map<String, Value>, label: &str) -> Result<Quantisation> {
    if let Some(method) = members.get("quant_method") {
        return Err(refuse(format!(
            "{label} is quantised by {}; only the layout of MLX is read",
            value(method)
        )));
    }
    let mode = members.get("mode").and_then(Value::as_str);
    let number = |key: &str| members.get(key).and_then(Value::as_u64);
    let (bits, group) = (number("bits"), number("group_size"));
    let known = bits.zip(group).and_then(|(bits, group)| {
        Quantisation::new(u32::try_from(bits).ok()?, usize::try_from(group).ok()?)
    });
    match (known, mode) {
        (Some(known), None | Some("affine")) => Ok(known),
        _ => Err(refuse(format!(
            "{label} is quantised with {}; 8 or 4 bits in groups of 32, 64 or 128, in the mode \
             `affine`, can be read",
            value(&Value::Object(members.clone()))
        ))),
    }
}

impl Weights {
    /// Makes one tensor of each three that a quantised matrix is stored as, if `json`
    /// says that there are such; `label` is what to call it.
    pub(super) fn packed(self, json: &Value, label: &str) -> Result<Self> {
        let layers = Layers::of(json, label)?;
        let mut files = self.into_files();
        let Some(layers) = layers else {
            return match files.iter().find_map(packed_name) {
                Some((name, file)) => Err(refuse(format!(
                    "the tensor {} in {file} is packed in U32, and {label} has no key \
                     `quantization` that says how",
                    quoted(name)
                ))),
                None => Self::join(files),
            };
        };
        let mut companions = take_companions(&mut files);
        for file in &mut files {
            let packed: Vec<String> = file
                .table()
                .iter()
                .filter(|(name, slot)| {
                    name.ends_with(".weight") && slot.dtype == safetensors::Dtype::U32
                })
                .map(|(name, _)| name.clone())
                .collect();
            for name in packed {
                let layer = name.trim_end_matches(".weight");
                let held =
                    [".scales", ".biases"].map(|end| companions.remove(&format!("{layer}{end}")));
                let quantisation = layers.layer(layer)?;
                let slot = slot(file, &name, quantisation, held)?;
                file.table_mut().insert(name, slot);
            }
        }
        // What belongs to no packed tensor is a tensor like others.
        for (name, found) in companions {
            if let Some(file) = files.get_mut(found.file) {
                file.table_mut().insert(name, found.slot);
            }
        }
        Self::join(files)
    }
}

/// A tensor that has scales, and its file.
fn packed_name(file: &WeightFile) -> Option<(&str, &str)> {
    let table = file.table();
    let packed = table.iter().find(|(name, slot)| {
        let layer = name.strip_suffix(".weight");
        slot.dtype == safetensors::Dtype::U32
            && layer.is_some_and(|layer| table.contains_key(&format!("{layer}.scales")))
    });
    packed.map(|(name, _)| (name.as_str(), file.label.as_str()))
}

/// Scales or biases.
struct Companion {
    file: usize,
    slot: Slot,
    bytes: Stored,
}

fn take_companions(files: &mut [WeightFile]) -> BTreeMap<String, Companion> {
    let mut all = BTreeMap::new();
    for (index, file) in files.iter_mut().enumerate() {
        let names = file.table().keys();
        let names: Vec<String> = names
            .filter(|name| name.ends_with(".scales") || name.ends_with(".biases"))
            .cloned()
            .collect();
        for name in names {
            if let Some(slot) = file.table_mut().remove(&name)
                && let Some(bytes) = file.bytes_of(&slot)
            {
                let found = Companion {
                    file: index,
                    slot,
                    bytes,
                };
                all.insert(name, found);
            }
        }
    }
    all
}

/// The tensor that three stand for.
fn slot(
    file: &WeightFile,
    name: &str,
    quantisation: Quantisation,
    held: [Option<Companion>; 2],
) -> Result<Slot> {
    let (tensor, label) = (quoted(name), &file.label);
    let how = format!(
        "{} bits in groups of {}",
        quantisation.bits(),
        quantisation.group()
    );
    let [Some(scales), Some(biases)] = held else {
        return Err(refuse(format!(
            "the tensor {tensor} in {label} is packed, and its scales or biases are missing; \
             convert the model again"
        )));
    };
    let wrong = |what: &str, shape: &[usize]| {
        Err(refuse(format!(
            "{what} of the tensor {tensor} in {label} have the shape {shape:?}, which cannot be \
             for {how}, as its config says"
        )))
    };
    let Some((numbers, &[rows, words])) = file
        .table()
        .get(name)
        .and_then(|slot| Some((file.bytes_of(slot)?, slot.shape.as_slice())))
    else {
        return Err(refuse(format!(
            "the tensor {tensor} in {label} is packed and no matrix; convert the model again"
        )));
    };
    let bits = quantisation.bits() as usize;
    let columns = words.saturating_mul(32) / bits;
    if !quantisation.fits(columns) || quantisation.packed_words(columns) != words {
        return wrong("the numbers", &[rows, words]);
    }
    let wanted = [rows, quantisation.groups(columns)];
    for (what, found) in [("the scales", &scales), ("the biases", &biases)] {
        if found.slot.shape != wanted {
            return wrong(what, &found.slot.shape);
        }
    }
    let pairs = Dtype::of(scales.slot.dtype);
    let Some(pairs) = pairs.filter(|_| scales.slot.dtype == biases.slot.dtype) else {
        return Err(refuse(format!(
            "the scales of the tensor {tensor} in {label} are {} and the biases {}; both must be \
             F32, F16 or BF16",
            scales.slot.dtype, biases.slot.dtype
        )));
    };
    let data = match [numbers, scales.bytes, biases.bytes] {
        [
            Stored::Here(numbers),
            Stored::Here(scales),
            Stored::Here(biases),
        ] => Held::Packed(HeldPacked {
            quantisation,
            numbers,
            scales,
            biases,
            pairs,
        }),
        // The files of a checkpoint are all of one kind.
        parts => Held::Unread(HeldUnread {
            parts: (parts.into_iter().filter_map(Stored::unread)).collect(),
            packed: Some((quantisation, pairs)),
        }),
    };
    Ok(Slot {
        dtype: safetensors::Dtype::U32,
        shape: vec![rows, columns],
        data,
    })
}
