//! Rows of weights in 8 and 4 bits, and their products.
//!
//! Where vectors of integers are fast, a row of x becomes integers, each group of its own
//! scale: 16 bits of each number, and 16 more for what they leave over, so that as little
//! is lost as f32 loses. Products and sums of a group are then exact, and only they are
//! turned into f32.

use std::ops::Range;

use super::dots::totals;
use super::{Lanes, MAX_LANES, Part, RowFormat, pack_rows, widen_f16};

/// Quantised weights: see [`Quantisation`](crate::numerics::Quantisation) for the form
/// of a row.
#[derive(Clone, Copy)]
pub(crate) struct Quantised<const BITS: usize> {
    /// Weights that share a pair, a multiple of [`UNIT`].
    pub(crate) group: usize,
}

/// A group is a multiple of these.
const UNIT: usize = 32;

/// How many words ahead a row is prefetched: unpacking leaves the processor less room to
/// look ahead than weights of 16 bits do.
const AHEAD: usize = 512;

/// Numbers of four bits in a word.
const NIBBLES: usize = 8;

/// The largest number of 16 bits, with either sign.
const LARGEST: f32 = 32767.0;

/// What 1 in the low half of a number counts in its high half, which leaves up to a half over.
const LOW_UNIT: f32 = 1.0 / 65534.0;

/// Added to a number and taken from it again, it leaves the nearest integer.
const ROUND: f32 = 12_582_912.0;

impl<const BITS: usize> Quantised<BITS> {
    const PER_WORD: usize = 32 / BITS;

    /// The columns of a row that takes `words` words.
    fn columns(self, words: usize) -> usize {
        words * Self::PER_WORD * self.group / (Self::PER_WORD + self.group)
    }

    /// Numbers of 16 bits in a row of x: the longest vectors end within it.
    fn padded(columns: usize) -> usize {
        columns.next_multiple_of(NIBBLES * MAX_LANES)
    }

    /// The parts of a row of x: both halves of its numbers, one behind the other, scales of its
    /// groups, and sums of its groups.
    #[inline(always)]
    fn parts(self, x: &[f32], columns: usize) -> (&[f32], &[f32], &[f32]) {
        let (numbers, rest) = x.split_at(Self::padded(columns));
        let (scales, rest) = rest.split_at(columns / self.group);
        (numbers, scales, &rest[..columns / self.group])
    }

    /// Makes integers of a row of x.
    #[inline(always)]
    fn round<L: Lanes>(self, l: L, x: &[f32], to: &mut [f32]) {
        let columns = x.len();
        let (numbers, rest) = to.split_at_mut(Self::padded(columns));
        let (scales, sums) = rest.split_at_mut(columns / self.group);
        let numbers: &mut [[i16; 2]] = bytemuck::cast_slice_mut(numbers);
        let (high, low) = numbers
            .as_flattened_mut()
            .split_at_mut(Self::padded(columns));
        for (g, x) in x.chunks_exact(self.group).enumerate() {
            let (mut largest, mut total) = (l.splat(0.0), l.splat(0.0));
            for x in x.chunks_exact(L::LANES) {
                let x = l.load(x);
                largest = l.max(largest, l.max(x, l.sub(l.splat(0.0), x)));
                total = l.add(total, x);
            }
            // A NaN is in no maximum.
            let (largest, total) = (l.largest(largest), l.sum(total));
            let scale = match total.is_finite() && largest.is_finite() {
                true => largest / LARGEST,
                false => f32::NAN,
            };
            // So small a group counts as zeros.
            let inverse = if largest > 1e-30 {
                LARGEST / largest
            } else {
                0.0
            };
            let part = g * self.group..(g + 1) * self.group;
            let high = high[part.clone()].chunks_exact_mut(L::LANES);
            let low = low[part].chunks_exact_mut(L::LANES);
            for (x, (high, low)) in x.chunks_exact(L::LANES).zip(high.zip(low)) {
                let (x, inverse) = (l.load(x), l.splat(inverse));
                let above = l.fma(x, inverse, l.splat(ROUND));
                let rounded = l.sub(above, l.splat(ROUND));
                l.store_i16(rounded, high);
                let left = l.fma(x, inverse, l.sub(l.splat(0.0), rounded));
                let above = l.fma(left, l.splat(1.0 / LOW_UNIT), l.splat(ROUND));
                l.store_i16(l.sub(above, l.splat(ROUND)), low);
            }
            scales[g] = scale;
            sums[g] = total;
        }
        for numbers in [high, low] {
            numbers[columns..].fill(0);
            if BITS == 4 {
                Self::interleave::<L>(numbers);
            }
        }
    }

