//! Kernels that take rows one by one.
use super::{Random, Stored, close, everywhere, group_shift, quantisation, state};
use crate::device::bindings::*;

fn doubles(x: &[f32]) -> Vec<f64> {
    x.iter().map(|x| f64::from(*x)).collect()
}

#[test]
fn rms_norm_is_the_norm() {
    let mut random = Random(1);
    for _ in 0..40 {
        let (rows, columns) = (1 + random.below(40), 4 * (1 + random.below(200)));
        let used = columns - random.below(4);
        let x = random.numbers(rows * columns);
        let weight = random.numbers(columns);
        let p = RmsNormParams {
            columns4: columns as u32 / 4,
            inverse_columns: 1.0 / used as f32,
            epsilon: 1e-5,
        };
        let mut expected = vec![];
        for row in doubles(&x).chunks(columns) {
            let squares: f64 = row.iter().map(|x| x * x).sum();
            let scale = 1.0 / (squares / used as f64 + 1e-5).sqrt();
            expected.extend(
                row.iter()
                    .zip(&weight)
                    .map(|(x, w)| x * scale * f64::from(*w)),
            );
        }
        for found in everywhere(|cpu| {
            let mut y = vec![0.0; rows * columns];
            let state = state(rows, 3);
            crate::device::cpu::kernels::rms_norm::run(
                RmsNormCpu {
                    state: &state,
                    weight: &weight,
                    x: &x,
                    y: &mut y,
                },
                &p,
                cpu,
            );
            y
        }) {
            close(
                &found,
                &expected,
                |i| 1e-6 * (1e-3 + expected[i].abs()),
                "rms_norm",
            );
        }
    }
}

#[test]
fn swiglu_is_exact_from_end_to_end() {
    let mut random = Random(2);
    for _ in 0..20 {
        let (rows, columns) = (1 + random.below(70), 4 * (1 + random.below(100)));
        let gate_up: Vec<f32> = (0..rows * 2 * columns)
            .map(|_| random.number() * [1.0, 20.0, 200.0][random.below(3)])
            .collect();
        let mut expected = vec![];
        for row in doubles(&gate_up).chunks(2 * columns) {
            let (gate, up) = row.split_at(columns);
            expected.extend(gate.iter().zip(up).map(|(g, u)| g / (1.0 + (-g).exp()) * u));
        }
        let p = SwigluParams {
            columns4: columns as u32 / 4,
        };
        for found in everywhere(|cpu| {
            let mut y = vec![0.0; rows * columns];
            let state = state(rows, 0);
            crate::device::cpu::kernels::swiglu::run(
                SwigluCpu {
                    state: &state,
                    gate_up: &gate_up,
                    y: &mut y,
                },
                &p,
                cpu,
            );
            y
        }) {
            close(
                &found,
                &expected,
                |i| 5e-7 * expected[i].abs() + 1e-30,
                "swiglu",
            );
        }
    }
}

