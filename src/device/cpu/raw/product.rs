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

/// The product of one factor that lies in tiles, as [`product`] gives them, and a packed one:
/// `a` `[inner / tile_columns, ROWS, tile_columns]`.
#[inline(always)]
pub(crate) fn product_of_tiles<L: Lanes>(l: L, a: &[f32], b: &[f32]) -> L::Tile {
    let width = tile_columns::<L>();
    let tiles = b.len() / (width * width);
    assert!(a.len() == tiles * L::ROWS * width && b.len() == tiles * width * width);
    // SAFETY: the assertion above.
    unsafe { l.product_of_tiles(a.as_ptr(), b.as_ptr(), tiles) }
}

/// What [`Lanes::product_of_tiles`] is at every level, with R for `ROWS`.
///
/// # Safety
/// As there.
#[inline(always)]
pub(super) unsafe fn product_of_tiles_in<L: Lanes, const R: usize>(
    l: L,
    mut a: *const f32,
    mut b: *const f32,
    tiles: usize,
) -> [[L::V; TILE_VECTORS]; R] {
    let width = tile_columns::<L>();
    let mut sums = [[l.splat(0.0); TILE_VECTORS]; R];
    for _ in 0..tiles {
        for k in 0..width {
            // SAFETY: the caller's promise. Rows are so far apart as is known here, which
            // takes one register for all.
            unsafe { add_products(l, a.add(k), width, b.add(k * width), &mut sums) };
        }
        // SAFETY: at most one past the end.
        (a, b) = unsafe { (a.add(R * width), b.add(width * width)) };
    }
    sums
}

/// Adds the products of a column, its numbers `apart` from each other, and a row.
///
/// # Safety
/// Both are good for reads.
#[inline(always)]
unsafe fn add_products<L: Lanes, const R: usize>(
    l: L,
    a: *const f32,
    apart: usize,
    b: *const f32,
    tile: &mut [[L::V; TILE_VECTORS]; R],
) {
    let mut columns = [l.splat(0.0); TILE_VECTORS];
    for (c, column) in columns.iter_mut().enumerate() {
        // SAFETY: the caller's promise.
        *column = unsafe { l.load_from(b.add(c * L::LANES)) };
    }
    for (r, sums) in tile.iter_mut().enumerate() {
        // SAFETY: as above.
        let value = l.splat(unsafe { *a.add(r * apart) });
        for (sum, column) in sums.iter_mut().zip(columns) {
            *sum = l.fma(value, column, *sum);
        }
    }
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
        // SAFETY: the caller's promise; at most one past the end.
        unsafe { add_products(l, a, 1, b, &mut tile) };
        // SAFETY: as above.
        (a, b) = unsafe { (a.add(R), b.add(tile_columns::<L>())) };
    }
    tile
}
