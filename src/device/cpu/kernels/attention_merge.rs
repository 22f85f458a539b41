//! Joins the parts into which the keys of a row were cut:
//! `y[t, h, :] = sum_s e_s sums_s / sum_s e_s total_s`, `e_s = exp(maximum_s - maximum)`.

use super::attention::part_of;
use super::size;
use crate::device::bindings::{AttentionMergeCpu, AttentionMergeParams};
use crate::device::cpu::Cpu;

pub(crate) fn run(k: AttentionMergeCpu<'_>, p: &AttentionMergeParams, cpu: &Cpu) {
    let AttentionMergeCpu {
        state,
        spans,
        parts,
        y,
        ..
    } = k;
    let (rows, heads, head) = (size(state.rows), size(p.heads), 4 * size(p.head4));
    let (slots, splits) = (size(p.slots), size(p.splits));
    let y = &mut y[..rows * heads * head];
    let own = head + 4;
    cpu.chunks(y, head, rows * heads * splits * head, |at, y| {
        let span = size(spans[at / heads]).min(slots);
        let live = span.div_ceil(part_of(span, splits));
        let parts = parts[at * splits * own..][..live * own].chunks_exact(own);
        let largest = parts
            .clone()
            .map(|part| part[head])
            .fold(f32::MIN, f32::max);
        let mut total = 0.0;
        y.fill(0.0);
        for part in parts {
            let weight = (part[head] - largest).exp();
            total += weight * part[head + 1];
            for (y, sum) in y.iter_mut().zip(part) {
                *y += weight * sum;
            }
        }
        y.iter_mut().for_each(|y| *y /= total);
    });
}
