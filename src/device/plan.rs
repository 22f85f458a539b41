//! A plan: kernels with their buffers, parameters and grids, built once and
//! replayed for every chunk of rows.

mod cpu_steps;
mod gpu_steps;

use std::sync::Arc;

use super::choices::StepShape;
use super::cpu::{Access, CpuDevice};
use super::kernel::{CpuForm, Kernel, Shader};
use super::kernels::{DISPATCH_GRIDS, DispatchGrids, DispatchGridsParams};
use super::open::{Device, Kind};
use super::profile::{Profile, Timestamps};
use super::readback::Submission;
use super::recorder::Recorder;
use super::select::Selected;
use super::slice::{Slice, Storage};
use super::tensor::Tensor;
use crate::clock::Clock;
use crate::error::Result;
pub(super) use cpu_steps::CpuStep;
pub(super) use gpu_steps::{GpuStep, in_bounds, on_gpu};

/// The items that a step covers along one axis; the variant's tile says how
/// many of them a workgroup takes.
#[derive(Clone, Copy, Debug)]
pub enum Extent {
    /// A fixed number of items.
    Items(usize),
    /// One item per row of the run.
    Rows,
    /// A number of items per row of the run.
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
    /// Floating-point operations for `rows` rows.
    #[must_use]
    pub fn flops(&self, rows: u32) -> f64 {
        self.flops_per_row * f64::from(rows)
    }

    /// Bytes moved for `rows` rows.
    #[must_use]
    pub fn traffic(&self, rows: u32) -> f64 {
        self.bytes + self.bytes_per_row * f64::from(rows)
    }

    /// `factor` times as much.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self {
            flops_per_row: factor * self.flops_per_row,
            bytes: factor * self.bytes,
            bytes_per_row: factor * self.bytes_per_row,
        }
    }

    /// Both in one number, for bounding submissions: in the time of a byte from
    /// memory a GPU computes about twenty operations.
    #[must_use]
    pub fn units(&self, rows: u32) -> f64 {
        self.flops(rows) + 20.0 * self.traffic(rows)
    }
}

/// What a plan keeps of a step, on every device.
#[derive(Debug)]
struct Entry {
    label: &'static str,
    work: Work,
    /// The last binding, which every kernel writes.
    output: Option<OwnedSlice>,
}

#[derive(Debug)]
pub(super) enum Steps {
    Gpu(Vec<GpuStep>),
    Cpu(Arc<[CpuStep]>),
}

/// Steps in order, ready to be submitted any number of times.
#[derive(Debug)]
pub struct Plan {
    entries: Vec<Entry>,
    pub(super) steps: Steps,
}

/// One binding as the plan keeps it.
#[derive(Clone, Debug)]
struct OwnedSlice {
    storage: Storage,
    offset: u64,
    size: u64,
}

impl OwnedSlice {
    fn slice(&self) -> Slice<'_> {
        Slice {
            storage: &self.storage,
            offset: self.offset,
            size: self.size,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Draft {
    label: &'static str,
    pub(super) shader: &'static Shader,
    pub(super) variant: usize,
    /// What the variant was chosen by.
    pub(super) shape: StepShape,
    form: CpuForm,
    slices: Vec<OwnedSlice>,
    params: Vec<u8>,
    grid: Grid,
    work: Work,
}

impl Draft {
    /// The same step with another variant.
    pub(super) fn with(self, variant: usize) -> Self {
        Self { variant, ..self }
    }

    fn entry(&self) -> Entry {
        Entry {
            label: self.label,
            work: self.work,
            output: self.slices.last().cloned(),
        }
    }
}

/// A count of one step.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "far below the limits of the type"
)]
fn whole(count: f64) -> u64 {
    count as u64
}

/// Collects the steps of a [`Plan`].
pub struct PlanBuilder<'d> {
    device: &'d Device,
    drafts: Vec<Draft>,
}

impl<'d> PlanBuilder<'d> {
    /// An empty plan.
    #[must_use]
    pub fn new(device: &'d Device) -> Self {
        Self {
            device,
            drafts: Vec::new(),
        }
    }

    /// Adds one use of a kernel: a variant, by its place in the shader's list, or
    /// several to choose among ([`Device::select`]), the items that it covers, and an
    /// estimate of its work.
    pub fn push<'a, K: Kernel<'a>>(
        &mut self,
        label: &'static str,
        kernel: &K,
        variant: impl Into<Selected>,
        params: K::Params,
        grid: Grid,
        work: Work,
    ) {
        let params = bytemuck::bytes_of(&params).to_vec();
        let kernel = (K::SHADER, variant.into(), K::ON_CPU, kernel.slices());
        self.push_slices(label, kernel, params, grid, work);
    }

