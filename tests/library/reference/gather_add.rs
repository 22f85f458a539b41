/// Twin of `gather_add`: adds to each row t of `x` (`[T, columns]`) the vector
/// of the patch it sees, row `patches[t]` of `vectors` (`[P, columns]`). What a
/// decoder without cross-attention does, spec section 9.
pub(crate) fn gather_add(x: &mut [f32], vectors: &[f32], patches: &[u32], columns: usize) {
    for (x, patch) in x.chunks_exact_mut(columns).zip(patches) {
        for (sum, value) in x.iter_mut().zip(&vectors[*patch as usize * columns..]) {
            *sum += value;
        }
    }
}
