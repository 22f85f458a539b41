//! Rows of tables, hashed n-grams, and weights made on the device.

use super::case::{Case, padded_rows};
use super::pointwise::SHAPES;
use super::{Inputs, POISON};
use crate::device::kernels::{
    Embed, EmbedParams, HashEmbed, HashEmbedParams, RandomWeights, RandomWeightsParams,
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

/// Hash functions with the lengths of their n-grams, and rows of a table.
struct Hashes {
    functions: usize,
    lengths: std::ops::RangeInclusive<u32>,
    vocabulary: u32,
}

pub(super) fn hash_embed(inputs: &mut Inputs) -> Vec<Case> {
    // Rows, columns, and the tables: the smallest, those of the models, the largest there may
    // be, more than a workgroup takes at once.
    let shapes = [
        (1, 4, (1, 3..=3, 5)),
        (9, 7, (1, 3..=8, 31)),
        (65, 260, (2, 3..=8, 20)),
        (3, 36, (2, 1..=1, 1)),
        (9, 4, (2, 3..=8, 500_002)),
        (40, 4, (1, 2..=16, (1 << 28) - 57)),
        (3, 12, (11, 1..=8, 9)),
    ];
    let mut cases = Vec::new();
    for (rows, columns, (functions, lengths, vocabulary)) in shapes {
        let hashes = Hashes {
            functions,
            lengths,
            vocabulary,
        };
        for gathered in [false, true] {
            cases.push(sum_of_rows(inputs.case(), rows, columns, &hashes, gathered));
        }
    }
    cases
}

fn sum_of_rows(
    mut case: Case,
    rows: usize,
    columns: usize,
    hashes: &Hashes,
    gathered: bool,
) -> Case {
    let columns = case.columns(columns);
    let stride = padded(columns);
    let (mut grams, mut powers): (Vec<[u32; 2]>, Vec<u64>) = Default::default();
    for function in 0..hashes.functions {
        for n in hashes.lengths.clone() {
            grams.push([n, count(powers.len())]);
            powers.extend(numerics::hash_powers(function, n as usize));
        }
    }
    let (tables, vocabulary) = (grams.len(), hashes.vocabulary);
    let history = *hashes.lengths.end() as usize - 1;
    let ids: Vec<u32> = (0..history + rows + 3)
        .map(|i| match i % 7 {
            // What stands before a text, the largest id there is, and one too large.
            0 => 0,
            1 => 259,
            2 => 300,
            _ => case.below(260),
        })
        .collect();
    let lengths: Vec<u32> = hashes.lengths.clone().collect();
    let hashed = numerics::hash_ids(&ids, history, &lengths, hashes.functions, vocabulary);
    let entry = |at: usize| at % tables * vocabulary as usize + hashed[at] as usize;
    let all = tables * vocabulary as usize;
    // Whole, or split in the middle of tables; of a large table a few pieces that have
    // rows which are asked for.
    let pieces: Vec<(usize, usize)> = if gathered {
        vec![(0, rows * tables)]
    } else if all < 1000 {
        let second = all / 2;
        vec![(0, second), (second, 1), (second + 1, all - second - 1)]
    } else {
        let mut asked: Vec<usize> = (0..rows * tables).map(entry).collect();
        asked.sort_unstable();
        let some = asked.into_iter().step_by(tables);
        some.map(|entry| (entry.saturating_sub(2), 5)).collect()
    };
    let own = case.numbers(260 * columns, 2.0);
    let own = case.input(&padded_rows(&own, columns, stride, 0.0, 0));
    let ids = case.input(&ids);
    let grams = case.input(&grams);
    // Little-endian on every host there is; the shader wants (low, high).
    let powers = case.input(&powers);
    let x = case.output(rows * stride, 3 * stride);
    let wrap = (1u128 << 64) % u128::from(vocabulary);
    let mut adds = 0;
    for (first_row, part_rows) in pieces.into_iter().filter(|(_, rows)| *rows > 0) {
        let weights = case.weights(&[part_rows], columns);
        let params = HashEmbedParams {
            columns4: count(stride / 4),
            tables: count(tables),
            vocabulary,
            wrap: u32::try_from(wrap).unwrap_or(u32::MAX),
            history: count(history),
            own_rows: 260,
            adds,
            first_row: count(first_row),
            part_rows: count(part_rows),
            group_shift: case.weights.group_shift(),
            gathered: u32::from(gathered),
        };
        let grid = [Extent::Items(stride / 4), Extent::Rows];
        let buffers = [weights.parts[0].buffer, own, ids, grams, powers, x];
        case.step::<HashEmbed>(rows, &buffers, params, grid);
        adds = 1;
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
