//! The linear kernels, for every type of weights.

use super::case::{Buffer, Case, padded_rows};
use super::{Inputs, POISON, plain};
use crate::device::kernel::Kernel;
use crate::device::kernels::{
    GateUpRow, GateUpRowParams, LinearParams, LinearRows, LinearTile, QkvRow, QkvRowParams,
};
use crate::device::plan::{Extent, ONE};
use crate::device::tensor::{count, padded};

/// Rows, inputs and outputs of a product.
type Shape = (usize, usize, usize);

/// Added to the mean square of rows that are normalised: large enough that a kernel
/// which leaves it out is found.
pub(super) const EPSILON: f32 = 1e-2;

/// The weights of a norm: as they are, and as a buffer.
fn norm(case: &mut Case, columns: usize) -> (Vec<f32>, Buffer) {
    let weight = case.numbers(columns, 1.5);
    let buffer = case.input(&padded_rows(&weight, columns, padded(columns), 0.0, 0));
    (weight, buffer)
}

#[expect(clippy::cast_precision_loss, reason = "a row is short")]
pub(super) fn inverse(columns: usize) -> f32 {
    1.0 / columns as f32
}

/// What a product does to the output.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// Replaces it.
    Over,
    /// Is added to twice as much, as after cross-attention.
    Added,
    /// Replaces rows of a ring that wraps within the run.
    Ring,
}

fn product<'a, K>(inputs: &mut Inputs, (rows, columns, outputs): Shape, mode: Mode) -> Case
where
    K: Kernel<'a, Params = LinearParams>,
{
    let normed = inputs.choice("NORM") == Some("yes");
    let mut case = inputs.case();
    let columns = case.columns(columns);
    let x = case.numbers(rows * columns, 2.0);
    // Of layers that are one.
    let (norm_outputs, norms) = match outputs.is_multiple_of(2) {
        true => (4, outputs.div_ceil(4)),
        false => (outputs, 1),
    };
    let norms: Vec<_> = (0..norms).map(|_| case.numbers(columns, 1.5)).collect();
    let norm = padded_rows(&norms.concat(), columns, padded(columns), 0.0, 0);
    let norm = case.input(&norm);
    // Every other shape as where a binding is too small for all outputs.
    let first = if outputs % 2 == 1 { outputs / 2 } else { 0 };
    let weights = case.weights(&[first, outputs - first], columns);
    let x_in = case.input(&padded_rows(&x, columns, padded(columns), 0.0, 3));
    // Wider than the outputs, as when several products share a row.
    let stride = padded(outputs) + 4;
    let slots = if mode == Mode::Ring { rows + 1 } else { 0 };
    let written = slots.max(rows) * stride;
    let mut want = match mode {
        Mode::Added => case.numbers(written, 1.0),
        _ => vec![f32::from_bits(POISON); written],
    };
    want.resize((rows + 3) * stride, f32::from_bits(POISON));
    let kept = want.len() - written;
    let y = case.in_place(&want, kept);
    for part in &weights.parts {
        let params = LinearParams {
            inputs4: count(columns.div_ceil(4)),
            outputs: count(part.rows),
            first_output: count(part.first_row),
            stride: count(stride),
            keep: if mode == Mode::Added { 2.0 } else { 0.0 },
            slots: count(slots),
            inverse_columns: if normed { inverse(columns) } else { 0.0 },
            epsilon: EPSILON,
            norm_outputs: count(norm_outputs),
            group_shift: case.weights.group_shift(),
        };
        let grid = [Extent::Items(part.rows), Extent::Rows];
        let buffers = [part.buffer, x_in, norm, y];
        // The slot only counts in a ring.
        case.step_in_ring::<K>((rows, rows), &buffers, params, grid);
    }
    for (row, x) in x.chunks_exact(columns).enumerate() {
        let row = if slots > 0 { (rows + row) % slots } else { row };
        for (first, norm) in (0..outputs).step_by(norm_outputs).zip(&norms) {
            let end = outputs.min(first + norm_outputs);
            let weights = &weights.values[first * columns..end * columns];
            let sums = match normed {
                true => plain::linear(&plain::rms_norm(x, norm, EPSILON), weights, columns),
                false => plain::linear(x, weights, columns),
            };
            for (y, sum) in want[row * stride + first..].iter_mut().zip(sums) {
                *y = if mode == Mode::Added {
                    2.0 * *y + sum
                } else {
                    sum
                };
            }
        }
    }
    case.expect(y, &want);
    case
}

fn products<'a, K>(inputs: &mut Inputs, shapes: &[Shape]) -> Vec<Case>
where
    K: Kernel<'a, Params = LinearParams>,
{
    let mut cases = Vec::new();
    for shape in shapes {
        for mode in [Mode::Over, Mode::Added, Mode::Ring] {
            cases.push(product::<K>(inputs, *shape, mode));
        }
    }
    cases
}

// One row and column, odd ones, padded ones, beyond a tile.

