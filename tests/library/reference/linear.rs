/// Twin of `linear_rows` and `linear_tile`: `y[t, o] = sum_i x[t, i] w[o, i]` for `x` `[T, inputs]` and `w` `[outputs, inputs]`; gives `[T, outputs]`.
pub(crate) fn linear(x: &[f32], w: &[f32], inputs: usize) -> Vec<f32> {
    let mut y = Vec::with_capacity(x.len() / inputs * (w.len() / inputs));
    for row in x.chunks_exact(inputs) {
        for weights in w.chunks_exact(inputs) {
            let sum: f64 = row
                .iter()
                .zip(weights)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum();
            #[expect(
                clippy::cast_possible_truncation,
                reason = "back to the stored precision"
            )]
            y.push(sum as f32);
        }
    }
    y
}
