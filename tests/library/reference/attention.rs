/// Twin of `attention_rows` and `attention_tile`.
///
/// `q` is `[T, heads, head]`; `k` and `v` are `[U, kv_heads, head]` with U >= T,
/// the last of them belonging to the last row. Row t sees `spans[t]` keys: its
/// own and those just before it. Query head h uses key head
/// h / (heads / kv_heads). Gives `[T, heads, head]`.
pub(crate) fn attention(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    spans: &[u32],
    heads: usize,
    kv_heads: usize,
    head: usize,
) -> Vec<f32> {
    let rows = spans.len();
    let before = k.len() / (kv_heads * head) - rows;
    let mut y = vec![0.0; q.len()];
    for (row, span) in spans.iter().enumerate() {
        let own = before + row;
        let first = own + 1 - *span as usize;
        for h in 0..heads {
            let at = (row * heads + h) * head;
            let query = &q[at..at + head];
            let key = |u: usize| (u * kv_heads + h / (heads / kv_heads)) * head;
            let scores: Vec<f64> = (first..=own)
                .map(|u| {
                    let dot: f64 = query
                        .iter()
                        .zip(&k[key(u)..])
                        .map(|(a, b)| f64::from(*a) * f64::from(*b))
                        .sum();
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
                let sum: f64 = weights
                    .iter()
                    .zip(first..)
                    .map(|(w, u)| w * f64::from(v[key(u) + d]))
                    .sum();
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "back to the stored precision"
                )]
                {
                    y[at + d] = (sum / total) as f32;
                }
            }
        }
    }
    y
}
