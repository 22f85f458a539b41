//! Queries, keys and values of a single row, which is normalised first:
//! `[q k v] = norm(x) weights^T`, rotated; keys and values go into the ring.

use super::scratch::Scratch;
use super::size;
use super::{linear, rope_store};
use crate::device::bindings::{
    LinearCpu, LinearParams, QkvRowCpu, QkvRowParams, RopeStoreCpu, RopeStoreParams,
};
use crate::device::cpu::Cpu;

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
    let columns = 2 * p.half_head * (p.heads + 2 * p.kv_heads);
    if state.rows == 0 {
        return;
    }
    let mut scratch = Scratch::new(size(columns));
    let row = scratch.numbers();
    let product = LinearCpu {
        state,
        weights,
        x,
        norm,
        y: &mut *row,
    };
    let params = LinearParams {
        inputs4: p.inputs4,
        outputs: columns,
        first_output: 0,
        stride: columns,
        keep: 0.0,
        slots: 0,
        inverse_columns: p.inverse_columns,
        epsilon: p.epsilon,
        group_shift: p.group_shift,
    };
    linear::run(product, &params, cpu);
    let rotation = RopeStoreCpu {
        state,
        angles,
        qkv: &mut *row,
        keys,
        values,
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
    qkv[..queries].copy_from_slice(&row[..queries]);
}
