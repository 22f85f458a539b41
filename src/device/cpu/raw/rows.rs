//! Rows of weights in every form, and their products.

use super::{Lanes, MAX_LANES, Stored, dots, load_weights, pack_rows, widen_f16};

/// How a row of weights is stored.
pub(crate) trait RowFormat: Copy + Send + Sync {
    type Word: Copy + Send + Sync;
    /// Does [`dots`](Self::dots) want the numbers of x in an order of its own?
    const ARRANGED: bool;
    /// Numbers that [`pack`](Self::pack) wants room for, per row and column.
    const ROOM: usize;

    /// Words of a row of `columns` weights.
    fn row_words(self, columns: usize) -> usize;

    /// Brings a row of x into that order.
    fn arrange<L: Lanes>(self, x: &[f32], to: &mut [f32]);

    /// As [`dots()`], for whole rows of weights.
    fn dots<L: Lanes, const R: usize, const O: usize>(
        self,
        l: L,
        x: [&[f32]; R],
        w: [&[Self::Word]; O],
        ahead: usize,
    ) -> [[f32; O]; R];

    /// The weights of a whole row.
    fn widen<L: Lanes>(self, l: L, row: &[Self::Word], to: &mut [f32]);

    /// As [`pack_rows`], for a part of rows of `all` columns that begins and ends where
    /// a group does.
    fn pack<'a, L: Lanes>(
        self,
        l: L,
        shape: Part,
        row: impl Fn(usize) -> &'a [Self::Word],
        to: &mut [f32],
        room: &mut [f32],
    ) where
        Self::Word: 'a;
}

/// A part of rows, for [`RowFormat::pack`].
#[derive(Clone, Copy)]
pub(crate) struct Part {
    /// Rows side by side in the result.
    pub(crate) width: usize,
    /// Rows that there are.
    pub(crate) count: usize,
    /// Columns of a row.
    pub(crate) all: usize,
    /// The first column to pack.
    pub(crate) first: usize,
    /// Columns to pack.
    pub(crate) columns: usize,
}

impl<S: Stored> RowFormat for S {
    type Word = S::Word;
    const ARRANGED: bool = false;
    const ROOM: usize = 0;

    #[inline(always)]
    fn row_words(self, columns: usize) -> usize {
        columns
    }

    #[inline(always)]
    fn arrange<L: Lanes>(self, x: &[f32], to: &mut [f32]) {
        to.copy_from_slice(x);
    }

    #[inline(always)]
    fn dots<L: Lanes, const R: usize, const O: usize>(
        self,
        l: L,
        x: [&[f32]; R],
        w: [&[S::Word]; O],
        ahead: usize,
    ) -> [[f32; O]; R] {
        dots::<S, L, R, O>(l, x, w, ahead)
    }

    #[inline(always)]
    fn widen<L: Lanes>(self, l: L, row: &[S::Word], to: &mut [f32]) {
        for (to, from) in to.chunks_mut(L::LANES).zip(row.chunks(L::LANES)) {
            l.store_part(load_weights::<S, L>(l, from), to);
        }
    }

    #[inline(always)]
    fn pack<'a, L: Lanes>(
        self,
        l: L,
        part: Part,
        row: impl Fn(usize) -> &'a [S::Word],
        to: &mut [f32],
        _: &mut [f32],
    ) where
        S::Word: 'a,
    {
        let Part {
            width,
            count,
            first,
            columns,
            ..
        } = part;
        let row = |r: usize| &row(r)[first..first + columns];
        pack_rows::<S, L>(l, width, count, columns, row, to);
    }
}

/// Quantised weights: see [`Quantisation`](crate::numerics::Quantisation) for the form
/// of a row.
#[derive(Clone, Copy)]
pub(crate) struct Quantised<const BITS: usize> {
    /// Weights that share a pair, a multiple of [`UNIT`].
    pub(crate) group: usize,
}

/// Weights that are unpacked together.
const UNIT: usize = 32;

impl<const BITS: usize> Quantised<BITS> {
    const PER_WORD: usize = 32 / BITS;

    #[inline(always)]
    fn levels<L: Lanes>(l: L, scale: f32, bias: f32) -> Levels<L> {
        match BITS {
            4 => Levels::Few(l.levels4(scale, bias)),
            _ => Levels::Many(l.splat(scale), l.splat(bias)),
        }
    }

    /// Vector `at` of the unit that begins at `from`.
    ///
    /// # Safety
    /// `from` is good for a unit, and `at` below `UNIT / LANES`.
    #[inline(always)]
    unsafe fn load<L: Lanes>(l: L, from: *const u32, at: usize, levels: Levels<L>) -> L::V {
        match levels {
            // SAFETY: the caller's promise.
            Levels::Few(levels) => unsafe { l.load4_from(from, at, levels) },
            Levels::Many(scale, bias) => {
                // SAFETY: as above; the words are good for as many bytes.
                let numbers = unsafe { l.load8_from(from.cast::<u8>().add(at * L::LANES)) };
                l.fma(numbers, scale, bias)
            }
        }
    }
}

