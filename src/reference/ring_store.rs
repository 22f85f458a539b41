/// Twin of `ring_store`: keeps rows `x` (`[T, columns]`) in the slots of a ring
/// (`[slots, columns]`) from `first_slot` on; row t goes to slot
/// `(first_slot + t) mod slots`.
pub fn ring_store<T: Copy>(ring: &mut [T], x: &[T], first_slot: usize, columns: usize) {
    let slots = ring.len() / columns;
    for (row, x) in x.chunks_exact(columns).enumerate() {
        let at = (first_slot + row) % slots * columns;
        ring[at..at + columns].copy_from_slice(x);
    }
}
