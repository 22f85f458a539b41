//! Writing one safetensors file, piece by piece.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::Path;

use half::{bf16, f16};
use serde_json::{Map, Value, json};

use super::dtype::Dtype;
use super::sentence::{quoted, refuse};
use super::tensor::TensorView;
use crate::numerics::{Quantisation, halves};
use crate::{Error, Result};

/// Elements per piece.
const PIECE: usize = 1 << 21;

/// What a tensor is written from.
#[derive(Debug)]
pub(super) enum Source<'a> {
    Stored(TensorView<'a>),
    /// The identity matrix of `rows` rows.
    Identity(usize),
}

/// A tensor to write: its sources one below the other.
#[derive(Debug)]
pub(super) struct Output<'a> {
    pub(super) name: String,
    pub(super) dtype: Dtype,
    shape: Vec<usize>,
    sources: Vec<Source<'a>>,
}

impl<'a> Output<'a> {
    /// `dtype`: that of the output, or that of its sources if they agree. Those that are
    /// quantised stay so.
    pub(super) fn new(
        name: String,
        shape: Vec<usize>,
        sources: Vec<Source<'a>>,
        dtype: Option<Dtype>,
    ) -> Self {
        let own = |source: &Source<'_>| match source {
            Source::Stored(view) => view.dtype,
            Source::Identity(_) => Dtype::Bf16,
        };
        let first = sources.first().map_or(Dtype::F32, own);
        let agreed = match sources.iter().all(|source| own(source) == first) {
            true => first,
            false => Dtype::F32,
        };
        Self {
            name,
            dtype: dtype.unwrap_or(agreed),
            shape,
            sources,
        }
    }

    /// Its bytes in the file.
    pub(super) fn bytes(&self) -> u64 {
        self.dtype.bytes(&self.shape)
    }

    /// Rows and columns; a vector is one row.
    fn size(&self) -> (usize, usize) {
        let columns = self.shape.last().copied().unwrap_or(1);
        (self.shape.iter().rev().skip(1).product(), columns)
    }

    /// What the file lists for it: names, types, shapes and bytes.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let Dtype::Quantised(quantisation) = self.dtype else {
            return vec![Entry {
                name: self.name.clone(),
                dtype: self.dtype,
                shape: self.shape.clone(),
                bytes: self.bytes(),
            }];
        };
        let (rows, columns) = self.size();
        let layer = self.name.trim_end_matches(".weight");
        let entry = |name: String, dtype: Dtype, each: usize, size: usize| Entry {
            name,
            dtype,
            shape: vec![rows, each],
            bytes: (rows * each * size) as u64,
        };
        let groups = quantisation.groups(columns);
        vec![
            entry(
                self.name.clone(),
                self.dtype,
                quantisation.packed_words(columns),
                4,
            ),
            entry(format!("{layer}.scales"), Dtype::F16, groups, 2),
            entry(format!("{layer}.biases"), Dtype::F16, groups, 2),
        ]
    }
}

/// A tensor as the header lists it.
pub(super) struct Entry {
    pub(super) name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: u64,
}

