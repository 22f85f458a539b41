//! Hashed n-grams: rows of the tables, and their sums.

use super::weights::split_weights;
use super::{Check, padded_rows};
use crate::device::kernels::{HashEmbed, HashEmbedParams, HashIds, HashIdsParams};
use crate::device::plan::Extent;
use crate::device::tensor::padded;
use crate::error::Result;
use crate::model::part::count;
use crate::weights::MatrixPart;
use crate::{numerics, reference};

pub(super) async fn hash_ids(check: &mut Check<'_>) -> Result<f64> {
    // Rows, hash functions, vocabulary: the largest and those of the models.
    let shapes = [
        (1, 1, 500_002),
        (9, 2, 257),
        (70, 11, (1 << 28) - 57),
        (33, 1, 1 << 20),
        (65, 3, 30_000),
    ];
    for (rows, functions, vocabulary) in shapes {
        let groups: Vec<u32> = if functions > 2 {
            (1..=16).collect()
        } else {
            (3..=8).collect()
        };
        let mut grams: Vec<[u32; 2]> = Vec::new();
        let mut powers: Vec<[u32; 2]> = Vec::new();
        for function in 0..functions {
            for n in &groups {
                grams.push([*n, count(powers.len())]);
                for power in numerics::hash_powers(function, *n as usize) {
                    let halves: [u32; 2] = bytemuck::cast(power);
                    // Little-endian on every host there is; the shader wants (low, high).
                    powers.push(halves);
                }
            }
        }
        let history = groups.last().map_or(0, |n| *n as usize - 1);
        let ids: Vec<u32> = (0..history + rows)
            .map(|i| match i % 7 {
                // What stands before a text, and the largest id there is.
                0 => 0,
                1 => 259,
                _ => check.below(260),
            })
            .collect();
        let tables = grams.len();
        let out = check.poisoned((rows + 3) * tables);
        let state = check.state(rows, 0);
        let ids_in = check.tensor(&[&ids[..], &[5; 3]].concat());
        let (grams_in, powers_in) = (check.tensor(&grams), check.tensor(&powers));
        let kernel = HashIds {
            state: state.all(),
            ids: ids_in.all(),
            grams: grams_in.all(),
            powers: powers_in.all(),
            rows: out.all(),
        };
        let wrap = (1u128 << 64) % u128::from(vocabulary);
        let params = HashIdsParams {
            tables: count(tables),
            history: count(history),
            vocabulary,
            wrap: u32::try_from(wrap).unwrap_or(u32::MAX),
        };
        let grid = [Extent::Items(tables), Extent::Rows];
        check.run(&kernel, params, grid, rows).await?;
        let want = numerics::hash_ids(&ids, history, &groups, functions, vocabulary);
        let want = want.into_iter().map(Some);
        check
            .integers(&out, want.chain(std::iter::repeat(None)))
            .await?;
    }
    Ok(0.0)
}

pub(super) async fn hash_embed(check: &mut Check<'_>) -> Result<f64> {
    // Rows, columns, tables, rows per table.
    let shapes = [
        (1, 4, 1, 5),
        (9, 7, 6, 31),
        (65, 260, 12, 20),
        (3, 36, 2, 1),
    ];
    for (rows, columns, tables, vocabulary) in shapes {
        let all = tables * vocabulary;
        // Whole, and split in the middle of tables.
        for parts in [vec![all], vec![all / 2, 1, all - all / 2 - 1]] {
            let parts: Vec<usize> = parts.into_iter().filter(|rows| *rows > 0).collect();
            let (table, matrix) = split_weights(check, &parts, columns).await?;
            let picked: Vec<u32> = (0..rows * tables)
                .map(|_| check.below(count(vocabulary)))
                .collect();
            let case = Embedding {
                rows,
                columns,
                tables,
                vocabulary,
                picked: &picked,
                table: &table,
            };
            case.run(check, &matrix.parts, false).await?;
        }
        // The rows that the bytes need, one after the other.
        let (table, matrix) = split_weights(check, &[rows * tables], columns).await?;
        let case = Embedding {
            rows,
            columns,
            tables,
            vocabulary: rows * tables,
            picked: &(0..count(rows * tables)).collect::<Vec<u32>>(),
            table: &table,
        };
        case.run(check, &matrix.parts, true).await?;
    }
    Ok(0.0)
}

struct Embedding<'a> {
    rows: usize,
    columns: usize,
    tables: usize,
    vocabulary: usize,
    picked: &'a [u32],
    table: &'a [f32],
}

impl Embedding<'_> {
    async fn run(&self, check: &mut Check<'_>, parts: &[MatrixPart], gathered: bool) -> Result<()> {
        let (rows, columns, tables) = (self.rows, self.columns, self.tables);
        let mut x = check.values(rows * columns, 2.0);
        let stride = padded(columns);
        // What lies beyond the rows has to stay.
        let x_in = check.tensor(&padded_rows(&x, columns, stride, 0.0, 3));
        let picked_in = check.tensor(&[self.picked, &vec![0; 3 * tables]].concat());
        let state = check.state(rows, 0);
        for part in parts {
            let kernel = HashEmbed {
                state: state.all(),
                weights: part.tensor.all(),
                rows: picked_in.all(),
                x: x_in.all(),
            };
            let params = HashEmbedParams {
                columns4: count(stride / 4),
                tables: count(tables),
                vocabulary: count(self.vocabulary),
                first_row: count(part.first_row),
                part_rows: count(part.rows),
                gathered: u32::from(gathered),
            };
            let grid = [Extent::Items(stride / 4), Extent::Rows];
            check.run(&kernel, params, grid, rows).await?;
        }
        if gathered {
            // Rows of one table that holds them in the order in which they are needed.
            for (row, x) in x.chunks_exact_mut(columns).enumerate() {
                let picked = &self.picked[row * tables..(row + 1) * tables];
                for entry in picked {
                    reference::hash_embed(x, &[*entry], 1, self.table, 0, columns);
                }
            }
        } else {
            let vocabulary = count(self.vocabulary);
            reference::hash_embed(&mut x, self.picked, tables, self.table, vocabulary, columns);
        }
        let want = padded_rows(&x, columns, stride, 0.0, 3);
        check.floats(&x_in, want.into_iter().map(Some)).await
    }
}
