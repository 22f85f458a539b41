//! `y[t, h, :] = softmax(q . k * scale) v` over the keys that row t sees.

use super::attention_few::Few;
use super::attention_many::Many;
use super::size;
use crate::device::bindings::{AttentionCpu, AttentionParams};
use crate::device::cpu::Cpu;
use crate::device::cpu::raw::TileShape;

/// Up to this many rows walk the keys each on its own.
const FEW_ROWS: usize = 8;
/// Rows of a piece otherwise, a multiple of every level's: they share packed keys.
const ROWS: usize = 96;

/// Runs `attention_rows` or `attention_tile`: without parts, they differ on GPUs only.
pub(crate) fn run(k: AttentionCpu<'_>, p: &AttentionParams, cpu: &Cpu) {
    let AttentionCpu {
        state,
        qkv,
        spans,
        keys,
        values,
        y,
        ..
    } = k;
    let (rows, heads, head) = (size(state.rows), size(p.heads), 4 * size(p.head4));
    if rows == 0 {
        return;
    }
    let keys = Keys {
        first_slot: state.first_slot,
        last_slot: p.slots - 1,
        kv_heads: size(p.kv_heads),
        shared_by: heads / size(p.kv_heads).max(1),
        heads,
        head,
        scale: p.scale,
        qkv,
        spans: &spans[..rows],
        keys,
        values,
    };
    let few = rows <= FEW_ROWS;
    let splits = size(p.splits);
    // A part of a row's keys is followed by its maximum and its total.
    let own = if splits > 1 { head + 4 } else { head };
    let shape = TileShape {
        rows,
        stride: heads * splits * own,
        first_column: 0,
        columns: heads * splits * own,
        tile_rows: if few || splits > 1 { 1 } else { ROWS },
        tile_columns: own,
    };
    let seen: usize = (0..rows).map(|row| keys.span(row)).sum();
    let work = seen.saturating_mul(2 * heads * head);
    cpu.tiles(y, shape, work, |mut tile| {
        let (h, split) = (
            tile.first_column / own / splits,
            tile.first_column / own % splits,
        );
        let kv_head = h / keys.shared_by;
        if few || splits > 1 {
            let row = tile.first_row;
            let span = keys.span(row);
            let part = part_of(span, splits);
            if split > 0 && split * part >= span {
                return;
            }
            cpu.lanes(Few {
                keys,
                kv_head,
                row,
                query: keys.query(row, h * head),
                seen: split * part..span.min((split + 1) * part),
                y: tile.row(0),
            });
        } else {
            cpu.lanes(Many {
                keys,
                kv_head,
                tile,
            });
        }
    });
}

/// Keys of each part of a span, as the shaders cut it.
pub(crate) fn part_of(span: usize, splits: usize) -> usize {
    match splits {
        1 => span,
        _ => span.div_ceil(splits).max(256),
    }
}

/// Queries, and the ring of keys and values.
#[derive(Clone, Copy)]
pub(crate) struct Keys<'a> {
    first_slot: u32,
    /// The number of slots, a power of two, less 1.
    last_slot: u32,
    kv_heads: usize,
    /// Heads that use the same keys.
    shared_by: usize,
    heads: usize,
    pub(crate) head: usize,
    pub(crate) scale: f32,
    /// `[rows, heads + 2 kv_heads, head]`
    qkv: &'a [f32],
    /// `[rows]`
    spans: &'a [u32],
    /// `[slots, kv_heads, head]`
    keys: &'a [f32],
    /// `[slots, kv_heads, head]`
    values: &'a [f32],
}

impl<'a> Keys<'a> {
    /// Keys that a row sees: its own and those just before it.
    #[inline(always)]
    pub(crate) fn span(&self, row: usize) -> usize {
        size(self.spans[row]).min(size(self.last_slot) + 1)
    }
    /// The query of a row, `column` being that of its head in y.
    #[inline(always)]
    pub(crate) fn query(&self, row: usize, column: usize) -> &'a [f32] {
        &self.qkv[row * (self.heads + 2 * self.kv_heads) * self.head + column..][..self.head]
    }
    /// The key of the row that comes `back` rows before `row`.
    #[inline(always)]
    pub(crate) fn key(&self, row: usize, back: usize, kv_head: usize) -> &'a [f32] {
        &self.keys[self.at(row, back, kv_head)..][..self.head]
    }
    /// The value of the row that comes `back` rows before `row`.
    #[inline(always)]
    pub(crate) fn value(&self, row: usize, back: usize, kv_head: usize) -> &'a [f32] {
        &self.values[self.at(row, back, kv_head)..][..self.head]
    }
    #[inline(always)]
    fn at(&self, row: usize, back: usize, kv_head: usize) -> usize {
        let slots = size(self.last_slot);
        let slot = size(self.first_slot).wrapping_add(row).wrapping_sub(back) & slots;
        (slot * self.kv_heads + kv_head) * self.head
    }
}
