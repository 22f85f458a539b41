//! Time per kernel, where the device can tell.

use std::collections::BTreeMap;
use std::fmt;

use super::gpu::Gpu;
use super::open::Device;
use super::slice::{Slice, Storage};
use crate::error::Result;

/// Accumulated time of the steps of one label.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entry {
    /// Number of dispatches.
    pub calls: u64,
    /// Nanoseconds of the device.
    pub nanoseconds: f64,
    /// Floating-point operations.
    pub flops: f64,
    /// Bytes read and written.
    pub bytes: f64,
}

/// Time per step label.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    entries: BTreeMap<&'static str, Entry>,
}

impl Profile {
    pub(super) fn add(&mut self, label: &'static str, nanoseconds: f64, flops: f64, bytes: f64) {
        let entry = self.entries.entry(label).or_default();
        entry.calls += 1;
        entry.nanoseconds += nanoseconds;
        entry.flops += flops;
        entry.bytes += bytes;
    }

    /// What was added since an earlier state of it.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut entries = self.entries.clone();
        for (label, before) in &earlier.entries {
            if let Some(entry) = entries.get_mut(label) {
                entry.calls -= before.calls;
                entry.nanoseconds -= before.nanoseconds;
                entry.flops -= before.flops;
                entry.bytes -= before.bytes;
            }
        }
        entries.retain(|_, entry| entry.calls > 0);
        Self { entries }
    }

    /// The entries, by label.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, Entry)> {
        self.entries.iter().map(|(label, entry)| (*label, *entry))
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows: Vec<_> = self.entries().collect();
        rows.sort_by(|a, b| b.1.nanoseconds.total_cmp(&a.1.nanoseconds));
        let total: f64 = rows.iter().map(|(_, e)| e.nanoseconds).sum();
        writeln!(
            f,
            "{:<22} {:>8} {:>10} {:>6} {:>9} {:>8}",
            "kernel", "calls", "ms", "share", "GFLOP/s", "GB/s"
        )?;
        for (label, e) in rows {
            writeln!(
                f,
                "{label:<22} {:>8} {:>10.2} {:>5.1}% {:>9.1} {:>8.1}",
                e.calls,
                e.nanoseconds / 1e6,
                100.0 * e.nanoseconds / total.max(1.0),
                e.flops / e.nanoseconds.max(1.0),
                e.bytes / e.nanoseconds.max(1.0),
            )?;
        }
        write!(f, "{:<22} {:>8} {:>10.2}", "total", "", total / 1e6)
    }
}

/// Two timestamps per pass of one submission.
pub(super) struct Timestamps {
    queries: wgpu::QuerySet,
    count: u32,
}

impl Timestamps {
    pub(super) fn new(gpu: &Gpu, passes: usize) -> Self {
        let count = u32::try_from(passes * 2).unwrap_or(u32::MAX);
        let queries = gpu.device().create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("profile"),
            ty: wgpu::QueryType::Timestamp,
            count,
        });
        Self { queries, count }
    }

    pub(super) fn writes(&self, pass: u32) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(pass * 2),
            end_of_pass_write_index: Some(pass * 2 + 1),
        }
    }

    /// Submits and gives the nanoseconds of each pass.
    pub(super) async fn finish(
        self,
        device: &Device,
        gpu: &Gpu,
        mut encoder: wgpu::CommandEncoder,
    ) -> Result<Vec<f64>> {
        let bytes = u64::from(self.count) * 8;
        let resolved = gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some("profile"),
            size: bytes,
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        encoder.resolve_query_set(&self.queries, 0..self.count, &resolved, 0);
        gpu.submit_commands([encoder.finish()]);
        let storage = Storage::Gpu(resolved);
        let slice = Slice {
            storage: &storage,
            offset: 0,
            size: bytes,
        };
        let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&device.read(slice).await?);
        let period = f64::from(gpu.queue().get_timestamp_period());
        #[expect(
            clippy::cast_precision_loss,
            reason = "durations of single kernels are short"
        )]
        Ok(ticks
            .chunks_exact(2)
            .map(|t| t[1].saturating_sub(t[0]) as f64 * period)
            .collect())
    }
}
