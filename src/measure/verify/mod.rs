//! Every kernel against its plain reference, on the device at hand.
//!
//! Each variant runs on several shapes (one row, odd counts, more than a tile)
//! with outputs poisoned beforehand; what a kernel should not touch has to keep
//! its poison. The tests and `blt verify` run the same cases.

mod attention;
mod cross;
mod hashes;
mod linear;
mod patches;
mod pointwise;
mod rings;
mod weights;

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use crate::device::kernel::{Kernel, Shader, Variant};
use crate::device::kernels::{SHADERS, State};
use crate::device::plan::{Grid, PlanBuilder, Work};
use crate::device::{Device, Tensor, Tier};
use crate::error::Result;

/// How one variant of a kernel did.
#[derive(Clone, Debug)]
pub struct KernelReport {
    /// The kernel, as its file is called.
    pub kernel: &'static str,
    /// The variant's choices.
    pub variant: String,
    /// The tier it needs.
    pub tier: Tier,
    /// Number of shapes tried.
    pub cases: usize,
    /// Largest error: |got - want| / (1 + |want|); infinite for NaN, for a
    /// value that should not have been written, and for a wrong integer.
    pub max_error: f64,
    /// The largest error allowed.
    pub tolerance: f64,
    /// Is the error within the tolerance?
    pub passed: bool,
}

/// Runs every variant that needs exactly this device's tier, and gives a report
/// for each; together the tiers of an adapter cover every variant it can run.
///
/// # Errors
/// The device's errors. A wrong result is not an error but a report.
pub async fn verify(
    device: &Arc<Device>,
    seed: u64,
    on_report: &mut dyn FnMut(&KernelReport),
) -> Result<Vec<KernelReport>> {
    let mut reports = Vec::new();
    for shader in SHADERS {
        for (index, variant) in shader.variants.iter().enumerate() {
            if variant.needs != device.tier() || (shader.form.is_none() && device.gpu().is_none()) {
                continue;
            }
            let report = verify_variant(device, shader, index, seed).await?;
            on_report(&report);
            reports.push(report);
        }
    }
    Ok(reports)
}

/// Runs one variant on all its shapes.
///
/// # Errors
/// The device's errors.
pub async fn verify_variant(
    device: &Arc<Device>,
    shader: &'static Shader,
    index: usize,
    seed: u64,
) -> Result<KernelReport> {
    let variant = &shader.variants[index];
    let mut check = Check {
        device,
        rng: StdRng::seed_from_u64(seed),
        index,
        variant,
        cases: 0,
        max_error: 0.0,
    };
    let tolerance = match shader.name {
        "embed" => pointwise::embed(&mut check).await?,
        "rms_norm" => pointwise::rms_norm(&mut check).await?,
        "swiglu" => pointwise::swiglu(&mut check).await?,
        "entropy" => pointwise::entropy(&mut check).await?,
        "top_k" => pointwise::top_k(&mut check).await?,
        "peak" => pointwise::peak(&mut check).await?,
        "gate_up_row" => linear::gate_up_row(&mut check).await?,
        "linear_rows" => linear::linear_rows(&mut check).await?,
        "linear_tile" => linear::linear_tile(&mut check).await?,
        "rope_store" => attention::rope_store(&mut check).await?,
        "attention_rows" => attention::attention_rows(&mut check).await?,
        "attention_tile" => attention::attention_tile(&mut check).await?,
        "patch_starts" => patches::patch_starts(&mut check).await?,
        "close_patches" => patches::close_patches(&mut check).await?,
        "dispatch_grids" => patches::dispatch_grids(&mut check).await?,
        "hash_ids" => hashes::hash_ids(&mut check).await?,
        "hash_embed" => hashes::hash_embed(&mut check).await?,
        "cross_attention" => cross::cross_attention(&mut check).await?,
        "pool" => cross::pool(&mut check).await?,
        "concatenate" => cross::concatenate(&mut check).await?,
        "gather_add" => rings::gather_add(&mut check).await?,
        "ring_store" => rings::ring_store(&mut check).await?,
        "random_weights" => weights::random_weights(&mut check).await?,
        // A kernel without a case has not been shown to be right.
        _ => -1.0,
    };
    Ok(KernelReport {
        kernel: shader.name,
        variant: variant.label(),
        tier: variant.needs,
        cases: check.cases,
        max_error: check.max_error,
        tolerance,
        passed: check.cases > 0 && check.max_error <= tolerance,
    })
}

