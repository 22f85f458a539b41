//! Rotation, the ring of keys and values, and attention.

use super::case::{Buffer, Case, padded_rows};
use super::linear::{EPSILON, inverse};
use super::rings::{Ranges, ring};
use super::{Inputs, POISON, plain};
use crate::device::kernel::Kernel;
use crate::device::kernels::{
    AttentionMerge, AttentionMergeParams, AttentionParams, AttentionRows, AttentionTile,
    CrossAttention, CrossAttentionParams, CrossKeysRow, CrossKeysRowParams, CrossRow,
    CrossRowParams, RopeStore, RopeStoreParams,
};
use crate::device::plan::{Extent, Grid, ONE};
use crate::device::tensor::{count, padded};

pub(super) fn rope_store(inputs: &mut Inputs) -> Vec<Case> {
    // Rows, heads, key heads, head, slots, first slot (the ring wraps); in the last
    // two the slots are the positions and have all their angles.
    let shapes = [
        (1, 1, 1, 4, 8, 7, false),
        (5, 6, 2, 12, 8, 6, false),
        (9, 4, 4, 64, 16, 12, false),
        (3, 2, 1, 8, 4, 1, false),
        (1, 1, 1, 4, 8, 0, true),
        (5, 6, 2, 12, 16, 9, true),
    ];
    let case = |(rows, heads, kv_heads, head, slots, first_slot, absolute)| {
        let mut case = inputs.case();
        let width = (heads + 2 * kv_heads) * head;
        let stored = slots * kv_heads * head;
        let qkv = case.numbers((rows + 3) * width, 2.0);
        let angles = case.numbers((first_slot + rows + 3) * head, 1.0);
        let angles = case.input(&angles);
        let qkv = case.in_place(&qkv, 3 * width);
        let (keys, values) = (case.output(stored, 8), case.output(stored, 8));
        let params = RopeStoreParams {
            heads: count(heads),
            kv_heads: count(kv_heads),
            half_head: count(head / 2),
            slots: count(slots),
            absolute: u32::from(absolute),
        };
        let grid = [Extent::Items(width / 2), Extent::Rows];
        let buffers = [angles, qkv, keys, values];
        case.step_in_ring::<RopeStore>((rows, first_slot), &buffers, params, grid);
        case
    };
    shapes.map(case).into()
}

/// Attention over a ring of keys and values.
#[derive(Clone, Copy)]
struct Shape {
    rows: usize,
    /// Positions before the first row.
    before: usize,
    heads: usize,
    kv_heads: usize,
    /// Positions that a row sees, its own included.
    window: usize,
    /// A document begins at every multiple of this many positions.
    document: usize,
    /// The slot of the first row.
    first_slot: usize,
}

impl Shape {
    const fn new(
        (rows, before): (usize, usize),
        (heads, kv_heads): (usize, usize),
        (window, document): (usize, usize),
        first_slot: usize,
    ) -> Self {
        Self {
            rows,
            before,
            heads,
            kv_heads,
            window,
            document,
            first_slot,
        }
    }

    /// With the keys of a row cut into `splits` parts.
    fn case<'a, K>(&self, inputs: &mut Inputs, head: usize, splits: usize, grid: Grid) -> Case
    where
        K: Kernel<'a, Params = AttentionParams>,
    {
        let Self {
            rows,
            before,
            heads,
            kv_heads,
            first_slot,
            ..
        } = *self;
        let mut case = inputs.case();
        let slots = (before + rows).next_power_of_two().max(8);
        let stored = kv_heads * head;
        let spans: Vec<u32> = (before..before + rows)
            .map(|position| count((position % self.document + 1).min(self.window)))
            .collect();
        let width = (heads + 2 * kv_heads) * head;
        let qkv = case.numbers(rows * width, 2.0);
        let first = first_slot + slots - before;
        let (k, keys) = ring(&mut case, before + rows, (first, slots), stored);
        let (v, values) = ring(&mut case, before + rows, (first, slots), stored);
        let own = if splits == 1 { head } else { head + 4 };
        let y = case.output(rows * heads * splits * own, 3 * heads * splits * own);
        let buffers = [
            case.input(&[&spans[..], &[1; 3]].concat()),
            case.input(&qkv),
            keys,
            values,
            y,
        ];
        let params = AttentionParams {
            heads: count(heads),
            kv_heads: count(kv_heads),
            head4: count(head / 4),
            slots: count(slots),
            splits: count(splits),
            scale: scale(head),
        };
        case.step_in_ring::<K>((rows, first_slot % slots), &buffers, params, grid);
        if splits > 1 {
            return case;
        }

        let mut want = Vec::new();
        for (row, span) in spans.iter().enumerate() {
            let seen = before + row + 1 - *span as usize..before + row + 1;
            for (h, query) in qkv[row * width..]
                .chunks_exact(head)
                .take(heads)
                .enumerate()
            {
                let at = |u: usize| (u * kv_heads + h / (heads / kv_heads)) * head;
                let keys: Vec<&[f32]> = seen.clone().map(|u| &k[at(u)..at(u) + head]).collect();
                let values: Vec<&[f32]> = seen.clone().map(|u| &v[at(u)..at(u) + head]).collect();
                want.extend(plain::attention(query, &keys, &values));
            }
        }
        case.expect(y, &want);
        case
    }
}

