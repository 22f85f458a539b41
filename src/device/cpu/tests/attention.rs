use super::{Random, close, everywhere, state};
use crate::device::bindings::{
    AttentionCpu, AttentionMergeCpu, AttentionMergeParams, AttentionParams, CrossAttentionCpu,
    CrossAttentionParams,
};
use crate::device::cpu::Cpu;
use crate::device::cpu::kernels::{attention, attention_merge, cross_attention};

/// `softmax(q . k * scale) v` in f64.
fn attend(q: &[f32], keys: &[&[f32]], values: &[&[f32]], scale: f32, y: &mut [f64]) {
    let scores: Vec<f64> = keys
        .iter()
        .map(|k| {
            let dot: f64 = q
                .iter()
                .zip(*k)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum();
            dot * f64::from(scale)
        })
        .collect();
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scores.iter().map(|s| (s - largest).exp()).collect();
    let total: f64 = weights.iter().sum();
    for (d, y) in y.iter_mut().enumerate() {
        let sum: f64 = weights
            .iter()
            .zip(values)
            .map(|(w, v)| w * f64::from(v[d]))
            .sum();
        *y = sum / total;
    }
}

fn check(
    random: &mut Random,
    rows: usize,
    slots: usize,
    kv_heads: usize,
    shared: usize,
    head: usize,
    regular: bool,
) {
    let heads = kv_heads * shared;
    let first_slot = random.below(4 * slots);
    let scale = 4.0 / (head as f32).sqrt();
    let qkv = random.numbers(rows * (heads + 2 * kv_heads) * head);
    let keys = random.numbers(slots * kv_heads * head);
    let values = random.numbers(slots * kv_heads * head);
    let window = 1 + random.below(slots);
    let spans: Vec<u32> = (0..rows)
        .map(|t| {
            let span = if regular {
                (t + 3).min(window)
            } else {
                1 + random.below(2 * slots)
            };
            span as u32
        })
        .collect();
    let mut expected = vec![0f64; rows * heads * head];
    for t in 0..rows {
        let span = (spans[t] as usize).min(slots);
        for h in 0..heads {
            let at = |back: usize| {
                ((first_slot + t + slots - back) % slots * kv_heads + h / shared) * head
            };
            let k: Vec<&[f32]> = (0..span).map(|b| &keys[at(b)..at(b) + head]).collect();
            let v: Vec<&[f32]> = (0..span).map(|b| &values[at(b)..at(b) + head]).collect();
            let q = &qkv[(t * (heads + 2 * kv_heads) + h) * head..][..head];
            let y = (t * heads + h) * head;
            attend(q, &k, &v, scale, &mut expected[y..y + head]);
        }
    }
    let p = AttentionParams {
        heads: heads as u32,
        kv_heads: kv_heads as u32,
        head4: (head / 4) as u32,
        slots: slots as u32,
        splits: 1,
        scale,
    };
    let what = format!(
        "rows {rows} slots {slots} kv_heads {kv_heads} shared {shared} head {head} first {first_slot}"
    );
    for found in everywhere(|cpu| {
        let mut y = vec![f32::NAN; rows * heads * head];
        let state = state(rows, first_slot);
        let k = AttentionCpu {
            state: &state,
            spans: &spans,
            qkv: &qkv,
            keys: &keys,
            values: &values,
            y: &mut y,
        };
        attention::run(k, &p, cpu);
        y
    }) {
        close(&found, &expected, |_| 4e-6, &what);
    }
}

#[test]
fn attention_is_softmax_of_what_each_row_sees() {
    let mut random = Random(7);
    for round in 0..120 {
        let rows = [1, 2, 3, 8, 9, 12, 13, 30, 97, 130][random.below(10)];
        let slots = [1, 4, 16, 64, 128, 256][random.below(6)];
        let kv_heads = 1 + random.below(3);
        let shared = 1 + random.below(3);
        let head = [4, 8, 12, 16, 20, 36, 64, 72, 128][random.below(9)];
        check(
            &mut random,
            rows,
            slots,
            kv_heads,
            shared,
            head,
            round % 2 == 0,
        );
    }
}

