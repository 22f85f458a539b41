//! Kernels that join several steps for a single row.

use super::weights::split_weights;
use super::{Check, some};
use crate::error::Result;
use crate::gpu::Tensor;
use crate::gpu::kernels::{
    AttentionHeld, AttentionHeldParams, AttentionStep, AttentionStepParams, GateUpRow,
    GateUpRowParams, GatedRow, GatedRowParams,
};
use crate::gpu::plan::{Extent, ONE};
use crate::gpu::tensor::padded;
use crate::model::part::count;
use crate::reference;

pub(super) async fn gate_up_row(check: &mut Check<'_>) -> Result<f64> {
    for (inputs, outputs) in [(4, 4), (85, 12), (260, 36), (192, 132)] {
        let x = check.values(inputs, 2.0);
        let (weights, matrix) = split_weights(check, &[2 * outputs], inputs).await?;
        let mut x_in = x.clone();
        x_in.resize(padded(inputs), 0.0);
        let (x_in, state) = (check.tensor(&x_in), check.state(1, 0));
        let y = check.poisoned(outputs + 9);
        let kernel = GateUpRow {
            state: state.all(),
            weights: matrix.parts[0].tensor.all(),
            x: x_in.all(),
            y: y.all(),
        };
        let params = GateUpRowParams {
            inputs4: count(inputs.div_ceil(4)),
            outputs: count(outputs),
        };
        check
            .run(&kernel, params, [Extent::Items(outputs), ONE], 1)
            .await?;
        let both = reference::linear(&x, &weights, inputs);
        let want = reference::swiglu(&both, outputs);
        let want = some(&want).into_iter().chain(std::iter::repeat(None));
        check.floats(&y, want).await?;
    }
    Ok(1e-5)
}

pub(super) async fn gated_row(check: &mut Check<'_>) -> Result<f64> {
    for (inputs, outputs) in [(8, 4), (88, 12), (264, 36), (192, 132)] {
        let x = check.values(inputs, 2.0);
        let norm = check.values(inputs, 2.0);
        let (weights, matrix) = split_weights(check, &[2 * outputs], inputs).await?;
        let (x_in, norm_in, state) = (check.tensor(&x), check.tensor(&norm), check.state(1, 0));
        let y = check.poisoned(outputs + 9);
        let kernel = GatedRow {
            state: state.all(),
            weights: matrix.parts[0].tensor.all(),
            norm: norm_in.all(),
            x: x_in.all(),
            y: y.all(),
        };
        let epsilon = 1e-2;
        #[expect(clippy::cast_precision_loss, reason = "rows are short")]
        let params = GatedRowParams {
            inputs8: count(inputs / 8),
            outputs: count(outputs),
            inverse_columns: 1.0 / inputs as f32,
            epsilon,
        };
        check
            .run(&kernel, params, [Extent::Items(outputs), ONE], 1)
            .await?;
        let normed = reference::rms_norm(&x, &norm, epsilon);
        let both = reference::linear(&normed, &weights, inputs);
        let want = reference::swiglu(&both, outputs);
        let want = some(&want).into_iter().chain(std::iter::repeat(None));
        check.floats(&y, want).await?;
    }
    Ok(1e-5)
}

/// A row somewhere in a text, whose past is known.
struct Step {
    heads: usize,
    kv_heads: usize,
    head: usize,
    slots: usize,
    /// Positions before it.
    position: usize,
    /// Keys that it sees.
    span: usize,
    /// Are there angles of all positions?
    absolute: bool,
}

/// The buffers of a step.
struct StepBuffers {
    state: Tensor,
    spans: Tensor,
    angles: Tensor,
    qkv: Tensor,
    keys: Tensor,
    values: Tensor,
    y: Tensor,
}

/// What they should hold afterwards.
struct StepWanted {
    keys: Vec<f32>,
    values: Vec<f32>,
    y: Vec<f32>,
}

