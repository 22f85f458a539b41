//! What the patch of a single row will need of it, kept in two rings: the row, and its
//! keys and values, `norm(x) weights^T`.

use super::linear;
use super::one_row::{OneRow, Product, input};
use super::rms_norm::Mean;
use super::scratch::Scratch;
use super::size;
use crate::device::bindings::{CrossKeysRowCpu, CrossKeysRowParams, LinearCpu, State};
use crate::device::cpu::Cpu;

/// See [`OneRow`].
pub(super) const ONE_ROW: OneRow = OneRow {
    product: |call| product(&call.params()),
    input: |call, to| {
        let mean = mean(&call.params());
        input(call, Some(mean), to);
    },
    output: |mut call, products| {
        let p: CrossKeysRowParams = call.params();
        let (state, x) = (call.state(0), call.read(2));
        store(state, x, (call.write(4), call.write(5)), products, &p);
    },
};

fn product(p: &CrossKeysRowParams) -> Product {
    Product {
        inputs4: p.inputs4,
        outputs: p.outputs,
        group_shift: p.group_shift,
    }
}

fn mean(p: &CrossKeysRowParams) -> Mean {
    Mean {
        inverse_columns: p.inverse_columns,
        epsilon: p.epsilon,
    }
}

fn store(
    state: &State,
    x: &[f32],
    (kept, kv): (&mut [f32], &mut [f32]),
    products: &[f32],
    p: &CrossKeysRowParams,
) {
    let slot = size(state.first_slot) % size(p.slots);
    let (columns, outputs) = (4 * size(p.inputs4), size(p.outputs));
    kept[slot * columns..][..columns].copy_from_slice(&x[..columns]);
    kv[slot * outputs..][..outputs].copy_from_slice(products);
}

pub(crate) fn run(k: CrossKeysRowCpu<'_>, p: &CrossKeysRowParams, cpu: &Cpu) {
    let CrossKeysRowCpu {
        state,
        weights,
        x,
        norm,
        kept,
        kv,
        ..
    } = k;
    if state.rows == 0 {
        return;
    }
    let mut scratch = Scratch::new(size(p.outputs));
    let products = scratch.numbers();
    let views = LinearCpu {
        state,
        weights,
        x,
        norm,
        y: &mut *products,
    };
    linear::run(views, &product(p).params(Some(mean(p))), cpu);
    store(state, x, (kept, kv), products, p);
}
