/// How the bytes of a patch become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// The largest value of each column.
    Max,
    /// The mean of each column.
    Mean,
    /// The smallest value of each column.
    Min,
}

/// Twin of `pool`: for each range (first row, number of rows) of `x`
/// (`[T, columns]`) one row, `[P, columns]`. An empty range gives zeros. Spec
/// section 7.
pub(crate) fn pool(
    x: &[f32],
    columns: usize,
    ranges: &[(usize, usize)],
    kind: Pooling,
) -> Vec<f32> {
    let mut y = Vec::with_capacity(ranges.len() * columns);
    for (first, count) in ranges {
        for column in 0..columns {
            let values = (*first..first + count).map(|row| x[row * columns + column]);
            y.push(match kind {
                _ if *count == 0 => 0.0,
                Pooling::Max => values.fold(f32::NEG_INFINITY, f32::max),
                Pooling::Min => values.fold(f32::INFINITY, f32::min),
                #[expect(
                    clippy::cast_precision_loss,
                    clippy::cast_possible_truncation,
                    reason = "back to the stored precision, and patches are short"
                )]
                Pooling::Mean => (values.map(f64::from).sum::<f64>() / *count as f64) as f32,
            });
        }
    }
    y
}
