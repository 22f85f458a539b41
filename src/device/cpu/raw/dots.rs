use super::{Lanes, MAX_LANES, Stored, load_weights};

/// How many bytes ahead weights are prefetched, beyond the end of a row into the next: an Intel
/// Xeon reads memory 1.4 times as fast with it, and a loop on an AMD EPYC was no slower.
const AHEAD: usize = 8 << 10;

/// Bytes of a cache line.
const LINE: usize = 64;

/// The products of R rows with O rows of weights, all of one length, R times O
/// being a multiple of four:
/// `[r][o] = sum_i x[r][i] w[o][i]`. Each weight is read once, and one row after the
/// other: memory gives a single stream faster than several side by side. The order of a sum
/// does not depend on R or O.
#[inline(always)]
pub(crate) fn dots<S: Stored, L: Lanes, const R: usize, const O: usize>(
    l: L,
    x: [&[f32]; R],
    w: [&[S::Word]; O],
) -> [[f32; O]; R] {
    let mut sums = [[l.splat(0.0); O]; R];
    for o in 0..O {
        let found = match L::LANES == MAX_LANES {
            true => row::<S, L, R, 4>(l, x, w[o]),
            false => row::<S, L, R, 2>(l, x, w[o]),
        };
        for r in 0..R {
            sums[r][o] = found[r];
        }
    }
    totals(l, &sums)
}

/// The same for rows of a few vectors, as those of a head: side by side, so that none
/// waits for its own last product.
#[inline(always)]
pub(crate) fn short_dots<L: Lanes, const O: usize>(l: L, x: &[f32], w: [&[f32]; O]) -> [f32; O] {
    let columns = x.len();
    assert!(w.iter().all(|w| w.len() == columns));
    let mut sums = [[l.splat(0.0); O]];
    let mut at = 0;
    while at + L::LANES <= columns {
        // SAFETY: at + LANES <= columns, the length of every row.
        let value = unsafe { l.load_from(x.as_ptr().add(at)) };
        for o in 0..O {
            // SAFETY: as above.
            let weights = unsafe { l.load_from(w[o].as_ptr().add(at)) };
            sums[0][o] = l.fma(value, weights, sums[0][o]);
        }
        at += L::LANES;
    }
    if at < columns {
        let value = l.load_part(&x[at..], 0.0);
        for o in 0..O {
            sums[0][o] = l.fma(value, l.load_part(&w[o][at..], 0.0), sums[0][o]);
        }
    }
    let [products] = totals(l, &sums);
    products
}

/// The sum of each vector.
#[inline(always)]
pub(super) fn totals<L: Lanes, const R: usize, const O: usize>(
    l: L,
    sums: &[[L::V; O]; R],
) -> [[f32; O]; R] {
    const { assert!((R * O).is_multiple_of(4)) };
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

/// The sums of a row of weights in A vectors side by side, so that none waits for the
/// last, and then in one.
#[inline(always)]
fn row<S: Stored, L: Lanes, const R: usize, const A: usize>(
    l: L,
    x: [&[f32]; R],
    w: &[S::Word],
) -> [L::V; R] {
    let columns = w.len();
    assert!(x.iter().all(|x| x.len() == columns));
    let mut sums = [[l.splat(0.0); A]; R];
    let mut at = 0;
    while at + A * L::LANES <= columns {
        #[expect(clippy::needless_range_loop, reason = "of several arrays at once")]
        for a in 0..A {
            let at = at + a * L::LANES;
            if (a * L::LANES * size_of::<S::Word>()).is_multiple_of(LINE) {
                let ahead = at + AHEAD / size_of::<S::Word>();
                l.prefetch(w.as_ptr().wrapping_add(ahead));
            }
            // SAFETY: at + LANES <= columns, the length of every row.
            let weights = unsafe { S::load_from(l, w.as_ptr().add(at)) };
            for r in 0..R {
                // SAFETY: as above.
                let value = unsafe { l.load_from(x[r].as_ptr().add(at)) };
                sums[r][a] = l.fma(value, weights, sums[r][a]);
            }
        }
        at += A * L::LANES;
    }
    while at < columns {
        let weights = load_weights::<S, L>(l, &w[at..]);
        for r in 0..R {
            let value = l.load_part(&x[r][at..], 0.0);
            sums[r][0] = l.fma(value, weights, sums[r][0]);
        }
        at += L::LANES;
    }
    let mut width = A;
    while width > 1 {
        width /= 2;
        for sums in &mut sums {
            for a in 0..width {
                sums[a] = l.add(sums[a], sums[a + width]);
            }
        }
    }
    let mut all = [l.splat(0.0); R];
    for r in 0..R {
        all[r] = sums[r][0];
    }
    all
}