/// Writes a file of these tensors at `place`; `told` is what to call it.
pub(super) fn shard(
    place: &Path,
    told: &Path,
    outputs: &[&Output<'_>],
    progress: &mut impl FnMut(u64) -> Result<()>,
) -> Result<()> {
    let refused = |source| Error::Io {
        action: "write",
        path: told.into(),
        source,
    };
    let mut file = File::create(place).map_err(refused)?;
    let header = header(outputs);
    file.write_all(&header).map_err(refused)?;
    let mut at = header.len() as u64;
    for output in outputs {
        // Where the next rows of each go; of a quantised tensor there are three.
        let mut ends: Vec<u64> = Vec::new();
        for entry in output.entries() {
            ends.push(at);
            at += entry.bytes;
        }
        let (_, columns) = output.size();
        for source in &output.sources {
            let rows = match source {
                Source::Stored(view) => view.elements() / columns.max(1),
                Source::Identity(rows) => *rows,
            };
            let step = (PIECE / columns.max(1)).max(1);
            for start in (0..rows).step_by(step) {
                let part = start..rows.min(start + step);
                let pieces = pieces(output, source, part.clone(), columns)?;
                let mut written = 0;
                for (piece, end) in pieces.iter().zip(&mut ends) {
                    file.seek(SeekFrom::Start(*end)).map_err(refused)?;
                    file.write_all(piece).map_err(refused)?;
                    *end += piece.len() as u64;
                    written += piece.len() as u64;
                }
                if let Source::Stored(view) = source {
                    view.forget(part);
                }
                progress(written)?;
            }
        }
    }
    // A full disk may show only now.
    file.sync_all().map_err(refused)
}

fn header(outputs: &[&Output<'_>]) -> Vec<u8> {
    let mut members = Map::new();
    // transformers refuses files that do not name their framework.
    members.insert("__metadata__".into(), json!({"format": "pt"}));
    let mut at = 0;
    for entry in outputs.iter().flat_map(|output| output.entries()) {
        let end = at + entry.bytes;
        let dtype = entry.dtype.stored().to_string();
        members.insert(
            entry.name,
            json!({"dtype": dtype, "shape": entry.shape, "data_offsets": [at, end]}),
        );
        at = end;
    }
    let mut text = Value::Object(members).to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut out = (text.len() as u64).to_le_bytes().to_vec();
    out.extend(text);
    out
}

/// Some rows of a source, for each of the output's entries.
fn pieces(
    output: &Output<'_>,
    source: &Source<'_>,
    rows: Range<usize>,
    columns: usize,
) -> Result<Vec<Vec<u8>>> {
    if let (Dtype::Quantised(quantisation), Source::Stored(view)) = (output.dtype, source) {
        return quantised(view, rows, quantisation);
    }
    let part = rows.start * columns..rows.end * columns;
    let values = match source {
        Source::Stored(view) => {
            if let Some(bytes) = view.bytes().filter(|_| view.dtype == output.dtype) {
                let size = view.dtype.size();
                let piece = bytes.get(part.start * size..part.end * size);
                return Ok(vec![piece.unwrap_or_default().to_vec()]);
            }
            view.part_to_f32(part)
        }
        Source::Identity(rows) => part
            .map(|at| if at / rows == at % rows { 1.0 } else { 0.0 })
            .collect(),
    };
    let mut piece = Vec::with_capacity(values.len() * output.dtype.size());
    match output.dtype {
        Dtype::F32 | Dtype::Quantised(_) => {
            piece.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        }
        Dtype::Bf16 => piece.extend(values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes())),
        Dtype::F16 => {
            for value in values {
                let half = f16::from_f32(value);
                if half.is_infinite() && value.is_finite() {
                    return Err(refuse(format!(
                        "the tensor {} holds {value}, which F16 cannot; choose bf16 or f32",
                        quoted(&output.name)
                    )));
                }
                piece.extend(half.to_le_bytes());
            }
        }
    }
    Ok(vec![piece])
}

/// Numbers, scales and biases of some rows.
fn quantised(
    view: &TensorView<'_>,
    rows: Range<usize>,
    quantisation: Quantisation,
) -> Result<Vec<Vec<u8>>> {
    let columns = view.columns();
    let per_row = quantisation.row_words(columns);
    let mut words = vec![0; per_row * rows.len()];
    view.pack_rows(rows, &mut words)?;
    let [mut numbers, mut scales, mut biases] = [const { Vec::new() }; 3];
    for row in words.chunks_exact(per_row) {
        let (packed, pairs) = row.split_at(quantisation.packed_words(columns));
        numbers.extend(packed.iter().flat_map(|word| word.to_le_bytes()));
        for [scale, bias] in pairs.iter().map(|pair| halves(*pair)) {
            scales.extend(scale.to_le_bytes());
            biases.extend(bias.to_le_bytes());
        }
    }
    Ok(vec![numbers, scales, biases])
}
