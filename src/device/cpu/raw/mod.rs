//! All that is `unsafe` in the kernels: vectors of the processor, loops over raw
//! rows, a slice shared out among threads, and the threads themselves.
//!
//! A kernel is written once against [`Lanes`] and compiled for every [`Level`].

/// Methods that are an instruction each.
#[cfg(target_arch = "x86_64")]
macro_rules! instructions {
    ($($name:ident($($argument:ident),+) is $instruction:ident;)*) => {$(
        #[inline(always)]
        fn $name(self, $($argument: Self::V),+) -> Self::V {
            // SAFETY: see the type.
            unsafe { $instruction($($argument),+) }
        }
    )*};
}

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod dots;
mod exp;
pub(super) mod memory;
mod pack;
mod plain;
mod pool;
mod product;
mod quantised;
mod rows;
mod split;

pub(crate) use dots::{dots, short_dots};
pub(crate) use exp::exp;
pub(crate) use pack::{pack_columns, pack_rows};
pub(crate) use plain::widen_f16;
pub(crate) use pool::Pool;
pub(crate) use product::{product, product_of, product_of_tiles, tile_columns};
pub(crate) use quantised::Quantised;
pub(crate) use rows::{Part, RowFormat};
pub(crate) use split::{Tile, TileShape, share_chunks, share_tiles};

/// What the processor offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// What every processor of this architecture has.
    Plain,
    /// AVX2, FMA and F16C.
    Avx2,
    /// AVX-512 F, BW, DQ and VL as well.
    Avx512,
}

impl Level {
    /// The best that this processor has.
    #[must_use]
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c");
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl");
            if avx2 && avx512 {
                return Self::Avx512;
            }
            if avx2 {
                return Self::Avx2;
            }
        }
        Self::Plain
    }

    /// Runs `work` compiled for this level. A level that the processor lacks is
    /// lowered to what it has, so that this is safe.
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        #[cfg(target_arch = "x86_64")]
        {
            // Detection is remembered by the standard library: a few loads.
            match self.min(Self::detect()) {
                // SAFETY: `detect` found the features that the function enables.
                Self::Avx512 => return unsafe { avx512::run(work) },
                // SAFETY: as above.
                Self::Avx2 => return unsafe { avx2::run(work) },
                Self::Plain => {}
            }
        }
        work.run(plain::Plain)
    }

    /// As [`run`](Self::run), for products of integers, with the instructions for them that
    /// only some processors of a level have. Results are the same.
    pub(crate) fn run_integers<W: Work>(self, work: W) -> W::Output {
        #[cfg(target_arch = "x86_64")]
        match self.min(Self::detect()) {
            Self::Avx512 if is_x86_feature_detected!("avx512vnni") => {
                // SAFETY: all features that the function enables were found.
                return unsafe { avx512::run_vnni(work) };
            }
            Self::Avx2 if is_x86_feature_detected!("avxvnni") => {
                // SAFETY: as above.
                return unsafe { avx2::run_vnni(work) };
            }
            _ => {}
        }
        self.run(work)
    }
}

/// Something to run at a [`Level`]. `run` must be `#[inline(always)]`, and so
/// must all that it calls with its lanes: else it is compiled without them.
pub(crate) trait Work {
    type Output;
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// Vectors of f32. A value of the type is proof that the processor has what its
/// methods use, which makes them safe.
pub(crate) trait Lanes: Copy + Send + Sync {
    type V: Copy;
    /// `LANES` vectors.
    type Square: Copy + AsRef<[Self::V]> + AsMut<[Self::V]>;
    /// Numbers per vector, at most [`MAX_LANES`].
    const LANES: usize;
    /// Rows of the tile that [`product`] keeps in registers, at most `LANES`.
    const ROWS: usize;
    /// The sums of that tile.
    type Tile: Copy + AsRef<[[Self::V; TILE_VECTORS]]>;
    /// The sums of a tile with any number of rows that [`tile_rows`](Self::tile_rows) gives.
    type AnyTile: Copy + AsRef<[[Self::V; TILE_VECTORS]]>;
    /// `LANES` integers of 32 bits, or twice as many of 16.
    type Ints: Copy;
    /// Whether products of those are faster than products of f32.
    const INTEGERS: bool;
    /// Whether products of bytes are fast, too: numbers of x then go as bytes for weights of 8
    /// bits, and not as [halves](Self::store_halves_to).
    const BYTES: bool;