#[expect(clippy::cast_precision_loss, reason = "a head is small")]
fn scale(head: usize) -> f32 {
    1.0 / (head as f32).sqrt()
}

/// The heads that a variant is for: its full width, a shorter one, and for the
/// narrowest variant of a kernel the smallest there is.
fn heads_of(inputs: &Inputs, narrowest: usize) -> Vec<usize> {
    let widths = [4, 8, 20, 32, 60, 64, 72, 128, 132, 256];
    let fixed: Option<usize> = inputs.choice("HEAD").and_then(|head| head.parse().ok());
    let Some(widest) = fixed else {
        return widths.to_vec();
    };
    let narrower = if widest == narrowest { 0 } else { widest / 2 };
    let served = narrower + 1..=widest;
    widths
        .into_iter()
        .filter(|head| served.contains(head))
        .collect()
}

pub(super) fn attention_rows(inputs: &mut Inputs) -> Vec<Case> {
    let shapes = [
        Shape::new((1, 0), (1, 1), (512, 1000), 3),
        Shape::new((1, 70), (9, 3), (64, 1000), 5),
        Shape::new((7, 30), (4, 2), (12, 25), 60),
        Shape::new((8, 200), (2, 2), (512, 190), 100),
        Shape::new((2, 600), (2, 1), (1000, 1000), 9),
    ];
    let mut cases = Vec::new();
    for head in heads_of(inputs, 32) {
        for shape in shapes {
            for splits in [1, 3] {
                let grid = [Extent::Items(shape.heads * splits), Extent::Rows];
                cases.push(shape.case::<AttentionRows>(inputs, head, splits, grid));
            }
        }
    }
    cases
}

pub(super) fn attention_merge(inputs: &mut Inputs) -> Vec<Case> {
    // Rows, heads, head, parts.
    let shapes = [(1, 1, 4, 2), (3, 5, 20, 4), (8, 2, 256, 16)];
    let case = |(rows, heads, head, splits): (usize, usize, usize, usize)| {
        let mut case = inputs.case();
        let slots = 256 * splits;
        let span = |_: usize| 1 + case.below(count(slots));
        let spans: Vec<u32> = (0..rows + 3).map(span).collect();
        let mut parts = case.numbers(rows * heads * splits * (head + 4), 2.0);
        for (at, part) in parts.chunks_exact_mut(head + 4).enumerate() {
            part[head + 1] = part[head + 1].abs() + 1.0;
            // Nobody has computed the parts beyond a row's keys.
            if 256 * (at % splits) >= spans[at / splits / heads] as usize {
                part.fill(f32::NAN);
            }
        }
        let y = case.output(rows * heads * head, 3 * heads * head);
        let params = AttentionMergeParams {
            heads: count(heads),
            head4: count(head / 4),
            slots: count(slots),
            splits: count(splits),
        };
        let buffers = [case.input(&spans), case.input(&parts), y];
        let grid = [Extent::Items(heads * head / 4), Extent::Rows];
        case.step::<AttentionMerge>(rows, &buffers, params, grid);
        case
    };
    shapes.map(case).into()
}