/// A NaN that no kernel produces.
const POISON: u32 = 0x7fc0_dead;

/// One variant under test.
struct Check<'g> {
    device: &'g Arc<Device>,
    rng: StdRng,
    index: usize,
    variant: &'static Variant,
    cases: usize,
    max_error: f64,
}

impl Check<'_> {
    /// Values between -scale and scale.
    fn values(&mut self, count: usize, scale: f32) -> Vec<f32> {
        (0..count)
            .map(|_| self.rng.random_range(-scale..=scale))
            .collect()
    }

    fn below(&mut self, end: u32) -> u32 {
        self.rng.next_u32() % end
    }

    fn chose(&self, axis: &str, value: &str) -> bool {
        self.variant.choices.contains(&(axis, value))
    }

    fn number(&self, axis: &str) -> usize {
        let choice = self.variant.choices.iter().find(|(name, _)| *name == axis);
        choice
            .and_then(|(_, value)| value.parse().ok())
            .unwrap_or(1)
    }

    fn tensor<T: bytemuck::NoUninit>(&self, values: &[T]) -> Tensor {
        Tensor::from(self.device, "input", values)
    }

    fn poisoned(&self, values: usize) -> Tensor {
        Tensor::from(self.device, "output", &vec![POISON; values])
    }

    fn state(&self, rows: usize, first_slot: usize) -> Tensor {
        let size = |value| u32::try_from(value).unwrap_or(u32::MAX);
        self.tensor(&[State {
            rows: size(rows),
            first_slot: size(first_slot),
        }])
    }

    /// Runs the kernel once, on a grid a few rows larger than the state says.
    async fn run<'a, K: Kernel<'a>>(
        &mut self,
        kernel: &K,
        params: K::Params,
        grid: Grid,
        rows: usize,
    ) -> Result<()> {
        self.cases += 1;
        let mut builder = PlanBuilder::new(self.device);
        builder.push(
            K::SHADER.name,
            kernel,
            self.index,
            params,
            grid,
            Work::default(),
        );
        let rows = u32::try_from(rows).unwrap_or(u32::MAX) + 3;
        builder.build()?.start(self.device, rows);
        self.device.idle().await
    }

    async fn read(&self, tensor: &Tensor) -> Result<Vec<u32>> {
        Ok(bytemuck::pod_collect_to_vec(
            &self.device.read(tensor.all()).await?,
        ))
    }

    /// Compares an output with what it should hold; `None` is poison.
    async fn floats(
        &mut self,
        tensor: &Tensor,
        wanted: impl IntoIterator<Item = Option<f32>>,
    ) -> Result<()> {
        for (got, want) in self.read(tensor).await?.into_iter().zip(wanted) {
            let error = match want {
                None if got == POISON => 0.0,
                None => f64::INFINITY,
                Some(want) => {
                    let (got, want) = (f64::from(f32::from_bits(got)), f64::from(want));
                    let error = (got - want).abs() / (1.0 + want.abs());
                    if error.is_nan() { f64::INFINITY } else { error }
                }
            };
            self.max_error = self.max_error.max(error);
        }
        Ok(())
    }

    /// Compares an output of integers; `None` is poison.
    async fn integers(
        &mut self,
        tensor: &Tensor,
        wanted: impl IntoIterator<Item = Option<u32>>,
    ) -> Result<()> {
        for (got, want) in self.read(tensor).await?.into_iter().zip(wanted) {
            if got != want.unwrap_or(POISON) {
                self.max_error = f64::INFINITY;
            }
        }
        Ok(())
    }
}

/// Rows of `columns` values as a buffer holds them: padded to `stride` with
/// `padding`, and followed by `spare` rows of it.
fn padded_rows<T: Copy>(
    values: &[T],
    columns: usize,
    stride: usize,
    padding: T,
    spare: usize,
) -> Vec<T> {
    let mut out = Vec::new();
    for row in values.chunks_exact(columns) {
        out.extend_from_slice(row);
        out.resize(out.len() + stride - columns, padding);
    }
    out.resize(out.len() + spare * stride, padding);
    out
}

fn some<T: Copy>(values: &[T]) -> Vec<Option<T>> {
    values.iter().copied().map(Some).collect()
}
