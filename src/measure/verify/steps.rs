//! Kernels that join several steps for a single row.

use super::weights::split_weights;
use super::{Check, some};
use crate::error::Result;
use crate::gpu::kernels::{
    AttentionStep, AttentionStepParams, GateUpRow, GateUpRowParams, GatedRow, GatedRowParams,
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
        let (keys_before, values_before) = (ring(&past), ring(&past_values));
        let first = if absolute { 0 } else { position };
        let rows = position + 1 - first;
        let angles = reference::rope_angles(first as u64, rows, head, 10_000.0);
        let (keys, values) = (check.tensor(&keys_before), check.tensor(&values_before));
        let y = check.poisoned(heads * head + 9);
        let (state, spans) = (check.state(1, position), check.tensor(&[count(span)]));
        let (angles_in, qkv_in) = (check.tensor(angles.as_flattened()), check.tensor(&qkv));
        let kernel = AttentionStep {
            state: state.all(),
            spans: spans.all(),
            angles: angles_in.all(),
            qkv: qkv_in.all(),
            keys: keys.all(),
            values: values.all(),
            y: y.all(),
        };
        #[expect(clippy::cast_precision_loss, reason = "heads are small")]
        let params = AttentionStepParams {
            heads: count(heads),
            kv_heads: count(kv_heads),
            head4: count(head / 4),
            slots: count(slots),
            absolute: u32::from(absolute),
            scale: 1.0 / (head as f32).sqrt(),
        };
        check
            .run(&kernel, params, [Extent::Items(heads), ONE], 1)
            .await?;

        let (q, kv) = qkv.split_at(heads * head);
        let (k, v) = kv.split_at(stored);
        let (mut q, mut k) = (q.to_vec(), k.to_vec());
        let own = &angles[(rows - 1) * head / 2..];
        reference::rope(&mut q, own, heads, head);
        reference::rope(&mut k, own, kv_heads, head);
        let (all_keys, all_values) = (
            [past, k.clone()].concat(),
            [past_values, v.to_vec()].concat(),
        );
        let want = reference::attention(
            &q,
            &all_keys,
            &all_values,
            &[count(span)],
            heads,
            kv_heads,
            head,
        );
        let want = some(&want).into_iter().chain(std::iter::repeat(None));
        check.floats(&y, want).await?;
        for (tensor, mut ring, row) in [(&keys, keys_before, &k[..]), (&values, values_before, v)] {
            ring[position % slots * stored..][..stored].copy_from_slice(row);
            check.floats(tensor, some(&ring)).await?;
        }
    }
    Ok(1e-5)
}
