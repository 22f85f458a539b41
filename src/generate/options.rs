//! How a text is generated, as plain data.

use std::fmt;
use std::str::FromStr;

use super::{Allowed, Utf8Mode, Utf8State};
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
    /// The temperature where a person asks for a text and says none: that of the command
    /// line, the window and the Python module. [`Default`] is greedy.
    pub const TEMPERATURE: f32 = 0.8;

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

/// When a text ends, of what bytes it may be, and how many are taken at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenerateOptions {
    /// The most bytes to generate; `None` goes on until something else ends it.
    pub max_bytes: Option<u64>,
    /// Strings that end the text; they are not part of it.
    pub stops: Vec<Vec<u8>>,
    /// What becomes of bytes that are no UTF-8. Only [`Utf8Mode::Constrain`]
    /// changes what is generated: then the bytes are whole characters, the last
    /// of which is ended within `max_bytes`.
    pub utf8: Utf8Mode,
    /// Never let the model end the text.
    pub ignore_end: bool,
    /// How many bytes are taken at a time; it changes none of them.
    pub speculate: Speculate,
}

impl GenerateOptions {
    /// The ids that may follow a text that ends in this state, with room for `room` bytes.
    pub(super) fn allowed(&self, utf8: Utf8State, room: u64) -> Allowed {
        let allowed = match self.utf8 {
            Utf8Mode::Constrain => utf8.allowed(room),
            Utf8Mode::Raw | Utf8Mode::Replace => Allowed::all(),
        };
        match self.ignore_end {
            true => allowed.with_end(false),
            false => allowed,
        }
    }
}

/// Whether bytes are drafted by a part of the model and taken by the whole of it
/// several at a time. It changes no byte, but for the last digits of logits on a GPU
/// and beyond 8 bytes at a time: what is drafted stays only where the model
/// itself chooses it, by the random number of its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speculate {
    /// One byte at a time.
    #[default]
    Off,
    /// Up to this many bytes at a time, 2 to 32: the first is the model's own choice,
    /// the others are drafted.
    Bytes(u8),
    /// As many as have been the fastest so far, one at a time included; by the clock,
    /// so two runs may draft differently.
    Auto,
}

/// The most bytes at a time.
const MOST: u8 = 32;

impl FromStr for Speculate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "off" => return Ok(Self::Off),
            "auto" => return Ok(Self::Auto),
            _ => {}
        }
        match text.parse() {
            Ok(bytes @ 2..=MOST) => Ok(Self::Bytes(bytes)),
            _ => Err(Error::Argument(format!(
                "a number of bytes from 2 to {MOST}, auto or off, not \"{text}\""
            ))),
        }
    }
}

impl fmt::Display for Speculate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Bytes(bytes) => bytes.fmt(f),
            Self::Auto => f.write_str("auto"),
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

    #[test]
    fn numbers_and_words_are_read_and_all_else_is_one_sentence() {
        for text in ["off", "auto", "2", "32"] {
            assert_eq!(text.parse::<Speculate>().unwrap().to_string(), text);
        }
        for text in ["0", "1", "33", "-4", "many", ""] {
            let error = text.parse::<Speculate>().unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains("from 2 to 32"), "{error}");
        }
    }
}
