//! Time per plan: on a graphics adapter two timestamps around each, and no pass per
//! kernel.

use std::sync::{Mutex, PoisonError};

use super::gpu::Gpu;
use super::open::{Device, Kind};
use super::plan::{GpuStep, Plan, in_bounds};
use super::readback::{Staging, Submission};
use super::recorder::Recorder;
use super::slice::{Slice, Storage};
use crate::clock::Clock;

/// Bytes that the timestamps of one stage take in a staging buffer.
const BYTES: u64 = 16;

/// Measures the plans of a run, each as a stage with a number from 0.
#[derive(Debug)]
pub(crate) struct Stages {
    /// `None` on the processor, which reads its own clock.
    queries: Option<Queries>,
    state: Mutex<State>,
}

/// Timestamps of a graphics adapter.
#[derive(Debug)]
struct Queries {
    set: wgpu::QuerySet,
    /// What the queries are resolved to; each stage at an offset that they may be
    /// resolved to.
    resolved: Storage,
    /// Nanoseconds of a tick.
    period: f64,
}

impl Queries {
    fn new(gpu: &Gpu, stages: u32) -> Self {
        let device = gpu.device();
        let resolved = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("stages"),
            size: u64::from(stages) * wgpu::QUERY_RESOLVE_BUFFER_ALIGNMENT,
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        Self {
            set: device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("stages"),
                ty: wgpu::QueryType::Timestamp,
                count: stages * 2,
            }),
            resolved: Storage::Gpu(resolved),
            period: f64::from(gpu.queue().get_timestamp_period()),
        }
    }

    /// A stage's pass begins it, ends it, both or neither.
    fn writes(&self, steps: &[StageStep<'_>]) -> Option<wgpu::ComputePassTimestampWrites<'_>> {
        let stage = steps.first()?.stage;
        let first = steps.first()?.first;
        let last = steps.last()?.last;
        (first || last).then(|| wgpu::ComputePassTimestampWrites {
            query_set: &self.set,
            beginning_of_pass_write_index: first.then_some(stage * 2),
            end_of_pass_write_index: last.then_some(stage * 2 + 1),
        })
    }
}

#[derive(Debug)]
struct State {
    /// Has the stage been submitted since the last reading?
    sent: Vec<bool>,
    /// Milliseconds of each stage since the last reset.
    milliseconds: Vec<f64>,
}

/// A step as part of a stage.
struct StageStep<'a> {
    step: &'a GpuStep,
    work: f64,
    stage: u32,
    first: bool,
    last: bool,
}

