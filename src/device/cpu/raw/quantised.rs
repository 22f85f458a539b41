//! Rows of weights in 8 and 4 bits, and their products.
//!
//! Where vectors of integers are fast, a row of x becomes integers of 24 bits, each group of its
//! own scale, so that about as little is lost as f32 loses. They are stored as bytes, or for
//! weights of 8 bits as 16 bits and the 8 below, as suits the processor's products. Products and
//! sums of a group are then exact, and only they are turned into f32.

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
const AHEAD: usize = (16 << 10) / size_of::<u32>();

/// How many words ahead they are prefetched once more, now into the nearest cache: an Intel
/// Xeon (Emerald Rapids) read weights of 8 bits a tenth faster.
const NEAR: usize = 1024 / size_of::<u32>();

/// The most numbers of a word.
const NIBBLES: usize = 8;

/// The largest integer of a row of x: a little less than three signed bytes hold.
const LARGEST: f32 = 8_355_000.0;

/// The least power of two that is not below a number: numbers are divided by it and multiplied
/// with it without rounding.
#[inline(always)]
fn power_of_two(number: f32) -> f32 {
    f32::from_bits((number.to_bits() + 0x007f_ffff) & 0x7f80_0000)
}

/// A row of x as integers.
#[derive(Clone, Copy)]
struct Integers<'a> {
    /// Parts of the integers, one behind the other, each of `padded` numbers. Unless bytes are
    /// multiplied with bytes, for every vector of words those of even columns, then those of
    /// odd ones.
    parts: *const u8,
    /// What an integer of each group counts.
    scales: &'a [f32],
    /// The sum of each group.
    sums: &'a [f32],
}

/// Where words stand whose groups fill a vector.
struct WordsOfBlock<'a, const R: usize> {
    /// The number of the first word in its row.
    first: usize,
    /// Words of a group.
    each: usize,
    padded: usize,
    /// What a product of each group counts.
    scales: &'a [[f32; MAX_LANES]; R],
}

/// The place of a number in each of the parts.
#[inline(always)]
fn split<T: bytemuck::Pod, const N: usize>(
    parts: &mut [f32],
    padded: usize,
    at: usize,
) -> [&mut [T]; N] {
    let mut rest: &mut [T] = bytemuck::cast_slice_mut(parts);
    std::array::from_fn(|_| {
        let (part, behind) = std::mem::take(&mut rest).split_at_mut(padded);
        rest = behind;
        &mut part[at..]
    })
}

impl<const BITS: usize> Quantised<BITS> {
    const PER_WORD: usize = 32 / BITS;

