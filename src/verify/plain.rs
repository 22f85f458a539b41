//! Linear layers and attention in the plainest form, with sums in f64.

/// `y[t, o] = sum_i x[t, i] w[o, i]` for `x` `[T, inputs]` and `w` `[outputs, inputs]`.
pub(super) fn linear(x: &[f32], w: &[f32], inputs: usize) -> Vec<f32> {
    let rows = x.chunks_exact(inputs);
    rows.flat_map(|x| w.chunks_exact(inputs).map(|w| single(dot(x, w))))
        .collect()
}

/// A row normalised (RMSNorm), and weighted.
pub(super) fn rms_norm(row: &[f32], weight: &[f32], epsilon: f32) -> Vec<f32> {
    #[expect(clippy::cast_precision_loss, reason = "a row is short")]
    let mean = dot(row, row) / row.len() as f64 + f64::from(epsilon);
    let terms = row.iter().zip(weight);
    terms
        .map(|(x, w)| single(f64::from(*w) * f64::from(*x) / mean.sqrt()))
        .collect()
}

/// `softmax(q . k / sqrt(head)) v` over the keys and values of one head that a
/// query sees; zeros if it sees none.
pub(super) fn attention(query: &[f32], keys: &[&[f32]], values: &[&[f32]]) -> Vec<f32> {
    #[expect(clippy::cast_precision_loss, reason = "a head is small")]
    let scale = 1.0 / (query.len() as f64).sqrt();
    let scores: Vec<f64> = keys.iter().map(|key| dot(query, key) * scale).collect();
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scores.iter().map(|s| (s - largest).exp()).collect();
    let total = weights.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    let column = |d: usize| -> f64 {
        let terms = weights.iter().zip(values);
        terms.map(|(w, value)| w * f64::from(value[d])).sum()
    };
    (0..query.len())
        .map(|d| single(column(d) / total))
        .collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    let products = a.iter().zip(b);
    products.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "back to the stored precision"
)]
fn single(value: f64) -> f32 {
    value as f32
}
