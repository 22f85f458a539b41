//! Whole layers of a single row.

use super::weights::split_weights;
use super::{Check, some};
use crate::error::Result;
use crate::gpu::tensor::{Matrix, Room};
use crate::model::block::{Block, BlockShape, KeyValues, Rows};
use crate::model::cross::{Cross, CrossKeys};
use crate::model::part::{PartPlan, RowClass, count};
use crate::model::row_layer::{After, Embedding, RowBuffers, RowPart, RowScratch, RowWeights};
use crate::reference;

const EPSILON: f32 = 1e-2;

/// A row of a text whose past is known, and the layer that it goes through.
struct Case {
    shape: BlockShape,
    outputs: usize,
    slots: usize,
    /// Positions before it.
    position: usize,
    /// Keys that it sees.
    span: usize,
    /// Rows that its cross-attention sees, where there is one.
    seen: Option<(usize, usize)>,
    embedding: Option<Added>,
    /// Do a ring of rows and one of keys and values follow, in place of logits?
    rings: bool,
}

/// Is the embedding added to what the row holds?
#[derive(Clone, Copy, PartialEq)]
struct Added(bool);

/// The numbers of a matrix.
struct Numbers {
    values: Vec<f32>,
    columns: usize,
}

impl Numbers {
    async fn new(check: &mut Check<'_>, rows: usize, columns: usize) -> Result<(Self, Matrix)> {
        let (values, matrix) = split_weights(check, &[rows], columns).await?;
        Ok((Self { values, columns }, matrix))
    }

    fn times(&self, x: &[f32]) -> Vec<f32> {
        reference::linear(x, &self.values, self.columns)
    }
}

pub(super) async fn row_layer(check: &mut Check<'_>) -> Result<f64> {
    let head = 4 * check.number("HEAD");
    let shape = |hidden, heads, kv_heads, intermediate| BlockShape {
        hidden,
        heads,
        kv_heads,
        head,
        intermediate,
        epsilon: EPSILON,
    };
    let cases = [
        Case {
            shape: shape(40, 2, 1, 24),
            outputs: 12,
            slots: 8,
            position: 0,
            span: 1,
            seen: None,
            embedding: Some(Added(false)),
            rings: false,
        },
        Case {
            shape: shape(64, 3, 3, 72),
            outputs: 6 * head,
            slots: 64,
            position: 63,
            span: 64,
            seen: None,
            embedding: Some(Added(true)),
            rings: true,
        },
        Case {
            shape: shape(8, 4, 2, 104),
            outputs: 260,
            slots: 128,
            position: 300,
            span: 91,
            seen: Some((14, 3)),
            embedding: None,
            rings: false,
        },
    ];
    for case in cases {
        case.run(check).await?;
    }
    Ok(1e-5)
}

/// Rows of a past of which a ring of `slots` rows holds the last.
fn ring(past: &[f32], columns: usize, slots: usize) -> Vec<f32> {
    let mut ring = vec![0.0; slots * columns];
    for (at, row) in past.chunks_exact(columns).enumerate() {
        ring[at % slots * columns..][..columns].copy_from_slice(row);
    }
    ring
}

fn add(x: &mut [f32], keep: f32, more: &[f32]) {
    for (x, more) in x.iter_mut().zip(more) {
        *x = keep * *x + more;
    }
}

