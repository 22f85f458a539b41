//! `y[t, h, :] = softmax(q . k * scale) v` over the keys that row t sees.

use super::attention_few::Few;
use super::attention_many::Many;
use super::size;
use crate::device::bindings::{AttentionCpu, AttentionParams};
use crate::device::cpu::Cpu;
use crate::device::cpu::raw::TileShape;

/// Up to this many rows walk the keys each on its own.
const FEW_ROWS: usize = 8;
/// Pieces of such a row for each thread.
const PIECES: usize = 2;
/// About the fewest rows of a piece otherwise: they share packed keys.
const ROWS: usize = 96;
/// Pieces that are enough then.
const ENOUGH: usize = 32;
/// A multiple of the rows of every level's register tile.
const TOGETHER: usize = 12;

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
    let splits = size(p.splits);
    let few = rows <= FEW_ROWS || splits > 1;
    let own = splits * part_size(head, splits);
    // Few rows read memory, where the keys of several heads are neighbours.
    let pieces = PIECES * cpu.threads();
    let heads_together = match few {
        true => keys.kv_heads.div_ceil(pieces) * keys.shared_by,
        false => 1,
    };
    // As many whatever the number of threads is, because sums depend on where a piece begins.
    let down = ENOUGH.div_ceil(heads.max(1)).min(rows.div_ceil(ROWS));
    let tile_rows = if few {
        1
    } else {
        rows.div_ceil(down).next_multiple_of(TOGETHER)
    };
    let shape = TileShape {
        rows,
        stride: heads * own,
        first_column: 0,
        columns: heads * own,
        tile_rows,
        tile_columns: heads_together * own,
    };
    let seen: usize = (0..rows).map(|row| keys.span(row)).sum();
    let work = seen.saturating_mul(2 * heads * head);
    cpu.tiles(y, shape, work, |mut tile| {
        let first_head = tile.first_column / own;
        if few {
            cpu.lanes(Few {
                keys,
                row: tile.first_row,
                first_head,
                splits,
                y: tile.row(0),
            });
        } else {
            let kv_head = first_head / keys.shared_by;
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

/// Numbers of a part: its sums, and where there are several its maximum, its total and two
/// zeros.
#[inline(always)]
pub(crate) fn part_size(head: usize, splits: usize) -> usize {
    if splits > 1 { head + 4 } else { head }
}

/// Queries, and the ring of keys and values.
#[derive(Clone, Copy)]
pub(crate) struct Keys<'a> {
    first_slot: u32,
    /// The number of slots, a power of two, less 1.
    last_slot: u32,
    kv_heads: usize,
    /// Heads that use the same keys.
    pub(crate) shared_by: usize,
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
    /// The query of a row and head.
    #[inline(always)]
    pub(crate) fn query(&self, row: usize, head: usize) -> &'a [f32] {
        let at = (row * (self.heads + 2 * self.kv_heads) + head) * self.head;
        &self.qkv[at..][..self.head]
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