impl Step {
    fn buffers(&self, check: &mut Check<'_>) -> (StepBuffers, StepWanted) {
        let Self {
            heads,
            kv_heads,
            head,
            slots,
            position,
            span,
            absolute,
        } = *self;
        let stored = kv_heads * head;
        let qkv = check.values((heads * head) + 2 * stored, 2.0);
        // The whole past, of which the ring holds the last.
        let past = check.values(position * stored, 2.0);
        let past_values = check.values(position * stored, 2.0);
        let ring = |past: &[f32]| {
            let mut ring = vec![0.0; slots * stored];
            for (at, row) in past.chunks_exact(stored).enumerate() {
                ring[at % slots * stored..][..stored].copy_from_slice(row);
            }
            ring
        };
        let (mut keys, mut values) = (ring(&past), ring(&past_values));
        let first = if absolute { 0 } else { position };
        let rows = position + 1 - first;
        let angles = reference::rope_angles(first as u64, rows, head, 10_000.0);
        let spans = [count(span)];
        let buffers = StepBuffers {
            state: check.state(1, position),
            spans: check.tensor(&spans),
            angles: check.tensor(angles.as_flattened()),
            qkv: check.tensor(&qkv),
            keys: check.tensor(&keys),
            values: check.tensor(&values),
            y: check.poisoned(heads * head + 9),
        };

        let (q, kv) = qkv.split_at(heads * head);
        let (k, v) = kv.split_at(stored);
        let (mut q, mut k) = (q.to_vec(), k.to_vec());
        let own = &angles[(rows - 1) * head / 2..];
        reference::rope(&mut q, own, heads, head);
        reference::rope(&mut k, own, kv_heads, head);
        for (ring, row) in [(&mut keys, &k[..]), (&mut values, v)] {
            ring[position % slots * stored..][..stored].copy_from_slice(row);
        }
        let all_keys = [past, k].concat();
        let all_values = [past_values, v.to_vec()].concat();
        let y = reference::attention(&q, &all_keys, &all_values, &spans, heads, kv_heads, head);
        (buffers, StepWanted { keys, values, y })
    }

    fn scale(&self) -> f32 {
        #[expect(clippy::cast_precision_loss, reason = "heads are small")]
        let head = self.head as f32;
        1.0 / head.sqrt()
    }
}

impl StepBuffers {
    async fn compare(&self, check: &mut Check<'_>, wanted: &StepWanted) -> Result<()> {
        let y = some(&wanted.y).into_iter().chain(std::iter::repeat(None));
        check.floats(&self.y, y).await?;
        check.floats(&self.keys, some(&wanted.keys)).await?;
        check.floats(&self.values, some(&wanted.values)).await
    }
}

pub(super) async fn attention_held(check: &mut Check<'_>) -> Result<f64> {
    let head = 4 * check.number("HEAD");
    // Heads, key heads, slots, position, keys seen, angles of all positions.
    let shapes = [
        (1, 1, 8, 0, 1, false),
        (6, 2, 16, 21, 9, false),
        (4, 4, 64, 63, 64, true),
        (3, 1, 512, 700, 345, false),
        (2, 1, 64, 5, 2, true),
    ];
    for (heads, kv_heads, slots, position, span, absolute) in shapes {
        let step = Step {
            heads,
            kv_heads,
            head,
            slots,
            position,
            span,
            absolute,
        };
        let (buffers, wanted) = step.buffers(check);
        let kernel = AttentionHeld {
            state: buffers.state.all(),
            spans: buffers.spans.all(),
            angles: buffers.angles.all(),
            qkv: buffers.qkv.all(),
            keys: buffers.keys.all(),
            values: buffers.values.all(),
            y: buffers.y.all(),
        };
        let params = AttentionHeldParams {
            heads: count(heads),
            kv_heads: count(kv_heads),
            slots: count(slots),
            absolute: u32::from(absolute),
            scale: step.scale(),
        };
        check
            .run(&kernel, params, [Extent::Items(heads), ONE], 1)
            .await?;
        buffers.compare(check, &wanted).await?;
    }
    Ok(1e-5)
}

pub(super) async fn attention_step(check: &mut Check<'_>) -> Result<f64> {
    // Heads, key heads, head, slots, position, keys seen, angles of all positions.
    let shapes = [
        (1, 1, 4, 8, 0, 1, false),
        (6, 2, 12, 16, 21, 9, false),
        (4, 4, 64, 64, 63, 64, true),
        (3, 1, 20, 512, 700, 345, false),
        (2, 1, 256, 64, 5, 2, true),
    ];
    for (heads, kv_heads, head, slots, position, span, absolute) in shapes {
        let step = Step {
            heads,
            kv_heads,
            head,
            slots,
            position,
            span,
            absolute,
        };
        let (buffers, wanted) = step.buffers(check);
        let kernel = AttentionStep {
            state: buffers.state.all(),
            spans: buffers.spans.all(),
            angles: buffers.angles.all(),
            qkv: buffers.qkv.all(),
            keys: buffers.keys.all(),
            values: buffers.values.all(),
            y: buffers.y.all(),
        };
        let params = AttentionStepParams {
            heads: count(heads),
            kv_heads: count(kv_heads),
            head4: count(head / 4),
            slots: count(slots),
            absolute: u32::from(absolute),
            scale: step.scale(),
        };
        check
            .run(&kernel, params, [Extent::Items(heads), ONE], 1)
            .await?;
        buffers.compare(check, &wanted).await?;
    }
    Ok(1e-5)
}
