use std::marker::PhantomData;

use super::Pool;

/// How a matrix of rows `stride` apart is cut into tiles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TileShape {
    /// Rows to cut.
    pub(crate) rows: usize,
    /// Numbers from one row to the next.
    pub(crate) stride: usize,
    /// Column of the first tile.
    pub(crate) first_column: usize,
    /// Columns from there on to cut.
    pub(crate) columns: usize,
    /// Rows of a tile; those of the last may be fewer.
    pub(crate) tile_rows: usize,
    /// Columns of a tile; those of the last may be fewer.
    pub(crate) tile_columns: usize,
}

/// A part of a matrix that nobody else has.
pub(crate) struct Tile<'a, T> {
    /// Its first row in the matrix.
    pub(crate) first_row: usize,
    /// Its rows.
    pub(crate) rows: usize,
    /// Its first column, counted from the shape's first.
    pub(crate) first_column: usize,
    /// Its columns.
    pub(crate) columns: usize,
    at: *mut T,
    stride: usize,
    matrix: PhantomData<&'a mut [T]>,
}

impl<T> Tile<'_, T> {
    /// One of its rows, counted from its first.
    #[inline(always)]
    pub(crate) fn row(&mut self, row: usize) -> &mut [T] {
        assert!(row < self.rows);
        // SAFETY: `share_tiles` found all rows of the matrix to lie in its slice and
        // the tiles do not overlap; this tile is borrowed as long as the row.
        unsafe { std::slice::from_raw_parts_mut(self.at.add(row * self.stride), self.columns) }
    }
}

/// A pointer to what the pieces of a job share out among themselves.
struct Shared<T>(*mut T);
// SAFETY: each piece makes references to its own part only, and a part may go to
// another thread.
unsafe impl<T: Send> Sync for Shared<T> {}
impl<T> Shared<T> {
    // A method, so that closures take the whole of it and not the pointer inside.
    fn get(&self) -> *mut T {
        self.0
    }
}

/// Runs `work` for every tile of a matrix; on the calling thread alone unless `shared`.
pub(crate) fn share_tiles<T: Send>(
    pool: &Pool,
    shared: bool,
    matrix: &mut [T],
    shape: TileShape,
    work: impl Fn(Tile<'_, T>) + Sync,
) {
    let TileShape {
        rows,
        stride,
        first_column,
        columns,
        tile_rows,
        tile_columns,
    } = shape;
    if rows == 0 || columns == 0 {
        return;
    }
    assert!(tile_rows > 0 && tile_columns > 0 && first_column + columns <= stride);
    assert!((rows - 1) * stride + first_column + columns <= matrix.len());
    let across = columns.div_ceil(tile_columns);
    let start = Shared(matrix.as_mut_ptr());
    pool.run(shared, across * rows.div_ceil(tile_rows), &|piece| {
        let (row, column) = (piece / across * tile_rows, piece % across * tile_columns);
        work(Tile {
            first_row: row,
            rows: tile_rows.min(rows - row),
            first_column: column,
            columns: tile_columns.min(columns - column),
            // SAFETY: within the slice, by the assertion above.
            at: unsafe { start.get().add(row * stride + first_column + column) },
            stride,
            matrix: PhantomData,
        });
    });
}

/// Runs `work` for every `size` neighbours of a slice, with the number of the
/// chunk; on the calling thread alone unless `shared`.
pub(crate) fn share_chunks<T: Send>(
    pool: &Pool,
    shared: bool,
    slice: &mut [T],
    size: usize,
    work: impl Fn(usize, &mut [T]) + Sync,
) {
    let length = slice.len();
    if length == 0 || size == 0 {
        return;
    }
    let start = Shared(slice.as_mut_ptr());
    pool.run(shared, length.div_ceil(size), &|piece| {
        let first = piece * size;
        // SAFETY: within the slice; chunks do not overlap, and `Pool::run` gives each
        // piece to one call.
        let chunk = unsafe {
            std::slice::from_raw_parts_mut(start.get().add(first), size.min(length - first))
        };
        work(piece, chunk);
    });
}
