//! From bytes to patches and back: pooling and cross-attention over rings.

use super::{Check, some};
use crate::device::kernels::{
    Concatenate, ConcatenateParams, CrossAttention, CrossAttentionParams, Pool, PoolParams,
};
use crate::device::plan::Extent;
use crate::error::Result;
use crate::model::part::count;
use crate::reference::{self, Pooling, RowRange};

/// Random rows `[positions, columns]`, and the ring that holds the last `slots`
/// of them.
fn ring(
    check: &mut Check<'_>,
    positions: usize,
    slots: usize,
    columns: usize,
) -> (Vec<f32>, Vec<f32>) {
    let rows = check.values(positions * columns, 2.0);
    let mut ring = vec![f32::NAN; slots * columns];
    for (position, row) in rows.chunks_exact(columns).enumerate() {
        let slot = position % slots;
        ring[slot * columns..(slot + 1) * columns].copy_from_slice(row);
    }
    (rows, ring)
}

/// Random ranges among the last `slots` of so many positions; the first of them
/// is all that the ring holds, the second a single row.
fn ranges(check: &mut Check<'_>, number: usize, positions: usize, slots: usize) -> Vec<RowRange> {
    let oldest = positions.saturating_sub(slots);
    (0..number)
        .map(|i| match i {
            0 => (oldest, positions - oldest),
            1 => (positions - 1, 1),
            _ => {
                let first = oldest + check.below(count(positions - oldest)) as usize;
                let rest = (positions - first).min(11);
                (first, 1 + check.below(count(rest)) as usize)
            }
        })
        .collect()
}

/// Ranges as the kernels have them, with others beside them that are not meant.
fn with_others(ranges: &[RowRange], place: usize) -> Vec<[u32; 2]> {
    let mut out = Vec::new();
    for (first, rows) in ranges {
        let mut entry = [[0, 1]; 2];
        entry[place] = [count(*first), count(*rows)];
        out.extend(entry);
    }
    // Beyond the rows of the run.
    out.extend([[0, 1]; 6]);
    out
}

pub(super) async fn pool(check: &mut Check<'_>) -> Result<f64> {
    // Patches, columns, positions, slots of the ring.
    let shapes = [
        (1, 4, 1, 8),
        (3, 8, 40, 16),
        (9, 260, 70, 64),
        (70, 36, 512, 128),
    ];
    let kinds = [Pooling::Max, Pooling::Mean, Pooling::Min];
    for (patches, columns, positions, slots) in shapes {
        let (rows, ring) = ring(check, positions, slots, columns);
        let own = ranges(check, patches, positions, slots);
        let (ring_in, ranges_in) = (check.tensor(&ring), check.tensor(&with_others(&own, 1)));
        let state = check.state(patches, 0);
        // Three results side by side, with a gap before and after.
        let stride = 3 * columns + 8;
        let y = check.poisoned((patches + 3) * stride);
        let mut want = vec![None; (patches + 3) * stride];
        for (place, kind) in kinds.into_iter().enumerate() {
            let kernel = Pool {
                state: state.all(),
                ranges: ranges_in.all(),
                ring: ring_in.all(),
                y: y.all(),
            };
            let first = 4 + place * columns;
            let params = PoolParams {
                columns4: count(columns / 4),
                slots: count(slots),
                kind: count(place),
                stride4: count(stride / 4),
                first4: count(first / 4),
            };
            let grid = [Extent::Items(columns / 4), Extent::Rows];
            check.run(&kernel, params, grid, patches).await?;
            let pooled = reference::pool(&rows, columns, &own, kind);
            for (row, pooled) in pooled.chunks_exact(columns).enumerate() {
                let at = row * stride + first;
                want[at..at + columns].copy_from_slice(&some(pooled));
            }
        }
        check.floats(&y, want).await?;
    }
    Ok(2e-6)
}

