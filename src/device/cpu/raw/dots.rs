use super::{Lanes, Stored, load_weights};

/// The products of R rows with O rows of weights, all of one length, R times O
/// being a multiple of four:
/// `[r][o] = sum_i x[r][i] w[o][i]`. Each weight is read once,
/// and asked for when the one `ahead` words before it is read; 0: it is not.
#[inline(always)]
pub(crate) fn dots<S: Stored, L: Lanes, const R: usize, const O: usize>(
    l: L,
    x: [&[f32]; R],
    w: [&[S::Word]; O],
    ahead: usize,
) -> [[f32; O]; R] {
    const { assert!((R * O).is_multiple_of(4)) };
    let columns = x[0].len();
    assert!(x.iter().all(|x| x.len() == columns) && w.iter().all(|w| w.len() == columns));
    let mut sums = [[l.splat(0.0); O]; R];
    let whole = columns / L::LANES * L::LANES;
    let mut at = 0;
    while at < whole {
        let mut weights = [l.splat(0.0); O];
        for o in 0..O {
            // SAFETY: at + LANES <= whole <= columns, the length of every row.
            weights[o] = unsafe { S::load_from(l, w[o].as_ptr().add(at)) };
            if ahead > 0 {
                l.prefetch(w[o].as_ptr().wrapping_add(at + ahead));
            }
        }
        for r in 0..R {
            // SAFETY: as above.
            let value = unsafe { l.load_from(x[r].as_ptr().add(at)) };
            for o in 0..O {
                sums[r][o] = l.fma(value, weights[o], sums[r][o]);
            }
        }
        at += L::LANES;
    }
    if whole < columns {
        let mut weights = [l.splat(0.0); O];
        for o in 0..O {
            weights[o] = load_weights::<S, L>(l, &w[o][whole..]);
        }
        for r in 0..R {
            let value = l.load_part(&x[r][whole..], 0.0);
            for o in 0..O {
                sums[r][o] = l.fma(value, weights[o], sums[r][o]);
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