    /// # Safety
    /// `from` is good for `LANES` reads.
    unsafe fn load_from(self, from: *const f32) -> Self::V;
    /// # Safety
    /// `from` is good for `LANES` reads.
    unsafe fn load_f16_from(self, from: *const u16) -> Self::V;
    /// # Safety
    /// `from` is good for `LANES` reads.
    unsafe fn load_bf16_from(self, from: *const u16) -> Self::V;
    /// The bf16 numbers that are the low halves of words, and those that are the high ones.
    fn bf16_pairs(self, words: Self::V) -> (Self::V, Self::V);
    /// The integer of some bits of each word, from bit `from` on.
    fn field(self, words: Self::V, from: u32, mask: u32) -> Self::V;
    /// Words, or integers of fewer bits, as they are.
    ///
    /// # Safety
    /// `from` is good for `LANES` reads.
    unsafe fn load_ints(self, from: *const u32) -> Self::Ints;
    /// For each lane the products of the four bytes of a word with four signed bytes.
    fn dot_bytes(self, words: Self::Ints, x: Self::Ints) -> Self::Ints;
    /// For each lane the products of the four bytes of a word with integers of 16 bits: those
    /// of even bytes, and those of odd ones.
    fn dot_halves(self, words: Self::Ints, x: [Self::Ints; 2]) -> Self::Ints;
    /// For each lane the products of the eight numbers of four bits of a word with integers of
    /// 8 bits: those of even numbers, and those of odd ones.
    fn dot_nibbles(self, words: Self::Ints, x: [Self::Ints; 2]) -> Self::Ints;
    /// `256 * high + low`, of 32 bits.
    fn add_behind(self, high: Self::Ints, low: Self::Ints) -> Self::Ints;
    /// Integers of 32 bits as f32.
    fn to_f32(self, v: Self::Ints) -> Self::V;
    /// Each of the first numbers `2^shift` times, one behind the other.
    fn spread(self, from: &[f32], shift: u32) -> Self::V;
    /// The numbers of `a` and then `b` at even places, and those at odd ones.
    fn unzip(self, a: Self::V, b: Self::V) -> (Self::V, Self::V);
    /// Halves of words as numbers, low and high.
    ///
    /// # Safety
    /// `from` is good for `LANES` reads.
    unsafe fn load_pairs_from(self, from: *const u32) -> (Self::V, Self::V);
    /// # Safety
    /// `to` is good for `LANES` writes.
    unsafe fn store_to(self, v: Self::V, to: *mut f32);
    /// Stores integers of 24 bits, nearest to the numbers, as `256 * high + low`, low being a
    /// signed byte in 16 bits.
    ///
    /// # Safety
    /// Each is good for `LANES` writes.
    unsafe fn store_halves_to(self, v: Self::V, to: [*mut i16; 2]);
    /// Stores integers of 24 bits, nearest to the numbers, as
    /// `65536 * high + 256 * middle + low`.
    ///
    /// # Safety
    /// Each is good for `LANES` writes.
    unsafe fn store_bytes_to(self, v: Self::V, to: [*mut i8; 3]);
    /// Prefetches the cache line at an address, which may be any, into the second-level cache:
    /// weights came slower where they were prefetched into the first.
    #[inline(always)]
    fn prefetch<T>(self, at: *const T) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: every such processor has SSE; a prefetch of any address does nothing that shows.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T1>(at.cast());
        }
        let _ = at;
    }
    /// The same into the first-level cache, from the second.
    #[inline(always)]
    fn prefetch_near<T>(self, at: *const T) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(at.cast());
        }
        let _ = at;
    }
    fn splat(self, value: f32) -> Self::V;
    /// Zeros.
    fn square(self) -> Self::Square;
    /// See [`product`].
    ///
    /// # Safety
    /// `a` is good for `ROWS * inner` reads and `b` for `tile_columns * inner`.
    unsafe fn tile_product(self, a: *const f32, b: *const f32, inner: usize) -> Self::Tile;
    /// See [`product_of_tiles`].
    ///
    /// # Safety
    /// `a` is good for reads of `tiles` tiles, `b` for `tile_columns * tile_columns * tiles`.
    unsafe fn product_of_tiles(self, a: *const f32, b: *const f32, tiles: usize) -> Self::Tile;
    /// Rows of a tile where there are `rows` in all: near [`ROWS`](Self::ROWS), and such that
    /// the last tile is nearly full.
    #[inline(always)]
    fn tile_rows(_rows: usize) -> usize {
        Self::ROWS
    }
    /// See [`product_of`].
    ///
    /// # Safety
    /// As for [`tile_product`](Self::tile_product), with `rows` for `ROWS`.
    unsafe fn tile_product_of(
        self,
        rows: usize,
        a: *const f32,
        b: *const f32,
        inner: usize,
    ) -> Self::AnyTile;
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// The larger; `b` where either is NaN.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// The smaller; `b` where either is NaN.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `2^n`, n the low bits of the numbers' representation, from -127 (which
    /// gives 0) to 128 (infinity).
    fn power_of_two(self, v: Self::V) -> Self::V;
    fn sum(self, v: Self::V) -> f32;
    /// The sums of four vectors.
    fn sum4(self, v: [Self::V; 4]) -> [f32; 4];
    fn largest(self, v: Self::V) -> f32;
    /// Rows to columns.
    fn transpose(self, square: &mut Self::Square);

    #[inline(always)]
    fn load(self, from: &[f32]) -> Self::V {
        let from = &from[..Self::LANES];
        // SAFETY: the line above found the numbers there.
        unsafe { self.load_from(from.as_ptr()) }
    }
    #[inline(always)]
    fn store_halves(self, v: Self::V, to: [&mut [i16]; 2]) {
        let to = to.map(|to| to[..Self::LANES].as_mut_ptr());
        // SAFETY: the line above found the room there.
        unsafe { self.store_halves_to(v, to) }
    }
    #[inline(always)]
    fn store_bytes(self, v: Self::V, to: [&mut [i8]; 3]) {
        let to = to.map(|to| to[..Self::LANES].as_mut_ptr());
        // SAFETY: the line above found the room there.
        unsafe { self.store_bytes_to(v, to) }
    }
    #[inline(always)]
    fn store(self, v: Self::V, to: &mut [f32]) {
        let to = &mut to[..Self::LANES];
        // SAFETY: the line above found the room there.
        unsafe { self.store_to(v, to.as_mut_ptr()) }
    }
    /// Loads at most `LANES` numbers, with `fill` for those beyond the last.
    #[inline(always)]
    fn load_part(self, from: &[f32], fill: f32) -> Self::V {
        if from.len() >= Self::LANES {
            return self.load(from);
        }
        let mut padded = [fill; MAX_LANES];
        padded[..from.len()].copy_from_slice(from);
        self.load(&padded)
    }
    /// At most `LANES` words, zeros beyond the last.
    #[inline(always)]
    fn load_words(self, from: &[u32]) -> Self::Ints {
        let mut padded = [0; MAX_LANES];
        let mut start = from.as_ptr();
        if from.len() < Self::LANES {
            padded[..from.len()].copy_from_slice(from);
            start = padded.as_ptr();
        }
        // SAFETY: there are as many words as a vector has, or the buffer is.
        unsafe { self.load_ints(start) }
    }
    /// Halves of at most `LANES` words as numbers, low and high; zeros beyond the last.
    #[inline(always)]
    fn load_pairs(self, from: &[u32]) -> (Self::V, Self::V) {
        if from.len() >= Self::LANES {
            // SAFETY: the length was just looked at.
            return unsafe { self.load_pairs_from(from.as_ptr()) };
        }
        let mut padded = [0; MAX_LANES];
        padded[..from.len()].copy_from_slice(from);
        // SAFETY: the buffer holds the longest vector.
        unsafe { self.load_pairs_from(padded.as_ptr()) }
    }
    /// Stores as many numbers as there is room for.
    #[inline(always)]
    fn store_part(self, v: Self::V, to: &mut [f32]) {
        if to.len() >= Self::LANES {
            return self.store(v, to);
        }
        let mut padded = [0.0; MAX_LANES];
        self.store(v, &mut padded);
        to.copy_from_slice(&padded[..to.len()]);
    }
}

