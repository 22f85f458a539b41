/// Twin of `concatenate`: for each range (first row, number of rows) of `x`
/// (`[T, columns]`) the last `count` rows up to its end side by side,
/// `[P, count * columns]`. They may lie before the range; row 0 stands for those
/// before the text. Spec section 7.
pub(crate) fn concatenate(
    x: &[f32],
    columns: usize,
    ranges: &[(usize, usize)],
    count: usize,
) -> Vec<f32> {
    let mut y = Vec::with_capacity(ranges.len() * count * columns);
    for (first, rows) in ranges {
        for i in 0..count {
            let row = (first + rows + i).saturating_sub(count);
            y.extend_from_slice(&x[row * columns..(row + 1) * columns]);
        }
    }
    y
}
