//! Weights in 8 or 4 bits: groups of neighbours of a row share a scale and a bias.
//!
//! `weight = scale * q + bias`, q a whole number from 0. A row is its numbers q,
//! packed into 32-bit words from the lowest bits up, and then a word for each
//! group: scale in the lower half, bias in the upper, both in half precision. Numbers
//! are packed as [MLX] does, whose files have scales and biases in tensors of their own.
//!
//! [MLX]: https://ml-explore.github.io/mlx/build/html/python/_autosummary/mlx.core.quantize.html

use half::f16;

/// How many bits, and how many neighbours share a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quantisation {
    bits: u32,
    group: usize,
}

/// Numbers that are summed side by side.
const LANES: usize = 8;

/// Numbers of the largest group.
const MOST: usize = 128;

impl Quantisation {
    /// The sizes of groups that there are.
    pub const GROUPS: [usize; 3] = [32, 64, 128];

    /// `bits` are 8 or 4, `group` one of [`Self::GROUPS`]; else `None`.
    #[must_use]
    pub fn new(bits: u32, group: usize) -> Option<Self> {
        let known = (bits == 8 || bits == 4) && Self::GROUPS.contains(&group);
        known.then_some(Self { bits, group })
    }

    /// The layout in which this crate writes weights of 8 or 4 bits.
    #[must_use]
    pub fn of_bits(bits: u32) -> Option<Self> {
        Self::new(bits, 64)
    }

