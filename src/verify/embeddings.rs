//! Rows of tables, hashed n-grams, and weights made on the device.

use super::case::{Case, Weights, padded_rows};
use super::pointwise::SHAPES;
use super::{Inputs, POISON};
use crate::device::kernels::{
    Embed, EmbedParams, HashEmbed, HashEmbedParams, HashIds, HashIdsParams, RandomWeights,
    RandomWeightsParams,
};
use crate::device::plan::Extent;
use crate::device::tensor::{count, padded};
use crate::numerics;

pub(super) fn embed(inputs: &mut Inputs) -> Vec<Case> {
    let case = |(rows, columns)| {
        let mut case = inputs.case();
        let columns = case.columns(columns);
        let vocabulary = 2 + columns / 3;
        // As where a binding is too small for the table.
        let table = case.weights(&[vocabulary / 2, vocabulary - vocabulary / 2], columns);
        let id = |_| case.below(count(vocabulary));
        let mut ids: Vec<u32> = (0..rows + 3).map(id).collect();
        // Ids beyond the vocabulary are clamped.
        ids[rows / 2] = u32::MAX;
        let stride = padded(columns);
        let (ids, x) = (case.input(&ids), case.output(rows * stride, 3 * stride));
        for part in &table.parts {
            let params = EmbedParams {
                columns4: count(stride / 4),
                vocabulary: count(vocabulary),
                first_row: count(part.first_row),
                part_rows: count(part.rows),
                group_shift: case.weights.group_shift(),
            };
            let grid = [Extent::Items(stride / 4), Extent::Rows];
            case.step::<Embed>(rows, &[part.buffer, ids, x], params, grid);
        }
        case
    };
    SHAPES.map(case).into()
}

pub(super) fn hash_ids(inputs: &mut Inputs) -> Vec<Case> {
    // Rows, hash functions, vocabulary: the largest and those of the models.
    let shapes = [
        (1, 1, 500_002),
        (9, 2, 257),
        (70, 11, (1 << 28) - 57),
        (33, 1, 1 << 20),
        (65, 3, 30_000),
    ];
    let case = |(rows, functions, vocabulary)| {
        let mut case = inputs.case();
        let lengths = if functions > 2 { 1..=16 } else { 3..=8 };
        let (mut grams, mut powers): (Vec<[u32; 2]>, Vec<u64>) = Default::default();
        for function in 0..functions {
            for n in lengths.clone() {
                grams.push([count(n), count(powers.len())]);
                powers.extend(numerics::hash_powers(function, n));
            }
        }
        let history = lengths.end() - 1;
        let ids: Vec<u32> = (0..history + rows + 3)
            .map(|i| match i % 7 {
                // What stands before a text, and the largest id there is.
                0 => 0,
                1 => 259,
                _ => case.below(260),
            })
            .collect();
        let tables = grams.len();
        let buffers = [
            case.input(&ids),
            case.input(&grams),
            // Little-endian on every host there is; the shader wants (low, high).
            case.input(&powers),
            case.output(rows * tables, 3 * tables),
        ];
        let wrap = (1u128 << 64) % u128::from(vocabulary);
        let params = HashIdsParams {
            tables: count(tables),
            history: count(history),
            vocabulary,
            wrap: u32::try_from(wrap).unwrap_or(u32::MAX),
        };
        let grid = [Extent::Items(tables), Extent::Rows];
        case.step::<HashIds>(rows, &buffers, params, grid);
        case
    };
    shapes.map(case).into()
}

pub(super) fn hash_embed(inputs: &mut Inputs) -> Vec<Case> {
    // Rows, columns, tables, rows per table.
    let shapes = [
        (1, 4, 1, 5),
        (9, 7, 6, 31),
        (65, 260, 12, 20),
        (3, 36, 2, 1),
    ];
    let mut cases = Vec::new();
    for (rows, columns, tables, vocabulary) in shapes {
        let all = tables * vocabulary;
        // Whole, and split in the middle of tables.
        for blocks in [&[all][..], &[all / 2, 1, all - all / 2 - 1]] {
            let mut case = inputs.case();
            let columns = case.columns(columns);
            let table = case.weights(blocks, columns);
            let row = |_| case.below(count(vocabulary));
            let picked: Vec<u32> = (0..(rows + 3) * tables).map(row).collect();
            let sizes = (rows, columns, tables, vocabulary);
            cases.push(sum_of_rows(case, &table, &picked, sizes, false));
        }
        // The rows that the bytes need, one after the other.
        let mut case = inputs.case();
        let columns = case.columns(columns);
        let table = case.weights(&[rows * tables], columns);
        let picked: Vec<u32> = (0..count((rows + 3) * tables)).collect();
        let sizes = (rows, columns, tables, rows * tables);
        cases.push(sum_of_rows(case, &table, &picked, sizes, true));
    }
    cases
}

fn sum_of_rows(
    mut case: Case,
    table: &Weights,
    picked: &[u32],
    (rows, columns, tables, vocabulary): (usize, usize, usize, usize),
    gathered: bool,
) -> Case {
    let x = case.numbers(rows * columns, 2.0);
    let stride = padded(columns);
    let x = case.in_place(&padded_rows(&x, columns, stride, 0.0, 3), 3 * stride);
    let picked = case.input(picked);
    for part in &table.parts {
        let params = HashEmbedParams {
            columns4: count(stride / 4),
            tables: count(tables),
            vocabulary: count(vocabulary),
            first_row: count(part.first_row),
            part_rows: count(part.rows),
            group_shift: case.weights.group_shift(),
            gathered: u32::from(gathered),
        };
        let grid = [Extent::Items(stride / 4), Extent::Rows];
        case.step::<HashEmbed>(rows, &[part.buffer, picked, x], params, grid);
    }
    case
}

pub(super) fn random_weights(inputs: &mut Inputs) -> Vec<Case> {
    // Rows before this part, rows, columns, rows of the grid. In the last one
    // the index of an element wraps.
    let shapes = [
        (0, 1, 4, 1),
        (3, 7, 5, 2),
        (100, 130, 70, 130),
        (1 << 29, 9, 41, 4),
    ];
    // Rows of the part before those that are made.
    let skip = 2;
    let mut cases = Vec::new();
    for (first_row, rows, columns, turn) in shapes {
        for exponent in [-14, 0, 9] {
            let mut case = inputs.case();
            let stride = padded(columns);
            let words = stride * case.weights.size() / 4;
            let y = case.in_place(&vec![POISON; (skip + rows) * words + 9], 9);
            let params = RandomWeightsParams {
                seed: case.below(u32::MAX),
                columns: count(columns),
                padded: count(stride),
                first_row: count(first_row),
                rows: count(rows),
                skip: count(skip),
                turn: count(turn),
                scale: 2f32.powi(exponent),
            };
            let grid = [Extent::Items(words), Extent::Items(turn)];
            case.step::<RandomWeights>(1, &[y], params, grid);
            cases.push(case);
        }
    }
    cases
}
