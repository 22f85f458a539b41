/// Twin of `hash_embed`: adds to each row of `x` (`[T, columns]`) its row of
/// every hash table, in the order of the tables and in f32, so that the result
/// is the same bit by bit. Spec section 6.
///
/// `rows` is what [`hash_ids`](blt::numerics::hash_ids) gives, `[T, tables]`; `table`
/// holds the tables one below the other, `[tables * vocabulary, columns]`.
pub(crate) fn hash_embed(
    x: &mut [f32],
    rows: &[u32],
    tables: usize,
    table: &[f32],
    vocabulary: u32,
    columns: usize,
) {
    for (x, rows) in x.chunks_exact_mut(columns).zip(rows.chunks_exact(tables)) {
        for (e, row) in rows.iter().enumerate() {
            let at = (e * vocabulary as usize + *row as usize) * columns;
            for (sum, value) in x.iter_mut().zip(&table[at..]) {
                *sum += value;
            }
        }
    }
}