#[test]
fn cross_attention_sees_its_range() {
    let mut random = Random(8);
    for _ in 0..60 {
        let (group, patches) = (1 + random.below(4), 1 + random.below(9));
        let rows = group * patches;
        let slots = 1 + random.below(40);
        let (kv_heads, shared) = (1 + random.below(3), 1 + random.below(3));
        let heads = kv_heads * shared;
        let head = [4, 8, 12, 16, 20, 64, 72][random.below(7)];
        let range_stride = 1 + random.below(2);
        let scale = 4.0 / (head as f32).sqrt();
        let ranges: Vec<u32> = (0..patches * range_stride)
            .flat_map(|_| [random.below(1000) as u32, 1 + random.below(50) as u32])
            .collect();
        let q = random.numbers(rows * heads * head);
        let kv = random.numbers(slots * 2 * kv_heads * head);
        let mut expected = vec![0f64; q.len()];
        for r in 0..rows {
            let at = 2 * (r / group * range_stride);
            let (first, count) = (ranges[at] as usize, (ranges[at + 1] as usize).min(slots));
            for h in 0..heads {
                let key = |j: usize, value: usize| {
                    let at = (((first + j) % slots * 2 + value) * kv_heads + h / shared) * head;
                    &kv[at..at + head]
                };
                let k: Vec<&[f32]> = (0..count).map(|j| key(j, 0)).collect();
                let v: Vec<&[f32]> = (0..count).map(|j| key(j, 1)).collect();
                let y = (r * heads + h) * head;
                attend(&q[y..y + head], &k, &v, scale, &mut expected[y..y + head]);
            }
        }
        let p = CrossAttentionParams {
            group: group as u32,
            range_stride: range_stride as u32,
            heads: heads as u32,
            kv_heads: kv_heads as u32,
            head4: (head / 4) as u32,
            slots: slots as u32,
            row4: (2 * kv_heads * head / 4) as u32,
            first4: 0,
            scale,
        };
        for found in everywhere(|cpu| {
            let mut y = vec![f32::NAN; q.len()];
            let state = state(rows, 0);
            let k = CrossAttentionCpu {
                state: &state,
                ranges: &ranges,
                q: &q,
                kv: &kv,
                y: &mut y,
            };
            cross_attention::run(k, &p, cpu);
            y
        }) {
            close(&found, &expected, |_| 4e-6, "cross_attention");
        }
    }
}

#[test]
fn the_parts_of_the_keys_join_to_the_whole() {
    let mut random = Random(5);
    let (rows, heads, kv_heads, head, slots, splits) = (3, 4, 2, 20, 1024, 3);
    let qkv = random.numbers(rows * (heads + 2 * kv_heads) * head);
    let keys = random.numbers(slots * kv_heads * head);
    let values = random.numbers(slots * kv_heads * head);
    let spans = [1, 700, 1000];
    let state = state(rows, 77);
    let attend = |cpu: &Cpu, splits: usize, y: &mut [f32]| {
        let k = AttentionCpu {
            state: &state,
            spans: &spans,
            qkv: &qkv,
            keys: &keys,
            values: &values,
            y,
        };
        let p = AttentionParams {
            heads: heads as u32,
            kv_heads: kv_heads as u32,
            head4: (head / 4) as u32,
            slots: slots as u32,
            splits: splits as u32,
            scale: 0.3,
        };
        attention::run(k, &p, cpu);
    };
    let whole = everywhere(|cpu| {
        let mut y = vec![f32::NAN; rows * heads * head];
        attend(cpu, 1, &mut y);
        y
    });
    let whole: Vec<f64> = whole[0].iter().copied().map(f64::from).collect();
    for found in everywhere(|cpu| {
        let mut parts = vec![f32::NAN; rows * heads * splits * (head + 4)];
        attend(cpu, splits, &mut parts);
        let mut y = vec![f32::NAN; rows * heads * head];
        let k = AttentionMergeCpu {
            state: &state,
            spans: &spans,
            parts: &parts,
            y: &mut y,
        };
        let p = AttentionMergeParams {
            heads: heads as u32,
            head4: (head / 4) as u32,
            slots: slots as u32,
            splits: splits as u32,
        };
        attention_merge::run(k, &p, cpu);
        y
    }) {
        close(&found, &whole, |_| 1e-5, "parts");
    }
}
