//! Floating-point operations per byte, by part (paper section 4.5 and its
//! appendix on FLOPs).
//!
//! A multiplication with its addition counts 2. With n_p the bytes per patch, k
//! the vectors per patch, n the context in bytes and w a window in bytes:
//!
//! ```text
//! latent         Transf(latent, m = n / n_p) / n_p
//! encoder        Transf(encoder, m = w)
//! decoder        Transf(decoder, m = w)
//! head           2 h V
//! encoder cross  Cross(h, m = n_p, r = n_p / k) k / n_p     for each layer that has one
//! decoder cross  Cross(h, m = k,   r = k / n_p)             for each layer that has one
//!
//! Transf(m)   = layers (Attention(m) + QKVO(1) + FF)
//! Cross(m, r) = Attention(m) + QKVO(r)
//! Attention   = 4 h (m + 1) / 2              scores and their sum of values, m keys at most
//! QKVO(r)     = (2 r + 2) 2 h²               r keys and values per query
//! FF          = 6 h f                        gate, up and down
//! ```
//!
//! The paper's FF is 16 h², which is 6 h f for its f = 8/3 h. With fewer key
//! than query heads, the part of QKVO that has r shrinks by their ratio. Windows
//! and contexts count with their mean over a text that just fills them, hence
//! (m + 1) / 2; look-ups, norms and softmax count nothing.
//!
//! Two parts are not in the paper's formula and have rows of their own: the
//! **projections** between bytes and patches, `(2 k h² + 2 k h G) / n_p` and
//! `2 k h G / n_p` more where k h is not the latent width G, and the **entropy
//! model**, `Transf(m = w) + 2 h V`, which runs on each byte before any of this.
//! Cross-attention over several patches (the windows of a config) has m times as
//! many.
//!
//! The backward pass takes twice as many, so training takes three times these.

mod budget;

use std::fmt;

use serde::Serialize;

pub use budget::{Larger, larger_latent};

use crate::checkpoint::{BltConfig, Config, EntropyConfig, StackConfig};
use crate::{Error, Result};

/// A part of a model, as far as its cost goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FlopsPart {
    /// The blocks of the local encoder.
    Encoder,
    /// Its cross-attention, from patches to their bytes.
    EncoderCross,
    /// The latent model.
    Latent,
    /// The decoder's cross-attention, from bytes to their patch.
    DecoderCross,
    /// The blocks of the local decoder.
    Decoder,
    /// The logits.
    Head,
    /// Between bytes and patches.
    Projections,
    /// The entropy model, its logits included.
    Entropy,
}

impl FlopsPart {
    /// Whether the paper's formula has it.
    #[must_use]
    pub const fn in_paper(self) -> bool {
        !matches!(self, Self::Projections | Self::Entropy)
    }
}

impl fmt::Display for FlopsPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Encoder => "encoder",
            Self::EncoderCross => "encoder cross-attention",
            Self::Latent => "latent model",
            Self::DecoderCross => "decoder cross-attention",
            Self::Decoder => "decoder",
            Self::Head => "head",
            Self::Projections => "projections",
            Self::Entropy => "entropy model",
        })
    }
}

/// What a text is assumed to be like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TextShape {
    /// The mean patch, in bytes.
    pub patch_size: f64,
    /// The bytes that the latent model looks back over (n).
    pub context: u32,
}

impl TextShape {
    /// A shape.
    ///
    /// # Errors
    /// [`Error::Argument`] for a patch of less than a byte or longer than the
    /// context.
    pub fn new(patch_size: f64, context: u32) -> Result<Self> {
        if patch_size >= 1.0 && patch_size <= f64::from(context) {
            return Ok(Self {
                patch_size,
                context,
            });
        }
        Err(Error::Argument(format!(
            "the mean patch must have from 1 byte to the {context} of the context, not {patch_size}"
        )))
    }
}

/// Operations per byte, forward, by part.
#[derive(Clone, Debug, PartialEq)]
pub struct Flops {
    /// The parts that the model has, in the order of a byte's way.
    pub parts: Vec<(FlopsPart, f64)>,
}

impl Flops {
    /// The operations per byte of a model.
    #[must_use]
    pub fn of(config: &Config, shape: TextShape) -> Self {
        let entropy = config.entropy.as_ref();
        let entropy = entropy.map(|config| (FlopsPart::Entropy, of_entropy(config, shape)));
        let blt = config.blt.iter().flat_map(|config| of_blt(config, shape));
        Self {
            parts: entropy.into_iter().chain(blt).collect(),
        }
    }

