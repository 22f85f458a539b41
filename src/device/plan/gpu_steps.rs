//! The steps of a plan on a graphics adapter.

use std::sync::Arc;

use super::super::gpu::{Gpu, Pipeline};
use super::super::open::{Device, Kind};
use super::super::readback::Submission;
use super::super::recorder::Recorder;
use super::super::slice::Storage;
use super::{Draft, Grid, Work};

/// A run of fewer rows takes other kernels, and hardly less time.
const LEAST_ROWS: usize = 16;

/// A step on a graphics adapter.
#[derive(Debug)]
pub(in crate::device) struct GpuStep {
    pipeline: Arc<Pipeline>,
    group: wgpu::BindGroup,
    grid: Grid,
    /// Where the GPU itself has written the size of the grid.
    pub(super) written: Option<(wgpu::Buffer, u64)>,
}

impl GpuStep {
    pub(in crate::device) fn encode(&self, pass: &mut wgpu::ComputePass<'_>, rows: u32) {
        pass.set_pipeline(&self.pipeline.pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        if let Some((grids, at)) = &self.written {
            pass.dispatch_workgroups_indirect(grids, *at);
            return;
        }
        let ([x, y], [tile_x, tile_y]) = (self.grid, self.pipeline.variant.tile);
        let (x, y) = (x.groups(rows, tile_x), y.groups(rows, tile_y));
        let x = if self.pipeline.wrong { x / 2 } else { x };
        pass.dispatch_workgroups(x, y, 1);
    }
}

/// Makes the arena of parameters and the bind groups.
pub(in crate::device) fn on_gpu(gpu: &Gpu, drafts: &[Draft]) -> Vec<GpuStep> {
    let device = gpu.device();
    let align = device.limits().min_uniform_buffer_offset_alignment as usize;
    let slot = |params: &[u8]| params.len().next_multiple_of(16).next_multiple_of(align);
    let mut arena = Vec::new();
    let mut offsets = Vec::new();
    for draft in drafts {
        offsets.push(arena.len() as u64);
        arena.extend_from_slice(&draft.params);
        arena.resize(arena.len() - draft.params.len() + slot(&draft.params), 0);
    }
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("params"),
        size: (arena.len() as u64).max(16),
        usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    gpu.queue().write_buffer(&buffer, 0, &arena);

    let step = |(draft, offset): (&Draft, u64)| {
        let params = Some((&buffer, offset, draft.params.len() as u64));
        let slices = draft
            .slices
            .iter()
            .filter_map(|slice| match &slice.storage {
                Storage::Gpu(buffer) => Some((buffer, slice.offset, slice.size)),
                Storage::Cpu(_) => None,
            });
        let entries: Vec<wgpu::BindGroupEntry<'_>> = (0u32..)
            .zip(params.into_iter().chain(slices))
            .map(|(binding, (buffer, offset, size))| wgpu::BindGroupEntry {
                binding,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer,
                    offset,
                    size: std::num::NonZeroU64::new(size),
                }),
            })
            .collect();
        let pipeline = gpu.pipeline(draft.shader, draft.variant);
        let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(draft.label),
            layout: &pipeline.layout,
            entries: &entries,
        });
        GpuStep {
            pipeline,
            group,
            grid: draft.grid,
            written: None,
        }
    };
    drafts.iter().zip(offsets).map(step).collect()
}

/// Submits steps in order, as many at a time as the bounds allow; one submission
/// at least, for the tail.
pub(in crate::device) fn in_bounds<S>(
    device: &Device,
    gpu: &Gpu,
    steps: &[S],
    work: impl Fn(&S) -> f64,
    mut record: impl FnMut(&mut wgpu::CommandEncoder, &[S]),
    tail: impl FnOnce(&mut Recorder<'_>),
) -> Submission {
    let mut rest = steps;
    let mut tail = Some(tail);
    loop {
        // What the thread that waits has measured meanwhile counts at once.
        let next = rest.iter().take(device.tuning.dispatches_per_submission);
        let (count, own) = gpu.pace.next(next.map(&work));
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        record(&mut encoder, &rest[..count]);
        rest = &rest[count..];
        let last = rest.is_empty();
        if let Some(tail) = tail.take_if(|_| last) {
            tail(&mut Recorder::Gpu(&mut encoder));
        }
        let submission = gpu.submit_commands([encoder.finish()]);
        if gpu.pace.wants(own) {
            gpu.poller.measure(submission.clone(), own);
        }
        if last {
            return submission.into();
        }
    }
}

impl Device {
    /// The rows of a run, at most `most` or a smaller power of two, for which the heaviest
    /// step of a plan keeps within what a submission may last.
    pub(crate) fn rows_at_once(&self, heaviest: Work, most: usize) -> usize {
        let Kind::Gpu(gpu) = &self.kind else {
            return most;
        };
        let allowed = gpu.pace.most_of_a_step();
        let mut rows = most;
        while rows > LEAST_ROWS && heaviest.units(u32::try_from(rows).unwrap_or(u32::MAX)) > allowed
        {
            rows = rows.next_power_of_two() / 2;
        }
        rows
    }
}
