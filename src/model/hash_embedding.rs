//! Hashed n-gram embeddings (paper section 3.2.1, spec section 6): each byte's
//! vector is the sum of its own and one row per n-gram length and hash function.
//!
//! The tables are most of a large model, and a byte needs a handful of their
//! rows. They lie on the device, or stay in the mapped file, from which the host
//! gathers the rows that a run needs; the sums are the same to the bit.

use std::sync::Arc;

use super::ends::per_row;
use super::part::{PartPlan, count, vectors};
use super::sizes::EncoderSizes;
use crate::checkpoint::{Checkpoint, Dtype, HashConfig, TensorView};
use crate::device::kernels::{HASH_EMBED, HashEmbed, HashEmbedParams};
use crate::device::plan::Extent;
use crate::device::tensor::{Allocator, padded};
use crate::device::{Device, Tensor};
use crate::error::Result;
use crate::numerics::{hash_ids, hash_powers};
use crate::weights::{Matrix, WeightType};

/// Where the tables are.
#[derive(Debug)]
pub(super) enum Tables {
    Device(Matrix),
    Host(Arc<Checkpoint>),
}

/// The embeddings of a model's bytes.
#[derive(Debug)]
pub struct HashEmbedding {
    config: HashConfig,
    columns: usize,
    /// Of each id, `[vocabulary, columns]`: a small table, held in f32.
    own: Tensor,
    ids: usize,
    weights: WeightType,
    grams: Tensor,
    powers: Tensor,
    tables: Tables,
}

/// Buffers of a session for it.
#[derive(Debug)]
pub struct HashBuffers {
    /// The rows that a run needs, `[T, tables, columns]`, for tables on the host.
    gathered: Tensor,
}

impl HashBuffers {
    /// Buffers for runs of up to `rows` rows.
    pub(super) fn new(tensors: &Allocator<'_>, sizes: &EncoderSizes, rows: usize) -> Self {
        Self {
            gathered: tensors.tensor("hash table rows", (rows * sizes.gathered).div_ceil(4)),
        }
    }
}

impl HashEmbedding {
    pub(super) async fn new(
        device: &Device,
        config: &HashConfig,
        own: &TensorView<'_>,
        dtype: Dtype,
        tables: Tables,
    ) -> Result<Self> {
        let columns = own.columns();
        let mut numbers = Vec::new();
        for row in own.values().await?.chunks_exact(columns.max(1)) {
            numbers.extend_from_slice(row);
            numbers.resize(numbers.len().next_multiple_of(4), 0.0);
        }
        let mut grams: Vec<[u32; 2]> = Vec::new();
        let mut powers: Vec<[u32; 2]> = Vec::new();
        for function in 0..config.functions as usize {
            for n in &config.group_sizes {
                grams.push([*n, count(powers.len())]);
                let halves = |p: u64| {
                    #[expect(clippy::cast_possible_truncation, reason = "two halves")]
                    [p as u32, (p >> 32) as u32]
                };
                powers.extend(hash_powers(function, *n as usize).into_iter().map(halves));
            }
        }
        Ok(Self {
            weights: match (&tables, dtype) {
                (Tables::Device(matrix), _) => matrix.weights,
                (Tables::Host(_), dtype) => dtype.into(),
            },
            config: config.clone(),
            columns,
            ids: numbers.len() / padded(columns).max(1),
            own: Tensor::from(device, "embed", &numbers),
            grams: Tensor::from(device, "grams", &grams),
            powers: Tensor::from(device, "powers", &powers),
            tables,
        })
    }

    /// Number of tables.
    #[must_use]
    pub fn count(&self) -> usize {
        self.config.group_sizes.len() * self.config.functions as usize
    }

    /// Ids before a byte that its n-grams reach.
    #[must_use]
    pub fn history(&self) -> usize {
        let longest = self.config.group_sizes.iter().max();
        longest.map_or(0, |n| *n as usize - 1)
    }

    /// Do the tables stay with the host?
    #[must_use]
    pub fn on_host(&self) -> bool {
        matches!(self.tables, Tables::Host(_))
    }

