use std::arch::x86_64::*;

use super::product::{product_of_tiles_in, tile_product};
use super::{Lanes, TILE_VECTORS, Work};

const LANES: usize = 16;
/// Rows of a register tile.
const ROWS: usize = 12;
/// As many as the registers hold.
const MOST_ROWS: usize = 14;
/// Of more than 32 rows, which is where tiles are used, none has fewer.
const LEAST_ROWS: usize = 11;

/// Sixteen numbers. Made only by [`run`], whose caller knows that the processor
/// has AVX-512 F, BW, DQ and VL, and [`run_vnni`], whose caller knows of VNNI too: every
/// `unsafe` below rests on that.
#[derive(Clone, Copy)]
pub(crate) struct Avx512<const VNNI: bool>(());

/// # Safety
/// The processor has the features named below.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
pub(crate) unsafe fn run<W: Work>(work: W) -> W::Output {
    work.run(Avx512::<false>(()))
}

/// # Safety
/// The processor has the features named below.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) unsafe fn run_vnni<W: Work>(work: W) -> W::Output {
    work.run(Avx512::<true>(()))
}

impl<const VNNI: bool> Lanes for Avx512<VNNI> {
    type V = __m512;
    type Square = [__m512; LANES];
    type Tile = [[__m512; TILE_VECTORS]; ROWS];
    type AnyTile = [[__m512; TILE_VECTORS]; MOST_ROWS];
    type Ints = __m512i;
    const INTEGERS: bool = true;
    const BYTES: bool = VNNI;
    const LANES: usize = LANES;
    const ROWS: usize = ROWS;