pub(super) fn attention_tile(inputs: &mut Inputs) -> Vec<Case> {
    let shapes = [
        Shape::new((1, 0), (1, 1), (512, 1000), 3),
        Shape::new((9, 0), (6, 2), (4, 1000), 0),
        Shape::new((70, 50), (4, 4), (33, 1000), 77),
        Shape::new((33, 40), (2, 1), (512, 20), 100),
        Shape::new((130, 20), (1, 1), (64, 70), 5),
    ];
    let mut cases = Vec::new();
    for head in heads_of(inputs, 64) {
        for shape in shapes {
            let grid = [Extent::Rows, Extent::Items(shape.heads)];
            cases.push(shape.case::<AttentionTile>(inputs, head, 1, grid));
        }
    }
    cases
}

/// Columns of a ring before and after those that a cross-attention sees: other layers'.
const BEFORE: usize = 8;
const AFTER: usize = 4;

/// The keys and values that are seen, of each row of such a ring.
fn kv_of(ring: &[f32], width: usize) -> impl Iterator<Item = &[f32]> {
    let rows = ring.chunks_exact(BEFORE + width + AFTER);
    rows.map(move |row| &row[BEFORE..][..width])
}

pub(super) fn cross_attention(inputs: &mut Inputs) -> Vec<Case> {
    // Ranges, query rows per range, heads, key heads, positions, slots; in the encoder
    // a range has others beside it.
    let shapes = [
        (1, 1, 1, 1, 1, 8, false),
        (3, 2, 6, 2, 40, 16, true),
        (9, 4, 4, 4, 70, 64, true),
        (130, 1, 3, 1, 300, 128, false),
        (5, 1, 16, 16, 9, 16, false),
    ];
    let heads_of = heads_of(inputs, 32);
    let shapes = shapes.into_iter();
    let shapes = shapes.flat_map(|shape| heads_of.iter().map(move |head| (shape, *head)));
    let case = |((number, group, heads, kv_heads, positions, slots, encoder), head): (_, usize)| {
        let mut case = inputs.case();
        let width = 2 * kv_heads * head;
        let (kv, kv_in) = ring(&mut case, positions, (0, slots), BEFORE + width + AFTER);
        let seen = Ranges::new(&mut case, number, positions, slots);
        let ranges: Buffer = match encoder {
            true => case.input(&seen.with_others(0)),
            false => case.input(&seen.alone()),
        };
        let rows = number * group;
        let q = case.numbers((rows + 3) * heads * head, 2.0);
        let y = case.output(rows * heads * head, 3 * heads * head);
        let params = CrossAttentionParams {
            group: count(group),
            range_stride: if encoder { 2 } else { 1 },
            heads: count(heads),
            kv_heads: count(kv_heads),
            head4: count(head / 4),
            slots: count(slots),
            row4: count((BEFORE + width + AFTER) / 4),
            first4: count(BEFORE / 4),
            scale: scale(head),
        };
        let buffers = [ranges, case.input(&q), kv_in, y];
        let grid = [Extent::Items(heads), Extent::Rows];
        case.step::<CrossAttention>(rows, &buffers, params, grid);

        let mut want = Vec::new();
        for (row, queries) in q.chunks_exact(heads * head).take(rows).enumerate() {
            let (first, seen) = seen.0[row / group];
            let rows = || kv_of(&kv, width).skip(first).take(seen);
            for (h, query) in queries.chunks_exact(head).enumerate() {
                let at = h / (heads / kv_heads) * head;
                let keys: Vec<&[f32]> = rows().map(|row| &row[at..at + head]).collect();
                let values = rows().map(|row| &row[width / 2 + at..][..head]);
                want.extend(plain::attention(query, &keys, &values.collect::<Vec<_>>()));
            }
        }
        case.expect(y, &want);
        case
    };
    shapes.map(case).collect()
}

