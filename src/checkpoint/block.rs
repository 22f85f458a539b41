//! The weights of a transformer block.

use super::files::Weights;
use super::resolve::take;
use super::tensor::TensorView;
use crate::Result;

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

impl<'a> BlockWeights<'a> {
    /// All of them.
    pub(super) fn tensors(&self) -> [&TensorView<'a>; 9] {
        [
            &self.attention_norm,
            &self.q,
            &self.k,
            &self.v,
            &self.o,
            &self.mlp_norm,
            &self.gate,
            &self.up,
            &self.down,
        ]
    }

    /// The tensors whose names begin with `prefix`.
    pub(super) fn resolve(weights: &'a Weights, prefix: &str) -> Result<Self> {
        let view = |rest: &str| take(weights, &format!("{prefix}.{rest}.weight"));
        Ok(Self {
            attention_norm: view("input_layernorm")?,
            q: view("self_attn.q_proj")?,
            k: view("self_attn.k_proj")?,
            v: view("self_attn.v_proj")?,
            o: view("self_attn.o_proj")?,
            mlp_norm: view("post_attention_layernorm")?,
            gate: view("mlp.gate_proj")?,
            up: view("mlp.up_proj")?,
            down: view("mlp.down_proj")?,
        })
    }
}