pub(super) async fn concatenate(check: &mut Check<'_>) -> Result<f64> {
    // Patches, columns, positions, slots, bytes per patch.
    let shapes = [
        (1, 4, 1, 8, 3),
        (3, 8, 5, 8, 4),
        (9, 260, 60, 64, 1),
        (70, 12, 60, 64, 8),
    ];
    for (patches, columns, positions, slots, bytes) in shapes {
        let (rows, ring) = ring(check, positions, slots, columns);
        let own = ranges(check, patches, positions, slots);
        let (ring_in, ranges_in) = (check.tensor(&ring), check.tensor(&with_others(&own, 1)));
        let state = check.state(patches, 0);
        let y = check.poisoned((patches + 3) * bytes * columns);
        let kernel = Concatenate {
            state: state.all(),
            ranges: ranges_in.all(),
            ring: ring_in.all(),
            y: y.all(),
        };
        let params = ConcatenateParams {
            columns4: count(columns / 4),
            slots: count(slots),
            bytes: count(bytes),
        };
        let grid = [Extent::Items(bytes * columns / 4), Extent::Rows];
        check.run(&kernel, params, grid, patches).await?;
        let want = reference::concatenate(&rows, columns, &own, bytes);
        let want = want.into_iter().map(Some);
        check
            .floats(&y, want.chain(std::iter::repeat(None)))
            .await?;
    }
    Ok(0.0)
}

pub(super) async fn cross_attention(check: &mut Check<'_>) -> Result<f64> {
    // Ranges, query rows per range, heads, key heads, head, positions, slots; in
    // the encoder a range has others beside it.
    let shapes = [
        (1, 1, 1, 1, 4, 1, 8, false),
        (3, 2, 6, 2, 12, 40, 16, true),
        (9, 4, 4, 4, 64, 70, 64, true),
        (130, 1, 3, 1, 20, 300, 128, false),
        (5, 1, 16, 16, 128, 9, 16, false),
    ];
    for (number, group, heads, kv_heads, head, positions, slots, encoder) in shapes {
        let stored = kv_heads * head;
        let (kv, ring) = ring(check, positions, slots, 2 * stored);
        let half = |offset: usize| -> Vec<f32> {
            kv.chunks_exact(2 * stored)
                .flat_map(|row| row[offset..offset + stored].iter().copied())
                .collect()
        };
        let (k, v) = (half(0), half(stored));
        let seen = ranges(check, number, positions, slots);
        let entries = match encoder {
            true => with_others(&seen, 0),
            false => seen
                .iter()
                .map(|(first, rows)| [count(*first), count(*rows)])
                .chain([[0, 1]; 3])
                .collect(),
        };
        let rows = number * group;
        let q = check.values((rows + 3) * heads * head, 2.0);
        let (ring_in, q_in, ranges_in) = (
            check.tensor(&ring),
            check.tensor(&q),
            check.tensor(&entries),
        );
        let (state, y) = (
            check.state(rows, 0),
            check.poisoned((rows + 3) * heads * head),
        );
        let kernel = CrossAttention {
            state: state.all(),
            ranges: ranges_in.all(),
            q: q_in.all(),
            kv: ring_in.all(),
            y: y.all(),
        };
        #[expect(clippy::cast_precision_loss, reason = "small sizes")]
        let params = CrossAttentionParams {
            group: count(group),
            range_stride: if encoder { 2 } else { 1 },
            heads: count(heads),
            kv_heads: count(kv_heads),
            head4: count(head / 4),
            slots: count(slots),
            scale: 1.0 / (head as f32).sqrt(),
        };
        let grid = [Extent::Items(heads), Extent::Rows];
        check.run(&kernel, params, grid, rows).await?;
        let q = &q[..rows * heads * head];
        let want = reference::cross_attention(q, &k, &v, &seen, group, heads, kv_heads, head);
        let want = want.into_iter().map(Some);
        check
            .floats(&y, want.chain(std::iter::repeat(None)))
            .await?;
    }
    Ok(1e-5)
}