pub(super) fn cross_row(inputs: &mut Inputs) -> Vec<Case> {
    // Heads, key heads, head, outputs, (first, count) of what is seen, slots: one, all that
    // there can be, none, a ring that wraps.
    let shapes = [
        (1, 1, 4, 1, (0, 1), 3),
        (6, 2, 32, 33, (5, 3), 7),
        (16, 16, 64, 130, (2, 2), 8),
        (4, 2, 32, 6, (3, 0), 4),
        (32, 8, 32, 7, (9, 4), 12),
        (3, 3, 256, 64, (30, 4), 4),
    ];
    let case = |(heads, kv_heads, head, outputs, (first, seen), slots): (usize, _, _, _, _, _)| {
        let mut case = inputs.case();
        // Whole groups of quantised weights.
        let heads = case.columns(heads * head) / head;
        let width = 2 * kv_heads * head;
        let (kv, kv_in) = ring(&mut case, first + seen, (0, slots), BEFORE + width + AFTER);
        let q = case.numbers(heads * head, 2.0);
        let weights = case.weights(&[outputs], heads * head);
        let before = case.numbers(outputs, 2.0);
        let y = case.in_place(&[&before[..], &[7.0; 5]].concat(), 5);
        let params = CrossRowParams {
            outputs: count(outputs),
            keep: 2.0,
            heads: count(heads),
            kv_heads: count(kv_heads),
            head4: count(head / 4),
            slots: count(slots),
            row4: count((BEFORE + width + AFTER) / 4),
            first4: count(BEFORE / 4),
            scale: scale(head),
            group_shift: case.weights.group_shift(),
        };
        let buffers = [
            weights.parts[0].buffer,
            case.input(&[[count(first), count(seen)]]),
            case.input(&q),
            kv_in,
            y,
        ];
        case.step::<CrossRow>(1, &buffers, params, [Extent::Items(outputs), ONE]);

        let mut found = Vec::new();
        let rows = || kv_of(&kv, width).skip(first).take(seen);
        for (h, query) in q.chunks_exact(head).enumerate() {
            let at = h / (heads / kv_heads) * head;
            let keys: Vec<&[f32]> = rows().map(|row| &row[at..at + head]).collect();
            let values = rows().map(|row| &row[width / 2 + at..][..head]);
            found.extend(plain::attention(query, &keys, &values.collect::<Vec<_>>()));
        }
        let products = plain::linear(&found, &weights.values, heads * head);
        let sums = before.iter().zip(products).map(|(y, sum)| 2.0 * y + sum);
        case.expect(y, &sums.collect::<Vec<f32>>());
        case
    };
    shapes.map(case).into()
}

pub(super) fn cross_keys_row(inputs: &mut Inputs) -> Vec<Case> {
    // Columns, outputs, slots, slot: more outputs than columns, and fewer.
    let shapes = [
        (4, 8, 3, 7),
        (85, 32, 8, 6),
        (260, 64, 5, 0),
        (192, 384, 16, 17),
        (1032, 6, 4, 1),
    ];
    let case = |(columns, outputs, slots, slot)| {
        let mut case = inputs.case();
        let columns = case.columns(columns);
        let stride = padded(columns);
        let x = case.numbers(columns, 2.0);
        let weight = case.numbers(columns, 1.5);
        let weights = case.weights(&[outputs], columns);
        let row = |values: &[f32]| padded_rows(values, columns, stride, 0.0, 0);
        let (x_in, norm) = (case.input(&row(&x)), case.input(&row(&weight)));
        let (kept, kv) = (
            case.output(slots * stride, 4),
            case.output(slots * outputs, 4),
        );
        let params = CrossKeysRowParams {
            inputs4: count(stride / 4),
            outputs: count(outputs),
            slots: count(slots),
            inverse_columns: inverse(columns),
            epsilon: EPSILON,
            group_shift: case.weights.group_shift(),
        };
        let buffers = [weights.parts[0].buffer, x_in, norm, kept, kv];
        let grid = [Extent::Items(outputs.max(stride)), ONE];
        case.step_in_ring::<CrossKeysRow>((1, slot), &buffers, params, grid);

        let normed = plain::rms_norm(&x, &weight, EPSILON);
        let products = plain::linear(&normed, &weights.values, columns);
        let ring = |row: &[f32]| {
            let mut ring = vec![f32::from_bits(POISON); slots * row.len()];
            ring[slot % slots * row.len()..][..row.len()].copy_from_slice(row);
            ring
        };
        case.expect(kept, &ring(&row(&x)));
        case.expect(kv, &ring(&products));
        case
    };
    shapes.map(case).into()
}
