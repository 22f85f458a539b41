//! A plan: kernels with their buffers, parameters and grids, built once and
//! replayed for every chunk of rows.

mod stages;

use std::sync::Arc;

use super::device::Gpu;
use super::kernel::{Kernel, Pipeline};
use super::kernels::{DISPATCH_GRIDS, DispatchGrids, DispatchGridsParams};
use super::profile::Profile;
use super::tensor::{Slice, Tensor};
use crate::error::Result;
pub(crate) use stages::Stages;

/// The items that a step covers along one axis; the variant's tile says how
/// many of them a workgroup takes.
#[derive(Clone, Copy, Debug)]
pub enum Extent {
    /// A fixed number of items.
    Items(usize),
    /// One item per row of the run.
    Rows,
    /// So many items per row of the run.
    Times(usize),
}

impl Extent {
    fn groups(self, rows: u32, per_group: u32) -> u32 {
        let (fixed, factor) = self.terms();
        (fixed + factor * rows).div_ceil(per_group)
    }

    /// Items that do not depend on the rows, and items per row.
    fn terms(self) -> (u32, u32) {
        let count = |items| u32::try_from(items).unwrap_or(u32::MAX);
        match self {
            Self::Items(items) => (count(items), 0),
            Self::Rows => (0, 1),
            Self::Times(factor) => (0, count(factor)),
        }
    }
}

/// The items of a step in x and y.
pub type Grid = [Extent; 2];

/// A single item along an axis.
pub const ONE: Extent = Extent::Items(1);

/// What a step costs, for bounding submissions and for profiles.
#[derive(Clone, Copy, Debug, Default)]
pub struct Work {
    /// Floating-point operations per row.
    pub flops_per_row: f64,
    /// Bytes read whatever the number of rows: the weights.
    pub bytes: f64,
    /// Bytes read and written per row.
    pub bytes_per_row: f64,
}

impl Work {
    /// Floating-point operations for so many rows.
    #[must_use]
    pub fn flops(&self, rows: u32) -> f64 {
        self.flops_per_row * f64::from(rows)
    }

    /// Bytes moved for so many rows.
    #[must_use]
    pub fn traffic(&self, rows: u32) -> f64 {
        self.bytes + self.bytes_per_row * f64::from(rows)
    }
}

#[derive(Debug)]
struct Step {
    label: &'static str,
    pipeline: Arc<Pipeline>,
    group: wgpu::BindGroup,
    grid: Grid,
    /// Where the GPU itself has written the size of the grid.
    written: Option<(wgpu::Buffer, u64)>,
    work: Work,
    /// The last binding, which every kernel writes.
    output: OwnedSlice,
}

/// Steps in order, ready to be submitted any number of times.
#[derive(Debug)]
pub struct Plan {
    steps: Vec<Step>,
}

/// One binding as the plan keeps it until its bind group is made.
type OwnedSlice = (wgpu::Buffer, u64, u64);

struct Draft {
    label: &'static str,
    pipeline: Arc<Pipeline>,
    slices: Vec<OwnedSlice>,
    params: Vec<u8>,
    grid: Grid,
    work: Work,
}

/// Collects the steps of a [`Plan`].
pub struct PlanBuilder<'g> {
    gpu: &'g Gpu,
    drafts: Vec<Draft>,
}

impl<'g> PlanBuilder<'g> {
    /// An empty plan.
    #[must_use]
    pub fn new(gpu: &'g Gpu) -> Self {
        Self {
            gpu,
            drafts: Vec::new(),
        }
    }

    /// Adds one use of a kernel: the variant's index in the shader's list, the
    /// items it covers, and an estimate of its work.
    pub fn push<'a, K: Kernel<'a>>(
        &mut self,
        label: &'static str,
        kernel: &K,
        variant: usize,
        params: K::Params,
        grid: Grid,
        work: Work,
    ) {
        let pipeline = self.gpu.pipeline(K::SHADER, variant);
        self.drafts.push(Draft {
            label,
            slices: kernel
                .slices()
                .iter()
                .map(|s| (s.buffer.clone(), s.offset, s.size))
                .collect(),
            params: bytemuck::bytes_of(&params).to_vec(),
            pipeline,
            grid,
            work,
        });
    }