    /// Like [`PlanBuilder::push`], for a kernel that is known at run time only: its
    /// shader, variant, CPU form and bindings.
    pub(crate) fn push_slices(
        &mut self,
        label: &'static str,
        (shader, selected, form, slices): (&'static Shader, Selected, CpuForm, Vec<Slice<'_>>),
        params: Vec<u8>,
        grid: Grid,
        work: Work,
    ) {
        let shape = StepShape {
            kernel: shader.name,
            candidates: selected.candidates().to_vec(),
            grid: grid.map(Extent::terms),
            flops: whole(work.flops_per_row),
            bytes: whole(work.bytes),
        };
        let owned = |slice: &Slice<'_>| OwnedSlice {
            storage: slice.storage.clone(),
            offset: slice.offset,
            size: slice.size,
        };
        self.drafts.push(Draft {
            label,
            shader,
            variant: self.device.settle(&shape, &selected),
            shape,
            form,
            slices: slices.iter().map(owned).collect(),
            params,
            grid,
            work,
        });
    }

    /// Like [`PlanBuilder::build`], for a plan whose number of rows is in `state`
    /// on the device: on a graphics adapter a step in front writes the sizes of all
    /// others, and none of them runs without rows.
    ///
    /// # Errors
    /// What the device reports.
    pub fn build_indirect(self, state: &Tensor) -> Result<Plan> {
        let device = self.device;
        let Kind::Gpu(gpu) = &device.kind else {
            return self.build();
        };
        let shapes: Vec<[u32; 4]> = self
            .drafts
            .iter()
            .flat_map(|draft| {
                let tile = draft.shader.variants[draft.variant].tile;
                [0, 1].map(|axis| {
                    let (fixed, factor) = draft.grid[axis].terms();
                    [fixed, factor, tile[axis], 0]
                })
            })
            .collect();
        let steps = self.drafts.len();
        let buffer = gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some("grids"),
            size: (steps.max(1) * 12) as u64,
            usage: wgpu::BufferUsages::STORAGE
                | wgpu::BufferUsages::INDIRECT
                | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let grids = OwnedSlice {
            size: buffer.size(),
            offset: 0,
            storage: Storage::Gpu(buffer.clone()),
        };
        let shapes = Tensor::from(device, "grid shapes", &shapes);
        let mut first = PlanBuilder::new(device);
        let kernel = DispatchGrids {
            state: state.all(),
            steps: shapes.all(),
            grids: grids.slice(),
        };
        let params = DispatchGridsParams {
            steps: u32::try_from(steps).unwrap_or(u32::MAX),
        };
        let variant = device.select(&DISPATCH_GRIDS, &[&[]], &[])?;
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
        let rest = self.build()?;
        plan.entries.extend(rest.entries);
        if let (Steps::Gpu(all), Steps::Gpu(rest)) = (&mut plan.steps, rest.steps) {
            for (index, mut step) in (0u64..).zip(rest) {
                step.written = Some((buffer.clone(), index * 12));
                all.push(step);
            }
        }
        Ok(plan)
    }

    /// Its steps so far.
    pub(super) fn into_drafts(self) -> Vec<Draft> {
        self.drafts
    }

    /// Makes the steps ready to run.
    ///
    /// # Errors
    /// What the device reports.
    pub fn build(self) -> Result<Plan> {
        let entries = self.drafts.iter().map(Draft::entry).collect();
        let steps = match &self.device.kind {
            Kind::Gpu(gpu) => Steps::Gpu(on_gpu(gpu, &self.drafts)),
            Kind::Cpu(_) => {
                let steps: Result<Vec<_>> = self.drafts.into_iter().map(CpuStep::new).collect();
                Steps::Cpu(steps?.into())
            }
        };
        self.device.check()?;
        Ok(Plan { entries, steps })
    }
}

impl Plan {
    /// Number of steps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Has it no steps?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes that all steps read and write for `rows` rows, by estimate.
    #[must_use]
    pub fn traffic(&self, rows: u32) -> f64 {
        let work = self.entries.iter().map(|entry| entry.work.traffic(rows));
        work.sum()
    }

    /// Its steps on a graphics adapter, each with its work for `rows` rows.
    pub(super) fn gpu_steps(&self, rows: u32) -> impl Iterator<Item = (&GpuStep, f64)> {
        let steps: &[GpuStep] = match &self.steps {
            Steps::Gpu(steps) => steps,
            Steps::Cpu(_) => &[],
        };
        let work = self.entries.iter().map(move |entry| entry.work.units(rows));
        steps.iter().zip(work)
    }

    /// Its steps, on the processor.
    pub(super) fn cpu_steps(&self) -> Option<&Arc<[CpuStep]>> {
        match &self.steps {
            Steps::Cpu(steps) => Some(steps),
            Steps::Gpu(_) => None,
        }
    }

    /// Runs its steps on the processor.
    pub(super) fn run(&self, cpu: &CpuDevice, access: &mut Access) {
        if let Steps::Cpu(steps) = &self.steps {
            for step in &**steps {
                // A device that was given back, or whose memory has run out, stops here.
                if cpu.check().is_err() {
                    return;
                }
                step.run(cpu, access);
            }
        }
    }

