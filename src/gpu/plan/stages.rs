//! Time per plan: two timestamps around each, and no pass per kernel.

use std::sync::{Mutex, PoisonError};

use super::{Plan, Step, in_bounds};
use crate::gpu::device::Gpu;
use crate::gpu::readback::Staging;
use crate::gpu::tensor::Slice;

/// Bytes that the timestamps of one stage take in a staging buffer.
const BYTES: u64 = 16;

/// Measures the plans of a run, each as a stage with a number from 0.
#[derive(Debug)]
pub(crate) struct Stages {
    queries: wgpu::QuerySet,
    /// What the queries are resolved to; each stage at an offset that they may be
    /// resolved to.
    resolved: wgpu::Buffer,
    /// Nanoseconds of a tick.
    period: f64,
    state: Mutex<State>,
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
    step: &'a Step,
    stage: u32,
    first: bool,
    last: bool,
}

impl Stages {
    /// For so many stages; `None` where the device has no timestamps.
    pub(crate) fn new(gpu: &Gpu, stages: u32) -> Option<Self> {
        if !gpu.has_timestamps() {
            return None;
        }
        let count = stages as usize;
        Some(Self {
            queries: gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("stages"),
                ty: wgpu::QueryType::Timestamp,
                count: stages * 2,
            }),
            resolved: gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("stages"),
                size: count as u64 * wgpu::QUERY_RESOLVE_BUFFER_ALIGNMENT,
                usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            }),
            period: f64::from(gpu.queue.get_timestamp_period()),
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

    /// Like [`super::submit`]; the plans are the stages from `first` on, each in
    /// a pass of its own.
    pub(crate) fn submit(
        &self,
        gpu: &Gpu,
        (first, plans): (u32, &[&Plan]),
        rows: u32,
        tail: impl FnOnce(&mut wgpu::CommandEncoder),
    ) -> wgpu::SubmissionIndex {
        let steps: Vec<StageStep<'_>> = (first..)
            .zip(plans)
            .flat_map(|(stage, plan)| {
                let count = plan.steps.len();
                plan.steps
                    .iter()
                    .enumerate()
                    .map(move |(at, step)| StageStep {
                        step,
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
                    timestamp_writes: self.writes(steps),
                });
                for part in steps {
                    part.step.encode(&mut pass, rows);
                }
            }
        };
        let resolve = |encoder: &mut wgpu::CommandEncoder| {
            for (stage, plan) in (first..).zip(plans) {
                if !plan.is_empty() {
                    let at = u64::from(stage) * wgpu::QUERY_RESOLVE_BUFFER_ALIGNMENT;
                    let queries = stage * 2..stage * 2 + 2;
                    encoder.resolve_query_set(&self.queries, queries, &self.resolved, at);
                    self.with(|state| state.sent[stage as usize] = true);
                }
            }
            tail(encoder);
        };
        let flops = |part: &StageStep<'_>| part.step.work.flops(rows);
        in_bounds(gpu, &steps, flops, record, resolve)
    }

    /// A stage's pass begins it, ends it, both or neither.
    fn writes(&self, steps: &[StageStep<'_>]) -> Option<wgpu::ComputePassTimestampWrites<'_>> {
        let stage = steps.first()?.stage;
        let first = steps.first()?.first;
        let last = steps.last()?.last;
        (first || last).then(|| wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: first.then_some(stage * 2),
            end_of_pass_write_index: last.then_some(stage * 2 + 1),
        })
    }

    /// Records the copies of the timestamps of all stages submitted since the
    /// last reading to `at`, and gives their number of bytes.
    pub(crate) fn copy(&self, staging: &Staging, encoder: &mut wgpu::CommandEncoder, at: u64) {
        let all = Slice {
            buffer: &self.resolved,
            offset: 0,
            size: self.resolved.size(),
        };
        for (place, stage) in (0..).zip(self.sent()) {
            let skip = stage as u64 * wgpu::QUERY_RESOLVE_BUFFER_ALIGNMENT;
            staging.copy(encoder, all, skip, BYTES, at + place * BYTES);
        }
    }

    /// The bytes that [`Stages::copy`] writes at most.
    pub(crate) fn bytes(&self) -> u64 {
        self.with(|state| state.sent.len() as u64 * BYTES)
    }

    fn sent(&self) -> Vec<usize> {
        self.with(|state| (0..state.sent.len()).filter(|at| state.sent[*at]).collect())
    }

    /// Takes down the timestamps that [`Stages::copy`] copied.
    pub(crate) fn read(&self, bytes: &[u8]) {
        let sent = self.sent();
        let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(bytes);
        self.with(|state| {
            for (stage, ticks) in sent.into_iter().zip(ticks.chunks_exact(2)) {
                #[expect(clippy::cast_precision_loss, reason = "a stage is short")]
                let passed = ticks[1].saturating_sub(ticks[0]) as f64;
                state.milliseconds[stage] += passed * self.period / 1e6;
                state.sent[stage] = false;
            }
        });
    }
}
