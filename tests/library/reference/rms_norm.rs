/// Twin of `rms_norm`: `weight * x / sqrt(mean(x^2) + epsilon)` for each row of
/// `x` (`[T, columns]`, columns = `weight.len()`). Spec section 2.
pub(crate) fn rms_norm(x: &[f32], weight: &[f32], epsilon: f32) -> Vec<f32> {
    let columns = weight.len();
    x.chunks_exact(columns)
        .flat_map(|row| {
            let squares: f64 = row.iter().map(|v| f64::from(*v) * f64::from(*v)).sum();
            #[expect(clippy::cast_precision_loss, reason = "row lengths are small")]
            let mean = squares / columns as f64;
            let scale = 1.0 / (mean + f64::from(epsilon)).sqrt();
            #[expect(
                clippy::cast_possible_truncation,
                reason = "back to the stored precision"
            )]
            row.iter()
                .zip(weight)
                .map(move |(v, w)| (f64::from(*w) * f64::from(*v) * scale) as f32)
        })
        .collect()
}