    /// Submits the plan for `rows` rows; see [`submit`].
    pub(crate) fn submit(
        &self,
        device: &Device,
        rows: u32,
        tail: impl FnOnce(&mut Recorder<'_>),
    ) -> Submission {
        submit(device, &[self], rows, tail)
    }

    /// Submits the plan for `rows` rows, with nothing to copy afterwards.
    pub fn start(&self, device: &Device, rows: u32) {
        self.submit(device, rows, |_| ());
    }

    /// Like [`Plan::start`], with the time of each step. A graphics adapter does not say for how
    /// many patches the steps of a latent model ran: their work is that for the most.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn submit_profiled(
        &self,
        device: &Device,
        rows: u32,
        profile: &mut Profile,
    ) -> Result<()> {
        let mut add = |entry: &Entry, rows: u32, nanoseconds: f64| {
            let (flops, traffic) = (entry.work.flops(rows), entry.work.traffic(rows));
            profile.add(entry.label, nanoseconds, flops, traffic);
        };
        match (&device.kind, &self.steps) {
            (Kind::Gpu(gpu), Steps::Gpu(steps)) => {
                let mut rest = self.entries.iter().zip(steps).collect::<Vec<_>>();
                while !rest.is_empty() {
                    let most = device.tuning.dispatches_per_submission;
                    let next = rest
                        .iter()
                        .take(most)
                        .map(|(entry, _)| entry.work.units(rows));
                    let later = rest.split_off(gpu.pace.next(next).0);
                    let steps = std::mem::replace(&mut rest, later);
                    let times = Timestamps::new(gpu, steps.len());
                    let mut encoder = gpu.device().create_command_encoder(&Default::default());
                    for (index, (entry, step)) in (0u32..).zip(&steps) {
                        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                            label: Some(entry.label),
                            timestamp_writes: Some(times.writes(index)),
                        });
                        step.encode(&mut pass, rows);
                    }
                    let durations = times.finish(device, gpu, encoder).await?;
                    for ((entry, _), nanoseconds) in steps.iter().zip(durations) {
                        add(entry, rows, nanoseconds);
                    }
                }
            }
            (Kind::Cpu(cpu), Steps::Cpu(steps)) => {
                let mut turn = cpu.turn();
                for (entry, step) in self.entries.iter().zip(&**steps) {
                    let rows = step.rows(cpu, &mut turn).unwrap_or(rows);
                    let clock = Clock::start();
                    step.run(cpu, &mut turn);
                    add(entry, rows, clock.milliseconds() * 1e6);
                }
                cpu.check()?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// What a step of a plan has written.
#[derive(Clone, Debug)]
pub struct StepOutput {
    /// The step's label.
    pub label: &'static str,
    /// All of its last binding, 32-bit values.
    pub words: Vec<u32>,
}

impl Plan {
    /// Runs the plan step by step and reads back what each has written: for
    /// looking into a model, not for speed.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn trace(&self, device: &Device, rows: u32) -> Result<Vec<StepOutput>> {
        let mut outputs = Vec::with_capacity(self.entries.len());
        for (index, entry) in self.entries.iter().enumerate() {
            match (&device.kind, &self.steps) {
                (Kind::Gpu(gpu), Steps::Gpu(steps)) => {
                    let mut encoder = gpu.device().create_command_encoder(&Default::default());
                    steps[index].encode(&mut encoder.begin_compute_pass(&Default::default()), rows);
                    gpu.submit_commands([encoder.finish()]);
                }
                (Kind::Cpu(cpu), Steps::Cpu(steps)) => steps[index].run(cpu, &mut cpu.turn()),
                _ => {}
            }
            if let Some(output) = &entry.output {
                let bytes = device.read(output.slice()).await?;
                outputs.push(StepOutput {
                    label: entry.label,
                    words: bytemuck::pod_collect_to_vec(&bytes),
                });
            }
        }
        Ok(outputs)
    }
}

/// Submits plans, one after the other, for `rows` rows each; `tail` is recorded
/// after the last step. On a graphics adapter each submission has one pass and is
/// bounded in dispatches, and in work by how long earlier ones took, so that no
/// driver's watchdog takes it for a hang; the processor has done everything when this
/// returns.
pub(crate) fn submit(
    device: &Device,
    plans: &[&Plan],
    rows: u32,
    tail: impl FnOnce(&mut Recorder<'_>),
) -> Submission {
    match &device.kind {
        Kind::Gpu(gpu) => {
            let steps = plans.iter().flat_map(|plan| plan.gpu_steps(rows));
            let steps: Vec<(&GpuStep, f64)> = steps.collect();
            let record = |encoder: &mut wgpu::CommandEncoder, steps: &[(&GpuStep, f64)]| {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                for (step, _) in steps {
                    step.encode(&mut pass, rows);
                }
            };
            in_bounds(device, gpu, &steps, |(_, work)| *work, record, tail)
        }
        Kind::Cpu(cpu) => {
            let mut turn = cpu.submit();
            for plan in plans {
                plan.run(cpu, &mut turn);
            }
            tail(&mut Recorder::Cpu(&mut turn));
            Submission::DONE
        }
    }
}