impl Case {
    #[expect(clippy::too_many_lines, reason = "a layer from one end to the other")]
    async fn run(&self, check: &mut Check<'_>) -> Result<()> {
        let gpu = check.gpu;
        let shape = self.shape;
        let BlockShape {
            hidden,
            heads,
            kv_heads,
            head,
            intermediate,
            ..
        } = shape;
        let (width, stored) = (heads * head, kv_heads * head);
        let (slots, position) = (self.slots, self.position);
        // What the cross-attention sees, and what the rings keep, have rings of 16.
        let cross_slots = 16;
        let (table, table_in) = Numbers::new(check, 7, hidden).await?;
        let (cross_q, cross_q_in) = Numbers::new(check, width, hidden).await?;
        let (_, cross_kv_in) = Numbers::new(check, 2 * stored, hidden).await?;
        let (cross_o, cross_o_in) = Numbers::new(check, hidden, width).await?;
        let (qkv, qkv_in) = Numbers::new(check, width + 2 * stored, hidden).await?;
        let (o, o_in) = Numbers::new(check, hidden, width).await?;
        let (gate_up, gate_up_in) = Numbers::new(check, 2 * intermediate, hidden).await?;
        let (down, down_in) = Numbers::new(check, hidden, intermediate).await?;
        let (last, last_in) = Numbers::new(check, self.outputs, hidden).await?;
        let norms: Vec<Vec<f32>> = (0..5).map(|_| check.values(hidden, 2.0)).collect();
        let x = check.values(hidden, 2.0);
        let past_keys = check.values(position * stored, 2.0);
        let past_values = check.values(position * stored, 2.0);
        let crossed = check.values(cross_slots * 2 * stored, 2.0);
        let id = 3;
        let angles = reference::rope_angles(position as u64, 1, head, 10_000.0);

        // What the kernel is given: inputs in one buffer, all that lasts in another.
        let mut inputs = Room::new(gpu, "inputs", 4 * Room::share(head));
        let whole_inputs = inputs.whole().cloned();
        let ids = inputs.take(gpu, "ids", 1);
        let spans = inputs.take(gpu, "spans", 1);
        let turns = inputs.take(gpu, "angles", head);
        ids.write(gpu, &[count(id)]);
        spans.write(gpu, &[count(self.span)]);
        turns.write(gpu, angles.as_flattened());
        let lasting = KeyValues::share(&shape, slots)
            + 2 * CrossKeys::share(&shape, cross_slots)
            + Room::share(cross_slots * hidden);
        let mut memory = Room::new(gpu, "memory", lasting);
        let whole_memory = memory.whole().cloned();
        let cache = KeyValues::within(&mut memory, gpu, &shape, slots);
        let seen_keys = CrossKeys::within(&mut memory, gpu, &shape, cross_slots);
        let made_keys = CrossKeys::within(&mut memory, gpu, &shape, cross_slots);
        let kept = memory.take(gpu, "ring", cross_slots * hidden);
        let [mut want_keys, mut want_values] =
            [&past_keys, &past_values].map(|past| ring(past, stored, slots));
        cache.keys.write(gpu, &want_keys);
        cache.values.write(gpu, &want_values);
        seen_keys.kv.write(gpu, &crossed);
        let share = RowScratch::share(&[shape], self.outputs);
        let mut work = Room::new(gpu, "work", share);
        let whole_work = work.whole().cloned();
        let scratch = RowScratch::within(&mut work, gpu, &[shape], self.outputs);
        scratch.x.write(gpu, &x);
        let (first, number) = self.seen.unwrap_or((0, 0));
        let ranges = check.tensor(&[count(first), count(number)]);
        let rows = Rows {
            state: check.state(1, position),
            spans,
            angles: turns,
            absolute: false,
        };
        let norm = |at: usize| check.tensor(&norms[at]);
        let block = [Block {
            attention_norm: norm(0),
            qkv: qkv_in,
            o: o_in,
            mlp_norm: norm(1),
            gate_up: gate_up_in,
            down: down_in,
        }];
        let cross = [Cross {
            q_norm: norm(2),
            k_norm: norm(4),
            q: cross_q_in,
            kv: cross_kv_in,
            o: cross_o_in,
        }];
        let last_norm = norm(3);
        let part = RowPart {
            shape,
            embed: self.embedding.map(|_| &table_in),
            blocks: &block,
            cross: if self.seen.is_some() { &cross } else { &[] },
            last: (&last_norm, &last_in),
        };
        let (Some(inputs), Some(memory), Some(work)) = (whole_inputs, whole_memory, whole_work)
        else {
            return Ok(());
        };
        let buffers = RowBuffers {
            memory: &memory,
            work: &work,
            inputs: &inputs,
            ranges: &ranges,
        };
        let after = if self.rings {
            After::Rings((&kept, cross_slots), &made_keys)
        } else {
            After::Entropy
        };
        let embedding = Embedding {
            ids: Some(&ids),
            added: self.embedding == Some(Added(true)),
        };
        let weights = RowWeights::of(gpu, std::slice::from_ref(&part));
        let layers = weights.as_ref().and_then(|weights| {
            let caches = (
                std::slice::from_ref(&cache),
                std::slice::from_ref(&seen_keys),
            );
            part.layers(
                weights,
                caches,
                (&rows, embedding),
                &scratch,
                buffers,
                &after,
            )
        });
        let (Some(weights), Some(layers)) = (weights, layers) else {
            // Nothing has run: the case fails.
            check.max_error = f64::INFINITY;
            return Ok(());
        };
        let mut plan = PartPlan::new(gpu, RowClass::One);
        plan.row_layers(&rows.state, &weights, buffers, &[layers])?;
        plan.build()?.submit(gpu, 1, |_| ());
        gpu.idle().await?;
        check.cases += 1;

        // The same on the CPU.
        let mut x = x;
        if let Some(Added(added)) = self.embedding {
            let row = reference::embed(&[count(id)], &table.values, hidden);
            add(&mut x, f32::from(u8::from(added)), &row);
        }
        if let Some((first, number)) = self.seen {
            let h = reference::rms_norm(&x, &norms[2], EPSILON);
            let q = cross_q.times(&h);
            let rows = (first..first + number).map(|row| row % cross_slots * 2 * stored);
            let of = |skip: usize| -> Vec<f32> {
                let rows = rows.clone();
                rows.flat_map(|row| crossed[row + skip..][..stored].to_vec())
                    .collect()
            };
            let (k, v) = (of(0), of(stored));
            let all = [(0, number)];
            let found = reference::cross_attention(&q, &k, &v, &all, 1, heads, kv_heads, head);
            add(&mut x, 2.0, &cross_o.times(&found));
        }
        let h = reference::rms_norm(&x, &norms[0], EPSILON);
        let all = qkv.times(&h);
        let (mut q, mut k) = (all[..width].to_vec(), all[width..width + stored].to_vec());
        let v = &all[width + stored..];
        reference::rope(&mut q, &angles, heads, head);
        reference::rope(&mut k, &angles, kv_heads, head);
        for (ring, row) in [(&mut want_keys, &k[..]), (&mut want_values, v)] {
            ring[position % slots * stored..][..stored].copy_from_slice(row);
        }
        let keys = [past_keys, k].concat();
        let values = [past_values, v.to_vec()].concat();
        let spans = [count(self.span)];
        let found = reference::attention(&q, &keys, &values, &spans, heads, kv_heads, head);
        add(&mut x, 1.0, &o.times(&found));
        let h = reference::rms_norm(&x, &norms[1], EPSILON);
        let gated = reference::swiglu(&gate_up.times(&h), intermediate);
        add(&mut x, 1.0, &down.times(&gated));
        let y = last.times(&reference::rms_norm(&x, &norms[3], EPSILON));

        check.floats(&scratch.x, some(&x)).await?;
        check.floats(&cache.keys, some(&want_keys)).await?;
        check.floats(&cache.values, some(&want_values)).await?;
        check.floats(&seen_keys.kv, some(&crossed)).await?;
        let mut want_kept = vec![0.0; cross_slots * hidden];
        let mut want_made = vec![0.0; cross_slots * 2 * stored];
        if self.rings {
            let slot = position % cross_slots;
            want_kept[slot * hidden..][..hidden].copy_from_slice(&x);
            want_made[slot * 2 * stored..][..2 * stored].copy_from_slice(&y);
        } else {
            check.floats(&scratch.y, some(&y)).await?;
            let want = reference::entropy(&y, &[u32::MAX], self.outputs);
            let want = want.as_flattened();
            check.floats(&scratch.entropies, some(want)).await?;
        }
        check.floats(&kept, some(&want_kept)).await?;
        check.floats(&made_keys.kv, some(&want_made)).await
    }
}
