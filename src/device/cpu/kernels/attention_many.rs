//! Attention of many rows of a head: two matrix products and a softmax between.

use super::attention::Keys;
use super::scratch::Scratch;
use crate::device::cpu::raw::{
    F32, Lanes, MAX_LANES, Tile, Work, exp, pack_columns, pack_rows, product, product_of_tiles,
    tile_columns,
};

/// Numbers of a line of the caches: keys of a head lie too far apart for the processor to
/// look ahead itself.
const LINE: usize = 16;

/// Of neighbouring rows of one head, which share the packed keys.
pub(crate) struct Many<'a, 'b> {
    pub(crate) keys: Keys<'a>,
    pub(crate) kv_head: usize,
    pub(crate) tile: Tile<'b, f32>,
}

impl Work for Many<'_, '_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(mut self, l: L) {
        let (keys, head, width) = (self.keys, self.keys.head, tile_columns::<L>());
        let (first_row, end_row) = (self.tile.first_row, self.tile.first_row + self.tile.rows);
        // Keys are counted back from the last row, and forth from the earliest.
        let back = |row: usize| end_row - 1 - row;
        let reach = (first_row..end_row).map(|row| back(row) + keys.span(row));
        let count = reach.max().unwrap_or(0);
        let padded = count.next_multiple_of(width);
        let value_panels = head.div_ceil(width);
        let sizes = [
            padded * head,
            value_panels * padded * width,
            head * L::ROWS,
            L::ROWS * padded,
        ];
        let mut scratch = Scratch::new(sizes.iter().sum());
        let all = scratch.numbers();
        let (packed_keys, all) = all.split_at_mut(sizes[0]);
        let (packed_values, all) = all.split_at_mut(sizes[1]);
        let (queries, scores) = all.split_at_mut(sizes[2]);
        let last = end_row - 1;
        let back_of = |j: usize| (count - 1).saturating_sub(j);
        for first in (0..count).step_by(width) {
            let live = width.min(count - first);
            let key = |r: usize| keys.key(last, back_of(first + r), self.kv_head);
            for r in width..2 * width {
                let lines = key(r).chunks(LINE);
                lines.for_each(|line| l.prefetch_near(line.as_ptr()));
            }
            let to = &mut packed_keys[first * head..][..width * head];
            pack_rows::<F32, L>(l, width, live, head, key, to);
        }
        for (panel, to) in packed_values.chunks_exact_mut(padded * width).enumerate() {
            let columns = panel * width..head.min((panel + 1) * width);
            let value = |j: usize| &keys.value(last, back_of(j), self.kv_head)[columns.clone()];
            pack_columns(l, width, count, value, to);
        }
        for group in (first_row..end_row).step_by(L::ROWS) {
            let rows = group..end_row.min(group + L::ROWS);
            let own_head = self.tile.first_column / head;
            let query = |r: usize| keys.query(group + r, own_head);
            pack_rows::<F32, L>(l, L::ROWS, rows.len(), head, query, queries);
            // The keys that any of these rows sees, from a whole panel on.
            let end = count - back(rows.end - 1);
            let seen = |row: usize| count - back(row) - keys.span(row)..count - back(row);
            let start = rows.clone().map(|row| seen(row).start).min().unwrap_or(0);
            let start = start / width * width;
            let across = end.next_multiple_of(width) - start;
            for first in (start..end).step_by(width) {
                let panel = &packed_keys[first * head..][..width * head];
                let tile = product(l, queries, panel);
                let sums = tile.as_ref().iter().flatten();
                let to = scores[(first - start) * L::ROWS..].chunks_exact_mut(L::LANES);
                sums.zip(to).for_each(|(sum, to)| l.store(*sum, to));
            }
            let scores = &mut scores[..across * L::ROWS];
            let mut totals = [0.0; MAX_LANES];
            for (row, total) in rows.clone().zip(&mut totals) {
                let seen = seen(row);
                let r = row - group;
                for j in (0..seen.start - start).chain(seen.end - start..across) {
                    scores[(j / width * L::ROWS + r) * width + j % width] = f32::NEG_INFINITY;
                }
                *total = softmax(l, keys.scale, scores, r);
            }
            for (panel, values) in packed_values.chunks_exact(padded * width).enumerate() {
                let tile = product_of_tiles(l, scores, &values[start * width..][..across * width]);
                for (row, (sums, total)) in rows.clone().zip(tile.as_ref().iter().zip(totals)) {
                    let factor = l.splat(if total > 0.0 { 1.0 / total } else { 0.0 });
                    let y = &mut self.tile.row(row - first_row)[panel * width..];
                    for (sum, y) in sums.iter().zip(y.chunks_mut(L::LANES)) {
                        l.store_part(l.mul(*sum, factor), y);
                    }
                }
            }
        }
    }
}

/// Scores of row `r` of `[tiles, ROWS, tile_columns]` to weights, `exp(scale s - largest)` for a
/// positive scale; gives their sum. Scores of minus infinity weigh nothing.
#[inline(always)]
fn softmax<L: Lanes>(l: L, scale: f32, scores: &mut [f32], r: usize) -> f32 {
    let width = tile_columns::<L>();
    let mut highest = l.splat(f32::MIN);
    for tile in scores.chunks_exact(L::ROWS * width) {
        for scores in tile[r * width..][..width].chunks_exact(L::LANES) {
            highest = l.max(highest, l.load(scores));
        }
    }
    let less = l.splat(-scale * l.largest(highest).max(f32::MIN));
    let scale = l.splat(scale);
    let mut total = l.splat(0.0);
    for tile in scores.chunks_exact_mut(L::ROWS * width) {
        for scores in tile[r * width..][..width].chunks_exact_mut(L::LANES) {
            let weight = exp(l, l.fma(l.load(scores), scale, less));
            l.store(weight, scores);
            total = l.add(total, weight);
        }
    }
    l.sum(total)
}
