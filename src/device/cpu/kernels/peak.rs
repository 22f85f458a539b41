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
        let (factor, turns) = (l.splat(self.factor), self.turns);
        for (part, y) in self.y.chunks_mut(L::LANES).enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "small counts")]
            let start: [f32; MAX_LANES] =
                std::array::from_fn(|i| (self.first + part * L::LANES + i) as f32);
            // The four numbers of each of the shader's vectors are the same.
            let mut all = l.splat(0.0);
            for _ in 0..4 {
                let own = l.load(&start);
                // Below AVX-512 registers hold 16 vectors, too few for 16 sums and the factor.
                all = if L::LANES > 8 {
                    add_sums::<L, 16>(l, factor, turns, own, all)
                } else {
                    let half = add_sums::<L, 8>(l, factor, turns, own, all);
                    add_sums::<L, 8>(l, factor, turns, l.add(own, l.splat(8.0)), half)
                };
            }
            l.store_part(all, y);
        }
    }
}

/// `all` and N sums that begin with `own`, `own + 1` and so on.
#[inline(always)]
fn add_sums<L: Lanes, const N: usize>(
    l: L,
    factor: L::V,
    turns: u32,
    own: L::V,
    mut all: L::V,
) -> L::V {
    let mut add = 0.0;
    let mut sums = [own; N];
    for sum in &mut sums {
        *sum = l.add(*sum, l.splat(add));
        add += 1.0;
    }
    for _ in 0..turns {
        for sum in &mut sums {
            *sum = l.fma(*sum, factor, factor);
        }
    }
    for sum in sums {
        all = l.add(all, sum);
    }
    all
}
