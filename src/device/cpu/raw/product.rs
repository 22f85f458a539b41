use super::{Lanes, TILE_VECTORS};

/// Columns of the tile that [`product`] gives.
pub(crate) const fn tile_columns<L: Lanes>() -> usize {
    TILE_VECTORS * L::LANES
}

/// A tile of a matrix product: `[r][c] = sum_k a[k, r] b[k, c]` for packed
/// factors `a` `[inner, ROWS]` and `b` `[inner, tile_columns]`.
#[inline(always)]
pub(crate) fn product<L: Lanes>(l: L, a: &[f32], b: &[f32]) -> L::Tile {
    let inner = a.len() / L::ROWS;
    assert!(a.len() == inner * L::ROWS && b.len() == inner * tile_columns::<L>());
    // SAFETY: the assertion above.
    unsafe { l.tile_product(a.as_ptr(), b.as_ptr(), inner) }
}

/// The same for `rows` rows, a number that [`Lanes::tile_rows`] gives: `a` is `[inner, rows]`.
#[inline(always)]
pub(crate) fn product_of<L: Lanes>(l: L, rows: usize, a: &[f32], b: &[f32]) -> L::AnyTile {
    // Of these numbers alone there is a tile.
    assert_eq!(rows, L::tile_rows(rows));
    let inner = a.len() / rows;
    assert!(a.len() == inner * rows && b.len() == inner * tile_columns::<L>());
    // SAFETY: the assertion above.
    unsafe { l.tile_product_of(rows, a.as_ptr(), b.as_ptr(), inner) }
}

/// What [`Lanes::tile_product`] is at every level, R being its `ROWS`: with a
/// number known here compilers keep the sums in registers.
///
/// # Safety
/// `a` is good for `R * inner` reads and `b` for `tile_columns * inner`.
#[inline(always)]
pub(super) unsafe fn tile_product<L: Lanes, const R: usize>(
    l: L,
    mut a: *const f32,
    mut b: *const f32,
    inner: usize,
) -> [[L::V; TILE_VECTORS]; R] {
    let mut tile = [[l.splat(0.0); TILE_VECTORS]; R];
    for _ in 0..inner {
        let mut columns = [l.splat(0.0); TILE_VECTORS];
        for (c, column) in columns.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            *column = unsafe { l.load_from(b.add(c * L::LANES)) };
        }
        for (r, sums) in tile.iter_mut().enumerate() {
            // SAFETY: as above.
            let value = l.splat(unsafe { *a.add(r) });
            for (sum, column) in sums.iter_mut().zip(columns) {
                *sum = l.fma(value, column, *sum);
            }
        }
        // SAFETY: at most one past the end.
        (a, b) = unsafe { (a.add(R), b.add(tile_columns::<L>())) };
    }
    tile
}
