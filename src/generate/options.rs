//! How the next id is chosen, as plain data.

use crate::{Error, Result};

/// How the next id is chosen.
///
/// The options act in this order, each on what the one before has left, as in
/// transformers:
///
/// 1. the repetition penalty, on the logits;
/// 2. the ids that are not [`Allowed`](super::Allowed) fall away;
/// 3. temperature 0: the largest logit, the smallest id among equals, and done;
///    otherwise the logits are divided by it;
/// 4. top-k, 5. top-p, 6. min-p; the probabilities of what is left sum to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamplerOptions {
    /// Flattens (above 1) or sharpens (below 1) the distribution; 0 is greedy.
    pub temperature: f32,
    /// Keep the ids whose logit is at least the k-th largest (ties are kept);
    /// 0 keeps all.
    pub top_k: u32,
    /// Keep the likeliest ids until their probabilities exceed this (the one
    /// that crosses it is kept); 1 keeps all.
    pub top_p: f32,
    /// Keep the ids at least this times as likely as the likeliest; 0 keeps all.
    pub min_p: f32,
    /// Divides the positive and multiplies the negative logits of the ids that
    /// occurred lately; 1 changes nothing.
    pub repetition_penalty: f32,
    /// How many tokens back an id occurred lately.
    pub repetition_window: usize,
    /// The same seed and the same logits give the same ids.
    pub seed: u64,
}

impl Default for SamplerOptions {
    /// Greedy, and a window of 64 tokens for when a penalty is set.
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            repetition_window: 64,
            seed: 1,
        }
    }
}

impl SamplerOptions {
    /// Refuses impossible values.
    pub(super) fn check(&self) -> Result<()> {
        let SamplerOptions {
            temperature,
            top_p,
            min_p,
            repetition_penalty,
            ..
        } = *self;
        let finite = f32::is_finite;
        let checks = [
            (
                "temperature",
                temperature,
                finite(temperature) && temperature >= 0.0,
                "a number from 0 on",
            ),
            (
                "top-p",
                top_p,
                (0.0..=1.0).contains(&top_p),
                "between 0 and 1",
            ),
            (
                "min-p",
                min_p,
                (0.0..=1.0).contains(&min_p),
                "between 0 and 1",
            ),
            (
                "repetition penalty",
                repetition_penalty,
                finite(repetition_penalty) && repetition_penalty > 0.0,
                "a number above 0",
            ),
        ];
        match checks.into_iter().find(|(.., fine, _)| !fine) {
            Some((name, value, _, must)) => Err(Error::Argument(format!(
                "the {name} must be {must}, not {value}"
            ))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn what_cannot_be_is_one_sentence() {
        let cases = [
            (
                SamplerOptions {
                    temperature: -1.0,
                    ..SamplerOptions::default()
                },
                "the temperature must be a number from 0 on, not -1",
            ),
            (
                SamplerOptions {
                    top_p: f32::NAN,
                    ..SamplerOptions::default()
                },
                "the top-p must be between 0 and 1, not NaN",
            ),
            (
                SamplerOptions {
                    min_p: 1.5,
                    ..SamplerOptions::default()
                },
                "the min-p must be between 0 and 1, not 1.5",
            ),
            (
                SamplerOptions {
                    repetition_penalty: 0.0,
                    ..SamplerOptions::default()
                },
                "the repetition penalty must be a number above 0, not 0",
            ),
        ];
        for (options, sentence) in cases {
            assert_eq!(options.check().unwrap_err().to_string(), sentence);
        }
        assert!(SamplerOptions::default().check().is_ok());
    }
}