impl Stages {
    /// For `stages` stages; `None` where the device cannot tell the time.
    pub(crate) fn new(device: &Device, stages: u32) -> Option<Self> {
        if !device.has_timestamps() {
            return None;
        }
        let count = stages as usize;
        Some(Self {
            queries: device.gpu().map(|gpu| Queries::new(gpu, stages)),
            state: Mutex::new(State {
                sent: vec![false; count],
                milliseconds: vec![0.0; count],
            }),
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets what was measured.
    pub(crate) fn reset(&self) {
        self.with(|state| {
            state.sent.fill(false);
            state.milliseconds.fill(0.0);
        });
    }

    /// Milliseconds of each stage since the last reset.
    pub(crate) fn milliseconds(&self) -> Vec<f64> {
        self.with(|state| state.milliseconds.clone())
    }

    /// Like [`super::plan::submit`]; the plans are the stages from `first` on.
    pub(crate) fn submit(
        &self,
        device: &Device,
        (first, plans): (u32, &[&Plan]),
        rows: u32,
        tail: impl FnOnce(&mut Recorder<'_>),
    ) -> Submission {
        match (&device.kind, &self.queries) {
            (Kind::Gpu(gpu), Some(queries)) => {
                self.submit_timed(device, (gpu, queries), (first, plans), rows, tail)
            }
            (Kind::Cpu(cpu), _) => {
                let mut turn = cpu.submit();
                for (stage, plan) in (first as usize..).zip(plans) {
                    let clock = Clock::start();
                    plan.run(cpu, &mut turn);
                    self.with(|state| state.milliseconds[stage] += clock.milliseconds());
                }
                tail(&mut Recorder::Cpu(&mut turn));
                Submission::DONE
            }
            _ => Submission::DONE,
        }
    }

    /// Each stage has a pass of its own.
    fn submit_timed(
        &self,
        device: &Device,
        (gpu, queries): (&Gpu, &Queries),
        (first, plans): (u32, &[&Plan]),
        rows: u32,
        tail: impl FnOnce(&mut Recorder<'_>),
    ) -> Submission {
        let steps: Vec<StageStep<'_>> = (first..)
            .zip(plans)
            .flat_map(|(stage, plan)| {
                let count = plan.len();
                let steps = plan.gpu_steps(rows).enumerate();
                steps.map(move |(at, (step, work))| StageStep {
                    step,
                    work,
                    stage,
                    first: at == 0,
                    last: at + 1 == count,
                })
            })
            .collect();
        let record = |encoder: &mut wgpu::CommandEncoder, steps: &[StageStep<'_>]| {
            for steps in steps.chunk_by(|a, b| a.stage == b.stage) {
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                    label: None,
                    timestamp_writes: queries.writes(steps),
                });
                for part in steps {
                    part.step.encode(&mut pass, rows);
                }
            }
        };
        let resolve = |recorder: &mut Recorder<'_>| {
            for (stage, plan) in (first..).zip(plans) {
                if let (false, Recorder::Gpu(encoder), Storage::Gpu(resolved)) =
                    (plan.is_empty(), &mut *recorder, &queries.resolved)
                {
                    let at = u64::from(stage) * wgpu::QUERY_RESOLVE_BUFFER_ALIGNMENT;
                    encoder.resolve_query_set(&queries.set, stage * 2..stage * 2 + 2, resolved, at);
                    self.with(|state| state.sent[stage as usize] = true);
                }
            }
            tail(recorder);
        };
        in_bounds(device, gpu, &steps, |part| part.work, record, resolve)
    }

    /// Records the copies of the timestamps of all stages submitted since the
    /// last reading to `at`.
    pub(crate) fn copy(&self, staging: &Staging, recorder: &mut Recorder<'_>, at: u64) {
        let Some(queries) = &self.queries else {
            return;
        };
        let stages = self.with(|state| state.sent.len()) as u64;
        let all = Slice {
            storage: &queries.resolved,
            offset: 0,
            size: stages * wgpu::QUERY_RESOLVE_BUFFER_ALIGNMENT,
        };
        for (place, stage) in (0..).zip(self.sent()) {
            let skip = stage as u64 * wgpu::QUERY_RESOLVE_BUFFER_ALIGNMENT;
            staging.copy(recorder, all, skip, BYTES, at + place * BYTES);
        }
    }

    /// The bytes that [`Stages::copy`] writes at most.
    pub(crate) fn bytes(&self) -> u64 {
        match self.queries {
            Some(_) => self.with(|state| state.sent.len() as u64 * BYTES),
            None => 0,
        }
    }

    fn sent(&self) -> Vec<usize> {
        self.with(|state| (0..state.sent.len()).filter(|at| state.sent[*at]).collect())
    }

    /// Takes down the timestamps that [`Stages::copy`] copied.
    pub(crate) fn read(&self, bytes: &[u8]) {
        let Some(queries) = &self.queries else {
            return;
        };
        let sent = self.sent();
        let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(bytes);
        self.with(|state| {
            for (stage, ticks) in sent.into_iter().zip(ticks.chunks_exact(2)) {
                #[expect(clippy::cast_precision_loss, reason = "a stage is short")]
                let passed = ticks[1].saturating_sub(ticks[0]) as f64;
                state.milliseconds[stage] += passed * queries.period / 1e6;
                state.sent[stage] = false;
            }
        });
    }
}
