/// Twin of `embed`: rows of `table` (`[V, columns]`) picked by `ids`, those
/// beyond the vocabulary clamped to its last row; gives `[T, columns]`.
pub(crate) fn embed(ids: &[u32], table: &[f32], columns: usize) -> Vec<f32> {
    let last = table.len() / columns - 1;
    ids.iter()
        .flat_map(|id| {
            let row = (*id as usize).min(last);
            table[row * columns..(row + 1) * columns].iter().copied()
        })
        .collect()
}
