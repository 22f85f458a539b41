//! The sizes of a stack of transformer blocks: entropy model, encoder, latent
//! model and decoder are all described by the same keys.

use serde::Serialize;

use super::section::Section;
use crate::Result;

/// A stack of transformer blocks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StackConfig {
    /// Width of the residual stream.
    pub hidden_size: u32,
    /// Number of blocks.
    pub layers: u32,
    /// Query heads.
    pub heads: u32,
    /// Key and value heads; divides `heads`.
    pub kv_heads: u32,
    /// Width of a head, `hidden_size / heads`; even, at most 256.
    pub head_dim: u32,
    /// Width of the feed-forward layer.
    pub intermediate_size: u32,
    /// Added to the mean square in every RMS norm.
    pub norm_eps: f32,
    /// Base of the rotary frequencies.
    pub rope_theta: f32,
    /// Positions the stack was trained for; `None` if the config names no limit.
    pub max_positions: Option<u32>,
}

impl StackConfig {
    pub(super) fn read(section: &Section<'_>, default_theta: f32) -> Result<Self> {
        let hidden_size = section.needed_count("hidden_size", 1 << 16)?;
        let layers = section.needed_count("num_hidden_layers", 1000)?;
        let heads = section.needed_count("num_attention_heads", 1 << 16)?;
        if hidden_size % heads != 0 {
            let must = format!("a divisor of `hidden_size`, which is {hidden_size}");
            return Err(section.wrong("num_attention_heads", &must));
        }
        let kv_heads = section
            .count("num_key_value_heads", 1 << 16)?
            .unwrap_or(heads);
        if heads % kv_heads != 0 {
            let must = format!("a divisor of `num_attention_heads`, which is {heads}");
            return Err(section.wrong("num_key_value_heads", &must));
        }
        let head_dim = hidden_size / heads;
        let quotient = format!("`hidden_size` {hidden_size} over `num_attention_heads` {heads}");
        section.agrees("head_dim", head_dim, &quotient)?;
        if head_dim % 2 != 0 || head_dim > 256 {
            let must = format!(
                "such that a head is even and at most 256 wide, and `hidden_size` {hidden_size} makes it {head_dim}"
            );
            return Err(section.wrong("num_attention_heads", &must));
        }
        if section.text("hidden_act")?.is_some_and(|act| act != "silu") {
            return Err(section.wrong(
                "hidden_act",
                "\"silu\", the only activation that exists here",
            ));
        }
        Ok(Self {
            hidden_size,
            layers,
            heads,
            kv_heads,
            head_dim,
            intermediate_size: section
                .count("intermediate_size", 1 << 20)?
                .unwrap_or(8 * hidden_size / 3),
            norm_eps: norm_eps(section)?,
            rope_theta: rope_theta(section, default_theta)?,
            max_positions: section.count("max_position_embeddings", u32::MAX)?,
        })
    }
}

fn norm_eps(section: &Section<'_>) -> Result<f32> {
    let read = |key| section.number(key, "a number above 0 and below 1", |n| n > 0.0 && n < 1.0);
    Ok(match read("rms_norm_eps")? {
        Some(eps) => eps,
        None => read("norm_eps")?.unwrap_or(1e-5),
    })
}

fn rope_theta(section: &Section<'_>, default: f32) -> Result<f32> {
    let parameters = section.section("rope_parameters")?;
    let scaling = section.section("rope_scaling")?;
    for rope in parameters.iter().chain(&scaling) {
        for key in ["rope_type", "type"] {
            if rope.text(key)?.is_some_and(|kind| kind != "default") {
                return Err(rope.wrong(key, "\"default\", the only rotary scaling that BLT has"));
            }
        }
    }
    for place in parameters.iter().chain([section]) {
        if let Some(theta) = place.number("rope_theta", "a number of at least 1", |n| n >= 1.0)? {
            return Ok(theta);
        }
    }
    Ok(default)
}
