use super::BltMatrices;
use crate::reference::block::sum;
use crate::reference::{
    BlockShape, RowRange, concatenate, cross_attention, linear, pool, rms_norm,
};

/// The weights of one cross-attention, row-major `[out, in]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct CrossMatrices {
    /// `[D]`
    pub(crate) q_norm: Vec<f32>,
    /// `[D]`
    pub(crate) k_norm: Vec<f32>,
    /// `[heads * head, D]`
    pub(crate) q: Vec<f32>,
    /// `[kv_heads * head, D]`
    pub(crate) k: Vec<f32>,
    /// `[kv_heads * head, D]`
    pub(crate) v: Vec<f32>,
    /// `[D, heads * head]`
    pub(crate) o: Vec<f32>,
}

impl CrossMatrices {
    /// The queries `x` (`[R, D]`) attend to the rows of `keys` (`[U, D]`); row r
    /// to the range `ranges[r / group]`. Gives `x + attended`, `[R, D]`; the
    /// caller adds `x` once more (spec section 7). `shape` is that of the stack
    /// whose heads these are.
    pub(crate) fn forward(
        &self,
        shape: &BlockShape,
        x: &[f32],
        keys: &[f32],
        ranges: &[RowRange],
        group: usize,
    ) -> Vec<f32> {
        let BlockShape {
            hidden,
            heads,
            kv_heads,
            head,
            epsilon,
            ..
        } = *shape;
        let q = linear(&rms_norm(x, &self.q_norm, epsilon), &self.q, hidden);
        let n = rms_norm(keys, &self.k_norm, epsilon);
        let (k, v) = (linear(&n, &self.k, hidden), linear(&n, &self.v, hidden));
        let a = cross_attention(&q, &k, &v, ranges, group, heads, kv_heads, head);
        sum(x, &linear(&a, &self.o, heads * head))
    }
}

/// What the encoder makes of one patch.
pub(super) struct PatchStages {
    /// `[pools * D]`, or what is joined instead.
    pub(super) pooled: Vec<f32>,
    /// The first queries, `[k, D]`; none without cross-attention.
    pub(super) queries: Vec<f32>,
    /// The patch as the latent model is given it.
    pub(super) vector: Vec<f32>,
}

impl BltMatrices {
    /// The vector of a patch from the rows `[S, D]` of every encoder layer, its
    /// own bytes and the bytes that its queries see. Spec section 7.
    pub(super) fn patch(&self, layers: &[Vec<f32>], own: RowRange, seen: RowRange) -> PatchStages {
        let shape = &self.encoder.shape;
        let pooled = |rows: &[f32]| match self.shape.concatenate {
            Some(count) => concatenate(rows, shape.hidden, &[own], count),
            None => {
                let kinds = self.shape.pooling.iter();
                kinds
                    .flat_map(|kind| pool(rows, shape.hidden, &[own], *kind))
                    .collect()
            }
        };
        // The layers after which the patch attends to its bytes, with the weights.
        let skipped = layers.len() - self.encoder_cross.len().min(layers.len());
        let mut crosses = layers[skipped..].iter().zip(&self.encoder_cross);
        let Some((rows, cross)) = crosses.next() else {
            let pooled = layers.last().map(|rows| pooled(rows)).unwrap_or_default();
            return PatchStages {
                vector: pooled.clone(),
                queries: Vec::new(),
                pooled,
            };
        };

        let attend = |queries: &[f32], rows: &[f32], cross: &CrossMatrices| {
            let bytes = &rows[seen.0 * shape.hidden..(seen.0 + seen.1) * shape.hidden];
            let attended = cross.forward(shape, queries, bytes, &[(0, seen.1)], self.shape.k);
            sum(queries, &attended)
        };
        let start = |rows: &[f32]| {
            let pooled = pooled(rows);
            let queries = match &self.encoder_projection {
                Some(w) => linear(&pooled, w, pooled.len()),
                None => pooled.clone(),
            };
            (pooled, queries)
        };
        let (mut pooled, mut queries) = start(rows);
        let mut vector = attend(&queries, rows, cross);
        for (rows, cross) in crosses {
            if self.shape.repool {
                (pooled, queries) = start(rows);
                vector.clone_from(&queries);
            }
            vector = attend(&vector, rows, cross);
        }
        PatchStages {
            pooled,
            queries,
            vector,
        }
    }
}