    /// Like [`PlanBuilder::build`], for a plan whose number of rows stands in
    /// `state` on the GPU: a step in front writes the sizes of all others, and
    /// none of them runs without rows.
    ///
    /// # Errors
    /// What the device reports.
    pub fn build_indirect(self, state: &Tensor) -> Result<Plan> {
        let gpu = self.gpu;
        let shapes: Vec<[u32; 4]> = self
            .drafts
            .iter()
            .flat_map(|draft| {
                let tile = draft.pipeline.variant.tile;
                [0, 1].map(|axis| {
                    let (fixed, factor) = draft.grid[axis].terms();
                    [fixed, factor, tile[axis], 0]
                })
            })
            .collect();
        let steps = self.drafts.len();
        let grids = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("grids"),
            size: (steps.max(1) * 12) as u64,
            usage: wgpu::BufferUsages::STORAGE
                | wgpu::BufferUsages::INDIRECT
                | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let shapes = Tensor::from(gpu, "grid shapes", &shapes);
        let mut first = PlanBuilder::new(gpu);
        let kernel = DispatchGrids {
            state: state.all(),
            steps: shapes.all(),
            grids: Slice {
                buffer: &grids,
                offset: 0,
                size: grids.size(),
            },
        };
        let params = DispatchGridsParams {
            steps: u32::try_from(steps).unwrap_or(u32::MAX),
        };
        let variant = gpu.select(&DISPATCH_GRIDS, &[&[]], &[])?;
        let grid = [Extent::Items(steps), ONE];
        first.push(
            "dispatch_grids",
            &kernel,
            variant,
            params,
            grid,
            Work::default(),
        );
        let mut plan = first.build()?;
        for (index, mut step) in (0u64..).zip(self.build()?.steps) {
            step.written = Some((grids.clone(), index * 12));
            plan.steps.push(step);
        }
        Ok(plan)
    }

    /// Makes the arena of parameters and the bind groups.
    ///
    /// # Errors
    /// What the device reports.
    pub fn build(self) -> Result<Plan> {
        let device = &self.gpu.device;
        let align = device.limits().min_uniform_buffer_offset_alignment as usize;
        let slot = |params: &[u8]| params.len().next_multiple_of(16).next_multiple_of(align);
        let mut arena = Vec::new();
        let mut offsets = Vec::new();
        for draft in &self.drafts {
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
        self.gpu.queue.write_buffer(&buffer, 0, &arena);

        let steps = self
            .drafts
            .into_iter()
            .zip(offsets)
            .map(|(draft, offset)| {
                let params = (buffer.clone(), offset, draft.params.len() as u64);
                let bindings = std::iter::once(&params).chain(&draft.slices);
                let entries: Vec<wgpu::BindGroupEntry<'_>> = (0u32..)
                    .zip(bindings)
                    .map(|(binding, (buffer, offset, size))| wgpu::BindGroupEntry {
                        binding,
                        resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                            buffer,
                            offset: *offset,
                            size: std::num::NonZeroU64::new(*size),
                        }),
                    })
                    .collect();
                let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
                    label: Some(draft.label),
                    layout: &draft.pipeline.layout,
                    entries: &entries,
                });
                let output = draft.slices.last().cloned().unwrap_or(params.clone());
                Step {
                    label: draft.label,
                    output,
                    pipeline: draft.pipeline,
                    group,
                    grid: draft.grid,
                    written: None,
                    work: draft.work,
                }
            })
            .collect();
        self.gpu.check()?;
        Ok(Plan { steps })
    }
}