    /// All parts.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.parts.iter().map(|(_, flops)| flops).sum()
    }

    /// The parts of the paper's formula.
    #[must_use]
    pub fn paper(&self) -> f64 {
        let counted = self.parts.iter().filter(|(part, _)| part.in_paper());
        counted.map(|(_, flops)| flops).sum()
    }
}

fn of_entropy(config: &EntropyConfig, shape: TextShape) -> f64 {
    let stack = &config.stack;
    transformer(stack, keys(config.window, shape)) + head(stack, config.vocab_size)
}

fn of_blt(config: &BltConfig, shape: TextShape) -> Vec<(FlopsPart, f64)> {
    let (patch, k) = (shape.patch_size, f64::from(config.cross_attn_k));
    let patches = |window: Option<u32>| f64::from(window.unwrap_or(1));
    let window = keys(config.local_window, shape);
    let crosses = |every: bool, stack: &StackConfig| match every {
        true => f64::from(stack.layers),
        false => 1.0,
    };
    let mut parts = vec![(FlopsPart::Encoder, transformer(&config.encoder, window))];
    if config.encoder_cross {
        let keys = patch * patches(config.cross_window_encoder);
        let layers = crosses(config.encoder_cross_all, &config.encoder);
        let flops = layers * cross(&config.encoder, keys, patch / k) * k / patch;
        parts.push((FlopsPart::EncoderCross, flops));
    }
    parts.push((FlopsPart::Projections, 2.0 * between(config) / patch));
    let seen = f64::from(shape.context) / patch;
    parts.push((FlopsPart::Latent, transformer(&config.latent, seen) / patch));
    if config.decoder_cross {
        let keys = k * patches(config.cross_window_decoder);
        let layers = crosses(config.decoder_cross_all, &config.decoder);
        let flops = layers * cross(&config.decoder, keys, k / patch);
        parts.push((FlopsPart::DecoderCross, flops));
    }
    parts.extend([
        (FlopsPart::Decoder, transformer(&config.decoder, window)),
        (FlopsPart::Head, head(&config.decoder, config.vocab_size)),
    ]);
    parts
}

/// Weights of the projections between bytes and patches.
pub(super) fn between(config: &BltConfig) -> f64 {
    let [local, latent] = [config.encoder.hidden_size, config.latent.hidden_size].map(f64::from);
    let (joined, k) = (
        f64::from(config.patch_width()),
        f64::from(config.cross_attn_k),
    );
    let to_queries = match config.encoder_cross {
        true => k * local * config.pooling.len() as f64 * local,
        false => 0.0,
    };
    let to_latent = if joined == latent {
        0.0
    } else {
        joined * latent
    };
    let to_bytes = match config.decoder_cross {
        true => latent * k * local,
        false if latent == local => 0.0,
        false => latent * local,
    };
    to_queries + to_latent + to_bytes
}

/// m of a part with a window, in bytes.
fn keys(window: Option<u32>, shape: TextShape) -> f64 {
    f64::from(window.map_or(shape.context, |window| window.min(shape.context)))
}

fn transformer(stack: &StackConfig, keys: f64) -> f64 {
    let feed_forward = 6.0 * f64::from(stack.hidden_size) * f64::from(stack.intermediate_size);
    f64::from(stack.layers) * (attention(stack, keys) + projections(stack, 1.0) + feed_forward)
}

fn cross(stack: &StackConfig, keys: f64, per_query: f64) -> f64 {
    attention(stack, keys) + projections(stack, per_query)
}

fn attention(stack: &StackConfig, keys: f64) -> f64 {
    4.0 * f64::from(stack.hidden_size) * f64::midpoint(keys, 1.0)
}

/// QKVO.
fn projections(stack: &StackConfig, per_query: f64) -> f64 {
    let shared = f64::from(stack.kv_heads) / f64::from(stack.heads);
    (2.0 * per_query * shared + 2.0) * 2.0 * f64::from(stack.hidden_size).powi(2)
}

