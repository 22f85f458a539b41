//! Attention of a single row.

use std::ops::Range;

use super::attention::{Keys, part_of, part_size};
use super::scratch::Scratch;
use crate::device::cpu::raw::{Lanes, Work, exp, short_dots};

/// Some heads of a row. Each key is read for all of them before the next: memory is faster
/// with neighbours than with the keys of a single head, which lie far apart.
pub(crate) struct Few<'a, 'b> {
    pub(crate) keys: Keys<'a>,
    pub(crate) row: usize,
    pub(crate) first_head: usize,
    /// Parts that the keys are cut into.
    pub(crate) splits: usize,
    /// `[heads, splits, part_size]`
    pub(crate) y: &'b mut [f32],
}

/// Keys that are read side by side.
const BLOCK: usize = 4;
/// Values that are added before the sums are stored again.
const VALUES: usize = 8;

impl Work for Few<'_, '_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(mut self, l: L) {
        let span = self.keys.span(self.row);
        let part = part_of(span, self.splits);
        for split in 0..self.splits {
            // The first is there even if it is empty.
            if split == 0 || split * part < span {
                self.part(l, split, split * part..span.min((split + 1) * part));
            }
        }
    }
}

impl Few<'_, '_> {
    /// A part of the keys: those so far back.
    #[inline(always)]
    fn part<L: Lanes>(&mut self, l: L, split: usize, seen: Range<usize>) {
        let (keys, row, first_head) = (self.keys, self.row, self.first_head);
        let head = keys.head;
        let own = part_size(head, self.splits);
        let y = &mut self.y[split * own..];
        let heads = y.len().div_ceil(self.splits * own);
        let count = seen.len();
        let padded = count.next_multiple_of(BLOCK);
        let mut scratch = Scratch::new(heads * padded);
        let weights = scratch.numbers();
        let back = |j: usize| seen.end - 1 - j.min(count - 1);
        for block in (0..count).step_by(BLOCK) {
            for h in 0..heads {
                let kv_head = (first_head + h) / keys.shared_by;
                let query = keys.query(row, first_head + h);
                let side: [&[f32]; BLOCK] =
                    std::array::from_fn(|j| keys.key(row, back(block + j), kv_head));
                let scores = short_dots::<L, BLOCK>(l, query, side);
                weights[h * padded + block..][..BLOCK].copy_from_slice(&scores);
            }
        }
        for h in 0..heads {
            let y = &mut y[h * self.splits * own..][..own];
            y.fill(0.0);
            if count > 0 {
                let weights = &mut weights[h * padded..][..count];
                let (largest, total) = softmax(l, keys.scale, weights);
                if self.splits > 1 {
                    y[head..head + 2].copy_from_slice(&[largest, total]);
                } else {
                    scale(l, 1.0 / total, weights);
                }
            }
        }
        for first in (0..count).step_by(VALUES) {
            let block = first..count.min(first + VALUES);
            for h in 0..heads {
                let kv_head = (first_head + h) / keys.shared_by;
                let weights = &weights[h * padded..][block.clone()];
                let value = |j: usize| keys.value(row, back(first + j), kv_head);
                add_weighted(l, weights, value, &mut y[h * self.splits * own..][..head]);
            }
        }
    }
}

/// Scores to weights, `exp(scale s - largest)`; gives the largest `scale s` and the
/// sum of the weights, of which the largest is 1.
#[inline(always)]
pub(crate) fn softmax<L: Lanes>(l: L, scale: f32, scores: &mut [f32]) -> (f32, f32) {
    let mut highest = l.splat(f32::MIN);
    for scores in scores.chunks(L::LANES) {
        highest = l.max(
            highest,
            l.mul(l.load_part(scores, scores[0]), l.splat(scale)),
        );
    }
    let highest = l.largest(highest);
    let largest = l.splat(highest);
    let mut total = l.splat(0.0);
    for scores in scores.chunks_mut(L::LANES) {
        let short = scores.len() < L::LANES;
        let score = l.mul(l.load_part(scores, 0.0), l.splat(scale));
        let weight = exp(l, l.sub(score, largest));
        l.store_part(weight, scores);
        let weight = if short {
            l.load_part(scores, 0.0)
        } else {
            weight
        };
        total = l.add(total, weight);
    }
    (highest, l.sum(total))
}

/// `y = factor * y`.
#[inline(always)]
pub(crate) fn scale<L: Lanes>(l: L, factor: f32, y: &mut [f32]) {
    for y in y.chunks_mut(L::LANES) {
        l.store_part(l.mul(l.load_part(y, 0.0), l.splat(factor)), y);
    }
}

/// `y = y + sum_j weights[j] value(j)`.
#[inline(always)]
pub(crate) fn add_weighted<'a, L: Lanes>(
    l: L,
    weights: &[f32],
    value: impl Fn(usize) -> &'a [f32],
    y: &mut [f32],
) {
    // Four sums hide each other's latency: one for each of four vectors, or several for each
    // of fewer.
    let mut first = 0;
    while first + 4 * L::LANES <= y.len() {
        add_vectors::<L, 4, 1>(l, weights, &value, first, y);
        first += 4 * L::LANES;
    }
    if first + 2 * L::LANES <= y.len() {
        add_vectors::<L, 2, 2>(l, weights, &value, first, y);
        first += 2 * L::LANES;
    }
    if first + L::LANES <= y.len() {
        add_vectors::<L, 1, 4>(l, weights, &value, first, y);
        first += L::LANES;
    }
    if first < y.len() {
        let mut sum = l.load_part(&y[first..], 0.0);
        for (j, weight) in weights.iter().enumerate() {
            let value = l.load_part(&value(j)[first..], 0.0);
            sum = l.fma(l.splat(*weight), value, sum);
        }
        l.store_part(sum, &mut y[first..]);
    }
}

/// The same for V vectors from column `first` on, each in S sums.
#[inline(always)]
fn add_vectors<'a, L: Lanes, const V: usize, const S: usize>(
    l: L,
    weights: &[f32],
    value: &impl Fn(usize) -> &'a [f32],
    first: usize,
    y: &mut [f32],
) {
    let y = &mut y[first..first + V * L::LANES];
    let mut sums = [[l.splat(0.0); V]; S];
    for (v, sum) in sums[0].iter_mut().enumerate() {
        *sum = l.load(&y[v * L::LANES..]);
    }
    // Counted by a constant: with a chunk's own length the sums went to memory and back.
    let whole = weights.len() / S * S;
    for j in (0..whole).step_by(S) {
        for s in 0..S {
            let columns = &value(j + s)[first..first + V * L::LANES];
            add_scaled(l, weights[j + s], columns, &mut sums[s]);
        }
    }
    for (j, weight) in weights.iter().enumerate().skip(whole) {
        let columns = &value(j)[first..first + V * L::LANES];
        add_scaled(l, *weight, columns, &mut sums[0]);
    }
    for v in 0..V {
        let mut sum = sums[0][v];
        for sums in &sums[1..] {
            sum = l.add(sum, sums[v]);
        }
        l.store(sum, &mut y[v * L::LANES..]);
    }
}

/// `sums = sums + weight columns`.
#[inline(always)]
fn add_scaled<L: Lanes, const V: usize>(l: L, weight: f32, columns: &[f32], sums: &mut [L::V; V]) {
    for (v, sum) in sums.iter_mut().enumerate() {
        *sum = l.fma(l.splat(weight), l.load(&columns[v * L::LANES..]), *sum);
    }
}
