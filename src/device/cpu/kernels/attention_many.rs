//! Attention of many rows of a head: two matrix products and a softmax between.

use super::attention::Keys;
use super::attention_few::softmax;
use super::scratch::Scratch;
use crate::device::cpu::raw::{
    F32, Lanes, Tile, Work, pack_columns, pack_rows, product, tile_columns,
};

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
            padded * L::ROWS,
        ];
        let mut scratch = Scratch::new(sizes.iter().sum());
        let all = scratch.numbers();
        let (packed_keys, all) = all.split_at_mut(sizes[0]);
        let (packed_values, all) = all.split_at_mut(sizes[1]);
        let (queries, all) = all.split_at_mut(sizes[2]);
        let (scores, weights) = all.split_at_mut(sizes[3]);
        let last = end_row - 1;
        for first in (0..count).step_by(width) {
            let live = width.min(count - first);
            let key = |r: usize| keys.key(last, count - 1 - first - r, self.kv_head);
            let to = &mut packed_keys[first * head..][..width * head];
            pack_rows::<F32, L>(l, width, live, head, key, to);
        }
        for (panel, to) in packed_values.chunks_exact_mut(padded * width).enumerate() {
            let columns = panel * width..head.min((panel + 1) * width);
            let value = |j: usize| &keys.value(last, count - 1 - j, self.kv_head)[columns.clone()];
            pack_columns(width, count, value, to);
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
                for (r, sums) in tile.as_ref().iter().enumerate().take(rows.len()) {
                    let to = &mut scores[r * padded + first - start..][..width];
                    for (sum, to) in sums.iter().zip(to.chunks_exact_mut(L::LANES)) {
                        l.store(*sum, to);
                    }
                }
            }
            let mut totals = [0.0; crate::device::cpu::raw::MAX_LANES];
            for (row, total) in rows.clone().zip(&mut totals) {
                let scores = &mut scores[(row - group) * padded..][..across];
                let seen = seen(row);
                scores[..seen.start - start].fill(0.0);
                scores[seen.end - start..].fill(0.0);
                if !seen.is_empty() {
                    let scores = &mut scores[seen.start - start..seen.end - start];
                    (_, *total) = softmax(l, keys.scale, scores);
                }
            }
            let weights = &mut weights[..(end - start) * L::ROWS];
            let row = |r: usize| &scores[r * padded..][..end - start];
            pack_rows::<F32, L>(l, L::ROWS, rows.len(), end - start, row, weights);
            for (panel, values) in packed_values.chunks_exact(padded * width).enumerate() {
                let tile = product(l, weights, &values[start * width..end * width]);
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