    /// Bits of a number.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.bits
    }

    /// Numbers that share a scale and a bias.
    #[must_use]
    pub fn group(self) -> usize {
        self.group
    }

    /// Do whole groups fill a row?
    #[must_use]
    pub fn fits(self, columns: usize) -> bool {
        columns > 0 && columns.is_multiple_of(self.group)
    }

    /// 32-bit words of a row's packed numbers.
    #[must_use]
    pub fn packed_words(self, columns: usize) -> usize {
        columns * self.bits as usize / 32
    }

    /// Groups of a row.
    #[must_use]
    pub fn groups(self, columns: usize) -> usize {
        columns / self.group
    }

    /// 32-bit words of a row.
    #[must_use]
    pub fn row_words(self, columns: usize) -> usize {
        self.packed_words(columns) + self.groups(columns)
    }

    /// The largest q.
    fn most(self) -> f32 {
        if self.bits == 8 { 255.0 } else { 15.0 }
    }

    /// Quantises a row. A group that holds NaN or what half precision cannot becomes NaN.
    ///
    /// The pair of a group is the one with the smallest squared error of those tried: the
    /// ends of its range, and for 4 bits some narrower and wider ranges, each fitted to its
    /// roundings by least squares.
    ///
    /// What does not fit into `row` is left out.
    pub fn quantise(self, values: &[f32], row: &mut [u32]) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has what the function is compiled for.
            return unsafe { self.quantise_avx2(values, row) };
        }
        self.quantise_row(values, row);
    }

    /// The same, with longer vectors: without fused products its results are the same.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn quantise_avx2(self, values: &[f32], row: &mut [u32]) {
        self.quantise_row(values, row);
    }

    #[inline(always)]
    fn quantise_row(self, values: &[f32], row: &mut [u32]) {
        let words = self.packed_words(values.len());
        if row.len() < words {
            return;
        }
        let (packed, pairs) = row.split_at_mut(words);
        let per_group = self.packed_words(self.group);
        let groups = values.chunks_exact(self.group);
        for ((values, packed), pair) in groups.zip(packed.chunks_exact_mut(per_group)).zip(pairs) {
            let found = self.fit(values);
            self.pack(values, found, packed);
            *pair = found.word();
        }
    }

    /// The numbers that a row stands for.
    pub fn dequantise(self, row: &[u32], values: &mut [f32]) {
        let words = self.packed_words(values.len());
        let (Some(packed), Some(pairs)) = (row.get(..words), row.get(words..)) else {
            return;
        };
        let per_word = 32 / self.bits as usize;
        let mask = (1u32 << self.bits) - 1;
        for (group, (values, pair)) in values.chunks_exact_mut(self.group).zip(pairs).enumerate() {
            let pair = Pair::of(*pair);
            let packed = &packed[group * self.group / per_word..];
            for (values, word) in values.chunks_exact_mut(per_word).zip(packed) {
                for (at, value) in values.iter_mut().enumerate() {
                    let q = word >> (self.bits as usize * at) & mask;
                    #[expect(clippy::cast_precision_loss, reason = "at most 255")]
                    let q = q as f32;
                    *value = pair.scale * q + pair.bias;
                }
            }
        }
    }

    /// The pair for a group.
    #[inline(always)]
    fn fit(self, values: &[f32]) -> Pair {
        let [low, high] = range(values);
        if !(low.is_finite() && high.is_finite()) {
            return Pair {
                scale: f32::NAN,
                bias: f32::NAN,
            };
        }
        let most = self.most();
        let width = high - low;
        let whole = Pair::rounded(width / most, low);
        if self.bits == 8 || width <= 0.0 {
            return whole;
        }
        let mut best = (f32::INFINITY, low, most / width);
        for more in [-1.5, -0.75, 0.0, 0.75, 1.5] {
            let found = self.least_squares(values, (low, (most + more) / width));
            if found.0 < best.0 {
                best = found;
            }
        }
        let (_, low, inverse) = best;
        let (_, low, inverse) = self.least_squares(values, (low, inverse));
        let found = Pair::rounded(inverse.recip(), low);
        match self.error(values, found) < self.error(values, whole) {
            true => found,
            false => whole,
        }
    }

    /// What fits the roundings of `(value - low) * inverse` best: the sum of its squared
    /// errors, the bias, and one over the scale.
    #[inline(always)]
    fn least_squares(self, values: &[f32], (low, inverse): (f32, f32)) -> (f32, f32, f32) {
        let (mut q, mut v) = ([0.0; MOST], [0.0; MOST]);
        let (q, v) = (&mut q[..values.len()], &mut v[..values.len()]);
        let most = self.most();
        for ((q, v), value) in q.iter_mut().zip(&mut *v).zip(values) {
            *v = value - low;
            *q = nearest(*v * inverse, most);
        }
        let [q1, v1] = [&*q, &*v].map(sum);
        let [q2, v2, qv] = [(&*q, &*q), (&*v, &*v), (&*q, &*v)].map(product);
        #[expect(clippy::cast_precision_loss, reason = "a group is small")]
        let n = values.len() as f32;
        let spread = q2 - q1 * q1 / n;
        let shared = qv - q1 * v1 / n;
        if spread <= 0.0 || shared <= 0.0 {
            return (f32::INFINITY, low, inverse);
        }
        let scale = shared / spread;
        let error = v2 - v1 * v1 / n - scale * shared;
        (error, low + (v1 - scale * q1) / n, scale.recip())
    }

    /// The sum of squared errors.
    #[inline(always)]
    fn error(self, values: &[f32], pair: Pair) -> f32 {
        let (inverse, most) = (pair.inverse(), self.most());
        let mut off = [0.0; MOST];
        let off = &mut off[..values.len()];
        for (off, value) in off.iter_mut().zip(values) {
            let value = value - pair.bias;
            *off = value - pair.scale * nearest(value * inverse, most);
        }
        product((&*off, &*off))
    }

    #[inline(always)]
    fn pack(self, values: &[f32], pair: Pair, packed: &mut [u32]) {
        let (inverse, most) = (pair.inverse(), self.most());
        let words = values.as_chunks::<LANES>().0;
        let per_chunk = LANES * self.bits as usize / 32;
        for (packed, values) in packed.chunks_exact_mut(per_chunk).zip(words) {
            let q: [u32; LANES] = std::array::from_fn(|i| {
                let q = nearest((values[i] - pair.bias) * inverse, most) + WHOLE;
                // The lowest bits of what is above 2^23 are the whole number itself.
                q.to_bits() & 0xff
            });
            match packed {
                [all] => *all = (0..8).fold(0, |all, i| all | q[i] << (4 * i)),
                [low, high] => {
                    *low = (0..4).fold(0, |all, i| all | q[i] << (8 * i));
                    *high = (0..4).fold(0, |all, i| all | q[4 + i] << (8 * i));
                }
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for Quantisation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("Q{}/{}", self.bits, self.group))
    }
}

