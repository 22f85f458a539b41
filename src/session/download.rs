//! What comes back from a run: parts of tensors, one behind the other.

use std::ops::Range;

use crate::device::readback::Staging;
use crate::device::recorder::Recorder;
use crate::device::tensor::padded;
use crate::device::{Slice, Tensor};

/// A part of a tensor to read back.
pub(super) struct Piece<'a> {
    slice: Slice<'a>,
    skip: usize,
    values: usize,
}

impl<'a> Piece<'a> {
    /// The first values of a tensor, of 32 bits each.
    pub(super) fn first(tensor: &'a Tensor, values: usize) -> Self {
        Self {
            slice: tensor.all(),
            skip: 0,
            values,
        }
    }

    /// A row of a tensor whose rows have `values` columns and their padding.
    pub(super) fn row(tensor: &'a Tensor, row: usize, values: usize) -> Self {
        Self::rows(tensor, row..row + 1, values)
    }

    /// Consecutive rows, of which all but the last come with their padding.
    pub(super) fn rows(tensor: &'a Tensor, rows: Range<usize>, values: usize) -> Self {
        let before = rows.len().saturating_sub(1) * padded(values);
        Self {
            skip: rows.start * padded(values),
            ..Self::first(tensor, before + values)
        }
    }
}

/// Where pieces lie in what comes back.
#[derive(Clone, Debug)]
pub(super) struct Places(Vec<Range<usize>>);

impl Places {
    /// Of pieces with these numbers of values.
    pub(super) fn of(values: impl IntoIterator<Item = usize>) -> Self {
        let mut end = 0;
        let place = |values: usize| {
            let begin = end;
            end += values * 4;
            begin..end
        };
        Self(values.into_iter().map(place).collect())
    }

    /// Of these pieces, whose copies to a staging buffer are recorded.
    pub(super) fn copy(
        pieces: &[Piece<'_>],
        staging: &Staging,
        recorder: &mut Recorder<'_>,
    ) -> Self {
        let places = Self::of(pieces.iter().map(|piece| piece.values));
        let both = pieces.iter().zip(&places.0);
        for (piece, place) in both.filter(|(piece, _)| piece.values > 0) {
            let skip = piece.skip as u64 * 4;
            let bytes = piece.values as u64 * 4;
            staging.copy(recorder, piece.slice, skip, bytes, place.start as u64);
        }
        places
    }

    /// The end of the last, rounded up: mapped ranges end at a multiple of 8.
    pub(super) fn bytes(&self) -> usize {
        let end = self.0.last().map_or(0, |place| place.end);
        end.next_multiple_of(8)
    }

    /// The values of a piece.
    pub(super) fn read<T: bytemuck::Pod>(&self, bytes: &[u8], piece: usize) -> Vec<T> {
        bytemuck::pod_collect_to_vec(&bytes[self.0[piece].clone()])
    }
}
