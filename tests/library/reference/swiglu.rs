/// Twin of `swiglu`: `silu(gate) * up`, with `silu(z) = z / (1 + exp(-z))`, for
/// rows that hold `columns` gates and then `columns` ups; gives `[T, columns]`.
///
/// After [`linear`](super::linear()) it is that of `gate_up_row`.
pub(crate) fn swiglu(gate_up: &[f32], columns: usize) -> Vec<f32> {
    gate_up
        .chunks_exact(2 * columns)
        .flat_map(|row| {
            let (gate, up) = row.split_at(columns);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "back to the stored precision"
            )]
            gate.iter().zip(up).map(|(g, u)| {
                let g = f64::from(*g);
                (g / (1.0 + (-g).exp()) * f64::from(*u)) as f32
            })
        })
        .collect()
}
