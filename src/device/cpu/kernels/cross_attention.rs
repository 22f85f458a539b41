//! Attention between bytes and patches: each query row sees a short range of rows
//! of a ring of keys and values.

use super::attention_few::{add_weighted, scale, softmax};
use super::scratch::Scratch;
use super::size;
use crate::device::bindings::{CrossAttentionCpu, CrossAttentionParams};
use crate::device::cpu::Cpu;
use crate::device::cpu::raw::{Lanes, Work, short_dots};

pub(crate) fn run(k: CrossAttentionCpu<'_>, p: &CrossAttentionParams, cpu: &Cpu) {
    let CrossAttentionCpu {
        state,
        ranges,
        y,
        q,
        kv,
        ..
    } = k;
    let (rows, heads, head) = (size(state.rows), size(p.heads), 4 * size(p.head4));
    let columns = heads * head;
    let (kv_heads, slots) = (size(p.kv_heads), size(p.slots));
    let (row_columns, before) = (4 * size(p.row4), 4 * size(p.first4));
    let range_of = |row: usize| {
        let at = 2 * (row / size(p.group) * size(p.range_stride));
        (size(ranges[at]), size(ranges[at + 1]).min(slots))
    };
    let seen: usize = (0..rows).map(|row| range_of(row).1).sum();
    cpu.chunks(
        &mut y[..rows * columns],
        columns,
        4 * seen * columns,
        |row, y| {
            let (first, count) = range_of(row);
            for (h, y) in y.chunks_exact_mut(head).enumerate() {
                let kv_head = h / (heads / kv_heads);
                // Keys of all heads, then values.
                let at = |j: usize, value: usize| {
                    let slot = (first + j) % slots;
                    slot * row_columns + before + (value * kv_heads + kv_head) * head
                };
                cpu.lanes(Head {
                    query: &q[row * columns + h * head..][..head],
                    key: |j| &kv[at(j, 0)..][..head],
                    value: |j| &kv[at(j, 1)..][..head],
                    count,
                    scale: p.scale,
                    y,
                });
            }
        },
    );
}

/// One head of a query row.
struct Head<'a, K, V> {
    query: &'a [f32],
    key: K,
    value: V,
    count: usize,
    scale: f32,
    y: &'a mut [f32],
}

/// Keys that are read side by side.
const BLOCK: usize = 4;

impl<'a, K: Fn(usize) -> &'a [f32], V: Fn(usize) -> &'a [f32]> Work for Head<'a, K, V> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let count = self.count;
        if count == 0 {
            return self.y.fill(0.0);
        }
        let mut scratch = Scratch::new(count.next_multiple_of(BLOCK));
        let weights = scratch.numbers();
        for (block, weights) in weights.chunks_exact_mut(BLOCK).enumerate() {
            let side = std::array::from_fn(|j| (self.key)((block * BLOCK + j).min(count - 1)));
            let scores = short_dots::<L, BLOCK>(l, self.query, side);
            weights.copy_from_slice(&scores);
        }
        let weights = &mut weights[..count];
        let (_, total) = softmax(l, self.scale, weights);
        scale(l, 1.0 / total, weights);
        self.y.fill(0.0);
        add_weighted(l, weights, &self.value, self.y);
    }
}