    #[inline(always)]
    unsafe fn load_from(self, from: *const f32) -> __m512 {
        // SAFETY: the caller's promise, and see the type.
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_f16_from(self, from: *const u16) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) }
    }
    #[inline(always)]
    unsafe fn load_bf16_from(self, from: *const u16) -> __m512 {
        // SAFETY: as above.
        unsafe {
            let words = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(words))
        }
    }
    #[inline(always)]
    fn bf16_pairs(self, words: __m512) -> (__m512, __m512) {
        // SAFETY: see the type.
        unsafe {
            let words = _mm512_castps_si512(words);
            let low = _mm512_slli_epi32::<16>(words);
            let high = _mm512_and_si512(words, _mm512_set1_epi32(-0x1_0000));
            (_mm512_castsi512_ps(low), _mm512_castsi512_ps(high))
        }
    }
    #[inline(always)]
    fn field(self, words: __m512, from: u32, mask: u32) -> __m512 {
        // SAFETY: see the type.
        unsafe {
            let from = _mm_cvtsi32_si128(from.cast_signed());
            let words = _mm512_srl_epi32(_mm512_castps_si512(words), from);
            let mask = _mm512_set1_epi32(mask.cast_signed());
            _mm512_cvtepi32_ps(_mm512_and_si512(words, mask))
        }
    }
    #[inline(always)]
    unsafe fn load_ints(self, from: *const u32) -> __m512i {
        // SAFETY: as above.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }
    #[inline(always)]
    fn dot_bytes(self, words: __m512i, x: __m512i) -> __m512i {
        // SAFETY: see the type.
        unsafe {
            if VNNI {
                return _mm512_dpbusd_epi32(_mm512_setzero_si512(), words, x);
            }
            let even = _mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(x));
            self.dot_halves(words, [even, _mm512_srai_epi16::<8>(x)])
        }
    }
    #[inline(always)]
    fn dot_halves(self, words: __m512i, x: [__m512i; 2]) -> __m512i {
        // SAFETY: see the type.
        unsafe {
            let even = _mm512_and_si512(words, _mm512_set1_epi16(0xff));
            let odd = _mm512_srli_epi16::<8>(words);
            _mm512_add_epi32(_mm512_madd_epi16(even, x[0]), _mm512_madd_epi16(odd, x[1]))
        }
    }
    #[inline(always)]
    fn dot_nibbles(self, words: __m512i, x: [__m512i; 2]) -> __m512i {
        // SAFETY: see the type.
        unsafe {
            let mask = _mm512_set1_epi8(0xf);
            let even = _mm512_and_si512(words, mask);
            let odd = _mm512_and_si512(_mm512_srli_epi32::<4>(words), mask);
            if VNNI {
                let sums = _mm512_dpbusd_epi32(_mm512_setzero_si512(), even, x[0]);
                _mm512_dpbusd_epi32(sums, odd, x[1])
            } else {
                // Four products of 4 by 8 bits stay below 16 bits.
                let sums = _mm512_maddubs_epi16(even, x[0]);
                let sums = _mm512_add_epi16(sums, _mm512_maddubs_epi16(odd, x[1]));
                _mm512_madd_epi16(sums, _mm512_set1_epi16(1))
            }
        }
    }
    #[inline(always)]
    fn add_behind(self, high: __m512i, low: __m512i) -> __m512i {
        // SAFETY: see the type.
        unsafe { _mm512_add_epi32(_mm512_slli_epi32::<8>(high), low) }
    }
    #[inline(always)]
    fn to_f32(self, v: __m512i) -> __m512 {
        // SAFETY: see the type.
        unsafe { _mm512_cvtepi32_ps(v) }
    }
    #[inline(always)]
    fn spread(self, from: &[f32], shift: u32) -> __m512 {
        // SAFETY: see the type.
        unsafe {
            let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            let from_lanes = _mm512_srl_epi32(lanes, _mm_cvtsi32_si128(shift.cast_signed()));
            _mm512_permutexvar_ps(from_lanes, self.load_part(from, 0.0))
        }
    }
    #[inline(always)]
    fn unzip(self, a: __m512, b: __m512) -> (__m512, __m512) {
        // SAFETY: see the type.
        unsafe {
            let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
            (
                _mm512_permutex2var_ps(a, even, b),
                _mm512_permutex2var_ps(a, odd, b),
            )
        }
    }
    #[inline(always)]
    unsafe fn load_pairs_from(self, from: *const u32) -> (__m512, __m512) {
        // SAFETY: as above.
        unsafe { pairs(_mm512_loadu_si512(from.cast())) }
    }
    #[inline(always)]
    unsafe fn store_to(self, v: __m512, to: *mut f32) {
        // SAFETY: as above.
        unsafe { _mm512_storeu_ps(to, v) }
    }
    #[inline(always)]
    unsafe fn store_halves_to(self, v: __m512, to: [*mut i16; 2]) {
        // SAFETY: as above.
        unsafe {
            let n = _mm512_cvtps_epi32(v);
            let high = _mm512_srai_epi32::<8>(_mm512_add_epi32(n, _mm512_set1_epi32(0x80)));
            let low = _mm512_srai_epi32::<24>(_mm512_slli_epi32::<24>(n));
            _mm256_storeu_si256(to[0].cast(), _mm512_cvtepi32_epi16(high));
            _mm256_storeu_si256(to[1].cast(), _mm512_cvtepi32_epi16(low));
        }
    }
    #[inline(always)]
    unsafe fn store_bytes_to(self, v: __m512, to: [*mut i8; 3]) {
        // SAFETY: as above.
        unsafe {
            let carry = _mm512_set1_epi32(0x0080_8080);
            let carried = _mm512_add_epi32(_mm512_cvtps_epi32(v), carry);
            let bytes = _mm512_xor_si512(carried, carry);
            let (high, middle) = (
                _mm512_srli_epi32::<16>(bytes),
                _mm512_srli_epi32::<8>(bytes),
            );
            _mm_storeu_si128(to[0].cast(), _mm512_cvtepi32_epi8(high));
            _mm_storeu_si128(to[1].cast(), _mm512_cvtepi32_epi8(middle));
            _mm_storeu_si128(to[2].cast(), _mm512_cvtepi32_epi8(bytes));
        }
    }
    #[inline(always)]
    fn load_part(self, from: &[f32], fill: f32) -> __m512 {
        let fill = self.splat(fill);
        // SAFETY: see the type; only what the mask names is read.
        unsafe { _mm512_mask_loadu_ps(fill, first_lanes(from.len()), from.as_ptr()) }
    }
    #[inline(always)]
    fn load_words(self, from: &[u32]) -> __m512i {
        // SAFETY: as above.
        unsafe { _mm512_maskz_loadu_epi32(first_lanes(from.len()), from.as_ptr().cast()) }
    }
    #[inline(always)]
    fn load_pairs(self, from: &[u32]) -> (__m512, __m512) {
        // SAFETY: as above.
        unsafe {
            let lanes = first_lanes(from.len());
            pairs(_mm512_maskz_loadu_epi32(lanes, from.as_ptr().cast()))
        }
    }
    #[inline(always)]
    fn store_part(self, v: __m512, to: &mut [f32]) {
        // SAFETY: as above; only what the mask names is written.
        unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), first_lanes(to.len()), v) }
    }
    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        // SAFETY: see the type.
        unsafe { _mm512_set1_ps(value) }
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
    fn tile_rows(rows: usize) -> usize {
        rows.div_ceil(rows.div_ceil(MOST_ROWS).max(1))
            .max(LEAST_ROWS)
    }
    #[inline(always)]
    unsafe fn tile_product_of(
        self,
        rows: usize,
        a: *const f32,
        b: *const f32,
        inner: usize,
    ) -> Self::AnyTile {
        // SAFETY: the caller's promise.
        unsafe {
            match rows {
                MOST_ROWS => tile_product::<Self, MOST_ROWS>(self, a, b, inner),
                13 => filled(tile_product::<Self, 13>(self, a, b, inner)),
                12 => filled(tile_product::<Self, 12>(self, a, b, inner)),
                _ => filled(tile_product::<Self, LEAST_ROWS>(self, a, b, inner)),
            }
        }
    }
    instructions! {
        add(a, b) is _mm512_add_ps;
        sub(a, b) is _mm512_sub_ps;
        mul(a, b) is _mm512_mul_ps;
        div(a, b) is _mm512_div_ps;
        max(a, b) is _mm512_max_ps;
        min(a, b) is _mm512_min_ps;
        fma(a, b, c) is _mm512_fmadd_ps;
    }
    #[inline(always)]
    fn power_of_two(self, v: __m512) -> __m512 {
        // SAFETY: see the type.
        unsafe {
            let biased = _mm512_add_epi32(_mm512_castps_si512(v), _mm512_set1_epi32(127));
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased))
        }
    }
    #[inline(always)]
    fn sum(self, v: __m512) -> f32 {
        // SAFETY: see the type.
        unsafe { _mm512_reduce_add_ps(v) }
    }
    #[inline(always)]
    fn sum4(self, [a, b, c, d]: [__m512; 4]) -> [f32; 4] {
        let mut sums = [0.0; 4];
        // SAFETY: see the type; `sums` has room for four.
        unsafe {
            let ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
            let cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
            let all = _mm512_add_ps(
                _mm512_shuffle_ps::<0x44>(ab, cd),
                _mm512_shuffle_ps::<0xee>(ab, cd),
            );
            let half = _mm256_add_ps(
                _mm512_castps512_ps256(all),
                _mm512_extractf32x8_ps::<1>(all),
            );
            let quarter = _mm_add_ps(
                _mm256_castps256_ps128(half),
                _mm256_extractf128_ps::<1>(half),
            );
            _mm_storeu_ps(sums.as_mut_ptr(), quarter);
        }
        sums
    }
    #[inline(always)]
    fn largest(self, v: __m512) -> f32 {
        // SAFETY: see the type.
        unsafe { _mm512_reduce_max_ps(v) }
    }
    #[inline(always)]
    fn transpose(self, square: &mut [__m512; 16]) {
        // SAFETY: see the type.
        unsafe {
            // Pairs, then fours of rows within each quarter of a vector.
            let mut fours = *square;
            for i in 0..4 {
                let (a, b) = (square[4 * i], square[4 * i + 1]);
                let (c, d) = (square[4 * i + 2], square[4 * i + 3]);
                let (ab, cd) = (_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d));
                let (ab_high, cd_high) = (_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d));
                fours[4 * i] = _mm512_shuffle_ps::<0x44>(ab, cd);
                fours[4 * i + 1] = _mm512_shuffle_ps::<0xee>(ab, cd);
                fours[4 * i + 2] = _mm512_shuffle_ps::<0x44>(ab_high, cd_high);
                fours[4 * i + 3] = _mm512_shuffle_ps::<0xee>(ab_high, cd_high);
            }
            // Then the quarters, as a square of four by four.
            for j in 0..4 {
                let (a, b, c, d) = (fours[j], fours[4 + j], fours[8 + j], fours[12 + j]);
                let (ab, cd) = (
                    _mm512_shuffle_f32x4::<0x88>(a, b),
                    _mm512_shuffle_f32x4::<0x88>(c, d),
                );
                let (ab_odd, cd_odd) = (
                    _mm512_shuffle_f32x4::<0xdd>(a, b),
                    _mm512_shuffle_f32x4::<0xdd>(c, d),
                );
                square[j] = _mm512_shuffle_f32x4::<0x88>(ab, cd);
                square[8 + j] = _mm512_shuffle_f32x4::<0xdd>(ab, cd);
                square[4 + j] = _mm512_shuffle_f32x4::<0x88>(ab_odd, cd_odd);
                square[12 + j] = _mm512_shuffle_f32x4::<0xdd>(ab_odd, cd_odd);
            }
        }
    }
}

/// A tile of fewer rows, with zeros behind it.
///
/// # Safety
/// The processor has the features named above.
#[inline(always)]
unsafe fn filled<const R: usize>(
    tile: [[__m512; TILE_VECTORS]; R],
) -> [[__m512; TILE_VECTORS]; MOST_ROWS] {
    // SAFETY: the caller's promise.
    let mut all = [[unsafe { _mm512_setzero_ps() }; TILE_VECTORS]; MOST_ROWS];
    all[..R].copy_from_slice(&tile);
    all
}

/// A mask of the first lanes, all of them for 16 or more.
#[inline(always)]
fn first_lanes(count: usize) -> u16 {
    u16::MAX >> (LANES - count.min(LANES))
}

/// Halves of words as numbers, low and high.
///
/// # Safety
/// The processor has the features named above.
#[inline(always)]
unsafe fn pairs(words: __m512i) -> (__m512, __m512) {
    // SAFETY: the caller's promise.
    unsafe {
        let low = _mm512_cvtepi32_epi16(words);
        let high = _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(words));
        (_mm512_cvtph_ps(low), _mm512_cvtph_ps(high))
    }
}
