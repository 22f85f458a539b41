//! A model with the shapes of another and random weights: to measure what a
//! model costs without having it.

use std::collections::BTreeMap;

use super::Checkpoint;
use super::config::{self, Config};
use super::dtype::Dtype;
use super::expected::{ExpectedTensor, expected_tensors};
use super::files::{Held, Slot, WeightFile, Weights};
use super::released::Released;
use super::sentence::{quoted, refuse};
use super::tensor::{Random, TensorData};
use crate::Result;
use crate::numerics::pcg;

/// The standard deviation of odd whole numbers from -127 to 127.
const SPREAD: f64 = 73.9;

impl Checkpoint {
    /// A checkpoint of the architecture of `blt-1b` or `blt-7b`, or of the one
    /// that a config describes, in which norms are ones and all else is
    /// [random](crate::numerics::random_weight). Nothing is read but the config,
    /// and nothing is allocated.
    ///
    /// The standard deviation of a linear layer's weights is the power of two
    /// times 73.9 that is nearest to one over the root of its columns, that of an
    /// embedding the nearest to 0.5. The same `seed` makes the same weights
    /// everywhere, in every dtype.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) if there is no such model or config, or it is not
    /// possible; [`Error::Io`](crate::Error::Io) if the system refuses the config.
    pub fn like(name_or_config: &str, dtype: Dtype, seed: u32) -> Result<Self> {
        let label = format!("random weights like {name_or_config}");
        let (text, file) = match Released::named(name_or_config) {
            Some(released) => (released.config.to_vec(), label.clone()),
            None => (text_of(name_or_config)?, name_or_config.to_owned()),
        };
        let json = config::json(&text, &file)?;
        let config = Config::read(&json, &file)?;
        let tensors = expected_tensors(&config).into_iter();
        let table: BTreeMap<_, _> = tensors.map(|t| made(t, dtype, seed)).collect();
        Ok(Self {
            weights: Weights::join(vec![WeightFile::made(label.clone(), table)])?,
            origin: label,
            config,
            json,
            card: None,
            note: None,
        })
    }

    /// Are the weights random numbers, made where they are needed? Then their
    /// entropies mean nothing, nor does a threshold for them.
    #[must_use]
    pub fn is_random(&self) -> bool {
        let mut tensors = self.weights.iter();
        tensors.any(super::files::Listed::is_made)
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn text_of(path: &str) -> Result<Vec<u8>> {
    let file = std::path::Path::new(path);
    if !file.exists() {
        return Err(unknown(path));
    }
    std::fs::read(file).map_err(|error| super::sentence::unreadable(file, error))
}

#[cfg(target_arch = "wasm32")]
fn text_of(path: &str) -> Result<Vec<u8>> {
    Err(unknown(path))
}

fn unknown(name: &str) -> crate::Error {
    refuse(format!(
        "there is no released model or config {}; name {}, or a config.json",
        quoted(name),
        Released::names()
    ))
}

fn made(tensor: ExpectedTensor, dtype: Dtype, seed: u32) -> (String, Slot) {
    let data = match tensor.shape.as_slice() {
        [_, columns] => TensorData::Random(Random {
            seed: pcg(seed ^ fnv1a(&tensor.name)),
            exponent: exponent(&tensor.name, *columns),
        }),
        _ => TensorData::Ones,
    };
    let slot = Slot {
        dtype: dtype.stored(),
        shape: tensor.shape,
        data: Held::Made(data),
    };
    (tensor.name, slot)
}

/// The power of two that brings the spread nearest to what is wanted, by ratio.
fn exponent(name: &str, columns: usize) -> i32 {
    let table = name.ends_with("embed_tokens.weight") || name.contains("hash_tok_embedding");
    let wanted = match table {
        true => 0.5,
        false => (columns.max(1) as f64).sqrt().recip(),
    };
    #[expect(clippy::cast_possible_truncation)]
    let exponent = (wanted / SPREAD).log2().round() as i32;
    exponent
}

/// FNV-1a with 32 bits.
fn fnv1a(text: &str) -> u32 {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    text.bytes().fold(0x811C_9DC5, step)
}

#[cfg(test)]
mod tests {
    use super::{exponent, fnv1a};

    #[test]
    fn hashes_of_the_definition() {
        // From the test vectors of the authors.
        assert_eq!(fnv1a(""), 0x811c_9dc5);
        assert_eq!(fnv1a("a"), 0xe40c_292c);
        assert_eq!(fnv1a("foobar"), 0xbf9c_f968);
    }

    #[test]
    fn exponents_are_the_nearest() {
        for columns in [8, 768, 1024, 1280, 2048, 2816, 4096, 5120, 11_008] {
            let found = exponent("x.q_proj.weight", columns);
            let off = |e: i32| (73.9 * 2f64.powi(e) * (columns as f64).sqrt()).log2().abs();
            assert!(
                off(found) <= off(found + 1) && off(found) <= off(found - 1),
                "{columns}"
            );
        }
        assert_eq!(
            exponent("model.local_encoder.embed_tokens.weight", 1024),
            -7
        );
        assert_eq!(
            exponent("model.encoder_hash_tok_embedding.weight", 1024),
            -7
        );
        assert_eq!(exponent("lm_head.weight", 1024), -11);
    }
}
