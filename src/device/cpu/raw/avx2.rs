use std::arch::x86_64::*;

use super::product::{product_of_tiles_in, tile_product};
use super::{Lanes, TILE_VECTORS, Work};

const LANES: usize = 8;
/// Rows of a register tile.
const ROWS: usize = 6;

/// Eight numbers. Made only by [`run`], whose caller knows that the processor has
/// AVX2, FMA and F16C, and [`run_vnni`], whose caller knows of AVX-VNNI too: every `unsafe`
/// below rests on that.
#[derive(Clone, Copy)]
pub(crate) struct Avx2<const VNNI: bool>(());

/// # Safety
/// The processor has the features named below.
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) unsafe fn run<W: Work>(work: W) -> W::Output {
    work.run(Avx2::<false>(()))
}

/// # Safety
/// The processor has the features named below.
#[target_feature(enable = "avx2,fma,f16c,avxvnni")]
pub(crate) unsafe fn run_vnni<W: Work>(work: W) -> W::Output {
    work.run(Avx2::<true>(()))
}

impl<const VNNI: bool> Lanes for Avx2<VNNI> {
    type V = __m256;
    type Square = [__m256; LANES];
    type Tile = [[__m256; TILE_VECTORS]; ROWS];
    type AnyTile = Self::Tile;
    type Ints = __m256i;
    const INTEGERS: bool = true;
    const BYTES: bool = VNNI;
    const LANES: usize = LANES;
    const ROWS: usize = ROWS;