    /// Word w of a vector has numbers k and k + 4 in its lane of vector k.
    #[inline(always)]
    fn interleave<L: Lanes>(numbers: &mut [i16]) {
        for block in numbers.chunks_exact_mut(NIBBLES * L::LANES) {
            let mut pairs = [[0; 2]; NIBBLES / 2 * MAX_LANES];
            for (w, word) in block.as_chunks::<NIBBLES>().0.iter().enumerate() {
                for k in 0..NIBBLES / 2 {
                    pairs[k * L::LANES + w] = [word[k], word[k + NIBBLES / 2]];
                }
            }
            let pairs = pairs[..NIBBLES / 2 * L::LANES].as_flattened();
            block.copy_from_slice(pairs);
        }
    }

    /// The sums of a row of weights with rows of integers.
    #[inline(always)]
    fn integer_sums<L: Lanes, const R: usize>(self, l: L, x: [&[f32]; R], w: &[u32]) -> [L::V; R] {
        let columns = self.columns(w.len());
        let packed = columns / Self::PER_WORD;
        let groups = columns / self.group;
        let x = x.map(|x| self.parts(x, columns));
        let mut sums = [l.splat(0.0); R];
        for first in (0..groups).step_by(L::LANES) {
            let count = L::LANES.min(groups - first);
            let pairs = &w[packed + first..][..count];
            // Those of the next row: what is read there first is at its end.
            l.prefetch(pairs.as_ptr().wrapping_add(w.len()));
            let (scale, bias) = l.load_pairs(pairs);
            let mut scales = [scale; R];
            for r in 0..R {
                let (_, x_scales, x_sums) = x[r];
                let x_sums = l.load_part(&x_sums[first..][..count], 0.0);
                sums[r] = l.fma(bias, x_sums, sums[r]);
                let x_scales = l.load_part(&x_scales[first..][..count], 0.0);
                scales[r] = l.mul(scale, x_scales);
            }
            let part = first * self.group..(first + count) * self.group;
            let mut numbers = [std::ptr::null(); R];
            for r in 0..R {
                numbers[r] = x[r].0.as_ptr().cast::<i16>();
            }
            match (BITS, self.group.is_multiple_of(2 * UNIT)) {
                (4, _) => self.add_fours(l, (numbers, w), part, scales, &mut sums),
                (_, true) => {
                    self.add_bytes::<L, R, { 2 * UNIT }>(l, (numbers, w), part, scales, &mut sums);
                }
                (_, false) => {
                    self.add_bytes::<L, R, UNIT>(l, (numbers, w), part, scales, &mut sums);
                }
            }
        }
        sums
    }

    /// Adds the products of some groups, `STEP` columns at a time, which divides them.
    #[inline(always)]
    fn add_bytes<L: Lanes, const R: usize, const STEP: usize>(
        self,
        l: L,
        (x, w): ([*const i16; R], &[u32]),
        part: Range<usize>,
        scales: [L::V; R],
        sums: &mut [L::V; R],
    ) {
        let half = Self::padded(self.columns(w.len()));
        let w = w.as_ptr().cast::<u8>();
        let steps = (self.group / STEP).trailing_zeros();
        for step in 0..part.len() / STEP {
            let g = step >> steps;
            l.prefetch(w.wrapping_add(part.start + step * STEP + 4 * AHEAD));
            let (mut high, mut low) = ([l.zeros(); R], [l.zeros(); R]);
            for v in 0..STEP / (2 * L::LANES) {
                let at = part.start + step * STEP + v * 2 * L::LANES;
                // SAFETY: the columns of the groups are within every row.
                let weights = unsafe { l.widen8_from(w.add(at)) };
                for r in 0..R {
                    // SAFETY: as above.
                    let value = unsafe { l.load_ints(x[r].add(at).cast()) };
                    // SAFETY: the low half begins `half` behind the high one.
                    let more = unsafe { l.load_ints(x[r].add(half + at).cast()) };
                    high[r] = l.madd(weights, value, high[r]);
                    low[r] = l.madd(weights, more, low[r]);
                }
            }
            for r in 0..R {
                let scale = l.spread(scales[r], g);
                let product = l.fma(l.to_f32(low[r]), l.splat(LOW_UNIT), l.to_f32(high[r]));
                sums[r] = l.fma(product, scale, sums[r]);
            }
        }
    }

