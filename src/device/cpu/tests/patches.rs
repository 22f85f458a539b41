//! Kernels around patches, against plain forms.
use super::{Random, everywhere, state};
use crate::device::bindings::*;

#[test]
fn rings_are_read_and_written_where_they_should() {
    let mut random = Random(2);
    for _ in 0..60 {
        let (rows, columns, slots) = (
            1 + random.below(9),
            4 * (1 + random.below(9)),
            1 + random.below(30),
        );
        let ring = random.numbers(slots * columns);
        let x = random.numbers(rows * columns);
        let first = random.below(100);
        let mut kept = ring.clone();
        for t in 0..rows {
            let at = (first + t) % slots * columns;
            kept[at..at + columns].copy_from_slice(&x[t * columns..][..columns]);
        }
        // (first, count) of what is seen, and of a patch's own bytes.
        let ranges: Vec<u32> = (0..rows)
            .flat_map(|_| {
                [
                    random.below(90) as u32,
                    9,
                    random.below(90) as u32,
                    1 + random.below(slots) as u32,
                ]
            })
            .collect();
        let own = |row: usize| (ranges[4 * row + 2] as usize, ranges[4 * row + 3] as usize);
        let byte = |at: usize| &ring[at % slots * columns..][..columns];
        let bytes = 1 + random.below(6);
        let mut side: Vec<f32> = vec![];
        for row in 0..rows {
            let (first, count) = own(row);
            for n in 0..bytes {
                side.extend(byte((first + count).saturating_sub(bytes - n)));
            }
        }
        let kind = random.below(3);
        let (stride4, first4) = (columns / 4 + 3, random.below(3));
        let mut pooled = vec![7.0; rows * stride4 * 4];
        for row in 0..rows {
            let (first, count) = own(row);
            for c in 0..columns {
                let values = (0..count).map(|j| byte(first + j)[c]);
                pooled[(row * stride4 + first4) * 4 + c] = match kind {
                    0 => values.reduce(f32::max).unwrap(),
                    1 => values.reduce(|a, b| a + b).unwrap() / count as f32,
                    _ => values.reduce(f32::min).unwrap(),
                };
            }
        }
        let patches: Vec<u32> = (0..rows).map(|_| random.below(99) as u32).collect();
        let mut added = x.clone();
        for (t, patch) in patches.iter().enumerate() {
            for c in 0..columns {
                added[t * columns + c] += byte(*patch as usize)[c];
            }
        }
        let columns4 = columns as u32 / 4;
        let slots = slots as u32;
        for (found_ring, found_side, found_pool, found_add) in everywhere(|cpu| {
            let state = state(rows, first);
            let mut r = ring.clone();
            crate::device::cpu::kernels::ring_store::run(
                RingStoreCpu {
                    state: &state,
                    x: &x,
                    ring: &mut r,
                },
                &RingStoreParams { columns4, slots },
                cpu,
            );
            let mut s = vec![0.0; rows * bytes * columns];
            let p = ConcatenateParams {
                columns4,
                slots,
                bytes: bytes as u32,
            };
            crate::device::cpu::kernels::concatenate::run(
                ConcatenateCpu {
                    state: &state,
                    ranges: &ranges,
                    ring: &ring,
                    y: &mut s,
                },
                &p,
                cpu,
            );
            let mut y = vec![7.0; rows * stride4 * 4];
            let p = PoolParams {
                columns4,
                slots,
                kind: kind as u32,
                stride4: stride4 as u32,
                first4: first4 as u32,
            };
            crate::device::cpu::kernels::pool::run(
                PoolCpu {
                    state: &state,
                    ranges: &ranges,
                    ring: &ring,
                    y: &mut y,
                },
                &p,
                cpu,
            );
            let mut a = x.clone();
            let p = GatherAddParams { columns4, slots };
            crate::device::cpu::kernels::gather_add::run(
                GatherAddCpu {
                    state: &state,
                    patches: &patches,
                    vectors: &ring,
                    x: &mut a,
                },
                &p,
                cpu,
            );
            (r, s, y, a)
        }) {
            assert_eq!(found_ring, kept);
            assert_eq!(found_side, side);
            assert_eq!(found_pool, pooled);
            assert_eq!(found_add, added);
        }
    }
}

