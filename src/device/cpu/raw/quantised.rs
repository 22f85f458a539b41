//! Rows of weights in 8 and 4 bits, and their products.
//!
//! Where vectors of integers are fast, a row of x becomes integers, each group of its own
//! scale, so that about as little is lost as f32 loses. They are stored in parts that fit the
//! products of the weights: for weights of 8 bits 16 bits of each number, and 16 more for what
//! they leave over; three bytes for weights of 4 bits. Products and sums of a group are then
//! exact, and only they are turned into f32.

use std::mem::MaybeUninit;

use super::dots::totals;
use super::{Lanes, MAX_LANES, Part, RowFormat, widen_f16};

/// Quantised weights: see [`Quantisation`](crate::numerics::Quantisation) for the form
/// of a row.
#[derive(Clone, Copy)]
pub(crate) struct Quantised<const BITS: usize> {
    /// Weights that share a pair, a power of two from [`UNIT`] to [`LARGEST_GROUP`].
    pub(crate) group: usize,
}

/// A group is a multiple of these.
const UNIT: usize = 32;
const LARGEST_GROUP: usize = 128;

/// How many words ahead memory is prefetched.
const AHEAD: usize = super::dots::AHEAD / size_of::<u32>();

/// How many words ahead they are prefetched once more, now into the nearest cache: an Intel
/// Xeon (Emerald Rapids) read weights of 8 bits a tenth faster.
const NEAR: usize = 512 / size_of::<u32>();

/// The most numbers of a word.
const NIBBLES: usize = 8;

/// What 1 in the low half of a number counts in its high half, which leaves up to a half over.
const LOW_UNIT: f32 = 1.0 / 65534.0;

/// Added to a number and taken from it again, it leaves the nearest integer.
const ROUND: f32 = 12_582_912.0;

/// The least power of two that is not below a number: numbers are divided by it and multiplied
/// with it without rounding.
#[inline(always)]
fn power_of_two(number: f32) -> f32 {
    f32::from_bits((number.to_bits() + 0x007f_ffff) & 0x7f80_0000)
}

/// Products of a part of a row of weights with rows of x.
type Products<V, const R: usize> = [[MaybeUninit<V>; VECTORS]; R];

/// Vectors of words in a part: whole groups, and no more than leaves room in the nearest cache.
const VECTORS: usize = 32;

/// A row of x as integers.
#[derive(Clone, Copy)]
struct Integers<'a> {
    /// Parts of the integers, one behind the other, each of `padded` numbers: for every vector
    /// of words those of even columns, then those of odd ones.
    parts: *const u8,
    /// What an integer of each group counts.
    scales: &'a [f32],
    /// The sum of each group.
    sums: &'a [f32],
}

impl<const BITS: usize> Quantised<BITS> {
    const PER_WORD: usize = 32 / BITS;

    /// The largest integer of a row of x: what 16 bits hold, or a little less than three
    /// signed bytes do.
    const LARGEST: f32 = if BITS == 8 { 32767.0 } else { 8_355_000.0 };

    /// The columns of a row that takes `words` words.
    fn columns(self, words: usize) -> usize {
        words * Self::PER_WORD * self.group / (Self::PER_WORD + self.group)
    }

    /// Integers of a row of x: the longest vectors end within them.
    fn padded(columns: usize) -> usize {
        columns.next_multiple_of(NIBBLES * MAX_LANES)
    }