    /// Adds the products of some groups, a vector of words at a time.
    #[inline(always)]
    fn add_fours<L: Lanes, const R: usize>(
        self,
        l: L,
        (x, w): ([*const i16; R], &[u32]),
        part: Range<usize>,
        scales: [L::V; R],
        sums: &mut [L::V; R],
    ) {
        let columns = self.columns(w.len());
        // A part begins where a vector of words does, and only the last ends elsewhere.
        let w = &w[part.start / NIBBLES..part.end / NIBBLES];
        let half = Self::padded(columns);
        let each = self.group / NIBBLES;
        let mut last = [0_u32; MAX_LANES];
        for (block, words) in w.chunks(L::LANES).enumerate() {
            let mut from = words.as_ptr();
            l.prefetch(from.wrapping_add(AHEAD));
            if words.len() < L::LANES {
                last[..words.len()].copy_from_slice(words);
                from = last.as_ptr();
            }
            // SAFETY: there are as many words as a vector has, or the buffer is.
            let packed = unsafe { l.load_ints(from) };
            let begin = part.start + block * NIBBLES * L::LANES;
            let (mut high, mut low) = ([l.zeros(); R], [l.zeros(); R]);
            for k in 0..NIBBLES / 2 {
                let weights = l.nibbles(packed, k);
                for r in 0..R {
                    let at = begin + k * 2 * L::LANES;
                    // SAFETY: each half of a row of x has whole blocks of the longest vectors.
                    let value = unsafe { l.load_ints(x[r].add(at).cast()) };
                    // SAFETY: as above.
                    let more = unsafe { l.load_ints(x[r].add(half + at).cast()) };
                    high[r] = l.madd(weights, value, high[r]);
                    low[r] = l.madd(weights, more, low[r]);
                }
            }
            let lanes = l.lane_indices(block * L::LANES, each);
            for r in 0..R {
                let scale = l.permute(scales[r], lanes);
                let product = l.fma(l.to_f32(low[r]), l.splat(LOW_UNIT), l.to_f32(high[r]));
                sums[r] = l.fma(product, scale, sums[r]);
            }
        }
    }

    /// The sums of a row of weights with rows as they are.
    #[inline(always)]
    fn float_sums<L: Lanes, const R: usize>(self, l: L, x: [&[f32]; R], w: &[u32]) -> [L::V; R] {
        let columns = self.columns(w.len());
        let packed = columns / Self::PER_WORD;
        let mut sums = [l.splat(0.0); R];
        for g in 0..columns / self.group {
            let (scale, bias) = Self::pair(w[packed + g]);
            let (scale, bias) = (l.splat(scale), l.splat(bias));
            let begin = g * self.group;
            for at in (begin..begin + self.group).step_by(L::LANES) {
                let mut numbers = [0.0; MAX_LANES];
                let lanes = &mut numbers[..L::LANES];
                if BITS == 8 {
                    let bytes: &[u8] = bytemuck::cast_slice(w);
                    for (lane, byte) in lanes.iter_mut().zip(&bytes[at..]) {
                        *lane = f32::from(*byte);
                    }
                } else {
                    for (lane, number) in lanes.iter_mut().enumerate() {
                        *number = Self::number(w, at + lane);
                    }
                }
                let weights = l.fma(l.load(&numbers), scale, bias);
                for r in 0..R {
                    sums[r] = l.fma(l.load(&x[r][at..]), weights, sums[r]);
                }
            }
        }
        sums
    }