#[test]
fn entropy_and_top_k_are_those_of_the_softmax() {
    let mut random = Random(3);
    for round in 0..40 {
        let rows = 1 + random.below(50);
        let vocabulary = [1, 3, 16, 100, 260, 270][random.below(6)];
        let stride = vocabulary + random.below(10);
        let spread = [0.01, 4.0, 100.0][random.below(3)];
        // Whole numbers at times, so that there are equals.
        let mut logits: Vec<f32> = (0..rows * stride)
            .map(|_| random.number() * spread)
            .collect();
        if round % 2 == 0 {
            logits.iter_mut().for_each(|l| *l = l.round());
        }
        let targets: Vec<u32> = (0..rows)
            .map(|_| random.below(vocabulary + 3) as u32)
            .collect();
        let k = 1 + random.below(vocabulary);
        let (mut expected, mut ids, mut best) = (vec![], vec![], vec![]);
        for (row, target) in logits.chunks(stride).zip(&targets) {
            let row = &doubles(row)[..vocabulary];
            let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = row.iter().map(|l| (l - largest).exp()).sum();
            let log_p: Vec<f64> = row.iter().map(|l| l - largest - total.ln()).collect();
            expected.push(log_p.iter().map(|l| -l.exp() * l).sum::<f64>().max(0.0));
            expected.push(log_p.get(*target as usize).copied().unwrap_or(0.0));
            let mut order: Vec<usize> = (0..vocabulary).collect();
            order.sort_by(|a, b| row[*b].total_cmp(&row[*a]).then(a.cmp(b)));
            // A zero's sign makes no difference to the kernel.
            order.sort_by(|a, b| row[*b].partial_cmp(&row[*a]).unwrap().then(a.cmp(b)));
            ids.extend(order[..k].iter().map(|i| *i as u32));
            best.extend(order[..k].iter().map(|i| log_p[*i]));
        }
        let p = EntropyParams {
            vocabulary: vocabulary as u32,
            stride: stride as u32,
        };
        let pk = TopKParams {
            vocabulary: vocabulary as u32,
            stride: stride as u32,
            k: k as u32,
        };
        for (found, found_ids, found_best) in everywhere(|cpu| {
            let (mut result, state) = (vec![0.0; 2 * rows], state(rows, 0));
            let (mut ids, mut best) = (vec![0; rows * k], vec![0.0; rows * k]);
            let e = EntropyCpu {
                state: &state,
                targets: &targets,
                logits: &logits,
                result: &mut result,
            };
            crate::device::cpu::kernels::entropy::run(e, &p, cpu);
            let t = TopKCpu {
                state: &state,
                logits: &logits,
                best_ids: &mut ids,
                best_log_p: &mut best,
            };
            crate::device::cpu::kernels::top_k::run(t, &pk, cpu);
            (result, ids, best)
        }) {
            close(
                &found,
                &expected,
                |i| 2e-6 * (1.0 + expected[i].abs()),
                "entropy",
            );
            assert_eq!(found_ids, ids);
            close(
                &found_best,
                &best,
                |i| 1e-6 * (1.0 + best[i].abs() + f64::from(spread)),
                "top_k",
            );
        }
    }
}

#[test]
fn rope_store_turns_and_keeps() {
    let mut random = Random(4);
    for _ in 0..60 {
        let rows = [1, 2, 5, 17, 40][random.below(5)];
        let slots = [1, 8, 64, 256][random.below(4)];
        let (kv, shared, half) = (
            1 + random.below(3),
            1 + random.below(3),
            2 * (1 + random.below(20)),
        );
        let heads = kv * shared;
        let absolute = random.below(2);
        let first_slot = random.below(slots);
        let angles = random.numbers(2 * half * (rows + slots));
        let columns = 2 * half * (heads + 2 * kv);
        let qkv = random.numbers(rows * columns);
        let ring = random.numbers(slots * kv * half * 2);
        let (mut q, mut k, mut v) = (qkv.clone(), ring.clone(), ring.clone());
        for t in 0..rows {
            let slot = (first_slot + t) % slots;
            for pair in 0..half * (heads + 2 * kv) {
                let at = t * columns + 2 * pair;
                let (x, y) = (qkv[at], qkv[at + 1]);
                let angle = 2 * ((t + absolute * first_slot) * half + pair % half);
                let (cos, sin) = (angles[angle], angles[angle + 1]);
                let turned = [x * cos - y * sin, y * cos + x * sin];
                let stored = |p: usize| slot * kv * half * 2 + 2 * p;
                if pair < heads * half {
                    q[at..at + 2].copy_from_slice(&turned);
                } else if pair < (heads + kv) * half {
                    let to = stored(pair - heads * half);
                    k[to..to + 2].copy_from_slice(&turned);
                } else {
                    let to = stored(pair - (heads + kv) * half);
                    v[to..to + 2].copy_from_slice(&[x, y]);
                }
            }
        }
        let p = RopeStoreParams {
            heads: heads as u32,
            kv_heads: kv as u32,
            half_head: half as u32,
            slots: slots as u32,
            absolute: absolute as u32,
        };
        for (found_q, found_k, found_v) in everywhere(|cpu| {
            let (mut q, mut k, mut v) = (qkv.clone(), ring.clone(), ring.clone());
            let state = state(rows, first_slot);
            let r = RopeStoreCpu {
                state: &state,
                angles: &angles,
                qkv: &mut q,
                keys: &mut k,
                values: &mut v,
            };
            crate::device::cpu::kernels::rope_store::run(r, &p, cpu);
            (q, k, v)
        }) {
            close(&found_q, &doubles(&q), |_| 3e-7, "queries");
            close(&found_k, &doubles(&k), |_| 3e-7, "keys");
            assert_eq!(found_v, v);
        }
    }
}