    #[inline(always)]
    unsafe fn load_from(self, from: *const f32) -> __m256 {
        // SAFETY: the caller's promise, and see the type.
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_f16_from(self, from: *const u16) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.cast())) }
    }
    #[inline(always)]
    unsafe fn load_bf16_from(self, from: *const u16) -> __m256 {
        // SAFETY: as above.
        unsafe {
            let words = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(words))
        }
    }
    #[inline(always)]
    fn bf16_pairs(self, words: __m256) -> (__m256, __m256) {
        // SAFETY: see the type.
        unsafe {
            let low = _mm256_slli_epi32::<16>(_mm256_castps_si256(words));
            let high = _mm256_castsi256_ps(_mm256_set1_epi32(-0x1_0000));
            (_mm256_castsi256_ps(low), _mm256_and_ps(words, high))
        }
    }
    #[inline(always)]
    fn field(self, words: __m256, from: u32, mask: u32) -> __m256 {
        // SAFETY: see the type.
        unsafe {
            let from = _mm_cvtsi32_si128(from.cast_signed());
            let words = _mm256_srl_epi32(_mm256_castps_si256(words), from);
            let mask = _mm256_set1_epi32(mask.cast_signed());
            _mm256_cvtepi32_ps(_mm256_and_si256(words, mask))
        }
    }
    #[inline(always)]
    unsafe fn load_ints(self, from: *const u32) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }
    #[inline(always)]
    fn dot_bytes(self, words: __m256i, x: __m256i) -> __m256i {
        // SAFETY: see the type.
        unsafe {
            if VNNI {
                return _mm256_dpbusd_avx_epi32(_mm256_setzero_si256(), words, x);
            }
            let even = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(x));
            self.dot_halves(words, [even, _mm256_srai_epi16::<8>(x)])
        }
    }
    #[inline(always)]
    fn dot_halves(self, words: __m256i, x: [__m256i; 2]) -> __m256i {
        // SAFETY: see the type.
        unsafe {
            let even = _mm256_and_si256(words, _mm256_set1_epi16(0xff));
            let odd = _mm256_srli_epi16::<8>(words);
            _mm256_add_epi32(_mm256_madd_epi16(even, x[0]), _mm256_madd_epi16(odd, x[1]))
        }
    }
    #[inline(always)]
    fn dot_nibbles(self, words: __m256i, x: [__m256i; 2]) -> __m256i {
        // SAFETY: see the type.
        unsafe {
            let mask = _mm256_set1_epi8(0xf);
            let even = _mm256_and_si256(words, mask);
            let odd = _mm256_and_si256(_mm256_srli_epi32::<4>(words), mask);
            if VNNI {
                let sums = _mm256_dpbusd_avx_epi32(_mm256_setzero_si256(), even, x[0]);
                return _mm256_dpbusd_avx_epi32(sums, odd, x[1]);
            }
            // Four products of 4 by 8 bits stay below 16 bits.
            let sums = _mm256_maddubs_epi16(even, x[0]);
            let sums = _mm256_add_epi16(sums, _mm256_maddubs_epi16(odd, x[1]));
            _mm256_madd_epi16(sums, _mm256_set1_epi16(1))
        }
    }
    #[inline(always)]
    fn add_behind(self, high: __m256i, low: __m256i) -> __m256i {
        // SAFETY: see the type.
        unsafe { _mm256_add_epi32(_mm256_slli_epi32::<8>(high), low) }
    }
    #[inline(always)]
    fn to_f32(self, v: __m256i) -> __m256 {
        // SAFETY: see the type.
        unsafe { _mm256_cvtepi32_ps(v) }
    }
    #[inline(always)]
    fn spread(self, from: &[f32], shift: u32) -> __m256 {
        // SAFETY: see the type.
        unsafe {
            let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let from_lanes = _mm256_srl_epi32(lanes, _mm_cvtsi32_si128(shift.cast_signed()));
            _mm256_permutevar8x32_ps(self.load_part(from, 0.0), from_lanes)
        }
    }
    #[inline(always)]
    fn unzip(self, a: __m256, b: __m256) -> (__m256, __m256) {
        // SAFETY: see the type.
        unsafe {
            // Of each half of a and b; the middle quarters change places.
            let even = _mm256_castps_pd(_mm256_shuffle_ps::<0x88>(a, b));
            let odd = _mm256_castps_pd(_mm256_shuffle_ps::<0xdd>(a, b));
            (
                _mm256_castpd_ps(_mm256_permute4x64_pd::<0xd8>(even)),
                _mm256_castpd_ps(_mm256_permute4x64_pd::<0xd8>(odd)),
            )
        }
    }
    #[inline(always)]
    unsafe fn load_pairs_from(self, from: *const u32) -> (__m256, __m256) {
        // SAFETY: as above.
        unsafe { pairs(_mm256_loadu_si256(from.cast())) }
    }
    #[inline(always)]
    unsafe fn store_to(self, v: __m256, to: *mut f32) {
        // SAFETY: as above.
        unsafe { _mm256_storeu_ps(to, v) }
    }
    #[inline(always)]
    unsafe fn store_halves_to(self, v: __m256, to: [*mut i16; 2]) {
        // SAFETY: as above.
        unsafe {
            let n = _mm256_cvtps_epi32(v);
            let high = _mm256_srai_epi32::<8>(_mm256_add_epi32(n, _mm256_set1_epi32(0x80)));
            let low = _mm256_srai_epi32::<24>(_mm256_slli_epi32::<24>(n));
            for (half, to) in [high, low].into_iter().zip(to) {
                let [first, last] = [
                    _mm256_castsi256_si128(half),
                    _mm256_extracti128_si256::<1>(half),
                ];
                _mm_storeu_si128(to.cast(), _mm_packs_epi32(first, last));
            }
        }
    }
    #[inline(always)]
    unsafe fn store_bytes_to(self, v: __m256, to: [*mut i8; 3]) {
        // SAFETY: as above.
        unsafe {
            let carry = _mm256_set1_epi32(0x0080_8080);
            let carried = _mm256_add_epi32(_mm256_cvtps_epi32(v), carry);
            let bytes = _mm256_xor_si256(carried, carry);
            // Fours of high, of middle and of low bytes in each half, then together.
            let sorted = _mm256_setr_epi8(
                2, 6, 10, 14, 1, 5, 9, 13, 0, 4, 8, 12, -1, -1, -1, -1, //
                2, 6, 10, 14, 1, 5, 9, 13, 0, 4, 8, 12, -1, -1, -1, -1,
            );
            let fours = _mm256_shuffle_epi8(bytes, sorted);
            let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
            let all = _mm256_permutevar8x32_epi32(fours, order);
            let (first, last) = (
                _mm256_castsi256_si128(all),
                _mm256_extracti128_si256::<1>(all),
            );
            _mm_storel_epi64(to[0].cast(), first);
            _mm_storel_epi64(to[1].cast(), _mm_unpackhi_epi64(first, first));
            _mm_storel_epi64(to[2].cast(), last);
        }
    }
    #[inline(always)]
    fn load_part(self, from: &[f32], fill: f32) -> __m256 {
        if from.len() >= LANES {
            return self.load(from);
        }
        // SAFETY: see the type; only what the mask names is read.
        unsafe {
            let lanes = first_lanes(from.len());
            let found = _mm256_maskload_ps(from.as_ptr(), lanes);
            _mm256_blendv_ps(_mm256_set1_ps(fill), found, _mm256_castsi256_ps(lanes))
        }
    }
    #[inline(always)]
    fn load_words(self, from: &[u32]) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_maskload_epi32(from.as_ptr().cast(), first_lanes(from.len())) }
    }
    #[inline(always)]
    fn load_pairs(self, from: &[u32]) -> (__m256, __m256) {
        // SAFETY: as above.
        unsafe {
            let lanes = first_lanes(from.len());
            pairs(_mm256_maskload_epi32(from.as_ptr().cast(), lanes))
        }
    }
    #[inline(always)]
    fn store_part(self, v: __m256, to: &mut [f32]) {
        // Most vectors are whole, and a masked store is slow on some processors (Zen 3).
        if to.len() >= LANES {
            return self.store(v, to);
        }
        // SAFETY: as above; only what the mask names is written.
        unsafe { _mm256_maskstore_ps(to.as_mut_ptr(), first_lanes(to.len()), v) }
    }
    #[inline(always)]
    fn splat(self, value: f32) -> __m256 {
        // SAFETY: see the type.
        unsafe { _mm256_set1_ps(value) }
    }
    #[inline(always)]
    fn square(self) -> Self::Square {
        [self.splat(0.0); LANES]
    }
    #[inline(always)]
    unsafe fn tile_product(self, a: *const f32, b: *const f32, inner: usize) -> Self::Tile {
        // SAFETY: the caller's promise.
        unsafe { tile_product::<Self, ROWS>(self, a, b, inner) }
    }
    #[inline(always)]
    unsafe fn product_of_tiles(self, a: *const f32, b: *const f32, tiles: usize) -> Self::Tile {
        // SAFETY: the caller's promise.
        unsafe { product_of_tiles_in::<Self, ROWS>(self, a, b, tiles) }
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
    instructions! {
        add(a, b) is _mm256_add_ps;
        sub(a, b) is _mm256_sub_ps;
        mul(a, b) is _mm256_mul_ps;
        div(a, b) is _mm256_div_ps;
        max(a, b) is _mm256_max_ps;
        min(a, b) is _mm256_min_ps;
        fma(a, b, c) is _mm256_fmadd_ps;
    }
    #[inline(always)]
    fn power_of_two(self, v: __m256) -> __m256 {
        // SAFETY: see the type.
        unsafe {
            let biased = _mm256_add_epi32(_mm256_castps_si256(v), _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
        }
    }
    #[inline(always)]
    fn sum(self, v: __m256) -> f32 {
        // SAFETY: see the type.
        unsafe {
            let half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            let pair = _mm_add_ps(half, _mm_movehl_ps(half, half));
            _mm_cvtss_f32(_mm_add_ss(pair, _mm_shuffle_ps::<1>(pair, pair)))
        }
    }
    #[inline(always)]
    fn sum4(self, [a, b, c, d]: [__m256; 4]) -> [f32; 4] {
        let mut sums = [0.0; 4];
        // SAFETY: see the type; `sums` has room for four.
        unsafe {
            let (ab, cd) = (_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
            let all = _mm256_hadd_ps(ab, cd);
            let half = _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps::<1>(all));
            _mm_storeu_ps(sums.as_mut_ptr(), half);
        }
        sums
    }
    #[inline(always)]
    fn largest(self, v: __m256) -> f32 {
        // SAFETY: see the type.
        unsafe {
            let half = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            let pair = _mm_max_ps(half, _mm_movehl_ps(half, half));
            _mm_cvtss_f32(_mm_max_ss(pair, _mm_shuffle_ps::<1>(pair, pair)))
        }
    }
    #[inline(always)]
    fn transpose(self, square: &mut [__m256; 8]) {
        // SAFETY: see the type.
        unsafe {
            // Fours of rows within each half of a vector.
            let mut fours = *square;
            for i in 0..2 {
                let (a, b) = (square[4 * i], square[4 * i + 1]);
                let (c, d) = (square[4 * i + 2], square[4 * i + 3]);
                let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
                let (ab_high, cd_high) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
                fours[4 * i] = _mm256_shuffle_ps::<0x44>(ab, cd);
                fours[4 * i + 1] = _mm256_shuffle_ps::<0xee>(ab, cd);
                fours[4 * i + 2] = _mm256_shuffle_ps::<0x44>(ab_high, cd_high);
                fours[4 * i + 3] = _mm256_shuffle_ps::<0xee>(ab_high, cd_high);
            }
            // Then the halves.
            for j in 0..4 {
                square[j] = _mm256_permute2f128_ps::<0x20>(fours[j], fours[4 + j]);
                square[4 + j] = _mm256_permute2f128_ps::<0x31>(fours[j], fours[4 + j]);
            }
        }
    }
}

/// Ones in all bits of the first lanes, of all for 8 or more.
///
/// # Safety
/// The processor has the features named above.
#[inline(always)]
unsafe fn first_lanes(count: usize) -> __m256i {
    #[expect(clippy::cast_possible_truncation, reason = "at most 8")]
    let count = count.min(LANES) as u8;
    // SAFETY: the caller's promise.
    unsafe {
        let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        _mm256_cmpgt_epi32(_mm256_set1_epi32(i32::from(count)), lanes)
    }
}

/// Halves of words as numbers, low and high.
///
/// # Safety
/// The processor has the features named above.
#[inline(always)]
unsafe fn pairs(words: __m256i) -> (__m256, __m256) {
    // SAFETY: the caller's promise.
    unsafe {
        let low = _mm256_and_si256(words, _mm256_set1_epi32(0xffff));
        (halves(low), halves(_mm256_srli_epi32::<16>(words)))
    }
}

/// Words below 2^16 as numbers in half precision.
///
/// # Safety
/// The processor has the features named above.
#[inline(always)]
unsafe fn halves(words: __m256i) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe {
        let low = _mm256_castsi256_si128(words);
        let high = _mm256_extracti128_si256::<1>(words);
        _mm256_cvtph_ps(_mm_packus_epi32(low, high))
    }
}
