//! Non-finite weights: what a broken download or a training run that
//! diverged leaves behind.

use super::Checkpoint;
use super::dtype::Dtype;
use super::tensor::TensorData;
use crate::Error;

/// Bytes looked at between two reports.
const PIECE: usize = 4 << 20;

impl Checkpoint {
    /// Names the tensor to blame where a model of this checkpoint computed non-finite
    /// values; any other error stays what it is. `progress` is told the bytes looked at.
    #[must_use]
    pub fn blame(&self, error: Error, progress: impl FnMut(u64)) -> Error {
        if !matches!(error, Error::NonFinite(_)) {
            return error;
        }
        if let Err(changed) = self.check_files() {
            return changed;
        }
        match self.first_non_finite(progress) {
            None => error,
            Some(tensor) => Error::Checkpoint(format!(
                "the tensor `{tensor}` of {} holds NaN or infinite values; take another copy of \
                 the model",
                self.origin
            )),
        }
    }

    /// The first tensor, by name, that holds NaN or an infinity; `None` if none
    /// does. All weights are read for it: ask only when logits were non-finite.
    /// `progress` is told the bytes of each piece.
    #[must_use]
    pub fn first_non_finite(&self, mut progress: impl FnMut(u64)) -> Option<String> {
        let broken = self.weights.iter().find(|tensor| {
            let Ok(view) = tensor.view() else {
                return false;
            };
            let mut broken = |dtype, bytes: &[u8]| {
                bytes.chunks(PIECE).any(|piece| {
                    progress(piece.len() as u64);
                    !all_finite(dtype, piece)
                })
            };
            match view.data {
                TensorData::Bytes(bytes) => broken(view.source, bytes),
                TensorData::Packed(packed) => {
                    let pairs = [packed.scales, packed.biases];
                    pairs.iter().any(|bytes| broken(packed.pairs, bytes))
                }
                _ => false,
            }
        });
        broken.map(|tensor| tensor.stored_name.to_owned())
    }
}

/// Has every element an exponent below the one that NaN and infinities have?
fn all_finite(dtype: Dtype, bytes: &[u8]) -> bool {
    let halves = |exponent: u16| {
        let (halves, _) = bytes.as_chunks::<2>();
        halves
            .iter()
            .all(|half| u16::from_le_bytes(*half) & exponent != exponent)
    };
    match dtype {
        Dtype::F32 | Dtype::Quantised(_) => {
            let exponent = f32::INFINITY.to_bits();
            let (words, _) = bytes.as_chunks::<4>();
            words
                .iter()
                .all(|word| u32::from_le_bytes(*word) & exponent != exponent)
        }
        Dtype::F16 => halves(half::f16::INFINITY.to_bits()),
        Dtype::Bf16 => halves(half::bf16::INFINITY.to_bits()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::{bf16, f16};

    #[test]
    fn nan_and_infinities_are_non_finite() {
        for (value, finite) in [
            (0.0, true),
            (-65504.0, true),
            (1e-7, true),
            (f32::NAN, false),
            (f32::INFINITY, false),
            (f32::NEG_INFINITY, false),
        ] {
            let with = |one: &[u8], value: &[u8]| [one, value, one].concat();
            let f32s = with(&1f32.to_le_bytes(), &value.to_le_bytes());
            assert_eq!(all_finite(Dtype::F32, &f32s), finite, "{value}");
            let [one, half] = [1.0, value].map(|v| f16::from_f32(v).to_le_bytes());
            assert_eq!(
                all_finite(Dtype::F16, &with(&one, &half)),
                finite,
                "{value}"
            );
            let [one, half] = [1.0, value].map(|v| bf16::from_f32(v).to_le_bytes());
            assert_eq!(
                all_finite(Dtype::Bf16, &with(&one, &half)),
                finite,
                "{value}"
            );
        }
    }
}
