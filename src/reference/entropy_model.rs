use super::{attention, embed, entropy, linear, rms_norm, rope, rope_angles, swiglu};

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

/// The weights of one transformer block, row-major `[out, in]`.
#[derive(Clone, Debug, Default)]
pub struct BlockMatrices {
    /// `[hidden]`
    pub attention_norm: Vec<f32>,
    /// `[heads * head, hidden]`
    pub q: Vec<f32>,
    /// `[kv_heads * head, hidden]`
    pub k: Vec<f32>,
    /// `[kv_heads * head, hidden]`
    pub v: Vec<f32>,
    /// `[hidden, heads * head]`
    pub o: Vec<f32>,
    /// `[hidden]`
    pub mlp_norm: Vec<f32>,
    /// `[intermediate, hidden]`
    pub gate: Vec<f32>,
    /// `[intermediate, hidden]`
    pub up: Vec<f32>,
    /// `[hidden, intermediate]`
    pub down: Vec<f32>,
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
        let mut document = 0;
        let spans: Vec<u32> = (0..ids.len())
            .map(|i| {
                if i > 0 && ids[i - 1] == 2 {
                    document = i;
                }
                u32::try_from((i + 1 - document).min(s.window)).unwrap_or(u32::MAX)
            })
            .collect();
        let angles = rope_angles(0, ids.len(), s.head, s.theta);
        let mut x = embed(ids, &self.embed, s.hidden);
        for layer in &self.layers {
            let h = rms_norm(&x, &layer.attention_norm, s.epsilon);
            let mut q = linear(&h, &layer.q, s.hidden);
            let mut k = linear(&h, &layer.k, s.hidden);
            let v = linear(&h, &layer.v, s.hidden);
            rope(&mut q, &angles, s.heads, s.head);
            rope(&mut k, &angles, s.kv_heads, s.head);
            let a = attention(&q, &k, &v, &spans, s.heads, s.kv_heads, s.head);
            add(&mut x, &linear(&a, &layer.o, s.heads * s.head));

            let h = rms_norm(&x, &layer.mlp_norm, s.epsilon);
            let gate = linear(&h, &layer.gate, s.hidden);
            let up = linear(&h, &layer.up, s.hidden);
            let gate_up: Vec<f32> = gate
                .chunks_exact(s.intermediate)
                .zip(up.chunks_exact(s.intermediate))
                .flat_map(|(g, u)| g.iter().chain(u).copied())
                .collect();
            add(
                &mut x,
                &linear(
                    &swiglu(&gate_up, s.intermediate),
                    &layer.down,
                    s.intermediate,
                ),
            );
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

fn add(x: &mut [f32], y: &[f32]) {
    for (a, b) in x.iter_mut().zip(y) {
        *a += b;
    }
}
