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
        let first = random.below(vocabulary);
        let part = 1 + random.below(vocabulary - first);
        let table = Stored::rows(&mut random, (part, columns), kind);
        let ids: Vec<u32> = (0..rows)
            .map(|_| random.below(vocabulary + 2) as u32)
            .collect();
        let x = random.numbers(rows * columns);
        let mut expected = x.clone();
        for (t, x) in expected.chunks_exact_mut(columns).enumerate() {
            let entry = (ids[t] as usize).min(vocabulary - 1).wrapping_sub(first);
            if entry < part {
                x.copy_from_slice(&table.values[entry * columns..][..columns]);
            }
        }
        let p = EmbedParams {
            columns4: columns as u32 / 4,
            vocabulary: vocabulary as u32,
            first_row: first as u32,
            part_rows: part as u32,
            group_shift: group_shift(kind),
        };
        for found in everywhere(|cpu| {
            let (mut x, state) = (x.clone(), state(rows, 0));
            let k = EmbedCpu {
                state: &state,
                weights: table.weights(),
                ids: &ids,
                x: &mut x,
            };
            crate::device::cpu::kernels::embed::run(k, &p, cpu);
            x
        }) {
            assert_eq!(found, expected);
        }
    }
}

/// Hashes in 128-bit integers.
#[test]
fn hashed_embeddings_wrap_as_signed_numbers() {
    let mut random = Random(1);
    for round in 0..120 {
        let kind = round % 8;
        let (rows, history) = (1 + random.below(40), 2 + random.below(6));
        let vocabulary = 2 + random.below(if round % 3 == 0 { 500_002 } else { 50 });
        let columns = match quantisation(kind) {
            None => 4 * (1 + random.below(30)),
            Some(q) => q.group() * (1 + random.below(3)),
        };
        let lengths: Vec<usize> = (0..random.below(7))
            .map(|_| 1 + random.below(history + 1))
            .collect();
        let tables = lengths.len();
        let ids: Vec<u32> = (0..history + rows)
            .map(|_| random.below(262) as u32)
            .collect();
        let (mut grams, mut powers, mut all) = (vec![], vec![], vec![]);
        for length in &lengths {
            grams.extend([*length as u32, all.len() as u32]);
            for _ in 0..*length {
                let power = random.bits() | 1 << 63;
                all.push(power);
                powers.extend([power as u32, (power >> 32) as u32]);
            }
        }
        // Row of the weights for each row of the run and table.
        let mut entries = vec![];
        for t in 0..rows {
            for (e, length) in lengths.iter().enumerate() {
                let sum = (0..*length).map(|j| {
                    let id = ids[t + history + 1 - length + j];
                    i128::from(id) * i128::from(all[grams[2 * e + 1] as usize + j])
                });
                let wrapped = i128::from(sum.sum::<i128>() as i64);
                entries.push(e * vocabulary + wrapped.rem_euclid(vocabulary as i128) as usize);
            }
        }
        // The rows of the run side by side, or a part of the tables with one that is asked for.
        let gathered = random.below(2) == 1 || tables == 0;
        let asked = entries.get(random.below(entries.len().max(1)));
        let first = asked.map_or(0, |asked| asked.saturating_sub(random.below(20)));
        let part = match gathered {
            true => (rows * tables).max(1),
            false => 1 + (tables * vocabulary - first - 1).min(40),
        };
        let table = Stored::rows(&mut random, (part, columns), kind);
        let own = random.numbers(260 * columns);
        let x = random.numbers(rows * columns);
        let adds = random.below(2) == 1;
        let mut expected = x.clone();
        for (t, x) in expected.chunks_exact_mut(columns).enumerate() {
            if !adds {
                let id = ids[history + t].min(259) as usize;
                x.copy_from_slice(&own[id * columns..][..columns]);
            }
            for (at, asked) in entries.iter().enumerate().skip(t * tables).take(tables) {
                let entry = if gathered {
                    at
                } else {
                    asked.wrapping_sub(first)
                };
                if entry < part {
                    let row = &table.values[entry * columns..][..columns];
                    x.iter_mut().zip(row).for_each(|(x, value)| *x += value);
                }
            }
        }
        let p = HashEmbedParams {
            columns4: columns as u32 / 4,
            tables: tables as u32,
            vocabulary: vocabulary as u32,
            wrap: ((1u128 << 64) % vocabulary as u128) as u32,
            history: history as u32,
            own_rows: 260,
            adds: u32::from(adds),
            first_row: first as u32,
            part_rows: part as u32,
            group_shift: group_shift(kind),
            gathered: u32::from(gathered),
        };
        for found in everywhere(|cpu| {
            let (mut x, state) = (x.clone(), state(rows, 0));
            let k = HashEmbedCpu {
                state: &state,
                weights: table.weights(),
                own: &own,
                ids: &ids,
                grams: &grams,
                powers: &powers,
                x: &mut x,
            };
            crate::device::cpu::kernels::hash_embed::run(k, &p, cpu);
            x
        }) {
            assert_eq!(found, expected);
        }
    }
}
