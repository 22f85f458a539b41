use super::block::local_spans;
use super::{BlockMatrices, BlockShape, KeyValues, embed, entropy, linear, rms_norm};

/// Sizes of an entropy model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EntropyShape {
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
    /// Number of token ids.
    pub(crate) vocabulary: usize,
    /// Keys that a row sees, its own included.
    pub(crate) window: usize,
    /// Base of the rotary embedding.
    pub(crate) theta: f32,
    /// Added to the mean square in RMSNorm.
    pub(crate) epsilon: f32,
}

/// The whole entropy model on the CPU.
#[derive(Clone, Debug)]
pub(crate) struct EntropyMatrices {
    /// Its sizes.
    pub(crate) shape: EntropyShape,
    /// `[vocabulary, hidden]`
    pub(crate) embed: Vec<f32>,
    /// Blocks in order.
    pub(crate) layers: Vec<BlockMatrices>,
    /// `[hidden]`
    pub(crate) norm: Vec<f32>,
    /// `[vocabulary, hidden]`
    pub(crate) head: Vec<f32>,
}

impl EntropyMatrices {
    /// Logits `[T, vocabulary]` of a whole sequence of token ids, with the
    /// sliding window and the document mask at EOS (id 2). Spec sections 2, 3.
    pub(crate) fn logits(&self, ids: &[u32]) -> Vec<f32> {
        let s = &self.shape;
        let block = BlockShape {
            hidden: s.hidden,
            heads: s.heads,
            kv_heads: s.kv_heads,
            head: s.head,
            intermediate: s.intermediate,
            theta: s.theta,
            epsilon: s.epsilon,
        };
        let spans = local_spans(ids, 0, Some(s.window));
        let mut x = embed(ids, &self.embed, s.hidden);
        for layer in &self.layers {
            x = layer.forward(&block, &x, &spans, &mut KeyValues::default());
        }
        linear(&rms_norm(&x, &self.norm, s.epsilon), &self.head, s.hidden)
    }

    /// Entropy in nats at each position: H of what follows `ids[i]`.
    pub(crate) fn entropies(&self, ids: &[u32]) -> Vec<f32> {
        let none = vec![u32::MAX; ids.len()];
        entropy(&self.logits(ids), &none, self.shape.vocabulary)
            .iter()
            .map(|[h, _]| *h)
            .collect()
    }
}
