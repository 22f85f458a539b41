//! Every kernel on known data, on two devices.
//!
//! A case is the buffers and steps of one kernel as plain data, random but for what
//! matters, on several shapes (one row, odd counts, more than a tile). The device at
//! hand runs it, and so does the processor (without vector instructions where the
//! device at hand is the processor itself). What the kernel writes must agree within
//! a tolerance, and what it should not touch must be as it was. Linear layers and
//! attention are compared with plain sums in f64 as well.
//!
//! A new kernel needs its cases and a line in the table below.

mod attention;
mod case;
mod embeddings;
mod linear;
mod patches;
mod plain;
mod pointwise;
mod rings;

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::device::kernel::{Shader, Variant};
use crate::device::kernels::SHADERS;
use crate::device::{Device, Tier};
use crate::error::Result;
use case::Case;

/// The cases of one variant.
type Cases = fn(&mut Inputs) -> Vec<Case>;

/// Every kernel with its cases and the largest error allowed.
const KERNELS: [(&str, Cases, f64); 27] = [
    ("attention_merge", attention::attention_merge, 1e-5),
    ("attention_rows", attention::attention_rows, 1e-5),
    ("attention_tile", attention::attention_tile, 1e-5),
    ("close_patches", patches::close_patches, 0.0),
    ("concatenate", rings::concatenate, 0.0),
    ("cross_attention", attention::cross_attention, 1e-5),
    ("cross_keys_row", attention::cross_keys_row, 1e-5),
    ("cross_row", attention::cross_row, 1e-5),
    ("dispatch_grids", patches::dispatch_grids, 0.0),
    ("embed", embeddings::embed, 0.0),
    ("entropy", pointwise::entropy, 1e-5),
    ("entropy_start", patches::entropy_start, 1e-5),
    ("gate_up_row", linear::gate_up_row, 1e-5),
    ("gather_add", rings::gather_add, 0.0),
    ("hash_embed", embeddings::hash_embed, 0.0),
    ("linear_rows", linear::linear_rows, 1e-5),
    ("linear_tile", linear::linear_tile, 1e-5),
    ("patch_starts", patches::patch_starts, 0.0),
    ("peak", pointwise::peak, 1e-5),
    ("pool", rings::pool, 2e-6),
    ("qkv_row", linear::qkv_row, 1e-5),
    ("random_weights", embeddings::random_weights, 0.0),
    ("ring_store", rings::ring_store, 0.0),
    ("rms_norm", pointwise::rms_norm, 1e-5),
    ("rope_store", attention::rope_store, 2e-6),
    ("swiglu", pointwise::swiglu, 1e-5),
    ("top_k", pointwise::top_k, 1e-5),
];

/// How one variant of a kernel did.
#[derive(Clone, Debug)]
pub struct KernelReport {
    /// The kernel, as its file is called.
    pub kernel: &'static str,
    /// The variant's choices.
    pub variant: String,
    /// The tier it needs.
    pub tier: Tier,
    /// The same for people; on the processor its vector instructions.
    pub features: String,
    /// Number of cases tried.
    pub cases: usize,
    /// Largest error: |got - want| / (1 + |want|); infinite for NaN, for a
    /// value that should not have been written, and for a wrong integer.
    pub max_error: f64,
    /// The largest error allowed.
    pub tolerance: f64,
    /// Is the error within the tolerance?
    pub passed: bool,
}

/// Verifies the kernels of one device.
pub struct Verifier {
    device: Arc<Device>,
    reference: Arc<Device>,
    seed: u64,
}

impl Verifier {
    /// For a device; the seed is that of the random inputs.
    #[must_use]
    pub fn new(device: &Arc<Device>, seed: u64) -> Self {
        Self {
            device: Arc::clone(device),
            reference: device.to_compare_with(),
            seed,
        }
    }

    /// Runs every variant that needs exactly this device's tier, and gives a report
    /// for each; together the tiers of an adapter cover every variant it can run.
    ///
    /// # Errors
    /// The device's errors. A wrong result is not an error but a report.
    pub async fn all(&self, on_report: &mut dyn FnMut(&KernelReport)) -> Result<Vec<KernelReport>> {
        let mut reports = Vec::new();
        for shader in SHADERS {
            let runs = shader.form.is_some() || self.device.gpu().is_some();
            for (index, variant) in shader.variants.iter().enumerate() {
                if runs && variant.needs == self.device.tier() {
                    let report = self.variant(shader, index).await?;
                    on_report(&report);
                    reports.push(report);
                }
            }
        }
        Ok(reports)
    }

    /// Runs all cases of one variant, which the device's tier must include.
    ///
    /// # Errors
    /// The device's errors. A wrong result is not an error but a report.
    pub async fn variant(&self, shader: &'static Shader, index: usize) -> Result<KernelReport> {
        self.run(shader, index, |cases| cases).await
    }

    /// Runs the largest case of one variant alone, which a wrong driver hardly passes.
    ///
    /// # Errors
    /// As for [`Verifier::variant`].
    pub async fn largest(&self, shader: &'static Shader, index: usize) -> Result<KernelReport> {
        let largest = |cases: Vec<Case>| cases.into_iter().max_by_key(Case::words);
        self.run(shader, index, |cases| largest(cases).into_iter().collect())
            .await
    }

    async fn run(
        &self,
        shader: &'static Shader,
        index: usize,
        some: impl FnOnce(Vec<Case>) -> Vec<Case>,
    ) -> Result<KernelReport> {
        let variant = &shader.variants[index];
        let known = KERNELS.iter().find(|(name, ..)| *name == shader.name);
        let mut inputs = Inputs {
            random: StdRng::seed_from_u64(self.seed),
            variant,
        };
        let (cases, tolerance) = match known {
            Some((_, cases, tolerance)) => (cases(&mut inputs), *tolerance),
            // A kernel without a case has not been shown to be right.
            None => (Vec::new(), 0.0),
        };
        let cases = some(cases);
        // Unpacking a number is a product and a sum, each of which is rounded.
        let quantised = variant
            .choices
            .iter()
            .any(|(_, value)| ["q8", "q4"].contains(value));
        let tolerance = match quantised {
            true => tolerance.max(1e-6),
            false => tolerance,
        };
        let mut max_error = 0.0f64;
        for case in &cases {
            let error = case.error(&self.device, &self.reference, index).await?;
            max_error = max_error.max(error);
        }
        Ok(KernelReport {
            kernel: shader.name,
            variant: variant.label(),
            tier: variant.needs,
            features: match self.device.gpu() {
                Some(_) => variant.needs.to_string(),
                None => self.device.features(),
            },
            cases: cases.len(),
            max_error,
            tolerance,
            passed: !cases.is_empty() && max_error <= tolerance,
        })
    }
}

/// A NaN that no kernel produces.
const POISON: u32 = 0x7fc0_dead;

/// What the cases of one variant are made from.
struct Inputs {
    random: StdRng,
    variant: &'static Variant,
}

impl Inputs {
    /// A case with nothing in it.
    fn case(&mut self) -> Case {
        let random = StdRng::seed_from_u64(self.random.random());
        Case::new(random, self.variant)
    }

    /// The value that the variant has on an axis.
    fn choice(&self, axis: &str) -> Option<&'static str> {
        let mut choices = self.variant.choices.iter();
        choices
            .find(|(name, _)| *name == axis)
            .map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_has_cases() {
        let known: Vec<&str> = KERNELS.iter().map(|(name, ..)| *name).collect();
        let kernels: Vec<&str> = SHADERS.iter().map(|shader| shader.name).collect();
        assert_eq!(known, kernels);
    }
}
