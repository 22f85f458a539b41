//! What a model needs of the adapter's memory, known before anything is
//! allocated there.

use super::blt::{BltLoad, HashTables};
use crate::checkpoint::{BltWeights, Checkpoint, Config, TensorView, expected_tensors};
use crate::error::{Error, Result};
use crate::gpu::Gpu;

/// Where a model's weights are, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct MemoryPlan {
    /// Weights on the adapter, hash tables included if they are there.
    pub adapter: u64,
    /// Hash tables that stay with the host.
    pub host: u64,
    /// Do the hash tables stay with the host?
    pub host_tables: bool,
    /// What the adapter has, if it says so.
    pub available: Option<u64>,
}

impl MemoryPlan {
    /// Where the weights of a checkpoint would go.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] when they cannot fit, and what
    /// [`Checkpoint::blt_weights`] says.
    pub fn of(gpu: &Gpu, checkpoint: &Checkpoint, options: &BltLoad) -> Result<Self> {
        plan(
            gpu,
            checkpoint.config(),
            &checkpoint.blt_weights()?,
            options,
        )
    }
}

/// Kept for caches and scratch buffers beside the weights and the latent
/// model's first keys and values.
const RESERVE: u64 = 512 << 20;

fn reserve(gpu: &Gpu, config: &Config) -> u64 {
    let per_patch = config.blt.as_ref().map_or(0, |blt| {
        let latent = &blt.latent;
        u64::from(latent.layers) * u64::from(latent.kv_heads * latent.head_dim) * 8
    });
    RESERVE + per_patch * u64::from(gpu.tuning.chunk_rows.max(256))
}

pub(super) fn plan(
    gpu: &Gpu,
    config: &Config,
    weights: &BltWeights<'_>,
    options: &BltLoad,
) -> Result<MemoryPlan> {
    let bytes = |view: &TensorView<'_>| view.elements() as u64 * view.dtype.size() as u64;
    let tables: u64 = weights.hash_tables.iter().map(bytes).sum();
    let elements: u64 = expected_tensors(config)
        .iter()
        .filter(|t| t.part != crate::checkpoint::Part::HashTables)
        .map(crate::checkpoint::ExpectedTensor::parameters)
        .sum();
    let rest = elements * weights.head.dtype.size() as u64;
    let available = gpu.memory();
    let reserve = reserve(gpu, config);
    let fits = |bytes: u64| available.is_none_or(|most| bytes + reserve <= most);
    let host_tables = match options.hash_tables {
        HashTables::Host => true,
        HashTables::Gpu => false,
        HashTables::Auto => !fits(rest + tables),
    };
    let adapter = if host_tables { rest } else { rest + tables };
    if !fits(adapter) {
        let gib = |bytes: u64| {
            #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
            let gib = bytes as f64 / f64::from(1 << 30);
            format!("{gib:.1} GiB")
        };
        let remedy = if host_tables {
            "take a smaller model, 16-bit weights, or another adapter"
        } else {
            "leave the hash tables with the host (--hash-tables host)"
        };
        return Err(Error::OutOfMemory(format!(
            "the model needs {} for weights and {} beside them, and {} has {}; {remedy}",
            gib(adapter),
            gib(reserve),
            gpu.summary().name,
            gib(available.unwrap_or(0)),
        )));
    }
    Ok(MemoryPlan {
        adapter,
        host: if host_tables { tables } else { 0 },
        host_tables,
        available,
    })
}
