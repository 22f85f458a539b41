/// Twin of `entropy`: for each row of `logits` (`[T, vocabulary]`) the entropy
/// of its softmax in nats, and the log-probability of `targets[t]`, which is 0
/// for a target beyond the vocabulary. Spec section 3.
pub(crate) fn entropy(logits: &[f32], targets: &[u32], vocabulary: usize) -> Vec<[f32; 2]> {
    logits
        .chunks_exact(vocabulary)
        .zip(targets)
        .map(|(row, target)| {
            let log_p = log_softmax(row);
            let entropy: f64 = log_p.iter().map(|l| -l.exp() * l).sum();
            let target = log_p.get(*target as usize).copied().unwrap_or(0.0);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "back to the stored precision"
            )]
            [entropy.max(0.0) as f32, target as f32]
        })
        .collect()
}

/// The logarithms of the softmax of one row of logits.
pub(crate) fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let largest = f64::from(largest);
    let total: f64 = logits.iter().map(|l| (f64::from(*l) - largest).exp()).sum();
    logits
        .iter()
        .map(|l| f64::from(*l) - largest - total.ln())
        .collect()
}