    /// The integer that is stored for a weight.
    #[inline(always)]
    fn number(row: &[u32], column: usize) -> f32 {
        let word = row[column / Self::PER_WORD] >> (BITS * (column % Self::PER_WORD));
        (word & ((1 << BITS) - 1)).cast_signed() as f32
    }

    /// Scale and bias.
    #[inline(always)]
    fn pair(word: u32) -> (f32, f32) {
        #[expect(clippy::cast_possible_truncation, reason = "16 bits each")]
        let [scale, bias] = [word as u16, (word >> 16) as u16];
        (widen_f16(scale), widen_f16(bias))
    }
}

impl<const BITS: usize> RowFormat for Quantised<BITS> {
    type Word = u32;
    const ARRANGED: bool = true;
    const ROOM: usize = 1;

    #[inline(always)]
    fn row_words(self, columns: usize) -> usize {
        columns / Self::PER_WORD + columns / self.group
    }

    #[inline(always)]
    fn arranged(self, columns: usize) -> usize {
        let rounded = Self::padded(columns) + 2 * (columns / self.group);
        // Vectors that cross no cache line load faster.
        rounded.max(columns).next_multiple_of(MAX_LANES)
    }

    #[inline(always)]
    fn arrange<L: Lanes>(self, l: L, x: &[f32], to: &mut [f32]) {
        match L::INTEGERS {
            true => self.round(l, x, to),
            false => to[..x.len()].copy_from_slice(x),
        }
    }

    #[inline(always)]
    fn dots<L: Lanes, const R: usize, const O: usize>(
        self,
        l: L,
        x: [&[f32]; R],
        w: [&[u32]; O],
    ) -> [[f32; O]; R] {
        let columns = self.columns(w[0].len());
        let (words, numbers) = (self.row_words(columns), self.arranged(columns));
        assert!(self.group.is_multiple_of(UNIT) && columns.is_multiple_of(self.group));
        assert!(x.iter().all(|x| x.len() == numbers) && w.iter().all(|w| w.len() == words));
        let mut sums = [[l.splat(0.0); O]; R];
        for o in 0..O {
            let found = match L::INTEGERS {
                true => self.integer_sums(l, x, w[o]),
                false => self.float_sums(l, x, w[o]),
            };
            for r in 0..R {
                sums[r][o] = found[r];
            }
        }
        totals(l, &sums)
    }

    #[inline(always)]
    fn widen<L: Lanes>(self, l: L, row: &[u32], to: &mut [f32]) {
        let columns = to.len();
        self.widen_part(l, row, (columns, 0), to);
    }

    #[inline(always)]
    fn pack<'a, L: Lanes>(
        self,
        l: L,
        part: Part,
        row: impl Fn(usize) -> &'a [u32],
        to: &mut [f32],
        room: &mut [f32],
    ) {
        let Part {
            width,
            count,
            all,
            first,
            columns,
        } = part;
        let room = &mut room[..count * columns];
        for (r, to) in room.chunks_exact_mut(columns).enumerate() {
            self.widen_part(l, row(r), (all, first), to);
        }
        let row = |r: usize| &room[r * columns..(r + 1) * columns];
        pack_rows::<super::F32, L>(l, width, count, columns, row, to);
    }
}

impl<const BITS: usize> Quantised<BITS> {
    /// Weights from column `first` on, where a group begins, of a row of `all`.
    #[inline(always)]
    fn widen_part<L: Lanes>(self, _: L, row: &[u32], (all, first): (usize, usize), to: &mut [f32]) {
        let (packed, pairs) = row.split_at(all / Self::PER_WORD);
        let packed = &packed[first / Self::PER_WORD..];
        let pairs = &pairs[first / self.group..];
        let words = packed.chunks_exact(self.group / Self::PER_WORD);
        for ((to, words), pair) in to.chunks_exact_mut(self.group).zip(words).zip(pairs) {
            let (scale, bias) = Self::pair(*pair);
            for (to, word) in to.chunks_exact_mut(Self::PER_WORD).zip(words) {
                for (at, to) in to.iter_mut().enumerate() {
                    *to = scale * Self::number(std::slice::from_ref(word), at) + bias;
                }
            }
        }
    }
}