/// What a group shares, as half precision holds it.
#[derive(Clone, Copy, Debug)]
struct Pair {
    scale: f32,
    bias: f32,
}

impl Pair {
    fn rounded(scale: f32, bias: f32) -> Self {
        let half = |value: f32| f16::from_f32(value).to_f32();
        Self {
            scale: half(scale),
            bias: half(bias),
        }
    }

    fn of(word: u32) -> Self {
        let [scale, bias] = halves(word).map(f16::to_f32);
        Self { scale, bias }
    }

    fn word(self) -> u32 {
        pair_word(f16::from_f32(self.scale), f16::from_f32(self.bias))
    }

    /// What values are multiplied with; 0 where all become the bias.
    fn inverse(self) -> f32 {
        match self.scale {
            0.0 => 0.0,
            scale => scale.recip(),
        }
    }
}

/// The word of a group.
#[must_use]
pub fn pair_word(scale: f16, bias: f16) -> u32 {
    u32::from(scale.to_bits()) | u32::from(bias.to_bits()) << 16
}

/// Scale and bias of a group's word.
#[must_use]
pub fn halves(word: u32) -> [f16; 2] {
    #[expect(clippy::cast_possible_truncation, reason = "16 bits each")]
    [word as u16, (word >> 16) as u16].map(f16::from_bits)
}

/// Beyond 2^23 there are only whole numbers.
const WHOLE: f32 = 8_388_608.0;

/// The nearest whole number from 0 to `most`, even between two; NaN gives 0.
#[inline(always)]
fn nearest(value: f32, most: f32) -> f32 {
    let value = if value > 0.0 { value } else { 0.0 };
    let value = if value < most { value } else { most };
    (value + WHOLE) - WHOLE
}

/// The smallest and the largest; NaN if there is one.
#[inline(always)]
fn range(values: &[f32]) -> [f32; 2] {
    let [mut low, mut high] = [[f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]];
    let mut odd = [0.0; LANES];
    for values in values.as_chunks::<LANES>().0 {
        for i in 0..LANES {
            let value = values[i];
            low[i] = if value < low[i] { value } else { low[i] };
            high[i] = if value > high[i] { value } else { high[i] };
            // 0 but for NaN and infinities.
            odd[i] += value * 0.0;
        }
    }
    if odd.iter().any(|odd| *odd != 0.0) {
        return [f32::NAN; 2];
    }
    [
        low.into_iter().fold(f32::INFINITY, f32::min),
        high.into_iter().fold(f32::NEG_INFINITY, f32::max),
    ]
}

/// In an order of its own, the same for every processor.
#[inline(always)]
fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    for values in values.as_chunks::<LANES>().0 {
        for i in 0..LANES {
            lanes[i] += values[i];
        }
    }
    lanes.iter().sum()
}

