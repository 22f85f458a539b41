//! Golden data: the stages of one input.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};

/// The folder of a variant of the golden data.
pub(crate) fn folder(variant: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/oracle")
        .join(variant)
}

/// The stages of an input, by name.
pub(crate) struct Golden {
    integers: BTreeMap<String, Vec<u32>>,
    floats: BTreeMap<String, Vec<f32>>,
}

/// The golden data of an input, or `None` if the variant has none of it.
pub(crate) fn golden(variant: &str, input: &str) -> Option<Golden> {
    let file = folder(variant).join(format!("golden_{input}.safetensors"));
    let bytes = std::fs::read(file).ok()?;
    let (mut integers, mut floats) = (BTreeMap::new(), BTreeMap::new());
    for (name, tensor) in SafeTensors::deserialize(&bytes).unwrap().tensors() {
        let data = tensor.data();
        let size = tensor.dtype().bitsize() / 8;
        match tensor.dtype() {
            Dtype::F32 => {
                let (words, _) = data.as_chunks::<4>();
                floats.insert(
                    name,
                    words.iter().copied().map(f32::from_le_bytes).collect(),
                );
            }
            Dtype::I64 | Dtype::I32 => {
                // Little-endian and never negative.
                let low = |w: &[u8]| u32::from_le_bytes(w[..4].try_into().unwrap());
                integers.insert(name, data.chunks_exact(size).map(low).collect());
            }
            other => panic!("{name} is {other}"),
        }
    }
    Some(Golden { integers, floats })
}

impl Golden {
    /// Token ids.
    pub(crate) fn ids(&self) -> &[u32] {
        self.integers("input_ids").unwrap()
    }

    /// Where patches start, one flag more than tokens.
    pub(crate) fn starts(&self) -> Vec<bool> {
        let lengths = self.integers("patch_lengths").unwrap().iter();
        lengths
            .flat_map(|length| (0..*length).map(|at| at == 0))
            .collect()
    }

    /// A stage of integers, if it was kept.
    pub(crate) fn integers(&self, stage: &str) -> Option<&[u32]> {
        self.integers.get(stage).map(Vec::as_slice)
    }

    /// A stage of numbers, if it was kept.
    pub(crate) fn floats(&self, stage: &str) -> Option<&[f32]> {
        self.floats.get(stage).map(Vec::as_slice)
    }

    /// The names of all stages of numbers.
    pub(crate) fn stages(&self) -> impl Iterator<Item = &str> {
        self.floats.keys().map(String::as_str)
    }
}

/// The largest difference.
pub(crate) fn largest(ours: &[f32], golden: &[f32]) -> f32 {
    assert_eq!(ours.len(), golden.len());
    let differences = ours.iter().zip(golden).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |a, b| if b.is_nan() { f32::NAN } else { a.max(b) })
}

/// A stage is as the golden one says, by the largest value of that; logits also by
/// themselves.
pub(crate) fn stage_agrees(at: &str, name: &str, ours: &[f32], golden: &[f32]) {
    let error = largest(ours, golden);
    let of_largest = error / golden.iter().copied().map(f32::abs).fold(1e-3, f32::max);
    assert!(
        of_largest < 1e-4,
        "{at}: {name} is off by {of_largest} of its largest"
    );
    assert!(
        name != "logits" || error < 2e-4,
        "{at}: logits are off by {error}"
    );
}
