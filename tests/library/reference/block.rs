use super::{attention, linear, rms_norm, rope, rope_angles, swiglu};
use blt::bytes::EOS;

/// Sizes of a transformer block; the same for all blocks of one part of the
/// model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockShape {
    /// Columns of the residual stream.
    pub(crate) hidden: usize,
    /// Query heads.
    pub(crate) heads: usize,
    /// Key and value heads.
    pub(crate) kv_heads: usize,
    /// Columns per head.
    pub(crate) head: usize,
    /// Columns of the gate.
    pub(crate) intermediate: usize,
    /// Base of the rotary embedding.
    pub(crate) theta: f32,
    /// Added to the mean square in RMSNorm.
    pub(crate) epsilon: f32,
}

/// The weights of one transformer block, row-major `[out, in]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct BlockMatrices {
    /// `[hidden]`
    pub(crate) attention_norm: Vec<f32>,
    /// `[heads * head, hidden]`
    pub(crate) q: Vec<f32>,
    /// `[kv_heads * head, hidden]`
    pub(crate) k: Vec<f32>,
    /// `[kv_heads * head, hidden]`
    pub(crate) v: Vec<f32>,
    /// `[hidden, heads * head]`
    pub(crate) o: Vec<f32>,
    /// `[hidden]`
    pub(crate) mlp_norm: Vec<f32>,
    /// `[intermediate, hidden]`
    pub(crate) gate: Vec<f32>,
    /// `[intermediate, hidden]`
    pub(crate) up: Vec<f32>,
    /// `[hidden, intermediate]`
    pub(crate) down: Vec<f32>,
}

/// The KV cache of one block: every position so far, `[U, kv_heads, head]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyValues {
    /// Rotated keys.
    pub(crate) keys: Vec<f32>,
    /// Values.
    pub(crate) values: Vec<f32>,
}

impl KeyValues {
    /// Forgets the positions from `to` on.
    pub(crate) fn truncate(&mut self, to: usize, shape: &BlockShape) {
        self.keys.truncate(to * shape.kv_heads * shape.head);
        self.values.truncate(to * shape.kv_heads * shape.head);
    }
}

impl BlockMatrices {
    /// The block on the rows `x` (`[T, hidden]`), which follow those in the
    /// cache and join them there; row t sees `spans[t]` keys, its own and those
    /// just before it. Spec section 2.
    pub(crate) fn forward(
        &self,
        shape: &BlockShape,
        x: &[f32],
        spans: &[u32],
        cache: &mut KeyValues,
    ) -> Vec<f32> {
        let BlockShape {
            hidden,
            heads,
            kv_heads,
            head,
            intermediate,
            epsilon,
            ..
        } = *shape;
        let position = cache.keys.len() / (kv_heads * head);
        let angles = rope_angles(position as u64, spans.len(), head, shape.theta);

        let h = rms_norm(x, &self.attention_norm, epsilon);
        let mut q = linear(&h, &self.q, hidden);
        let mut k = linear(&h, &self.k, hidden);
        rope(&mut q, &angles, heads, head);
        rope(&mut k, &angles, kv_heads, head);
        cache.keys.extend(k);
        cache.values.extend(linear(&h, &self.v, hidden));
        let a = attention(&q, &cache.keys, &cache.values, spans, heads, kv_heads, head);
        let x = sum(x, &linear(&a, &self.o, heads * head));

        let h = rms_norm(&x, &self.mlp_norm, epsilon);
        let gate = linear(&h, &self.gate, hidden);
        let up = linear(&h, &self.up, hidden);
        let gate_up: Vec<f32> = gate
            .chunks_exact(intermediate)
            .zip(up.chunks_exact(intermediate))
            .flat_map(|(g, u)| g.iter().chain(u).copied())
            .collect();
        let gated = swiglu(&gate_up, intermediate);
        sum(&x, &linear(&gated, &self.down, intermediate))
    }
}

/// Keys that each of the rows `first..` of `ids` sees in a local model: those of
/// its document, and of the window where there is one, its own included. A
/// document ends with EOS. Spec section 2.
pub(crate) fn local_spans(ids: &[u32], first: usize, window: Option<usize>) -> Vec<u32> {
    (first..ids.len())
        .map(|i| {
            let before = ids[..i].iter().rev().take_while(|id| **id != EOS).count();
            let span = (before + 1).min(window.unwrap_or(usize::MAX));
            u32::try_from(span).unwrap_or(u32::MAX)
        })
        .collect()
}

/// `x + y`, element by element.
pub(super) fn sum(x: &[f32], y: &[f32]) -> Vec<f32> {
    x.iter().zip(y).map(|(a, b)| a + b).collect()
}
