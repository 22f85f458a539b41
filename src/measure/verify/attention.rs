//! Rotation, the ring of keys and values, and attention.

use super::{Check, some};
use crate::device::Tensor;
use crate::device::kernels::{
    AttentionParams, AttentionRows, AttentionTile, RopeStore, RopeStoreParams,
};
use crate::device::plan::Extent;
use crate::error::Result;
use crate::model::part::count;
use crate::model::rotary::Rotary;
use crate::reference;

pub(super) async fn rope_store(check: &mut Check<'_>) -> Result<f64> {
    // Rows, heads, key heads, head, slots, first slot (the ring wraps), position;
    // in the last two the slots are the positions and have all their angles.
    let shapes = [
        (1, 1, 1, 4, 8, 7, 0, false),
        (5, 6, 2, 12, 8, 6, 8190, false),
        (9, 4, 4, 64, 16, 12, 32_765, false),
        (3, 2, 1, 8, 4, 1, 5_000_000_000, false),
        (1, 1, 1, 4, 8, 0, 0, true),
        (5, 6, 2, 12, 16, 9, 9, true),
    ];
    for (rows, heads, kv_heads, head, slots, first_slot, position, absolute) in shapes {
        let width = (heads + 2 * kv_heads) * head;
        let stored = kv_heads * head;
        let qkv = check.values(rows * width, 2.0);
        let mut angles = Vec::new();
        let first_angle = if absolute { 0 } else { position };
        for position in first_angle..position + rows as u64 {
            Rotary::new(head, 10_000.0).append(position, &mut angles);
        }
        angles.extend(vec![[9.0; 2]; 3 * head / 2]);
        let spare = check.values(3 * width, 1.0);
        let qkv_in = check.tensor(&[&qkv[..], &spare[..]].concat());
        let angles_in = check.tensor(&angles);
        let state = check.state(rows, first_slot);
        let (keys, values) = (
            check.poisoned(slots * stored),
            check.poisoned(slots * stored),
        );
        let kernel = RopeStore {
            state: state.all(),
            angles: angles_in.all(),
            qkv: qkv_in.all(),
            keys: keys.all(),
            values: values.all(),
        };
        let params = RopeStoreParams {
            heads: count(heads),
            kv_heads: count(kv_heads),
            half_head: count(head / 2),
            slots: count(slots),
            absolute: u32::from(absolute),
        };
        check
            .run(
                &kernel,
                params,
                [Extent::Items(width / 2), Extent::Rows],
                rows,
            )
            .await?;

        let angles = reference::rope_angles(position, rows, head, 10_000.0);
        let mut want_qkv = qkv.clone();
        let mut want_keys = vec![None; slots * stored];
        let mut want_values = vec![None; slots * stored];
        for (row, angles) in angles.chunks_exact(head / 2).enumerate() {
            let at = row * width;
            let mut query = qkv[at..at + heads * head].to_vec();
            reference::rope(&mut query, angles, heads, head);
            want_qkv[at..at + heads * head].copy_from_slice(&query);
            let mut key = qkv[at + heads * head..at + heads * head + stored].to_vec();
            reference::rope(&mut key, angles, kv_heads, head);
            let value = &qkv[at + heads * head + stored..at + width];
            let slot = (first_slot + row) % slots * stored;
            want_keys[slot..slot + stored].copy_from_slice(&some(&key));
            want_values[slot..slot + stored].copy_from_slice(&some(value));
        }
        want_qkv.extend(spare);
        check.floats(&qkv_in, some(&want_qkv)).await?;
        check.floats(&keys, want_keys).await?;
        check.floats(&values, want_values).await?;
    }
    Ok(2e-6)
}

/// Rows, earlier positions, heads, key heads, window, document length, first slot.
type Shape = (usize, usize, usize, usize, usize, usize, usize);

struct Case {
    rows: usize,
    heads: usize,
    params: AttentionParams,
    state: Tensor,
    spans: Tensor,
    qkv: Tensor,
    keys: Tensor,
    values: Tensor,
    y: Tensor,
    want: Vec<Option<f32>>,
}

