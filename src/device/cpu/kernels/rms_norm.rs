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
    let mean = Mean {
        inverse_columns: p.inverse_columns,
        epsilon: p.epsilon,
    };
    normalise(x, &weight[..columns], &mut y[..rows * columns], mean, cpu);
}

/// How a row's mean square is formed.
#[derive(Clone, Copy)]
pub(crate) struct Mean {
    /// 1 / columns, without padding.
    pub(crate) inverse_columns: f32,
    /// Added to it.
    pub(crate) epsilon: f32,
}

/// Rows of x, as many as y has, normalised.
pub(crate) fn normalise(x: &[f32], weight: &[f32], y: &mut [f32], mean: Mean, cpu: &Cpu) {
    let columns = weight.len();
    let work = 4 * y.len();
    cpu.rows(y, columns, work, |row, y| {
        let x = &x[row * columns..][..columns];
        cpu.lanes(Norm { weight, x, y, mean });
    });
}

/// One row.
struct Norm<'a> {
    weight: &'a [f32],
    x: &'a [f32],
    y: &'a mut [f32],
    mean: Mean,
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
        let scale = l.splat(1.0 / (sum * self.mean.inverse_columns + self.mean.epsilon).sqrt());
        let parts = self.x.chunks(L::LANES).zip(self.weight.chunks(L::LANES));
        for (y, (x, weight)) in self.y.chunks_mut(L::LANES).zip(parts) {
            let x = l.mul(l.load_part(x, 0.0), scale);
            l.store_part(l.mul(l.load_part(weight, 0.0), x), y);
        }
    }
}