/// As [`sum`], of products.
#[inline(always)]
fn product((a, b): (&[f32], &[f32])) -> f32 {
    let mut lanes = [0.0; LANES];
    for (a, b) in a
        .as_chunks::<LANES>()
        .0
        .iter()
        .zip(b.as_chunks::<LANES>().0)
    {
        for i in 0..LANES {
            lanes[i] += a[i] * b[i];
        }
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;
    use crate::numerics::random_weight;

    fn values(count: u32, seed: u32) -> Vec<f32> {
        // Sums of four are nearly normal, as weights are.
        let value = |i| (0..4).map(|k| random_weight(seed + k, i, -9)).sum();
        (0..count).map(value).collect()
    }

    fn back(q: Quantisation, values: &[f32]) -> (Vec<u32>, Vec<f32>) {
        let mut row = vec![0; q.row_words(values.len())];
        q.quantise(values, &mut row);
        let mut found = vec![0.0; values.len()];
        q.dequantise(&row, &mut found);
        (row, found)
    }

    #[test]
    fn a_row_comes_back_within_half_a_step() {
        for (bits, group) in [(8, 32), (8, 64), (4, 32), (4, 64), (8, 128), (4, 128)] {
            let q = Quantisation::new(bits, group).unwrap();
            let values = values(384, bits);
            let (_, found) = back(q, &values);
            for (values, found) in values.chunks(group).zip(found.chunks(group)) {
                let [low, high] = range(values);
                let step = (high - low) / q.most();
                for (value, found) in values.iter().zip(found) {
                    // Narrower ranges of 4 bits cut off at the ends.
                    let most = if bits == 8 { 0.6 } else { 1.5 };
                    assert!((value - found).abs() <= most * step, "{q}: {value} {found}");
                }
            }
        }
    }

    #[test]
    fn the_fit_of_four_bits_beats_the_ends_of_the_range() {
        let q = Quantisation::new(4, 64).unwrap();
        let (mut fitted, mut plain) = (0.0, 0.0);
        for group in values(64 * 64, 9).chunks(64) {
            let [low, high] = range(group);
            let ends = Pair::rounded((high - low) / 15.0, low);
            let (best, whole) = (q.error(group, q.fit(group)), q.error(group, ends));
            assert!(best <= whole);
            (fitted, plain) = (fitted + best, plain + whole);
        }
        assert!(fitted < 0.9 * plain, "{fitted} of {plain}");
    }

    #[test]
    fn numbers_are_packed_from_the_lowest_bits_up() {
        let q = Quantisation::new(4, 32).unwrap();
        #[expect(clippy::cast_precision_loss)]
        let values: Vec<f32> = (0..32).map(|i| (i % 16) as f32 - 3.0).collect();
        let (row, found) = back(q, &values);
        assert_eq!(
            row[..4],
            [0x7654_3210, 0xfedc_ba98, 0x7654_3210, 0xfedc_ba98]
        );
        assert_eq!(halves(row[4]).map(f16::to_f32), [1.0, -3.0]);
        assert_eq!(found, values);
        let q = Quantisation::new(8, 32).unwrap();
        let mut values = vec![0.0; 32];
        (values[1], values[31]) = (255.0, 2.0);
        let (row, found) = back(q, &values);
        assert_eq!((row[0], row[7]), (0xff00, 0x0200_0000));
        assert_eq!(found, values);
    }

    #[test]
    fn equal_numbers_and_none_at_all() {
        for bits in [4, 8] {
            let q = Quantisation::of_bits(bits).unwrap();
            assert_eq!(back(q, &[0.25; 64]).1, [0.25; 64]);
            assert_eq!(back(q, &[0.0; 64]).1, [0.0; 64]);
            let mut odd = [1.0; 128];
            odd[70] = f32::NAN;
            let (_, found) = back(q, &odd);
            assert!(found[..64].iter().all(|v| *v == 1.0));
            assert!(found[64..].iter().all(|v| v.is_nan()));
            odd[70] = 1e9;
            assert!(!back(q, &odd).1[64..].iter().any(|v| v.is_finite()));
        }
        assert_eq!(Quantisation::new(5, 64), None);
        assert_eq!(Quantisation::new(4, 16), None);
        assert!(!Quantisation::of_bits(4).unwrap().fits(96));
    }
}