impl Case {
    fn new(check: &mut Check<'_>, shape: Shape, head: usize) -> Self {
        let (rows, before, heads, kv_heads, window, document, first_slot) = shape;
        let slots = (before + rows).next_power_of_two().max(8);
        let stored = kv_heads * head;
        // A document begins at every multiple of `document` positions.
        let spans: Vec<u32> = (0..rows)
            .map(|row| {
                let position = before + row;
                count((position % document + 1).min(window))
            })
            .collect();
        let q = check.values(rows * heads * head, 2.0);
        let k = check.values((before + rows) * stored, 2.0);
        let v = check.values((before + rows) * stored, 2.0);
        let ring = |values: &[f32]| {
            // Slots that hold nothing are NaN: nobody may use them.
            let mut ring = vec![f32::NAN; slots * stored];
            for (position, row) in values.chunks_exact(stored).enumerate() {
                let slot = (first_slot + slots + position - before) % slots;
                ring[slot * stored..(slot + 1) * stored].copy_from_slice(row);
            }
            ring
        };
        let mut qkv = Vec::new();
        for row in q.chunks_exact(heads * head) {
            qkv.extend_from_slice(row);
            qkv.extend(std::iter::repeat_n(7.0, 2 * stored));
        }
        let want = reference::attention(&q, &k, &v, &spans, heads, kv_heads, head);
        let mut want = some(&want);
        want.extend(std::iter::repeat_n(None, 3 * heads * head));
        #[expect(clippy::cast_precision_loss, reason = "small sizes")]
        let params = AttentionParams {
            heads: count(heads),
            kv_heads: count(kv_heads),
            head4: count(head / 4),
            slots: count(slots),
            scale: 1.0 / (head as f32).sqrt(),
        };
        Self {
            rows,
            heads,
            params,
            state: check.state(rows, first_slot % slots),
            spans: check.tensor(&[&spans[..], &[1; 3]].concat()),
            qkv: check.tensor(&qkv),
            keys: check.tensor(&ring(&k)),
            values: check.tensor(&ring(&v)),
            y: check.poisoned((rows + 3) * heads * head),
            want,
        }
    }
}

/// The heads that a variant is for: its full width, a shorter one, and for the
/// narrowest variant the smallest there is.
fn heads_of(check: &Check<'_>) -> Vec<usize> {
    let widths = [4, 20, 32, 60, 64, 72, 128, 132, 256];
    if check.chose("HEAD", "any") {
        return widths.to_vec();
    }
    let widest = 4 * check.number("HEAD");
    let narrower = if widest == 32 { 0 } else { widest / 2 };
    widths
        .into_iter()
        .filter(|head| (narrower + 1..=widest).contains(head))
        .collect()
}

pub(super) async fn attention_rows(check: &mut Check<'_>) -> Result<f64> {
    let shapes: [Shape; 4] = [
        (1, 0, 1, 1, 512, 1000, 3),
        (1, 70, 9, 3, 64, 1000, 5),
        (7, 30, 4, 2, 12, 25, 60),
        (8, 200, 2, 2, 512, 190, 100),
    ];
    for head in heads_of(check) {
        for shape in shapes {
            let case = Case::new(check, shape, head);
            let kernel = AttentionRows {
                state: case.state.all(),
                spans: case.spans.all(),
                qkv: case.qkv.all(),
                keys: case.keys.all(),
                values: case.values.all(),
                y: case.y.all(),
            };
            let grid = [Extent::Items(case.heads), Extent::Rows];
            check.run(&kernel, case.params, grid, case.rows).await?;
            check.floats(&case.y, case.want).await?;
        }
    }
    Ok(1e-5)
}

pub(super) async fn attention_tile(check: &mut Check<'_>) -> Result<f64> {
    let shapes: [Shape; 5] = [
        (1, 0, 1, 1, 512, 1000, 3),
        (9, 0, 6, 2, 4, 1000, 0),
        (70, 50, 4, 4, 33, 1000, 77),
        (33, 40, 2, 1, 512, 20, 100),
        (130, 20, 1, 1, 64, 70, 5),
    ];
    for head in heads_of(check) {
        for shape in shapes {
            let case = Case::new(check, shape, head);
            let kernel = AttentionTile {
                state: case.state.all(),
                spans: case.spans.all(),
                qkv: case.qkv.all(),
                keys: case.keys.all(),
                values: case.values.all(),
                y: case.y.all(),
            };
            let params = case.params;
            let grid = [Extent::Rows, Extent::Items(case.heads)];
            check.run(&kernel, params, grid, case.rows).await?;
            check.floats(&case.y, case.want).await?;
        }
    }
    Ok(1e-5)
}
