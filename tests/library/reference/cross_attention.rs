/// Twin of `cross_attention`: query row r of `q` (`[R, heads, head]`) attends to
/// the rows of `k` and `v` (`[U, kv_heads, head]`) in the range (first row,
/// number of rows) of its group, `ranges[r / group]`. No rotary embedding, no
/// other mask. Query head h uses key head h / (heads / kv_heads). Gives
/// `[R, heads, head]`; an empty range gives zeros. Spec sections 7 and 9.
#[expect(
    clippy::too_many_arguments,
    reason = "three matrices and their geometry"
)]
pub(crate) fn cross_attention(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    ranges: &[(usize, usize)],
    group: usize,
    heads: usize,
    kv_heads: usize,
    head: usize,
) -> Vec<f32> {
    let mut y = vec![0.0; q.len()];
    for (row, query) in q.chunks_exact(heads * head).enumerate() {
        let (first, count) = ranges[row / group];
        for h in 0..heads {
            let query = &query[h * head..(h + 1) * head];
            let key = |u: usize| (u * kv_heads + h / (heads / kv_heads)) * head;
            let scores: Vec<f64> = (first..first + count)
                .map(|u| {
                    let products = query.iter().zip(&k[key(u)..]);
                    let dot: f64 = products.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    #[expect(clippy::cast_precision_loss, reason = "a head is small")]
                    {
                        dot / (head as f64).sqrt()
                    }
                })
                .collect();
            let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = scores.iter().map(|s| (s - largest).exp()).collect();
            let total: f64 = weights.iter().sum();
            for d in 0..head {
                let values = weights.iter().zip(first..);
                let sum: f64 = values.map(|(w, u)| w * f64::from(v[key(u) + d])).sum();
                if count > 0 {
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "back to the stored precision"
                    )]
                    {
                        y[(row * heads + h) * head + d] = (sum / total) as f32;
                    }
                }
            }
        }
    }
    y
}
