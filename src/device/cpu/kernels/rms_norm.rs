//! `y[t, :] = weight * x[t, :] / sqrt(mean(x[t, :]^2) + epsilon)`.

use super::size;
use crate::device::bindings::{RmsNormCpu, RmsNormParams};
use crate::device::cpu::Cpu;
use crate::device::cpu::raw::{Lanes, Work};

pub(crate) fn run(k: RmsNormCpu<'_>, p: &RmsNormParams, cpu: &Cpu) {
    let RmsNormCpu {
        state,
        weight,
        y,
        x,
        ..
    } = k;
    let (rows, columns) = (size(state.rows), 4 * size(p.columns4));
    let weight = &weight[..columns];
    let y = &mut y[..rows * columns];
    cpu.rows(y, columns, rows * columns, |row, y| {
        let x = &x[row * columns..][..columns];
        cpu.lanes(Norm { weight, x, y, p });
    });
}

/// One row.
struct Norm<'a> {
    weight: &'a [f32],
    x: &'a [f32],
    y: &'a mut [f32],
    p: &'a RmsNormParams,
}

impl Work for Norm<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let mut squares = [l.splat(0.0); 4];
        for four in self.x.chunks(4 * L::LANES) {
            for (sum, x) in squares.iter_mut().zip(four.chunks(L::LANES)) {
                let x = l.load_part(x, 0.0);
                *sum = l.fma(x, x, *sum);
            }
        }
        let [a, b, c, d] = squares;
        let sum = l.sum(l.add(l.add(a, b), l.add(c, d)));
        let scale = l.splat(1.0 / (sum * self.p.inverse_columns + self.p.epsilon).sqrt());
        let parts = self.x.chunks(L::LANES).zip(self.weight.chunks(L::LANES));
        for (y, (x, weight)) in self.y.chunks_mut(L::LANES).zip(parts) {
            let x = l.mul(l.load_part(x, 0.0), scale);
            l.store_part(l.mul(l.load_part(weight, 0.0), x), y);
        }
    }
}