/// What packed numbers stand for.
#[derive(Clone, Copy)]
enum Levels<L: Lanes> {
    Few(L::Levels4),
    Many(L::V, L::V),
}

impl<const BITS: usize> RowFormat for Quantised<BITS> {
    type Word = u32;
    const ARRANGED: bool = BITS == 4;
    const ROOM: usize = 1;

    #[inline(always)]
    fn row_words(self, columns: usize) -> usize {
        columns / Self::PER_WORD + columns / self.group
    }

    #[inline(always)]
    fn arrange<L: Lanes>(self, x: &[f32], to: &mut [f32]) {
        // Lane 4 t + w of vector v has number v + UNIT / LANES * t of word w.
        let vectors = UNIT / L::LANES;
        let (units, _) = x.as_chunks::<UNIT>();
        let (to, _) = to.as_chunks_mut::<UNIT>();
        for (x, to) in units.iter().zip(to) {
            for v in 0..vectors {
                for lane in 0..L::LANES {
                    let number = v + vectors * (lane / 4);
                    to[v * L::LANES + lane] = x[8 * (lane % 4) + number];
                }
            }
        }
    }

    #[inline(always)]
    fn dots<L: Lanes, const R: usize, const O: usize>(
        self,
        l: L,
        x: [&[f32]; R],
        w: [&[u32]; O],
        ahead: usize,
    ) -> [[f32; O]; R] {
        const { assert!((R * O).is_multiple_of(4)) };
        let columns = x[0].len();
        let packed = columns / Self::PER_WORD;
        let row = self.row_words(columns);
        assert!(self.group.is_multiple_of(UNIT) && columns.is_multiple_of(self.group));
        assert!(x.iter().all(|x| x.len() == columns) && w.iter().all(|w| w.len() == row));
        let mut sums = [[l.splat(0.0); O]; R];
        let groups = columns / self.group;
        for first in (0..groups).step_by(L::LANES) {
            let count = L::LANES.min(groups - first);
            let mut scales = [[0.0; MAX_LANES]; O];
            let mut biases = [[0.0; MAX_LANES]; O];
            for o in 0..O {
                let (scale, bias) = l.load_pairs(&w[o][packed + first..][..count]);
                l.store(scale, &mut scales[o]);
                l.store(bias, &mut biases[o]);
            }
            for g in 0..count {
                let levels: [Levels<L>; O] =
                    std::array::from_fn(|o| Self::levels(l, scales[o][g], biases[o][g]));
                let begin = (first + g) * self.group;
                for at in (begin..begin + self.group).step_by(UNIT) {
                    if ahead > 0 && (at * BITS).is_multiple_of(512) {
                        for w in w {
                            l.prefetch(w.as_ptr().wrapping_add(at / Self::PER_WORD + ahead));
                        }
                    }
                    for v in 0..UNIT / L::LANES {
                        let mut weights = [l.splat(0.0); O];
                        for o in 0..O {
                            // SAFETY: at + UNIT <= columns, whose numbers every row has.
                            weights[o] = unsafe {
                                let from = w[o].as_ptr().add(at / Self::PER_WORD);
                                Self::load(l, from, v, levels[o])
                            };
                        }
                        for r in 0..R {
                            // SAFETY: as above.
                            let value =
                                unsafe { l.load_from(x[r].as_ptr().add(at + v * L::LANES)) };
                            for o in 0..O {
                                sums[r][o] = l.fma(value, weights[o], sums[r][o]);
                            }
                        }
                    }
                }
            }
        }
        let mut products = [[0.0; O]; R];
        let sums = sums.as_flattened();
        let flat = products.as_flattened_mut();
        for four in 0..R * O / 4 {
            let at = 4 * four;
            let found = l.sum4([sums[at], sums[at + 1], sums[at + 2], sums[at + 3]]);
            flat[at..at + 4].copy_from_slice(&found);
        }
        products
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
            let [low, high] = [*pair & 0xffff, *pair >> 16];
            #[expect(clippy::cast_possible_truncation, reason = "16 bits each")]
            let [scale, bias] = [widen_f16(low as u16), widen_f16(high as u16)];
            for (to, word) in to.chunks_exact_mut(Self::PER_WORD).zip(words) {
                for (at, to) in to.iter_mut().enumerate() {
                    let number = word >> (BITS * at) & ((1 << BITS) - 1);
                    *to = scale * number.cast_signed() as f32 + bias;
                }
            }
        }
    }
}