fn head(stack: &StackConfig, vocabulary: u32) -> f64 {
    2.0 * f64::from(stack.hidden_size) * f64::from(vocabulary)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    /// Small enough to count by hand: k = 2, windows of 7 bytes.
    pub(super) fn small(latent_width: u32, patcher: bool) -> Config {
        let stack = |hidden: u32, layers: u32| {
            serde_json::json!({
                "hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": 2,
                "intermediate_size": 2 * hidden, "hidden_size_global": latent_width,
                "cross_attn_k": 2, "vocab_size": 260, "sliding_window": 7,
            })
        };
        let json = serde_json::json!({
            "model_type": "blt", "vocab_size": 260, "cross_attn_k": 2,
            "local_attention_window_len": 7, "patch_in_forward": patcher,
            "encoder_hash_byte_group_vocab": 50,
            "encoder_config": stack(8, 1), "decoder_config": stack(8, 3),
            "global_config": stack(latent_width, 2), "patcher_config": stack(8, 1),
        });
        Config::parse(json.to_string().as_bytes(), "config.json").unwrap()
    }

    fn part(flops: &Flops, part: FlopsPart) -> f64 {
        flops.parts.iter().find(|(p, _)| *p == part).unwrap().1
    }

    #[test]
    fn a_small_model_counts_as_by_hand() {
        let shape = TextShape::new(4.0, 28).unwrap();
        let flops = Flops::of(&small(16, false), shape);
        // A layer of width 8 that sees 7 keys: 4·8·4 + 8·64 + 6·8·16 = 1408.
        assert_eq!(part(&flops, FlopsPart::Encoder), 1408.0);
        assert_eq!(part(&flops, FlopsPart::Decoder), 3.0 * 1408.0);
        assert_eq!(part(&flops, FlopsPart::Head), 4160.0);
        // Two layers of width 16 that see 28 / 4 patches, once in 4 bytes:
        // 2 (4·16·4 + 8·256 + 6·16·32) / 4.
        assert_eq!(part(&flops, FlopsPart::Latent), 2688.0);
        // (4·8·2.5 + (2·2 + 2)·2·64) · 2/4
        assert_eq!(part(&flops, FlopsPart::EncoderCross), 424.0);
        // 3 (4·8·1.5 + (2·½ + 2)·2·64)
        assert_eq!(part(&flops, FlopsPart::DecoderCross), 1296.0);
        // (2·16·8 + 2·16·16) / 4, and no projection between equal widths.
        assert_eq!(part(&flops, FlopsPart::Projections), 192.0);
        assert_eq!(flops.paper(), 14_200.0);
        assert_eq!(flops.total(), 14_392.0);

        let other = Flops::of(&small(24, true), shape);
        assert_eq!(part(&other, FlopsPart::Entropy), 1408.0 + 4160.0);
        // (2·16·8 + 2·16·24 + 2·24·16) / 4
        assert_eq!(part(&other, FlopsPart::Projections), 448.0);
    }

    #[test]
    fn larger_patches_cost_less() {
        let config = small(16, true);
        let total = |size| Flops::of(&config, TextShape::new(size, 8192).unwrap()).total();
        let totals = [1.0, 2.0, 4.5, 6.0, 8.0, 100.0].map(total);
        assert!(totals.is_sorted_by(|a, b| a > b), "{totals:?}");
    }

    #[test]
    fn parts_that_are_not_there_cost_nothing() {
        let shape = TextShape::new(4.0, 28).unwrap();
        let mut config = small(8, false);
        let blt = config.blt.as_mut().unwrap();
        (blt.encoder_cross, blt.decoder_cross) = (false, false);
        let flops = Flops::of(&config, shape);
        let parts: Vec<FlopsPart> = flops.parts.iter().map(|(part, _)| *part).collect();
        assert!(!parts.contains(&FlopsPart::EncoderCross));
        assert!(!parts.contains(&FlopsPart::DecoderCross));
        // A patch is the largest of its bytes, as wide as the latent model.
        assert_eq!(part(&flops, FlopsPart::Projections), 0.0);
    }

    #[test]
    fn fewer_key_heads_cost_less() {
        let shape = TextShape::new(4.0, 28).unwrap();
        let mut config = small(16, false);
        let before = Flops::of(&config, shape);
        if let Some(blt) = &mut config.blt {
            blt.latent.kv_heads = 1;
        }
        let after = Flops::of(&config, shape);
        // Keys and values of half the width: 2 layers · 2·256 · 2/2, once in 4 bytes.
        assert_eq!(before.total() - after.total(), 256.0);
    }

    #[test]
    fn a_shape_must_be_possible() {
        for (size, context) in [(0.5, 8), (9.0, 8), (f64::NAN, 8), (1.0, 0)] {
            assert_eq!(TextShape::new(size, context).unwrap_err().exit_code(), 2);
        }
        assert!(TextShape::new(1.0, 1).is_ok());
    }
}