pub(super) fn linear_rows(inputs: &mut Inputs) -> Vec<Case> {
    let shapes = [
        (1, 4, 1),
        (1, 85, 7),
        (8, 260, 33),
        (5, 192, 130),
        (3, 20, 64),
        (2, 1032, 6),
    ];
    products::<LinearRows>(inputs, &shapes)
}

pub(super) fn linear_tile(inputs: &mut Inputs) -> Vec<Case> {
    let shapes = [
        (1, 4, 1),
        (9, 85, 7),
        (65, 60, 70),
        (130, 36, 5),
        (17, 192, 130),
        (70, 68, 260),
    ];
    products::<LinearTile>(inputs, &shapes)
}

pub(super) fn gate_up_row(inputs: &mut Inputs) -> Vec<Case> {
    let shapes = [(4, 4), (85, 12), (260, 36), (192, 132)];
    let case = |(columns, outputs)| {
        let mut case = inputs.case();
        let columns = case.columns(columns);
        let x = case.numbers(columns, 2.0);
        let weights = case.weights(&[2 * outputs], columns);
        let x_in = case.input(&padded_rows(&x, columns, padded(columns), 0.0, 0));
        let (weight, norm) = norm(&mut case, columns);
        let y = case.output(outputs, 9);
        let params = GateUpRowParams {
            inputs4: count(columns.div_ceil(4)),
            outputs: count(outputs),
            inverse_columns: inverse(columns),
            epsilon: EPSILON,
            group_shift: case.weights.group_shift(),
        };
        let x = plain::rms_norm(&x, &weight, EPSILON);
        let buffers = [weights.parts[0].buffer, x_in, norm, y];
        case.step::<GateUpRow>(1, &buffers, params, [Extent::Items(outputs), ONE]);
        let both = plain::linear(&x, &weights.values, columns);
        let (gate, up) = both.split_at(outputs);
        let gated = gate.iter().zip(up).map(|(g, u)| g / (1.0 + (-g).exp()) * u);
        case.expect(y, &gated.collect::<Vec<f32>>());
        case
    };
    shapes.map(case).into()
}

pub(super) fn qkv_row(inputs: &mut Inputs) -> Vec<Case> {
    // Inputs, heads, key heads, head, slots, slot, are slots positions?
    let shapes = [
        (4, 1, 1, 4, 8, 7, false),
        (85, 6, 2, 12, 8, 6, false),
        (260, 4, 4, 64, 16, 12, true),
        (192, 2, 1, 8, 4, 1, true),
        (1032, 3, 1, 20, 8, 0, false),
    ];
    let case = |(columns, heads, kv_heads, head, slots, slot, absolute)| {
        let mut case = inputs.case();
        let columns = case.columns(columns);
        let (queries, stored) = (heads * head, kv_heads * head);
        let outputs = queries + 2 * stored;
        let x = case.numbers(columns, 2.0);
        let weights = case.weights(&[outputs], columns);
        let x_in = case.input(&padded_rows(&x, columns, padded(columns), 0.0, 3));
        let (weight, norm) = norm(&mut case, columns);
        // Pairs of a cosine and a sine for each position, or for this row alone.
        let positions = if absolute { slots } else { 1 };
        let angles = case.numbers(positions * head, 1.0);
        let angles_in = case.input(&angles);
        let qkv = case.output(queries, 2 * stored);
        let (keys, values) = (
            case.output(slots * stored, 4),
            case.output(slots * stored, 4),
        );
        let params = QkvRowParams {
            inputs4: count(columns.div_ceil(4)),
            heads: count(heads),
            kv_heads: count(kv_heads),
            half_head: count(head / 2),
            slots: count(slots),
            absolute: u32::from(absolute),
            inverse_columns: inverse(columns),
            epsilon: EPSILON,
            group_shift: case.weights.group_shift(),
        };
        let buffers = [
            weights.parts[0].buffer,
            x_in,
            norm,
            angles_in,
            qkv,
            keys,
            values,
        ];
        let grid = [Extent::Items(outputs), ONE];
        case.step_in_ring::<QkvRow>((1, slot), &buffers, params, grid);

        let x = plain::rms_norm(&x, &weight, EPSILON);
        let mut row = plain::linear(&x, &weights.values, columns);
        let first = if absolute { slot * head } else { 0 };
        for head in row[..queries + stored].chunks_exact_mut(head) {
            let pairs = head.as_chunks_mut::<2>().0.iter_mut();
            for ([a, b], [cos, sin]) in pairs.zip(angles[first..].as_chunks::<2>().0) {
                (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
            }
        }
        let ring = |row: &[f32]| {
            let mut ring = vec![f32::from_bits(POISON); slots * stored];
            ring[slot * stored..(slot + 1) * stored].copy_from_slice(row);
            ring
        };
        case.expect(qkv, &row[..queries]);
        case.expect(keys, &ring(&row[queries..queries + stored]));
        case.expect(values, &ring(&row[queries + stored..]));
        case
    };
    shapes.map(case).into()
}
