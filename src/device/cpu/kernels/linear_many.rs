//! A linear layer for many rows: a matrix product in blocks that fit the caches.
//!
//! The rows are packed once for all. Each piece then widens and packs the weights of a
//! register tile, a block of inputs at a time, and multiplies them with all its rows.

use std::ops::Range;

use super::linear::Layer;
use super::scratch::Scratch;
use crate::device::cpu::Cpu;
use crate::device::cpu::raw::{
    F32, Lanes, Part, RowFormat, Tile, TileShape, Work, pack_rows, product_of, tile_columns,
};

/// Inputs that are multiplied at a time: the weights of a register tile then stay in the
/// nearest cache and the rows of a piece in the next.
const INPUTS: usize = 512;
/// Outputs of a piece.
const OUTPUTS: usize = 64;
/// About the fewest rows of a piece: with fewer, packing the weights for each piece anew
/// costs more than an even share saves.
const ROWS: usize = 132;
/// Pieces of each thread that are enough.
const PIECES: usize = 8;

pub(crate) fn many<F: RowFormat>(layer: Layer<'_, F>, y: &mut [f32], cpu: &Cpu) {
    let Layer {
        rows,
        inputs,
        outputs,
        place,
        ..
    } = layer;
    let group = cpu.lanes(GroupRows(rows));
    let work = rows.saturating_mul(inputs).saturating_mul(outputs);
    let mut scratch = Scratch::new(rows.next_multiple_of(group) * inputs);
    let packed = scratch.numbers();
    // Several groups at a time, for a group is done in a microsecond or two.
    let chunk = 4 * group * inputs;
    cpu.chunks(packed, chunk, 4 * rows * inputs, |number, packed| {
        cpu.lanes(PackRows {
            layer,
            first_row: number * 4 * group,
            group,
            packed,
        });
    });
    let packed = &*packed;
    let across = outputs.div_ceil(OUTPUTS);
    let down = (PIECES * cpu.threads())
        .div_ceil(across)
        .min((rows + ROWS / 2) / ROWS)
        .max(1);
    let mut tile_rows = rows.div_ceil(down).next_multiple_of(group);
    let mut memory_rows = rows;
    if place.slots > 0 {
        // Rows of x may meet in a ring, so one piece has all of them.
        (memory_rows, tile_rows) = (place.slots, usize::MAX);
    }
    let shape = TileShape {
        rows: memory_rows,
        stride: place.stride,
        first_column: place.first_output,
        columns: outputs,
        tile_rows,
        tile_columns: OUTPUTS,
    };
    cpu.tiles(y, shape, work, |tile| {
        cpu.lanes(Many {
            layer,
            group,
            packed,
            tile,
        });
    });
}

/// How many of this number of rows are a group, which are packed side by side.
struct GroupRows(usize);

impl Work for GroupRows {
    type Output = usize;
    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> usize {
        L::tile_rows(self.0)
    }
}

/// Packs groups of rows of x, `[groups, inputs, group]`.
struct PackRows<'a, 'b, F: RowFormat> {
    layer: Layer<'a, F>,
    first_row: usize,
    group: usize,
    packed: &'b mut [f32],
}

impl<F: RowFormat> Work for PackRows<'_, '_, F> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Layer {
            x, rows, inputs, ..
        } = self.layer;
        if inputs == 0 {
            return;
        }
        let group = self.group;
        for (number, to) in self.packed.chunks_exact_mut(inputs * group).enumerate() {
            let first = self.first_row + number * group;
            let live = group.min(rows - first);
            let row = |r: usize| &x[(first + r) * inputs..(first + r + 1) * inputs];
            pack_rows::<F32, L>(l, group, live, inputs, row, to);
        }
    }
}

struct Many<'a, 'b, F: RowFormat> {
    layer: Layer<'a, F>,
    group: usize,
    /// See [`PackRows`].
    packed: &'a [f32],
    tile: Tile<'b, f32>,
}

impl<F: RowFormat> Work for Many<'_, '_, F> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(mut self, l: L) {
        let inputs = self.layer.inputs;
        let width = tile_columns::<L>();
        let mut scratch = Scratch::new(INPUTS.min(inputs) * width);
        let weights = scratch.numbers();
        // Without inputs there is still something to store: zeros.
        for first in (0..inputs.max(1)).step_by(INPUTS) {
            let count = INPUTS.min(inputs - first);
            let weights = &mut weights[..count * width];
            for from in (0..self.tile.columns).step_by(width) {
                let columns = from..self.tile.columns.min(from + width);
                self.panel(l, (first, count), columns, weights);
            }
        }
    }
}

impl<F: RowFormat> Many<'_, '_, F> {
    /// Adds the products of the inputs from `first` on to the outputs of a register tile.
    #[inline(always)]
    fn panel<L: Lanes>(
        &mut self,
        l: L,
        (first, count): (usize, usize),
        columns: Range<usize>,
        weights: &mut [f32],
    ) {
        let layer = self.layer;
        let Layer {
            rows,
            inputs,
            place,
            ..
        } = self.layer;
        let part = Part {
            width: tile_columns::<L>(),
            count: columns.len(),
            all: inputs,
            first,
            columns: count,
        };
        let output = self.tile.first_column + columns.start;
        let row = |r: usize| layer.output(output + r);
        layer.format.pack(l, part, row, weights);
        // In a ring the tile has rows of y, and all rows of x.
        let (start, end) = if place.slots > 0 {
            (0, rows)
        } else {
            (self.tile.first_row, self.tile.first_row + self.tile.rows)
        };
        let keep = if first == 0 { place.keep } else { 1.0 };
        let group = self.group;
        for row in (start..end).step_by(group) {
            let x = &self.packed[row * inputs + first * group..][..count * group];
            let live = group.min(end - row);
            let sums = product_of(l, group, x, weights);
            for (r, sums) in sums.as_ref().iter().enumerate().take(live) {
                let y = self.tile.row(place.row(row + r) - start);
                store(l, keep, sums, &mut y[columns.clone()]);
            }
        }
    }
}

/// `y = keep * y + sums`.
#[inline(always)]
fn store<L: Lanes>(l: L, keep: f32, sums: &[L::V], y: &mut [f32]) {
    for (sum, y) in sums.iter().zip(y.chunks_mut(L::LANES)) {
        let sum = if keep == 0.0 {
            *sum
        } else {
            l.fma(l.splat(keep), l.load_part(y, 0.0), *sum)
        };
        l.store_part(sum, y);
    }
}
