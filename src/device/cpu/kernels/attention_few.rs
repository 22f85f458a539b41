//! Attention of a single row and head.

use std::ops::Range;

use super::attention::Keys;
use super::scratch::Scratch;
use crate::device::cpu::raw::{Lanes, Work, exp, short_dots};

/// Of one row and head, or of a part of the row's keys.
pub(crate) struct Few<'a, 'b> {
    pub(crate) keys: Keys<'a>,
    pub(crate) kv_head: usize,
    pub(crate) row: usize,
    pub(crate) query: &'a [f32],
    /// How far back the keys are that it sees.
    pub(crate) seen: Range<usize>,
    /// A head; for a part its sums, and then its maximum and its total.
    pub(crate) y: &'b mut [f32],
}

/// Keys that are read side by side.
const BLOCK: usize = 4;

impl Work for Few<'_, '_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Few {
            keys,
            kv_head,
            row,
            query,
            seen,
            y,
        } = self;
        let (y, part) = y.split_at_mut(keys.head);
        if seen.is_empty() {
            return y.fill(0.0);
        }
        let back = |j: usize| seen.end - 1 - j.min(seen.len() - 1);
        let mut scratch = Scratch::new(seen.len().next_multiple_of(BLOCK));
        let weights = scratch.numbers();
        for (block, weights) in weights.chunks_exact_mut(BLOCK).enumerate() {
            let side = std::array::from_fn(|j| keys.key(row, back(block * BLOCK + j), kv_head));
            let scores = short_dots::<L, BLOCK>(l, query, side);
            weights.copy_from_slice(&scores);
        }
        let weights = &mut weights[..seen.len()];
        let (largest, total) = softmax(l, keys.scale, weights);
        let value = |j: usize| keys.value(row, back(j), kv_head);
        let share = if part.is_empty() { 1.0 / total } else { 1.0 };
        weighted_sum(l, weights, share, value, y);
        if !part.is_empty() {
            part.copy_from_slice(&[largest, total, 0.0, 0.0]);
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

/// `y = factor * sum_j weights[j] value(j)`.
#[inline(always)]
pub(crate) fn weighted_sum<'a, L: Lanes>(
    l: L,
    weights: &[f32],
    factor: f32,
    value: impl Fn(usize) -> &'a [f32],
    y: &mut [f32],
) {
    // This many sums hide each other's latency.
    const SUMS: usize = 4;
    let mut first = 0;
    while first + SUMS * L::LANES <= y.len() {
        let mut sums = [l.splat(0.0); SUMS];
        for (j, weight) in weights.iter().enumerate() {
            let value = &value(j)[first..first + SUMS * L::LANES];
            for (s, sum) in sums.iter_mut().enumerate() {
                *sum = l.fma(l.splat(*weight), l.load(&value[s * L::LANES..]), *sum);
            }
        }
        for (s, sum) in sums.iter().enumerate() {
            let sum = l.mul(*sum, l.splat(factor));
            l.store(sum, &mut y[first + s * L::LANES..]);
        }
        first += SUMS * L::LANES;
    }
    for (part, y) in y[first..].chunks_mut(L::LANES).enumerate() {
        let first = first + part * L::LANES;
        let columns = first..first + y.len();
        let mut sums = [l.splat(0.0); SUMS];
        for (four, weights) in weights.chunks(SUMS).enumerate() {
            for (s, (weight, sum)) in weights.iter().zip(&mut sums).enumerate() {
                let value = l.load_part(&value(four * SUMS + s)[columns.clone()], 0.0);
                *sum = l.fma(l.splat(*weight), value, *sum);
            }
        }
        let [a, b, c, d] = sums;
        let sum = l.add(l.add(a, b), l.add(c, d));
        l.store_part(l.mul(sum, l.splat(factor)), y);
    }
}
