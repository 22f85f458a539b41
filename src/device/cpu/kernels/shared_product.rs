//! Uses of a kernel that multiply a single row each by the same weights: one product.

use super::one_row::{OneRow, Product, WEIGHTS};
use super::scratch::Scratch;
use super::size;
use super::{cross_keys_row, cross_row, gate_up_row, linear, qkv_row};
use crate::device::bindings::{LinearCpu, State};
use crate::device::cpu::{Call, Cpu};

/// The parts of a kernel, by the name of its CPU form.
pub(crate) fn parts_of(form: &str) -> Option<OneRow> {
    match form {
        "cross_keys_row" => Some(cross_keys_row::ONE_ROW),
        "cross_row" => Some(cross_row::ONE_ROW),
        "linear" => Some(linear::ONE_ROW),
        "qkv_row" => Some(qkv_row::ONE_ROW),
        "gate_up_row" => Some(gate_up_row::ONE_ROW),
        _ => None,
    }
}

/// Runs `count` uses of the kernel with the same parameters and weights; `call` hands over
/// one of them.
pub(crate) fn run(
    kernel: OneRow,
    count: usize,
    cpu: &Cpu,
    mut call: impl FnMut(usize, &mut dyn FnMut(Call<'_>)),
) {
    let mut product = Product::default();
    call(0, &mut |call| product = (kernel.product)(&call));
    let (inputs, outputs) = (4 * size(product.inputs4), size(product.outputs));
    if inputs == 0 || outputs == 0 {
        return;
    }
    let (mut x, mut y) = (Scratch::new(count * inputs), Scratch::new(count * outputs));
    let (x, y) = (x.numbers(), y.numbers());
    for (at, x) in x.chunks_exact_mut(inputs).enumerate() {
        call(at, &mut |call| (kernel.input)(call, x));
    }
    let params = product.params(None);
    call(0, &mut |mut call| {
        #[expect(clippy::cast_possible_truncation, reason = "one for each session")]
        let rows = count as u32;
        let state = &State {
            rows,
            first_slot: 0,
        };
        let weights = call.weights(WEIGHTS);
        let norm = &[];
        let views = LinearCpu {
            state,
            weights,
            x: &*x,
            norm,
            y: &mut *y,
        };
        linear::run(views, &params, cpu);
    });
    for (at, y) in y.chunks_exact_mut(outputs).enumerate() {
        call(at, &mut |call| (kernel.output)(call, y));
    }
}