#[test]
fn embeddings_are_rows_of_their_tables() {
    let mut random = Random(5);
    for round in 0..120 {
        let kind = round % 8;
        let (rows, vocabulary) = (1 + random.below(60), 2 + random.below(50));
        let columns = match quantisation(kind) {
            None => 4 * (1 + random.below(60)),
            Some(q) => q.group() * (1 + random.below(5)),
        };
        let tables = 1 + random.below(5);
        let gathered = random.below(2) == 1;
        let total = tables * vocabulary;
        let first = random.below(total);
        let part = 1 + random.below(total - first);
        let stored_rows = if gathered { rows * tables } else { part };
        let table = Stored::rows(&mut random, (stored_rows, columns), kind);
        let entries: Vec<u32> = (0..rows * tables)
            .map(|_| random.below(vocabulary + 2) as u32)
            .collect();
        let x = random.numbers(rows * columns);
        let mut hashed = x.clone();
        let mut gathered_x = x.clone();
        for t in 0..rows {
            for c in 0..columns {
                let mut sum = x[t * columns + c];
                for e in 0..tables {
                    let at = t * tables + e;
                    let own = e * vocabulary + (entries[at] as usize).min(vocabulary - 1);
                    let entry = if gathered {
                        at
                    } else {
                        own.wrapping_sub(first)
                    };
                    if entry < if gathered { rows * tables } else { part } {
                        sum += table.values[entry * columns + c];
                    }
                }
                hashed[t * columns + c] = sum;
                let entry = (entries[t] as usize).min(total - 1).wrapping_sub(first);
                if entry < stored_rows.min(part) {
                    gathered_x[t * columns + c] = table.values[entry * columns + c];
                }
            }
        }
        let p = HashEmbedParams {
            columns4: columns as u32 / 4,
            tables: tables as u32,
            vocabulary: vocabulary as u32,
            first_row: first as u32,
            part_rows: if gathered { rows * tables } else { part } as u32,
            group_shift: group_shift(kind),
            gathered: u32::from(gathered),
        };
        let pe = EmbedParams {
            columns4: columns as u32 / 4,
            vocabulary: total as u32,
            first_row: first as u32,
            part_rows: stored_rows.min(part) as u32,
            group_shift: group_shift(kind),
        };
        for (h, e) in everywhere(|cpu| {
            let (mut h, mut e, state) = (x.clone(), x.clone(), state(rows, 0));
            let weights = table.weights();
            crate::device::cpu::kernels::hash_embed::run(
                HashEmbedCpu {
                    state: &state,
                    weights,
                    rows: &entries,
                    x: &mut h,
                },
                &p,
                cpu,
            );
            crate::device::cpu::kernels::embed::run(
                EmbedCpu {
                    state: &state,
                    weights,
                    ids: &entries,
                    x: &mut e,
                },
                &pe,
                cpu,
            );
            (h, e)
        }) {
            assert_eq!(h, hashed);
            assert_eq!(e, gathered_x);
        }
    }
}
