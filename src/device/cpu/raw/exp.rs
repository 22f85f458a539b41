use super::Lanes;

/// `e^x` to within 2e-7 of itself; 0 below -87.6 and infinity above 88.3.
///
/// `x = n ln 2 + r` with whole n, and a polynomial for `e^r`.
#[inline(always)]
pub(crate) fn exp<L: Lanes>(l: L, x: L::V) -> L::V {
    // Adding this leaves no bits behind the point: the low bits of the sum are n.
    let shift = l.splat(12_582_912.0);
    let x = l.max(l.splat(-88.0), l.min(l.splat(89.0), x));
    let shifted = l.fma(x, l.splat(std::f32::consts::LOG2_E), shift);
    let n = l.sub(shifted, shift);
    // ln 2 in two parts, the first with few enough bits that its product is exact.
    let r = l.fma(n, l.splat(-355.0 / 512.0), x);
    let r = l.fma(n, l.splat(2.121_944_4e-4), r);
    // Cephes' coefficients for |r| <= ln 2 / 2.
    let mut p = l.splat(1.987_569_1e-4);
    for coefficient in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        0.166_666_65,
        0.5,
    ] {
        p = l.fma(p, r, l.splat(coefficient));
    }
    let p = l.add(l.fma(p, l.mul(r, r), r), l.splat(1.0));
    l.mul(p, l.power_of_two(shifted))
}

#[cfg(test)]
mod tests {
    use super::exp;
    use crate::device::cpu::raw::{Lanes, Level, Work};

    struct Exp<'a>(&'a mut [f32]);

    impl Work for Exp<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes>(self, l: L) {
            for x in self.0.chunks_mut(L::LANES) {
                l.store_part(exp(l, l.load_part(x, 0.0)), x);
            }
        }
    }

    #[test]
    fn exp_is_within_2e_7() {
        for level in [Level::Plain, Level::Avx2, Level::Avx512] {
            for start in -872..883 {
                let x: Vec<f32> = (0..4099u16)
                    .map(|i| (start as f32 + f32::from(i) / 4099.0) / 10.0)
                    .collect();
                let mut y = x.clone();
                level.run(Exp(&mut y));
                for (x, y) in x.iter().zip(&y) {
                    let expected = f64::from(*x).exp();
                    let error = (f64::from(*y) - expected).abs() / expected;
                    assert!(error < 2e-7, "{level:?}: exp({x}) = {y}, off by {error:e}");
                }
            }
            let mut ends = [
                f32::NEG_INFINITY,
                -1e30,
                -90.0,
                0.0,
                90.0,
                f32::INFINITY,
                f32::NAN,
            ];
            level.run(Exp(&mut ends));
            assert_eq!(
                ends[..6],
                [0.0, 0.0, 0.0, 1.0, f32::INFINITY, f32::INFINITY]
            );
            assert!(ends[6].is_nan());
        }
    }
}