/// The longest vector of any level.
pub(crate) const MAX_LANES: usize = 16;

/// Vectors per row of the tile that [`product`] keeps in registers.
pub(crate) const TILE_VECTORS: usize = 2;

/// How weights are stored.
pub(crate) trait Stored: Copy + Send + Sync {
    type Word: Copy + Send + Sync + Default;
    /// Can two of them be moved as one number, and be parted later?
    const PAIRS: bool = false;
    /// # Safety
    /// `from` is good for `LANES` reads.
    unsafe fn load_from<L: Lanes>(lanes: L, from: *const Self::Word) -> L::V;
}

/// f32 as they are.
#[derive(Clone, Copy)]
pub(crate) struct F32;
/// IEEE half precision.
#[derive(Clone, Copy)]
pub(crate) struct F16;
/// The upper half of an f32.
#[derive(Clone, Copy)]
pub(crate) struct Bf16;

impl Stored for F32 {
    type Word = f32;
    #[inline(always)]
    unsafe fn load_from<L: Lanes>(lanes: L, from: *const f32) -> L::V {
        // SAFETY: the caller's promise.
        unsafe { lanes.load_from(from) }
    }
}
impl Stored for F16 {
    type Word = u16;
    #[inline(always)]
    unsafe fn load_from<L: Lanes>(lanes: L, from: *const u16) -> L::V {
        // SAFETY: the caller's promise.
        unsafe { lanes.load_f16_from(from) }
    }
}
impl Stored for Bf16 {
    type Word = u16;
    const PAIRS: bool = true;
    #[inline(always)]
    unsafe fn load_from<L: Lanes>(lanes: L, from: *const u16) -> L::V {
        // SAFETY: the caller's promise.
        unsafe { lanes.load_bf16_from(from) }
    }
}

/// Loads at most `LANES` weights, zeros beyond the last.
#[inline(always)]
pub(crate) fn load_weights<S: Stored, L: Lanes>(lanes: L, from: &[S::Word]) -> L::V {
    if from.len() >= L::LANES {
        // SAFETY: the length was just looked at.
        return unsafe { S::load_from(lanes, from.as_ptr()) };
    }
    let mut padded = [S::Word::default(); MAX_LANES];
    padded[..from.len()].copy_from_slice(from);
    // SAFETY: the buffer holds the longest vector.
    unsafe { S::load_from(lanes, padded.as_ptr()) }
}
