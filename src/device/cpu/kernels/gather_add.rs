//! A decoder without cross-attention: `x[t, :] += vectors[patches[t] mod slots, :]`.

use super::size;
use crate::device::bindings::{GatherAddCpu, GatherAddParams};
use crate::device::cpu::Cpu;

pub(crate) fn run(k: GatherAddCpu<'_>, p: &GatherAddParams, cpu: &Cpu) {
    let GatherAddCpu {
        state,
        x,
        patches,
        vectors,
        ..
    } = k;
    let (rows, columns) = (size(state.rows), 4 * size(p.columns4));
    cpu.rows(
        &mut x[..rows * columns],
        columns,
        rows * columns,
        |row, x| {
            let vector = size(patches[row] % p.slots);
            for (x, value) in x.iter_mut().zip(&vectors[vector * columns..][..columns]) {
                *x += value;
            }
        },
    );
}
