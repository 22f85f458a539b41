//! The first half of SwiGLU for a single row, which is normalised first:
//! `y[i] = silu(gate_i) * up_i`, gates and then ups being the rows of the weights.

use super::linear;
use super::one_row::{OneRow, Product, input};
use super::rms_norm::Mean;
use super::scratch::Scratch;
use super::size;
use super::swiglu::Gate;
use crate::device::bindings::{GateUpRowCpu, GateUpRowParams, LinearCpu};
use crate::device::cpu::Cpu;

/// See [`OneRow`].
pub(super) const ONE_ROW: OneRow = OneRow {
    product: |call| product(&call.params()),
    input: |call, to| {
        let mean = mean(&call.params());
        input(call, Some(mean), to);
    },
    output: |mut call, products| {
        let (gate, up) = products.split_at(products.len() / 2);
        let y = &mut call.write(4)[..gate.len()];
        call.cpu().lanes(Gate { gate, up, y });
    },
};

fn product(p: &GateUpRowParams) -> Product {
    Product {
        inputs4: p.inputs4,
        outputs: 2 * p.outputs,
        group_shift: p.group_shift,
    }
}

fn mean(p: &GateUpRowParams) -> Mean {
    Mean {
        inverse_columns: p.inverse_columns,
        epsilon: p.epsilon,
    }
}

pub(crate) fn run(k: GateUpRowCpu<'_>, p: &GateUpRowParams, cpu: &Cpu) {
    let GateUpRowCpu {
        state,
        x,
        norm,
        y,
        weights,
        ..
    } = k;
    if state.rows == 0 {
        return;
    }
    // All gates and then all ups: in turns, memory came a fifth slower.
    let outputs = size(p.outputs);
    let mut scratch = Scratch::new(2 * outputs);
    let products = scratch.numbers();
    let views = LinearCpu {
        state,
        weights,
        x,
        norm,
        y: &mut *products,
    };
    linear::run(views, &product(p).params(Some(mean(p))), cpu);
    let (gate, up) = products.split_at(outputs);
    let y = &mut y[..outputs];
    cpu.lanes(Gate { gate, up, y });
}
