//! The entropy model's weights, resolved: past this point there are no names.

use super::config::EntropyConfig;
use super::expected::{ExpectedTensor, entropy_tensors};
use super::files::{Listed, Weights};
use super::sentence::{listing, quoted, refuse};
use super::tensor::TensorView;
use crate::Result;

/// Every weight of the entropy model, with shapes checked against the config.
#[derive(Debug)]
pub struct EntropyWeights<'a> {
    /// The architecture.
    pub config: EntropyConfig,
    /// Token embeddings, `[vocab, hidden]`.
    pub embed: TensorView<'a>,
    /// The blocks, first to last.
    pub layers: Vec<BlockWeights<'a>>,
    /// The last RMS norm, `[hidden]`.
    pub norm: TensorView<'a>,
    /// The output head, `[vocab, hidden]`; the same bytes as `embed` if the
    /// file holds one table for both.
    pub lm_head: TensorView<'a>,
}

/// The weights of one transformer block. Linear layers are `[out, in]`.
#[derive(Debug)]
pub struct BlockWeights<'a> {
    /// The RMS norm before attention, `[hidden]`.
    pub attention_norm: TensorView<'a>,
    /// Queries, `[heads * head_dim, hidden]`.
    pub q: TensorView<'a>,
    /// Keys, `[kv_heads * head_dim, hidden]`.
    pub k: TensorView<'a>,
    /// Values, `[kv_heads * head_dim, hidden]`.
    pub v: TensorView<'a>,
    /// Attention output, `[hidden, heads * head_dim]`.
    pub o: TensorView<'a>,
    /// The RMS norm before the feed-forward layer, `[hidden]`.
    pub mlp_norm: TensorView<'a>,
    /// The gate that goes through SiLU, `[intermediate, hidden]`.
    pub gate: TensorView<'a>,
    /// The gated branch, `[intermediate, hidden]`.
    pub up: TensorView<'a>,
    /// Back to the residual stream, `[hidden, intermediate]`.
    pub down: TensorView<'a>,
}

/// The prefix under which a file holds its entropy model.
pub(super) fn prefix(weights: &Weights, whole: bool) -> &'static str {
    match whole {
        true => "model.patcher.",
        false if weights.iter().any(|t| t.name.starts_with("patcher.")) => "patcher.",
        false => "",
    }
}

impl<'a> EntropyWeights<'a> {
    pub(super) fn resolve(
        weights: &'a Weights,
        config: &EntropyConfig,
        prefix: &str,
    ) -> Result<Self> {
        let expected = entropy_tensors(config, prefix);
        let under: Vec<_> = weights
            .iter()
            .filter(|t| t.name.starts_with(prefix))
            .collect();
        if under.is_empty() {
            return Err(refuse(format!(
                "{} holds no entropy model, though its config describes one (no tensor starts with {}); \
                 take the checkpoint that has it, or an entropy model of its own",
                weights.label(),
                quoted(prefix)
            )));
        }
        check(weights, &expected, &under)?;

        let view = |rest: &str| take(weights, &format!("{prefix}{rest}"));
        let tables = ["embed_tokens.weight", "lm_head.weight"];
        let [embed, lm_head] = tables.map(|name| weights.get(&format!("{prefix}{name}")));
        let [embed, lm_head] = [embed.or(lm_head), lm_head.or(embed)].map(|t| match t {
            Some(found) => found.view(),
            None => view(tables[0]),
        });
        let block = |i: u32| {
            let view = |rest: &str| view(&format!("layers.{i}.{rest}"));
            Ok(BlockWeights {
                attention_norm: view("input_layernorm.weight")?,
                q: view("self_attn.q_proj.weight")?,
                k: view("self_attn.k_proj.weight")?,
                v: view("self_attn.v_proj.weight")?,
                o: view("self_attn.o_proj.weight")?,
                mlp_norm: view("post_attention_layernorm.weight")?,
                gate: view("mlp.gate_proj.weight")?,
                up: view("mlp.up_proj.weight")?,
                down: view("mlp.down_proj.weight")?,
            })
        };
        Ok(Self {
            config: *config,
            embed: embed?,
            layers: (0..config.layers).map(block).collect::<Result<_>>()?,
            norm: view("norm.weight")?,
            lm_head: lm_head?,
        })
    }
}

/// Everything expected is there in its shape and a usable dtype, and nothing else.
fn check(weights: &Weights, expected: &[ExpectedTensor], under: &[Listed<'_>]) -> Result<()> {
    let mut missing = Vec::new();
    for tensor in expected {
        let names = [Some(&tensor.name), tensor.alias.as_ref()];
        let found: Vec<_> = names
            .into_iter()
            .flatten()
            .filter_map(|name| weights.get(name))
            .collect();
        if found.is_empty() {
            missing.push(tensor.name.as_str());
        }
        for found in found {
            if found.shape != tensor.shape {
                return Err(refuse(format!(
                    "the tensor {} in {} has the shape {:?} where the config asks for {:?}",
                    quoted(found.name),
                    found.file,
                    found.shape,
                    tensor.shape
                )));
            }
            found.view()?;
        }
    }
    let known = |name: &str| {
        expected
            .iter()
            .any(|t| t.name == name || t.alias.as_deref() == Some(name))
    };
    let unknown: Vec<_> = under
        .iter()
        .map(|t| t.name)
        .filter(|name| !known(name))
        .collect();
    if !missing.is_empty() {
        let also = if unknown.is_empty() {
            String::new()
        } else {
            format!(" (it holds {} instead)", listing(&unknown, 2))
        };
        return Err(refuse(format!(
            "{} lacks {} of the entropy model's {} tensors: {}{also}",
            weights.label(),
            missing.len(),
            expected.len(),
            listing(&missing, 3)
        )));
    }
    if !unknown.is_empty() {
        return Err(refuse(format!(
            "{} holds tensors in its entropy model that its config does not call for: {}",
            weights.label(),
            listing(&unknown, 3)
        )));
    }
    Ok(())
}

fn take<'a>(weights: &'a Weights, name: &str) -> Result<TensorView<'a>> {
    match weights.get(name) {
        Some(found) => found.view(),
        None => Err(refuse(format!(
            "{} lacks the tensor {}",
            weights.label(),
            quoted(name)
        ))),
    }
}