    /// For tables on the host: gathers the rows of a run and uploads them.
    /// `ids` begins with [`HashEmbedding::history`] ids before the run.
    ///
    /// # Errors
    /// What the checkpoint says.
    pub async fn gather(&self, device: &Device, buffers: &HashBuffers, ids: &[u32]) -> Result<()> {
        let Tables::Host(checkpoint) = &self.tables else {
            return Ok(());
        };
        let groups: Vec<u32> = self.config.group_sizes.clone();
        let functions = self.config.functions as usize;
        let vocabulary = self.config.vocab;
        let rows = hash_ids(ids, self.history(), &groups, functions, vocabulary);
        let bytes = match checkpoint.hash_tables()?.as_slice() {
            // transformers has one tensor for all tables,
            [fused] => {
                let tables = (0..self.count()).cycle();
                let rows = rows.iter().zip(tables);
                let row = |(row, table): (&u32, usize)| table * vocabulary as usize + *row as usize;
                fused
                    .gather_rows(&rows.map(row).collect::<Vec<_>>())
                    .await?
            }
            // and Meta's layout one for each.
            several => {
                let size = several
                    .first()
                    .map_or(0, |table| table.dtype.row_bytes(self.columns));
                let mut bytes = vec![0; rows.len() * size];
                for (at, table) in several.iter().enumerate() {
                    let own = rows.iter().skip(at).step_by(several.len());
                    let own: Vec<_> = own.map(|row| *row as usize).collect();
                    let found = table.gather_rows(&own).await?;
                    let places = bytes
                        .chunks_exact_mut(size.max(1))
                        .skip(at)
                        .step_by(several.len());
                    for (place, found) in places.zip(found.chunks_exact(size.max(1))) {
                        place.copy_from_slice(found);
                    }
                }
                bytes
            }
        };
        checkpoint.check_files()?;
        buffers.gathered.write(device, &bytes);
        Ok(())
    }
}

impl PartPlan<'_> {
    /// The embeddings of the bytes of a run, in `x`. `ids` begins with the ids before
    /// the run.
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub fn hash_embedding(
        &mut self,
        state: &Tensor,
        embedding: &HashEmbedding,
        buffers: &HashBuffers,
        (ids, x): (&Tensor, &Tensor),
    ) -> Result<()> {
        let tables = embedding.count();
        let (columns, vocabulary) = (embedding.columns, embedding.config.vocab);
        let grid = [Extent::Items(columns.div_ceil(4)), Extent::Rows];
        let work = per_row(
            0.0,
            columns * 8 + tables * (embedding.weights.row_bytes(columns) + 40),
        );
        let params = HashEmbedParams {
            columns4: vectors(columns),
            tables: count(tables),
            vocabulary,
            wrap: {
                let wrap = (1u128 << 64) % u128::from(vocabulary.max(1));
                u32::try_from(wrap).unwrap_or(0)
            },
            history: count(embedding.history()),
            own_rows: count(embedding.ids),
            adds: 0,
            first_row: 0,
            part_rows: 0,
            group_shift: embedding.weights.group_shift(),
            gathered: 0,
        };
        let uses = match &embedding.tables {
            // Without tables their binding is never read.
            _ if tables == 0 => vec![(&embedding.own, WeightType::F32, params)],
            Tables::Device(matrix) => {
                let parts = matrix.parts.iter().enumerate();
                let parts = parts.map(|(place, part)| {
                    let params = HashEmbedParams {
                        adds: u32::from(place > 0),
                        first_row: count(part.first_row),
                        part_rows: count(part.rows),
                        ..params
                    };
                    (&part.tensor, embedding.weights, params)
                });
                parts.collect()
            }
            Tables::Host(_) => {
                let params = HashEmbedParams {
                    part_rows: u32::MAX,
                    gathered: 1,
                    ..params
                };
                vec![(&buffers.gathered, embedding.weights, params)]
            }
        };
        for (weights, kind, params) in uses {
            let device = self.device();
            let variant = device.select(&HASH_EMBED, &[&[]], &[("WEIGHTS", kind.axis())])?;
            let kernel = HashEmbed {
                state: state.all(),
                weights: weights.all(),
                own: embedding.own.all(),
                ids: ids.all(),
                grams: embedding.grams.all(),
                powers: embedding.powers.all(),
                x: x.all(),
            };
            self.push("hash_embed", &kernel, variant, params, grid, work);
        }
        Ok(())
    }
}
