//! The processor's arithmetic peak: independent fused multiply-adds in registers.

use crate::device::bindings::{PeakCpu, PeakParams};
use crate::device::cpu::Cpu;
use crate::device::cpu::raw::{Lanes, MAX_LANES, Work};

/// Every number of `y` stands for an invocation of the shader, with 64 sums.
pub(crate) fn run(k: PeakCpu<'_>, p: &PeakParams, cpu: &Cpu) {
    let PeakCpu { state, y } = k;
    let work = y.len() * 64;
    // Nothing that a compiler could know beforehand.
    let factor = if state.rows & 1 == 1 { 1e-9 } else { 0.0 } + 0.999;
    cpu.chunks(y, MAX_LANES, work, |chunk, y| {
        cpu.lanes(Sums {
            first: chunk * MAX_LANES,
            factor,
            turns: p.turns,
            y,
        });
    });
}

struct Sums<'a> {
    first: usize,
    factor: f32,
    turns: u32,
    y: &'a mut [f32],
}

impl Work for Sums<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let factor = l.splat(self.factor);
        for (part, y) in self.y.chunks_mut(L::LANES).enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "small counts")]
            let start: [f32; MAX_LANES] =
                std::array::from_fn(|i| (self.first + part * L::LANES + i) as f32);
            // The four numbers of each of the shader's vectors are the same.
            let mut all = l.splat(0.0);
            for _ in 0..4 {
                let own = l.load(&start);
                let mut add = 0.0;
                let mut sums = [own; 16];
                for sum in &mut sums {
                    *sum = l.add(*sum, l.splat(add));
                    add += 1.0;
                }
                for _ in 0..self.turns {
                    for sum in &mut sums {
                        *sum = l.fma(*sum, factor, factor);
                    }
                }
                for sum in sums {
                    all = l.add(all, sum);
                }
            }
            l.store_part(all, y);
        }
    }
}