    /// Does x go as bytes, in the order of its columns?
    const fn in_order<L: Lanes>() -> bool {
        BITS == 8 && L::BYTES
    }

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
            let scale = power_of_two(largest / LARGEST);
            scales[g] = match total.is_finite() && largest.is_finite() {
                true => scale,
                false => f32::NAN,
            };
            sums[g] = total;
            // So small a group counts as zeros.
            let inverse = if largest > 1e-30 { 1.0 / scale } else { 0.0 };
            let inverse = l.splat(inverse);
            let begin = g * self.group;
            if Self::in_order::<L>() {
                for (at, x) in x.chunks_exact(L::LANES).enumerate() {
                    let v = l.mul(l.load(x), inverse);
                    l.store_bytes(v, split(parts, padded, begin + at * L::LANES));
                }
                continue;
            }
            for (at, x) in x.chunks_exact(pair).enumerate() {
                let (a, b) = (l.load(x), l.load(&x[L::LANES..]));
                let (even, odd) = l.unzip(a, b);
                // The columns of one vector of words fill this many such pairs.
                let (at, pairs) = (begin / pair + at, Self::PER_WORD / 2);
                let first = (at / pairs * 2 * pairs + at % pairs) * L::LANES;
                for (v, first) in [(even, first), (odd, first + pairs * L::LANES)] {
                    let v = l.mul(v, inverse);
                    match BITS {
                        8 => l.store_halves(v, split(parts, padded, first)),
                        _ => l.store_bytes(v, split(parts, padded, first)),
                    }
                }
            }
        }
    }

    /// The sums of a row of weights with rows of integers.
    #[inline(always)]
    fn integer_sums<L: Lanes, const R: usize>(
        self,
        l: L,
        x: &[Integers<'_>; R],
        (columns, w): (usize, &[u32]),
    ) -> [L::V; R] {
        let (words, pairs) = w.split_at(columns / Self::PER_WORD);
        // Words of a group.
        let each = self.group / Self::PER_WORD;
        // In two vectors, so that none waits for the last.
        let (mut sums, mut more) = ([l.splat(0.0); R], [l.splat(0.0); R]);
        let mut scales = [[0.0; MAX_LANES]; R];
        for (block, words) in words.chunks(L::LANES * each).enumerate() {
            let first = block * L::LANES;
            let count = L::LANES.min(pairs.len() - first);
            let pairs = &pairs[first..first + count];
            l.prefetch(pairs.as_ptr().wrapping_add(AHEAD));
            let (scale, bias) = l.load_pairs(pairs);
            for r in 0..R {
                let x_sums = l.load_part(&x[r].sums[first..first + count], 0.0);
                sums[r] = l.fma(bias, x_sums, sums[r]);
                let x_scales = l.load_part(&x[r].scales[first..first + count], 0.0);
                l.store(l.mul(scale, x_scales), &mut scales[r]);
            }
            let part = WordsOfBlock {
                first: first * each,
                each,
                padded: Self::padded(columns),
                scales: &scales,
            };
            let mut at = 0;
            let mut twice = words.chunks_exact(2 * L::LANES);
            for words in twice.by_ref() {
                let (words, behind) = words.split_at(L::LANES);
                Self::add_products(l, x, words, at, &part, &mut sums);
                Self::add_products(l, x, behind, at + L::LANES, &part, &mut more);
                at += 2 * L::LANES;
            }
            for words in twice.remainder().chunks(L::LANES) {
                Self::add_products(l, x, words, at, &part, &mut sums);
                at += L::LANES;
            }
        }
        for r in 0..R {
            sums[r] = l.add(sums[r], more[r]);
        }
        sums
    }

    /// Adds the products of a vector of words, from number `at` of their block on.
    #[inline(always)]
    fn add_products<L: Lanes, const R: usize>(
        l: L,
        x: &[Integers<'_>; R],
        words: &[u32],
        at: usize,
        block: &WordsOfBlock<'_, R>,
        sums: &mut [L::V; R],
    ) {
        l.prefetch(words.as_ptr().wrapping_add(AHEAD));
        l.prefetch_near(words.as_ptr().wrapping_add(NEAR));
        let words = l.load_words(words);
        let shift = block.each.trailing_zeros();
        let group = (at >> shift) % MAX_LANES;
        let columns = (block.padded, (block.first + at) * Self::PER_WORD);
        for r in 0..R {
            let product = Self::product(l, words, x[r].parts, columns);
            let scale = match block.each < L::LANES {
                true => l.spread(&block.scales[r][group..], shift),
                false => l.splat(block.scales[r][group]),
            };
            sums[r] = l.fma(product, scale, sums[r]);
        }
    }

    /// For each lane the products of a word with integers from column `at` on.
    #[inline(always)]
    fn product<L: Lanes>(l: L, words: L::Ints, x: *const u8, (padded, at): (usize, usize)) -> L::V {
        let halves = BITS == 8 && !L::BYTES;
        let (parts, size) = if halves { (2, 2) } else { (3, 1) };
        let mut found = [words; 3];
        for (part, found) in found.iter_mut().enumerate().take(parts) {
            let from = x.wrapping_add((part * padded + at) * size);
            // SAFETY: each part has whole blocks of the longest vectors.
            let first = unsafe { l.load_ints(from.cast()) };
            if Self::in_order::<L>() {
                *found = l.dot_bytes(words, first);
                continue;
            }
            let from = from.wrapping_add(L::LANES * size_of::<u32>());
            // SAFETY: as above.
            let odd = unsafe { l.load_ints(from.cast()) };
            *found = match BITS {
                8 => l.dot_halves(words, [first, odd]),
                _ => l.dot_nibbles(words, [first, odd]),
            };
        }
        let (high, low) = match halves {
            true => (found[0], found[1]),
            false => (l.add_behind(found[0], found[1]), found[2]),
        };
        match BITS {
            8 => l.fma(l.to_f32(high), l.splat(256.0), l.to_f32(low)),
            // Eight products of 4 by 24 bits stay below 32 bits.
            _ => l.to_f32(l.add_behind(high, low)),
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