#[test]
fn random_weights_are_exact_in_every_type() {
    let p = RandomWeightsParams {
        seed: 5,
        columns: 7,
        padded: 8,
        first_row: 3,
        rows: 50,
        skip: 2,
        turn: 9,
        scale: 2f32.powi(-9),
    };
    let make = |stored, words: usize| {
        everywhere(|cpu| {
            let (mut y, state) = (vec![9; 52 * words], state(1, 0));
            crate::device::cpu::kernels::random_weights::run(
                RandomWeightsCpu {
                    state: &state,
                    y: &mut y,
                    stored,
                },
                &p,
                cpu,
            );
            y
        })
        .swap_remove(0)
    };
    let exact = make("f32", 8);
    assert!(exact[..16].iter().all(|word| *word == 9));
    let exact: Vec<f32> = exact[16..]
        .iter()
        .map(|bits| f32::from_bits(*bits))
        .collect();
    assert!(
        exact
            .chunks(8)
            .all(|row| row[7] == 0.0 && row[..7].iter().all(|x| (x * 512.0) % 2.0 != 0.0))
    );
    let defined = (0..50 * 8).map(|i| match i % 8 {
        7 => 0.0,
        column => crate::numerics::random_weight(5, (3 + i / 8) * 7 + column, -9),
    });
    assert!(exact.iter().copied().eq(defined));
    let halves = |words: &[u32]| -> Vec<u16> {
        words
            .iter()
            .flat_map(|word| [*word as u16, (*word >> 16) as u16])
            .collect()
    };
    let f16: Vec<f32> = halves(&make("f16", 4)[8..])
        .into_iter()
        .map(super::widen)
        .collect();
    assert_eq!(f16, exact);
    let bf16: Vec<f32> = halves(&make("bf16", 4)[8..])
        .into_iter()
        .map(|word| f32::from_bits(u32::from(word) << 16))
        .collect();
    assert_eq!(bf16, exact);
}

