use super::log_softmax;

/// Twin of `top_k`: the `k` largest logits of a row, the smaller id first among
/// equals, as (id, log-probability).
pub(crate) fn top_k(logits: &[f32], k: usize) -> Vec<(u32, f32)> {
    let log_p = log_softmax(logits);
    let mut order: Vec<u32> = (0u32..).take(logits.len()).collect();
    order.sort_by(|a, b| {
        logits[*b as usize]
            .total_cmp(&logits[*a as usize])
            .then(a.cmp(b))
    });
    #[expect(
        clippy::cast_possible_truncation,
        reason = "back to the stored precision"
    )]
    order
        .into_iter()
        .take(k)
        .map(|id| (id, log_p[id as usize] as f32))
        .collect()
}