impl Plan {
    /// Number of steps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Has it no steps?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Bytes that all steps read and write for so many rows, by estimate.
    #[must_use]
    pub fn traffic(&self, rows: u32) -> f64 {
        self.steps.iter().map(|step| step.work.traffic(rows)).sum()
    }

    /// Submits the plan for `rows` rows; see [`submit`].
    pub fn submit(
        &self,
        gpu: &Gpu,
        rows: u32,
        tail: impl FnOnce(&mut wgpu::CommandEncoder),
    ) -> wgpu::SubmissionIndex {
        submit(gpu, &[self], rows, tail)
    }

    /// Like [`Plan::submit`], with one timed pass per step.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn submit_profiled(&self, gpu: &Gpu, rows: u32, profile: &mut Profile) -> Result<()> {
        for steps in self.steps.chunks(gpu.tuning.dispatches_per_submission) {
            let times = super::profile::Timestamps::new(gpu, steps.len());
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            for (index, step) in (0u32..).zip(steps) {
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                    label: Some(step.label),
                    timestamp_writes: Some(times.writes(index)),
                });
                step.encode(&mut pass, rows);
            }
            let durations = times.finish(gpu, encoder).await?;
            for (step, nanoseconds) in steps.iter().zip(durations) {
                profile.add(
                    step.label,
                    nanoseconds,
                    step.work.flops(rows),
                    step.work.traffic(rows),
                );
            }
        }
        Ok(())
    }
}

/// What a step of a plan has written.
#[derive(Clone, Debug)]
pub struct StepOutput {
    /// The step's label.
    pub label: &'static str,
    /// All of its last buffer, 32-bit values.
    pub words: Vec<u32>,
}

impl Plan {
    /// Submits the plan step by step and reads back what each has written: for
    /// looking into a model, not for speed.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn trace(&self, gpu: &Gpu, rows: u32) -> Result<Vec<StepOutput>> {
        let mut outputs = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            gpu.submit(|encoder| {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                step.encode(&mut pass, rows);
            });
            let (buffer, offset, size) = &step.output;
            let bytes = gpu
                .read(Slice {
                    buffer,
                    offset: *offset,
                    size: *size,
                })
                .await?;
            outputs.push(StepOutput {
                label: step.label,
                words: bytemuck::pod_collect_to_vec(&bytes),
            });
        }
        Ok(outputs)
    }
}

/// Submits plans, one after the other, for `rows` rows each. Each submission has
/// one pass and is bounded in dispatches and estimated work, so that no driver's
/// watchdog takes it for a hang; `tail` is recorded after the last step.
pub fn submit(
    gpu: &Gpu,
    plans: &[&Plan],
    rows: u32,
    tail: impl FnOnce(&mut wgpu::CommandEncoder),
) -> wgpu::SubmissionIndex {
    let steps: Vec<&Step> = plans.iter().flat_map(|plan| &plan.steps).collect();
    let record = |encoder: &mut wgpu::CommandEncoder, steps: &[&Step]| {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for step in steps {
            step.encode(&mut pass, rows);
        }
    };
    in_bounds(gpu, &steps, |step| step.work.flops(rows), record, tail)
}

/// Submits steps in order, as many at a time as the bounds allow; one submission
/// at least, for the tail.
fn in_bounds<S>(
    gpu: &Gpu,
    steps: &[S],
    flops: impl Fn(&S) -> f64,
    mut record: impl FnMut(&mut wgpu::CommandEncoder, &[S]),
    tail: impl FnOnce(&mut wgpu::CommandEncoder),
) -> wgpu::SubmissionIndex {
    let tuning = gpu.tuning;
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
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        record(&mut encoder, &rest[..count]);
        rest = &rest[count..];
        if rest.is_empty() {
            tail(&mut encoder);
            return gpu.submit_commands([encoder.finish()]);
        }
        gpu.submit_commands([encoder.finish()]);
    }
}

impl Step {
    fn encode(&self, pass: &mut wgpu::ComputePass<'_>, rows: u32) {
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
