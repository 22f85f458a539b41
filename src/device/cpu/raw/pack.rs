use super::{Lanes, MAX_LANES, Stored, load_weights};

/// How many words ahead a row is prefetched: about as many as are packed at a time, so mostly
/// the next part of the same row.
const AHEAD: usize = 512;

/// How many rows ahead one is prefetched.
const ROWS_AHEAD: usize = 16;

/// Rows side by side, as [`product`](super::product()) wants a factor:
/// `to[k, r] = row(r)[k]` for `to` `[columns, width]`; beyond the `count` rows,
/// of which there is at least one, the last is repeated. Widens what is stored in
/// 16 bits.
#[inline(always)]
pub(crate) fn pack_rows<'a, S: Stored, L: Lanes>(
    l: L,
    width: usize,
    count: usize,
    columns: usize,
    row: impl Fn(usize) -> &'a [S::Word],
    to: &mut [f32],
) where
    S::Word: 'a,
{
    let to = &mut to[..columns * width];
    for first in (0..width).step_by(L::LANES) {
        let mut rows: [&[S::Word]; MAX_LANES] = [&[]; MAX_LANES];
        for (r, slot) in rows.iter_mut().enumerate().take(L::LANES) {
            *slot = &row((first + r).min(count - 1))[..columns];
        }
        let mut square = l.square();
        // Moved two at a time, they take half of the moves.
        let pairs = match S::PAIRS {
            true => columns / (2 * L::LANES) * (2 * L::LANES),
            false => 0,
        };
        for k in (0..pairs).step_by(2 * L::LANES) {
            for (v, row) in square.as_mut().iter_mut().zip(rows) {
                let words = &row[k..k + 2 * L::LANES];
                l.prefetch(words.as_ptr().wrapping_add(AHEAD));
                // SAFETY: as many bytes as a vector has, of words that pair up to numbers.
                *v = unsafe { l.load_from(words.as_ptr().cast()) };
            }
            l.transpose(&mut square);
            for (i, v) in square.as_ref().iter().enumerate() {
                let (low, high) = l.bf16_pairs(*v);
                l.store_part(low, &mut to[(k + 2 * i) * width + first..]);
                l.store_part(high, &mut to[(k + 2 * i + 1) * width + first..]);
            }
        }
        for k in (pairs..columns).step_by(L::LANES) {
            for (v, row) in square.as_mut().iter_mut().zip(rows) {
                *v = load_weights::<S, L>(l, &row[k..]);
            }
            l.transpose(&mut square);
            // A vector may be longer than what is left of the width: the next
            // one then overwrites what is too much.
            for (i, v) in square.as_ref().iter().enumerate().take(columns - k) {
                l.store_part(*v, &mut to[(k + i) * width + first..]);
            }
        }
    }
}

/// Rows below each other: `to[k, c] = row(k)[c]` for `to` `[rows, width]`, with zeros from the
/// end of a row to `width`, which is whole vectors, and in the rows after the `count` given.
#[inline(always)]
pub(crate) fn pack_columns<'a, L: Lanes>(
    l: L,
    width: usize,
    count: usize,
    row: impl Fn(usize) -> &'a [f32],
    to: &mut [f32],
) {
    let (to, rest) = to.split_at_mut(count * width);
    rest.fill(0.0);
    for (k, to) in to.chunks_exact_mut(width).enumerate() {
        l.prefetch_near(row((k + ROWS_AHEAD).min(count - 1)).as_ptr());
        let row = row(k);
        for (c, to) in to.chunks_exact_mut(L::LANES).enumerate() {
            let part = &row[row.len().min(c * L::LANES)..];
            l.store(l.load_part(part, 0.0), to);
        }
    }
}
