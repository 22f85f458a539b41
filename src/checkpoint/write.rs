//! Writing one safetensors file, piece by piece.

use std::fs::File;
use std::io::Write as _;
use std::ops::Range;
use std::path::Path;

use half::{bf16, f16};
use serde_json::{Map, Value, json};

use super::sentence::{quoted, refuse};
use super::tensor::{Dtype, TensorView};
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
    /// `dtype`: that of the output, or that of its sources if they agree.
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
        let elements: u64 = self.shape.iter().map(|&n| n as u64).product();
        elements * self.dtype.size() as u64
    }
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
    file.write_all(&header(outputs)).map_err(refused)?;
    let mut piece = Vec::new();
    for output in outputs {
        for source in &output.sources {
            let elements = match source {
                Source::Stored(view) => view.elements(),
                Source::Identity(rows) => rows * rows,
            };
            let mut start = 0;
            while start < elements {
                let part = start..elements.min(start + PIECE);
                start = part.end;
                piece.clear();
                fill(&mut piece, output, source, part)?;
                file.write_all(&piece).map_err(refused)?;
                progress(piece.len() as u64)?;
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
    for output in outputs {
        let end = at + output.bytes();
        members.insert(
            output.name.clone(),
            json!({"dtype": output.dtype.to_string(), "shape": output.shape, "data_offsets": [at, end]}),
        );
        at = end;
    }
    let mut text = Value::Object(members).to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut out = (text.len() as u64).to_le_bytes().to_vec();
    out.extend(text);
    out
}

fn fill(
    piece: &mut Vec<u8>,
    output: &Output<'_>,
    source: &Source<'_>,
    part: Range<usize>,
) -> Result<()> {
    let values = match source {
        Source::Stored(view) => {
            if let Some(bytes) = view.bytes().filter(|_| view.dtype == output.dtype) {
                let size = view.dtype.size();
                piece.extend(
                    bytes
                        .get(part.start * size..part.end * size)
                        .unwrap_or_default(),
                );
                return Ok(());
            }
            view.part_to_f32(part)
        }
        Source::Identity(rows) => part
            .map(|at| if at / rows == at % rows { 1.0 } else { 0.0 })
            .collect(),
    };
    match output.dtype {
        Dtype::F32 => piece.extend(values.iter().flat_map(|v| v.to_le_bytes())),
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
    Ok(())
}
