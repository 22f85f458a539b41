use super::block::local_spans;
use super::{BlockMatrices, BlockShape, KeyValues, embed, entropy, linear, rms_norm};

/// Sizes of an entropy model.
#[derive(Clone, Copy, Debug)]
pub struct EntropyShape {
    /// Columns of the residual stream.
    pub hidden: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Columns per head.
    pub head: usize,
    /// Columns of the gate.
    pub intermediate: usize,
    /// Number of token ids.
    pub vocabulary: usize,
    /// Keys that a row sees, its own included.
    pub window: usize,
    /// Base of the rotary embedding.
    pub theta: f32,
    /// Added to the mean square in RMSNorm.
    pub epsilon: f32,
}

/// The whole entropy model on the CPU.
#[derive(Clone, Debug)]
pub struct EntropyMatrices {
    /// Its sizes.
    pub shape: EntropyShape,
    /// `[vocabulary, hidden]`
    pub embed: Vec<f32>,
    /// Blocks in order.
    pub layers: Vec<BlockMatrices>,
    /// `[hidden]`
    pub norm: Vec<f32>,
    /// `[vocabulary, hidden]`
    pub head: Vec<f32>,
}

impl EntropyMatrices {
    /// Logits `[T, vocabulary]` of a whole sequence of token ids, with the
    /// sliding window and the document mask at EOS (id 2). Spec sections 2, 3.
    #[must_use]
    pub fn logits(&self, ids: &[u32]) -> Vec<f32> {
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
    #[must_use]
    pub fn entropies(&self, ids: &[u32]) -> Vec<f32> {
        let none = vec![u32::MAX; ids.len()];
        entropy(&self.logits(ids), &none, self.shape.vocabulary)
            .iter()
            .map(|[h, _]| *h)
            .collect()
    }
}