/// One run over all rows and many short ones find the same patches.
#[test]
fn patches_do_not_depend_on_how_a_text_is_cut() {
    let mut random = Random(3);
    for round in 0..70 {
        let rows = 120;
        let ids: Vec<u32> = (0..rows)
            .map(|_| {
                if random.below(30) == 0 {
                    2
                } else {
                    random.below(260) as u32
                }
            })
            .collect();
        let entropies: Vec<f32> = (0..2 * rows).map(|_| random.number().abs() * 4.0).collect();
        let p = PatchStartsParams {
            rule: round as u32 % 7,
            threshold: 1.5,
            threshold_add: 0.5,
            size: 3,
            max_length: [0, 4][random.below(2)],
        };
        let (mut position, mut distance, mut count) = (0u32, 0u32, 0u32);
        let (mut starts, mut patches) = (vec![], vec![]);
        let like = |id: u32| {
            id < 4
                || !(char::from((id - 4) as u8).is_ascii_alphanumeric()
                    || (0x80..0xc0).contains(&(id - 4)))
        };
        for t in 0..rows {
            let h = entropies[2 * t];
            let rise = if t > 0 { h - entropies[2 * t - 2] } else { 0.0 };
            let start = t == 0
                || match p.rule {
                    0 => h > 1.5,
                    1 => t == 1 || rise > 1.5,
                    2 => t == 1 || (t > 2 && rise > 0.5 && h > 1.5),
                    3 => ids[t] < 4 || (like(ids[t]) && !like(ids[t - 1])),
                    4 => position % 3 == 0,
                    5 => true,
                    _ => ids[t] == 3,
                };
            distance = if start { 0 } else { distance + 1 };
            let start = start || (p.max_length > 0 && distance % p.max_length == 0);
            position += 1;
            count += u32::from(start);
            starts.push(u32::from(start));
            patches.push(count - 1);
        }
        let step = 1 + random.below(rows);
        for found in everywhere(|cpu| {
            let mut carry = PatchStartsCarry::default();
            let (mut s, mut n) = (vec![9; rows], vec![9; rows]);
            for first in (0..rows).step_by(step) {
                let end = rows.min(first + step);
                let state = state(end - first, 0);
                let k = PatchStartsCpu {
                    state: &state,
                    ids: &ids[first..],
                    entropies: &entropies[2 * first..],
                    carry: &mut carry,
                    starts: &mut s[first..],
                    patches: &mut n[first..],
                };
                crate::device::cpu::kernels::patch_starts::run(k, &p, cpu);
            }
            (s, n)
        }) {
            assert_eq!(found, (starts.clone(), patches.clone()), "rule {}", p.rule);
        }

        // What they close.
        let (k, encoder, decoder) = (
            1 + random.below(3) as u32,
            1 + random.below(3) as u32,
            1 + random.below(3) as u32,
        );
        let mut begins = vec![0u32];
        let (mut document, mut ended) = (0, false);
        let (mut closed, mut seen, mut spans) = (vec![], vec![], vec![]);
        for t in 0..rows {
            ended |= ids[t] == 2;
            if starts[t] == 1 {
                let last = patches[t];
                let first = begins[(last + 1).saturating_sub(encoder) as usize];
                let begin = begins[last as usize];
                let end = t as u32 + 1;
                closed.extend([first, end - first, begin, end - begin]);
                spans.push(last + 1 - document);
                if ended {
                    document = last + 1;
                }
                ended = false;
                begins.push(end);
            }
            let sees = decoder.min(patches[t] + 1);
            seen.extend([(patches[t] + 1 - sees) * k, sees * k]);
        }
        let p = ClosePatchesParams {
            k,
            encoder_window: encoder,
            decoder_window: decoder,
            begins: 256,
            rows: 128,
        };
        for found in everywhere(|cpu| {
            let (mut carry, mut begins) = (vec![0; 192], vec![0; 256]);
            let (mut all, mut found_seen, mut found_spans) = (vec![], vec![], vec![]);
            for first in (0..rows).step_by(step) {
                let end = rows.min(first + step);
                let (mut ranges, mut spans) = (vec![0; 128 * 6], vec![0; rows]);
                let state = state(end - first, 0);
                let c = ClosePatchesCpu {
                    state: &state,
                    ids: &ids[first..],
                    starts: &starts[first..],
                    patches: &patches[first..],
                    carry: &mut carry,
                    begins: &mut begins,
                    ranges: &mut ranges,
                    spans: &mut spans,
                };
                crate::device::cpu::kernels::close_patches::run(c, &p, cpu);
                let closed = carry[0] as usize;
                assert_eq!(carry[64..66], [carry[0] * k, carry[1] * k]);
                all.extend_from_slice(&ranges[256..][..4 * closed]);
                found_seen.extend_from_slice(&ranges[..2 * (end - first)]);
                found_spans.extend_from_slice(&spans[..closed]);
            }
            (all, found_seen, found_spans)
        }) {
            assert_eq!(found, (closed.clone(), seen.clone(), spans.clone()));
        }
    }
}

#[test]
fn peak_ends_with_what_it_should() {
    let expected: Vec<f32> = (0..40)
        .map(|invocation| {
            let sums = (0..16)
                .map(|i| (0..20).fold((invocation + i) as f32, |v, _| v.mul_add(0.999, 0.999)));
            4.0 * sums.sum::<f32>()
        })
        .collect();
    for found in everywhere(|cpu| {
        let (mut y, state) = (vec![0.0; 40], state(1, 0));
        crate::device::cpu::kernels::peak::run(
            PeakCpu {
                state: &state,
                y: &mut y,
            },
            &PeakParams { turns: 20 },
            cpu,
        );
        y
    }) {
        for (a, b) in found.iter().zip(&expected) {
            assert!((a - b).abs() < 1e-5 * b, "{a} {b}");
        }
    }
}