    #[inline(always)]
    fn integers(self, x: &[f32], columns: usize) -> Integers<'_> {
        let (parts, rest) = x.split_at(Self::padded(columns));
        let (scales, rest) = rest.split_at(columns / self.group);
        Integers {
            parts: parts.as_ptr().cast(),
            scales,
            sums: &rest[..columns / self.group],
        }
    }

    /// Makes integers of a row of x.
    #[inline(always)]
    fn round<L: Lanes>(self, l: L, x: &[f32], to: &mut [f32]) {
        let (padded, groups) = (Self::padded(x.len()), x.len() / self.group);
        let (parts, rest) = to.split_at_mut(padded);
        let (scales, sums) = rest.split_at_mut(groups);
        let pair = 2 * L::LANES;
        for (g, x) in x.chunks_exact(self.group).enumerate() {
            let (mut largest, mut total) = (l.splat(0.0), l.splat(0.0));
            for x in x.chunks_exact(L::LANES) {
                let x = l.load(x);
                largest = l.max(largest, l.max(x, l.sub(l.splat(0.0), x)));
                total = l.add(total, x);
            }
            // A NaN is in no maximum.
            let (largest, total) = (l.largest(largest), l.sum(total));
            let scale = power_of_two(largest / Self::LARGEST);
            scales[g] = match total.is_finite() && largest.is_finite() {
                true => scale,
                false => f32::NAN,
            };
            sums[g] = total;
            // So small a group counts as zeros.
            let inverse = if largest > 1e-30 { 1.0 / scale } else { 0.0 };
            let inverse = l.splat(inverse);
            for (at, x) in x.chunks_exact(pair).enumerate() {
                let (a, b) = (l.load(x), l.load(&x[L::LANES..]));
                let (even, odd) = l.unzip(a, b);
                // The columns of one vector of words fill this many such pairs.
                let (at, pairs) = (g * self.group / pair + at, Self::PER_WORD / 2);
                let first = (at / pairs * 2 * pairs + at % pairs) * L::LANES;
                for (v, first) in [(even, first), (odd, first + pairs * L::LANES)] {
                    if BITS == 8 {
                        let (high, low) =
                            bytemuck::cast_slice_mut::<_, i16>(&mut *parts).split_at_mut(padded);
                        let above = l.fma(v, inverse, l.splat(ROUND));
                        let rounded = l.sub(above, l.splat(ROUND));
                        let left = l.fma(v, inverse, l.sub(l.splat(0.0), rounded));
                        l.store_i16(rounded, &mut high[first..]);
                        l.store_i16(l.mul(left, l.splat(1.0 / LOW_UNIT)), &mut low[first..]);
                    } else {
                        let bytes: &mut [i8] = bytemuck::cast_slice_mut(&mut *parts);
                        let (high, rest) = bytes.split_at_mut(padded);
                        let (middle, low) = rest.split_at_mut(padded);
                        let to = [high, middle, low].map(|part| &mut part[first..]);
                        l.store_bytes(l.mul(v, inverse), to);
                    }
                }
            }
        }
    }

    /// The sums of a row of weights with rows of integers.
    ///
    /// The words of a part come before its pairs, so that memory is read in its order.
    #[inline(always)]
    fn integer_sums<L: Lanes, const R: usize>(
        self,
        l: L,
        x: &[Integers<'_>; R],
        (columns, w): (usize, &[u32]),
    ) -> [L::V; R] {
        let (words, pairs) = w.split_at(columns / Self::PER_WORD);
        let each = self.group / Self::PER_WORD;
        let shift = l.splat_int(each.trailing_zeros());
        let mut products: Products<L::V, R> = [const { [MaybeUninit::uninit(); VECTORS] }; R];
        // In two vectors, so that none waits for the last.
        let (mut sums, mut more) = ([l.splat(0.0); R], [l.splat(0.0); R]);
        for (part, words) in words.chunks(VECTORS * L::LANES).enumerate() {
            let first = part * VECTORS * L::LANES;
            self.multiply(l, x, (columns, first), words, &mut products);
            let groups = first / each..(first + words.len()) / each;
            let mut vector = 0;
            for first in groups.clone().step_by(L::LANES) {
                let count = L::LANES.min(groups.end - first);
                let pairs = &pairs[first..first + count];
                l.prefetch(pairs.as_ptr().wrapping_add(AHEAD));
                let (scale, bias) = l.load_pairs(pairs);
                let mut scales = [scale; R];
                for r in 0..R {
                    let x_sums = l.load_part(&x[r].sums[first..first + count], 0.0);
                    sums[r] = l.fma(bias, x_sums, sums[r]);
                    let x_scales = l.load_part(&x[r].scales[first..first + count], 0.0);
                    scales[r] = l.mul(scale, x_scales);
                }
                let mut lanes = l.lane_numbers();
                let end = vector + (count * each).div_ceil(L::LANES);
                while vector < end {
                    for (sums, at) in [(&mut sums, vector), (&mut more, vector + 1)] {
                        if at < end {
                            let group = l.shift_right(lanes, shift);
                            for r in 0..R {
                                // SAFETY: `multiply` wrote the product of every vector.
                                let product = unsafe { products[r][at].assume_init() };
                                sums[r] = l.fma(product, l.permute(scales[r], group), sums[r]);
                            }
                            lanes = l.next_lane_numbers(lanes);
                        }
                    }
                    vector += 2;
                }
                vector = end;
            }
        }
        for r in 0..R {
            sums[r] = l.add(sums[r], more[r]);
        }
        sums
    }

    /// Multiplies words from number `first` of a row on.
    #[inline(always)]
    fn multiply<L: Lanes, const R: usize>(
        self,
        l: L,
        x: &[Integers<'_>; R],
        (columns, first): (usize, usize),
        words: &[u32],
        products: &mut Products<L::V, R>,
    ) {
        let padded = Self::padded(columns);
        let whole = words.chunks_exact(L::LANES);
        let rest = whole.remainder();
        assert!(words.len() <= VECTORS * L::LANES);
        let mut at = first * Self::PER_WORD;
        for (v, words) in whole.enumerate() {
            l.prefetch(words.as_ptr().wrapping_add(AHEAD));
            l.prefetch_near(words.as_ptr().wrapping_add(NEAR));
            let words = l.load_words(words);
            for r in 0..R {
                let product = Self::product(l, words, x[r].parts, (padded, at));
                products[r][v].write(product);
            }
            at += L::LANES * Self::PER_WORD;
        }
        if !rest.is_empty() {
            let rest = l.load_words(rest);
            for r in 0..R {
                let product = Self::product(l, rest, x[r].parts, (padded, at));
                products[r][words.len() / L::LANES].write(product);
            }
        }
    }

    /// For each lane the products of a word with integers from column `at` on.
    #[inline(always)]
    fn product<L: Lanes>(l: L, words: L::Ints, x: *const u8, (padded, at): (usize, usize)) -> L::V {
        let parts = if BITS == 8 { 2 } else { 3 };
        let size = if BITS == 8 { 2 } else { 1 };
        let mut found = [words; 3];
        for (part, found) in found.iter_mut().enumerate().take(parts) {
            let from = x.wrapping_add((part * padded + at) * size);
            // SAFETY: each part has whole blocks of the longest vectors.
            let even = unsafe { l.load_ints(from.cast()) };
            let from = from.wrapping_add(L::LANES * size_of::<u32>());
            // SAFETY: as above.
            let odd = unsafe { l.load_ints(from.cast()) };
            *found = match BITS {
                8 => l.dot_bytes(words, [even, odd]),
                _ => l.dot_nibbles(words, [even, odd]),
            };
        }
        let [high, middle, low] = found;
        match BITS {
            8 => l.fma(l.to_f32(middle), l.splat(LOW_UNIT), l.to_f32(high)),
            // Eight products of 4 by 24 bits stay below 32 bits.
            _ => l.to_f32(l.add_behind(l.add_behind(high, middle), low)),
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
        assert!((UNIT..=LARGEST_GROUP).contains(&self.group) && self.group.is_power_of_two());
        assert!(columns.is_multiple_of(self.group));
        assert!(x.iter().all(|x| x.len() == numbers) && w.iter().all(|w| w.len() == words));
        let integers = x.map(|x| self.integers(x, columns));
        let mut sums = [[l.splat(0.0); O]; R];
        for o in 0..O {
            let found = match L::INTEGERS {
                true => self.integer_sums(l, &integers, (columns, w[o])),
                false => self.float_sums(l, x, w[o]),
            };
            for r in 0..R {
                sums[r][o] = found[r];
            }
        }
        totals(l, &sums)
    }

    #[inline(always)]
    fn widen<L: Lanes>(self, _: L, row: &[u32], to: &mut [f32]) {
        let (packed, pairs) = row.split_at(to.len() / Self::PER_WORD);
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

    #[inline(always)]
    fn pack<'a, L: Lanes>(
        self,
        l: L,
        part: Part,
        row: impl Fn(usize) -> &'a [u32],
        to: &mut [f32],
    ) {
        let Part {
            width,
            count,
            all,
            first,
            columns,
        } = part;
        let to = &mut to[..columns * width];
        let words = columns / Self::PER_WORD;
        let group = self.group / Self::PER_WORD;
        let mask = (1 << BITS) - 1;
        for side in (0..width).step_by(L::LANES) {
            let mut rows: [&[u32]; MAX_LANES] = [&[]; MAX_LANES];
            let mut pairs: [&[u32]; MAX_LANES] = [&[]; MAX_LANES];
            for r in 0..L::LANES {
                let (packed, ends) = row((side + r).min(count - 1)).split_at(all / Self::PER_WORD);
                rows[r] = &packed[first / Self::PER_WORD..][..words];
                pairs[r] = &ends[first / self.group..];
            }
            let mut square = l.square();
            let (mut scale, mut bias) = (l.splat(0.0), l.splat(0.0));
            // Words are moved, and their numbers parted where they have come to.
            for k in (0..words).step_by(L::LANES) {
                for (v, row) in square.as_mut().iter_mut().zip(rows) {
                    *v = l.load_part(bytemuck::cast_slice(&row[k..]), 0.0);
                }
                l.transpose(&mut square);
                for (i, v) in square.as_ref().iter().enumerate().take(words - k) {
                    let word = k + i;
                    if word % group == 0 {
                        let mut both = [0; MAX_LANES];
                        for (both, pairs) in both.iter_mut().zip(pairs).take(L::LANES) {
                            *both = pairs[word / group];
                        }
                        (scale, bias) = l.load_pairs(&both);
                    }
                    for at in 0..Self::PER_WORD {
                        #[expect(clippy::cast_possible_truncation, reason = "less than 32")]
                        let number = l.field(*v, (at * BITS) as u32, mask);
                        let weight = l.add(l.mul(scale, number), bias);
                        let column = word * Self::PER_WORD + at;
                        l.store_part(weight, &mut to[column * width + side..]);
                    }
                }
            }
        }
    }
}
