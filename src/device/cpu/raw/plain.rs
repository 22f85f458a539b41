use super::product::{product_of_tiles_in, tile_product};
use super::{Lanes, TILE_VECTORS};

/// Eight numbers in an array, which compilers keep in vectors where there are any.
#[derive(Clone, Copy)]
pub(crate) struct Plain;

const LANES: usize = 8;
type V = [f32; LANES];
/// Rows of a register tile: as many as 32 registers of four numbers hold, or 16.
const ROWS: usize = if cfg!(target_arch = "aarch64") { 6 } else { 2 };

#[inline(always)]
fn map2(a: V, b: V, f: impl Fn(f32, f32) -> f32) -> V {
    std::array::from_fn(|i| f(a[i], b[i]))
}

/// Where multiplying and adding in one step is a single instruction.
const FUSED: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

impl Lanes for Plain {
    type V = V;
    type Square = [V; LANES];
    type Tile = [[V; TILE_VECTORS]; ROWS];
    type AnyTile = Self::Tile;
    type Ints = [i32; LANES];
    const INTEGERS: bool = false;
    const BYTES: bool = false;
    const LANES: usize = LANES;
    const ROWS: usize = ROWS;

    #[inline(always)]
    unsafe fn load_from(self, from: *const f32) -> V {
        // SAFETY: the caller's promise; the read needs no alignment.
        unsafe { from.cast::<V>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn load_f16_from(self, from: *const u16) -> V {
        // SAFETY: as above.
        let words = unsafe { from.cast::<[u16; LANES]>().read_unaligned() };
        words.map(widen_f16)
    }
    #[inline(always)]
    unsafe fn load_bf16_from(self, from: *const u16) -> V {
        // SAFETY: as above.
        let words = unsafe { from.cast::<[u16; LANES]>().read_unaligned() };
        words.map(|word| f32::from_bits(u32::from(word) << 16))
    }
    #[inline(always)]
    fn bf16_pairs(self, words: V) -> (V, V) {
        let low = words.map(|word| f32::from_bits(word.to_bits() << 16));
        let high = words.map(|word| f32::from_bits(word.to_bits() & 0xffff_0000));
        (low, high)
    }
    #[inline(always)]
    #[expect(clippy::cast_precision_loss, reason = "eight bits at most")]
    fn field(self, words: V, from: u32, mask: u32) -> V {
        words.map(|word| ((word.to_bits() >> from) & mask) as f32)
    }
    #[inline(always)]
    unsafe fn load_ints(self, from: *const u32) -> Self::Ints {
        // SAFETY: as above.
        unsafe { from.cast::<Self::Ints>().read_unaligned() }
    }
    #[inline(always)]
    fn dot_bytes(self, words: Self::Ints, x: Self::Ints) -> Self::Ints {
        std::array::from_fn(|i| {
            let bytes = words[i].to_le_bytes().map(i32::from);
            let x = x[i].to_le_bytes().map(|byte| i32::from(byte.cast_signed()));
            (0..4).map(|b| bytes[b] * x[b]).sum()
        })
    }
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is wanted")]
    fn dot_halves(self, words: Self::Ints, x: [Self::Ints; 2]) -> Self::Ints {
        std::array::from_fn(|i| {
            let bytes = words[i].to_le_bytes().map(i32::from);
            let halves = x.map(|x| [i32::from(x[i] as i16), x[i] >> 16]);
            (0..4).map(|b| bytes[b] * halves[b % 2][b / 2]).sum()
        })
    }
    #[inline(always)]
    fn dot_nibbles(self, words: Self::Ints, x: [Self::Ints; 2]) -> Self::Ints {
        std::array::from_fn(|i| {
            let bytes = x.map(|x| x[i].to_le_bytes());
            let product = |n: usize| {
                (words[i] >> (4 * n) & 0xf) * i32::from(bytes[n % 2][n / 2].cast_signed())
            };
            (0..8).map(product).sum()
        })
    }
    #[inline(always)]
    fn add_behind(self, high: Self::Ints, low: Self::Ints) -> Self::Ints {
        std::array::from_fn(|i| (high[i] << 8) + low[i])
    }
    #[inline(always)]
    fn to_f32(self, v: Self::Ints) -> V {
        v.map(|v| v as f32)
    }
    #[inline(always)]
    fn spread(self, from: &[f32], shift: u32) -> V {
        std::array::from_fn(|i| from[i >> shift])
    }
    #[inline(always)]
    fn unzip(self, a: V, b: V) -> (V, V) {
        let of = |place: usize| {
            std::array::from_fn(|i| match (2 * i + place).checked_sub(LANES) {
                None => a[2 * i + place],
                Some(at) => b[at],
            })
        };
        (of(0), of(1))
    }
    #[inline(always)]
    unsafe fn load_pairs_from(self, from: *const u32) -> (V, V) {
        // SAFETY: as above.
        let words = unsafe { from.cast::<[[u16; 2]; LANES]>().read_unaligned() };
        (
            words.map(|[low, _]| widen_f16(low)),
            words.map(|[_, high]| widen_f16(high)),
        )
    }
    #[inline(always)]
    unsafe fn store_to(self, v: V, to: *mut f32) {
        // SAFETY: the caller's promise; the write needs no alignment.
        unsafe { to.cast::<V>().write_unaligned(v) }
    }
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "integers of 24 bits")]
    unsafe fn store_halves_to(self, v: V, to: [*mut i16; 2]) {
        let all = v.map(|v| v.round_ties_even() as i32);
        let halves = [
            all.map(|n| ((n + 0x80) >> 8) as i16),
            all.map(|n| i16::from(n as i8)),
        ];
        for (half, to) in halves.into_iter().zip(to) {
            // SAFETY: as above.
            unsafe { to.cast::<[i16; LANES]>().write_unaligned(half) }
        }
    }
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "integers of 24 bits, and parts of them"
    )]
    unsafe fn store_bytes_to(self, v: V, to: [*mut i8; 3]) {
        let carry = 0x0080_8080;
        let all = v.map(|v| (v.round_ties_even() as i32 + carry) ^ carry);
        for (part, to) in to.into_iter().enumerate() {
            let bytes = all.map(|n| (n >> (16 - 8 * part)) as i8);
            // SAFETY: as above.
            unsafe { to.cast::<[i8; LANES]>().write_unaligned(bytes) }
        }
    }
    #[inline(always)]
    fn splat(self, value: f32) -> V {
        [value; LANES]
    }
    #[inline(always)]
    fn square(self) -> Self::Square {
        [self.splat(0.0); Self::LANES]
    }
    #[inline(always)]
    unsafe fn tile_product(self, a: *const f32, b: *const f32, inner: usize) -> Self::Tile {
        // SAFETY: the caller's promise.
        unsafe { tile_product::<Self, { Self::ROWS }>(self, a, b, inner) }
    }
    #[inline(always)]
    unsafe fn product_of_tiles(self, a: *const f32, b: *const f32, tiles: usize) -> Self::Tile {
        // SAFETY: the caller's promise.
        unsafe { product_of_tiles_in::<Self, { Self::ROWS }>(self, a, b, tiles) }
    }
    #[inline(always)]
    unsafe fn tile_product_of(
        self,
        rows: usize,
        a: *const f32,
        b: *const f32,
        inner: usize,
    ) -> Self::AnyTile {
        debug_assert_eq!(rows, Self::ROWS);
        // SAFETY: the caller's promise.
        unsafe { self.tile_product(a, b, inner) }
    }
    #[inline(always)]
    fn add(self, a: V, b: V) -> V {
        map2(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: V, b: V) -> V {
        map2(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: V, b: V) -> V {
        map2(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: V, b: V) -> V {
        map2(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn max(self, a: V, b: V) -> V {
        map2(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn min(self, a: V, b: V) -> V {
        map2(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn fma(self, a: V, b: V, c: V) -> V {
        if FUSED {
            std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
        } else {
            std::array::from_fn(|i| a[i] * b[i] + c[i])
        }
    }
    #[inline(always)]
    fn power_of_two(self, v: V) -> V {
        v.map(|v| f32::from_bits(v.to_bits().wrapping_add(127) << 23))
    }
    #[inline(always)]
    fn sum(self, v: V) -> f32 {
        let half: [f32; 4] = std::array::from_fn(|i| v[i] + v[i + 4]);
        (half[0] + half[2]) + (half[1] + half[3])
    }
    #[inline(always)]
    fn sum4(self, v: [V; 4]) -> [f32; 4] {
        v.map(|v| self.sum(v))
    }
    #[inline(always)]
    fn largest(self, v: V) -> f32 {
        v.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }
    #[inline(always)]
    fn transpose(self, square: &mut [V; LANES]) {
        let rows = *square;
        *square = std::array::from_fn(|column| std::array::from_fn(|row| rows[row][column]));
    }
}

/// One half-precision number as f32. Branch-free, so that it can be vectorised.
#[inline(always)]
pub(crate) fn widen_f16(word: u16) -> f32 {
    let word = u32::from(word);
    let magnitude = (word & 0x7fff) << 13;
    // Moves the exponent's bias from 15 to 127, denormal numbers included.
    let scaled = f32::from_bits(magnitude) * f32::from_bits(0x7780_0000);
    let exponent_full = if magnitude >= 0x0f80_0000 {
        0x7f80_0000
    } else {
        0
    };
    f32::from_bits(scaled.to_bits() | exponent_full | (word & 0x8000) << 16)
}
