//! The second half of cross-attention for a single row:
//! `y[o] = keep * y[o] + sum_i a[i] * weights[o, i]`, where a is what the row finds.

use super::one_row::{OneRow, Product};
use super::scratch::Scratch;
use super::size;
use super::{cross_attention, linear};
use crate::device::bindings::{
    CrossAttentionCpu, CrossAttentionParams, CrossRowCpu, CrossRowParams, LinearCpu, LinearParams,
};
use crate::device::cpu::Cpu;

/// See [`OneRow`].
pub(super) const ONE_ROW: OneRow = OneRow {
    product: |call| product(&call.params()),
    input: |mut call, to| {
        let p: CrossRowParams = call.params();
        let views = CrossAttentionCpu {
            state: call.state(0),
            ranges: call.read(2),
            q: call.read(3),
            kv: call.read(4),
            y: to,
        };
        cross_attention::run(views, &attention(&p), call.cpu());
    },
    output: |mut call, products| {
        let p: CrossRowParams = call.params();
        let y: &mut [f32] = call.write(5);
        for (y, product) in y.iter_mut().zip(products) {
            *y = p.keep * *y + *product;
        }
    },
};

fn product(p: &CrossRowParams) -> Product {
    Product {
        inputs4: p.heads * p.head4,
        outputs: p.outputs,
        group_shift: p.group_shift,
    }
}

fn attention(p: &CrossRowParams) -> CrossAttentionParams {
    CrossAttentionParams {
        group: 1,
        range_stride: 1,
        heads: p.heads,
        kv_heads: p.kv_heads,
        head4: p.head4,
        slots: p.slots,
        row4: p.row4,
        first4: p.first4,
        scale: p.scale,
    }
}

pub(crate) fn run(k: CrossRowCpu<'_>, p: &CrossRowParams, cpu: &Cpu) {
    let CrossRowCpu {
        state,
        weights,
        ranges,
        q,
        kv,
        y,
        ..
    } = k;
    if state.rows == 0 {
        return;
    }
    let mut scratch = Scratch::new(4 * size(p.heads * p.head4));
    let found = scratch.numbers();
    let views = CrossAttentionCpu {
        state,
        ranges,
        q,
        kv,
        y: &mut *found,
    };
    cross_attention::run(views, &attention(p), cpu);
    let views = LinearCpu {
        state,
        weights,
        x: found,
        norm: &[],
        y,
    };
    let params = LinearParams {
        keep: p.keep,
        ..product(p).params(None)
    };
    linear::run(views, &params, cpu);
}
