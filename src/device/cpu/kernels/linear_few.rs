//! A linear layer for a few rows, straight from the stored weights: as fast as
//! memory gives them.

use super::linear::Layer;
use super::scratch::Scratch;
use crate::device::cpu::Cpu;
use crate::device::cpu::raw::{Lanes, RowFormat, Tile, TileShape, Work};

/// Fewest and most weights of a piece: enough to be worth handing out, and few
/// enough that no thread ends long after the others.
const PIECE: (usize, usize) = (16 << 10, 1 << 20);

/// Pieces for each thread; with 20 steps took no less time.
const PIECES: usize = 8;

/// How many weights a piece of a layer with `weights` of them has.
fn piece(weights: usize, cpu: &Cpu) -> usize {
    (weights / (PIECES * cpu.threads())).clamp(PIECE.0, PIECE.1)
}

pub(crate) fn few<F: RowFormat>(layer: Layer<'_, F>, y: &mut [f32], cpu: &Cpu) {
    let weights = layer.outputs * layer.inputs;
    let numbers = layer.format.arranged(layer.inputs);
    let mut scratch = Scratch::new(if F::ARRANGED { layer.rows * numbers } else { 0 });
    let mut x = layer.x;
    if F::ARRANGED {
        let arranged = scratch.numbers();
        cpu.rows(arranged, numbers, layer.x.len(), |row, to| {
            let x = &layer.x[row * layer.inputs..(row + 1) * layer.inputs];
            let format = layer.format;
            cpu.integer_lanes(Arrange { format, x, to });
        });
        x = &*arranged;
    }
    let piece = piece(weights, cpu);
    let place = layer.place;
    let shape = TileShape {
        rows: if place.slots > 0 {
            place.slots
        } else {
            layer.rows
        },
        stride: place.stride,
        first_column: place.first_output,
        columns: layer.outputs,
        tile_rows: usize::MAX,
        tile_columns: (piece / layer.inputs.max(1)).next_multiple_of(4).max(4),
    };
    // A weight of a single row costs about two products' time.
    let work = weights.saturating_mul(layer.rows.max(2));
    cpu.tiles(y, shape, work, |tile| {
        let few = Few { layer, x, tile };
        match F::ARRANGED {
            true => cpu.integer_lanes(few),
            false => cpu.lanes(few),
        }
    });
}

/// Brings a row of x into the form that its products want.
struct Arrange<'a, F> {
    format: F,
    x: &'a [f32],
    to: &'a mut [f32],
}

impl<F: RowFormat> Work for Arrange<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        self.format.arrange(l, self.x, self.to);
    }
}

struct Few<'a, 'b, F: RowFormat> {
    layer: Layer<'a, F>,
    /// Its inputs, in the form that the weights want.
    x: &'a [f32],
    tile: Tile<'b, f32>,
}

impl<F: RowFormat> Work for Few<'_, '_, F> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        match self.layer.rows {
            1 => self.blocks::<L, 1, 4>(l),
            2 => self.blocks::<L, 2, 4>(l),
            _ => self.blocks::<L, 4, 4>(l),
        }
    }
}

impl<F: RowFormat> Few<'_, '_, F> {
    /// O outputs at a time, whose weights stay in the nearest cache while R rows
    /// after R rows use them.
    #[inline(always)]
    fn blocks<L: Lanes, const R: usize, const O: usize>(mut self, l: L) {
        let layer = self.layer;
        let Layer {
            rows,
            inputs,
            place,
            ..
        } = self.layer;
        let (x, numbers) = (self.x, layer.format.arranged(inputs));
        for first in (0..self.tile.columns).step_by(O) {
            let live = O.min(self.tile.columns - first);
            let w: [&[F::Word]; O] = std::array::from_fn(|o| {
                layer.output(self.tile.first_column + first + o.min(live - 1))
            });
            for start in (0..rows).step_by(R) {
                let x: [&[f32]; R] = std::array::from_fn(|r| {
                    // Rows beyond the last repeat it.
                    let row = (start + r).min(rows - 1);
                    &x[row * numbers..(row + 1) * numbers]
                });
                let sums = layer.format.dots::<L, R, O>(l, x, w);
                for (row, sums) in (start..rows).zip(&sums) {
                    let y = &mut self.tile.row(place.row(row))[first..first + live];
                    for (y, sum) in y.iter_mut().zip(sums) {
                        *y = place.put(*y, *sum);
                    }
                }
            }
        }
    }
}
