//! The steps of a plan on a graphics adapter.

use std::sync::Arc;

use super::super::gpu::{Gpu, Pipeline};
use super::super::open::Device;
use super::super::readback::Submission;
use super::super::recorder::Recorder;
use super::super::slice::Storage;
use super::{Draft, Grid};

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
        pass.dispatch_workgroups(x.groups(rows, tile_x), y.groups(rows, tile_y), 1);
    }
}

/// Makes the arena of parameters and the bind groups.
pub(super) fn on_gpu(gpu: &Gpu, drafts: Vec<Draft>) -> Vec<GpuStep> {
    let device = gpu.device();
    let align = device.limits().min_uniform_buffer_offset_alignment as usize;
    let slot = |params: &[u8]| params.len().next_multiple_of(16).next_multiple_of(align);
    let mut arena = Vec::new();
    let mut offsets = Vec::new();
    for draft in &drafts {
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

    let step = |(draft, offset): (Draft, u64)| {
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
    drafts.into_iter().zip(offsets).map(step).collect()
}

/// Submits steps in order, as many at a time as the bounds allow; one submission
/// at least, for the tail.
pub(in crate::device) fn in_bounds<S>(
    device: &Device,
    gpu: &Gpu,
    steps: &[S],
    flops: impl Fn(&S) -> f64,
    mut record: impl FnMut(&mut wgpu::CommandEncoder, &[S]),
    tail: impl FnOnce(&mut Recorder<'_>),
) -> Submission {
    let tuning = device.tuning;
    let mut rest = steps;
    loop {
        let mut work = 0.0;
        let mut count = 0;
        while count < rest.len().min(tuning.dispatches_per_submission)
            && (count == 0 || work < tuning.flops_per_submission)
        {
            work += flops(&rest[count]);
            count += 1;
        }
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        record(&mut encoder, &rest[..count]);
        rest = &rest[count..];
        if rest.is_empty() {
            tail(&mut Recorder::Gpu(&mut encoder));
            return gpu.submit_commands([encoder.finish()]).into();
        }
        gpu.submit_commands([encoder.finish()]);
    }
}
