//! Rows of weights in every form, and their products.

use super::{Lanes, Stored, dots, load_weights, pack_rows};

/// How a row of weights is stored.
pub(crate) trait RowFormat: Copy + Send + Sync {
    type Word: Copy + Send + Sync;
    /// Does [`dots`](Self::dots) want the numbers of x in a form of its own?
    const ARRANGED: bool;

    /// Words of a row of `columns` weights.
    fn row_words(self, columns: usize) -> usize;

    /// Numbers of a row of x in that form.
    fn arranged(self, columns: usize) -> usize;

    /// Brings a row of x into that form.
    fn arrange<L: Lanes>(self, l: L, x: &[f32], to: &mut [f32]);

    /// As [`dots()`], for whole rows of weights and rows of x in the form that
    /// [`arrange`](Self::arrange) gives them.
    fn dots<L: Lanes, const R: usize, const O: usize>(
        self,
        l: L,
        x: [&[f32]; R],
        w: [&[Self::Word]; O],
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

    #[inline(always)]
    fn row_words(self, columns: usize) -> usize {
        columns
    }

    #[inline(always)]
    fn arranged(self, columns: usize) -> usize {
        columns
    }

    #[inline(always)]
    fn arrange<L: Lanes>(self, _: L, x: &[f32], to: &mut [f32]) {
        to.copy_from_slice(x);
    }

    #[inline(always)]
    fn dots<L: Lanes, const R: usize, const O: usize>(
        self,
        l: L,
        x: [&[f32]; R],
        w: [&[S::Word]; O],
    ) -> [[f32; O]; R] {
        dots::<S, L, R, O>(l, x, w)
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
