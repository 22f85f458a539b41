//! The weights of a whole BLT, resolved: past this point there are no names.

use super::block::BlockWeights;
use super::config::BltConfig;
use super::expected::{EMBED, blt_tensors};
use super::files::{Listed, Weights};
use super::form::{DECODER_PROJECTION, Form, HASH_TABLES, table};
use super::naming::HEAD;
use super::resolve::{BLT, check, either, take};
use super::tensor::TensorView;
use crate::Result;

/// Cross-attention weights (spec section 7). Linear layers are `[out, in]`; D is
/// the width of encoder and decoder.
#[derive(Debug)]
pub struct CrossWeights<'a> {
    /// The RMS norm of what asks, `[D]`.
    pub q_norm: TensorView<'a>,
    /// The RMS norm of what is asked, `[D]`.
    pub k_norm: TensorView<'a>,
    /// Queries, `[heads * head_dim, D]`.
    pub q: TensorView<'a>,
    /// Keys, `[kv_heads * head_dim, D]`.
    pub k: TensorView<'a>,
    /// Values, `[kv_heads * head_dim, D]`.
    pub v: TensorView<'a>,
    /// Output, `[D, heads * head_dim]`.
    pub o: TensorView<'a>,
}

/// Every weight of encoder, latent model and decoder, with shapes checked
/// against the config (spec sections 6 to 9). D is the width of encoder and
/// decoder, G that of the latent model, k the config's `cross_attn_k`.
#[derive(Debug)]
pub struct BltWeights<'a> {
    /// The architecture.
    pub config: &'a BltConfig,
    /// Byte embeddings, `[vocab, D]`.
    pub embed: TensorView<'a>,
    /// The hashed n-gram embeddings: one table per hash function and n-gram
    /// length, `[rows, D]` each, or all of them below one another in one.
    pub hash_tables: Vec<TensorView<'a>>,
    /// The encoder's blocks, first to last.
    pub encoder: Vec<BlockWeights<'a>>,
    /// The encoder's cross-attention: one per layer, one after the last, or none.
    pub encoder_cross: Vec<CrossWeights<'a>>,
    /// From pooled bytes to a patch's first vectors, `[k * D, poolings * D]`;
    /// `None` without cross-attention in the encoder.
    pub encoder_projection: Option<TensorView<'a>>,
    /// Into the latent model, `[G, width of a patch]`; `None` if they are equal.
    pub latent_projection: Option<TensorView<'a>>,
    /// The latent model's blocks, first to last.
    pub latent: Vec<BlockWeights<'a>>,
    /// From a patch to the rows that bytes see, `[k * D, G]`, or `[D, G]` without
    /// cross-attention in the decoder; `None` where a patch is taken as it is.
    pub decoder_projection: Option<TensorView<'a>>,
    /// The decoder's blocks, first to last.
    pub decoder: Vec<BlockWeights<'a>>,
    /// The decoder's cross-attention: one per layer, one before the first, or none.
    pub decoder_cross: Vec<CrossWeights<'a>>,
    /// The last RMS norm, `[D]`.
    pub decoder_norm: TensorView<'a>,
    /// The output head, `[vocab, D]`; the same bytes as `embed` if the file
    /// holds one table for both.
    pub head: TensorView<'a>,
}

impl<'a> BltWeights<'a> {
    pub(super) fn resolve(
        weights: &'a Weights,
        config: &'a BltConfig,
        form: &Form,
    ) -> Result<Self> {
        let under: Vec<_> = weights
            .iter()
            .filter(|t| !t.name.starts_with(form.entropy_prefix))
            .collect();
        check(weights, &blt_tensors(config, form), &under, BLT)?;

        let blocks = |part: &str, layers: u32| -> Result<Vec<_>> {
            (0..layers)
                .map(|i| BlockWeights::resolve(weights, &format!("model.{part}.layers.{i}")))
                .collect()
        };
        let crosses = |part: &str, layers: u32| -> Result<Vec<_>> {
            (0..layers)
                .map(|i| cross(weights, &format!("model.{part}.cross_attn_layers.{i}")))
                .collect()
        };
        let held = |name: &str| weights.get(name).map(Listed::view).transpose();
        let hash_tables = hash_tables(weights, config, form)?;
        let (embed, head) = either(weights, EMBED, HEAD)?;
        Ok(Self {
            config,
            embed,
            hash_tables,
            encoder: blocks("local_encoder", config.encoder.layers)?,
            encoder_cross: crosses("local_encoder", config.encoder_crosses())?,
            encoder_projection: held("model.local_encoder.patch_embedding_projection.weight")?,
            latent_projection: held("model.global_transformer.token_embedding_projection.weight")?,
            latent: blocks("global_transformer", config.latent.layers)?,
            decoder_projection: held(DECODER_PROJECTION)?,
            decoder: blocks("local_decoder", config.decoder.layers)?,
            decoder_cross: crosses("local_decoder", config.decoder_crosses())?,
            decoder_norm: take(weights, "model.local_decoder.norm.weight")?,
            head,
        })
    }
}

/// The hash tables alone.
pub(super) fn hash_tables<'a>(
    weights: &'a Weights,
    config: &BltConfig,
    form: &Form,
) -> Result<Vec<TensorView<'a>>> {
    if form.split_tables {
        (0..config.hash.tables())
            .map(|i| take(weights, &table(i)))
            .collect()
    } else {
        Ok(vec![take(weights, &format!("{HASH_TABLES}.weight"))?])
    }
}

fn cross<'a>(weights: &'a Weights, prefix: &str) -> Result<CrossWeights<'a>> {
    let view = |rest: &str| take(weights, &format!("{prefix}.{rest}.weight"));
    Ok(CrossWeights {
        q_norm: view("q_norm")?,
        k_norm: view("k_norm")?,
        q: view("q_proj")?,
        k: view("k_proj")?,
        v: view("v_proj")?,
        o: view("o_proj")?,
    })
}
