//! Entropy of the next byte and the log-probability of the byte that came.

use super::size;
use crate::device::bindings::{EntropyCpu, EntropyParams};
use crate::device::cpu::Cpu;
use crate::device::cpu::raw::{Lanes, Work, exp};

/// Rows of a piece.
const ROWS: usize = 8;

pub(crate) fn run(k: EntropyCpu<'_>, p: &EntropyParams, cpu: &Cpu) {
    let EntropyCpu {
        state,
        result,
        logits,
        targets,
        ..
    } = k;
    let (rows, vocabulary) = (size(state.rows), size(p.vocabulary));
    let result = &mut result[..2 * rows];
    cpu.chunks(result, 2 * ROWS, 8 * rows * vocabulary, |chunk, result| {
        for (i, result) in result.chunks_exact_mut(2).enumerate() {
            let row = chunk * ROWS + i;
            let logits = &logits[row * size(p.stride)..][..vocabulary];
            let Sums {
                largest,
                total,
                weighted,
            } = cpu.lanes(Softmax { logits });
            let log_total = total.ln();
            result[0] = (log_total - weighted / total).max(0.0);
            let target = logits.get(size(targets[row]));
            result[1] = target.map_or(0.0, |logit| logit - largest - log_total);
        }
    });
}

/// One row of logits.
pub(crate) struct Softmax<'a> {
    pub(crate) logits: &'a [f32],
}

/// What its softmax is made of, with `z = logit - largest`.
pub(crate) struct Sums {
    pub(crate) largest: f32,
    /// The sum of `e^z`.
    pub(crate) total: f32,
    /// The sum of `z e^z`.
    pub(crate) weighted: f32,
}

impl Work for Softmax<'_> {
    type Output = Sums;
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) -> Sums {
        let mut highest = l.splat(f32::MIN);
        for logits in self.logits.chunks(L::LANES) {
            highest = l.max(highest, l.load_part(logits, f32::MIN));
        }
        let largest = l.largest(highest);
        let mut total = l.splat(0.0);
        let mut weighted = l.splat(0.0);
        for logits in self.logits.chunks(L::LANES) {
            // Far enough below that its exponential is 0, and finite.
            let logits = l.load_part(logits, largest - 1000.0);
            let z = l.sub(logits, l.splat(largest));
            let e = exp(l, z);
            total = l.add(total, e);
            weighted = l.fma(e, z, weighted);
        }
        Sums {
            largest,
            total: l.sum(total),
            weighted: l.sum(weighted),
        }
    }
}
