//! Queries, keys and values of a single row, which is normalised first:
//! `[q k v] = norm(x) weights^T`, rotated; keys and values go into the ring.

use super::one_row::{OneRow, Product, input};
use super::rms_norm::Mean;
use super::scratch::Scratch;
use super::size;
use super::{linear, rope_store};
use crate::device::bindings::{
    LinearCpu, QkvRowCpu, QkvRowParams, RopeStoreCpu, RopeStoreParams, State,
};
use crate::device::cpu::Cpu;

/// See [`OneRow`].
pub(super) const ONE_ROW: OneRow = OneRow {
    product: |call| product(&call.params()),
    input: |call, to| {
        let mean = mean(&call.params());
        input(call, Some(mean), to);
    },
    output: |mut call, products| {
        let p: QkvRowParams = call.params();
        let kept = Kept {
            state: call.state(0),
            angles: call.read(4),
            qkv: call.write(5),
            keys: call.write(6),
            values: call.write(7),
        };
        kept.store(products, &p, call.cpu());
    },
};

/// Queries, keys and values together.
fn product(p: &QkvRowParams) -> Product {
    Product {
        inputs4: p.inputs4,
        outputs: 2 * p.half_head * (p.heads + 2 * p.kv_heads),
        group_shift: p.group_shift,
    }
}

fn mean(p: &QkvRowParams) -> Mean {
    Mean {
        inverse_columns: p.inverse_columns,
        epsilon: p.epsilon,
    }
}

/// Where the row goes.
struct Kept<'a> {
    state: &'a State,
    angles: &'a [f32],
    qkv: &'a mut [f32],
    keys: &'a mut [f32],
    values: &'a mut [f32],
}

impl Kept<'_> {
    /// Rotates and stores the row.
    fn store(self, row: &mut [f32], p: &QkvRowParams, cpu: &Cpu) {
        let rotation = RopeStoreCpu {
            state: self.state,
            angles: self.angles,
            qkv: &mut *row,
            keys: self.keys,
            values: self.values,
        };
        let params = RopeStoreParams {
            heads: p.heads,
            kv_heads: p.kv_heads,
            half_head: p.half_head,
            slots: p.slots,
            absolute: p.absolute,
        };
        rope_store::run(rotation, &params, cpu);
        let queries = size(2 * p.half_head * p.heads);
        self.qkv[..queries].copy_from_slice(&row[..queries]);
    }
}

pub(crate) fn run(k: QkvRowCpu<'_>, p: &QkvRowParams, cpu: &Cpu) {
    let QkvRowCpu {
        state,
        weights,
        x,
        norm,
        angles,
        qkv,
        keys,
        values,
        ..
    } = k;
    if state.rows == 0 {
        return;
    }
    let mut scratch = Scratch::new(size(product(p).outputs));
    let row = scratch.numbers();
    let views = LinearCpu {
        state,
        weights,
        x,
        norm,
        y: &mut *row,
    };
    linear::run(views, &product(p).params(Some(mean(p))), cpu);
    let kept = Kept {
        state,
        angles,
        qkv,
        keys,
        values,
    };
    kept.store(row, p, cpu);
}
