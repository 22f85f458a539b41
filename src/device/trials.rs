//! Which of several variants is the fastest for the steps of a plan.

use std::collections::{BTreeMap, BTreeSet};

use super::choices::StepShape;
use super::open::{Device, Kind};
use super::plan::{Draft, PlanBuilder, on_gpu};
use crate::clock::Clock;
use crate::error::Result;

/// Steps of one shape that are run in turn: more of them than a cache holds, in a large
/// model.
const IN_TURN: usize = 8;
/// Milliseconds that one measurement takes at least.
const MEASURED: f64 = 1.5;
/// How often each candidate is measured, in turn with the others.
const ROUNDS: usize = 3;
/// A candidate that is slower by this factor the first time is not measured again; the
/// preferred one always is.
const HOPELESS: f64 = 2.0;
/// How much faster than the preferred one a candidate must be to take its place, so that
/// noise does not decide.
const GAIN: f64 = 1.03;

/// The steps of plans that have not been built.
#[derive(Debug, Default)]
pub(crate) struct Trials {
    shapes: BTreeMap<StepShape, Vec<Draft>>,
}

/// How long each candidate took.
#[derive(Clone, Debug)]
pub struct Timing {
    /// The shape of the steps.
    pub shape: StepShape,
    /// Microseconds per step of each candidate, in their order; `None` for one that was
    /// far slower.
    pub microseconds: Vec<Option<f64>>,
    /// The variant to take.
    pub fastest: usize,
}

impl Trials {
    /// Takes the steps of a plan.
    pub(crate) fn add(&mut self, plan: PlanBuilder<'_>) {
        for draft in plan.into_drafts() {
            let own = self.shapes.entry(draft.shape.clone()).or_default();
            if own.len() < IN_TURN {
                own.push(draft);
            }
        }
    }

    /// Every variant that the steps may take.
    pub(crate) fn variants(&self) -> BTreeSet<(&'static str, usize)> {
        let all = self.shapes.keys();
        all.flat_map(|shape| shape.candidates.iter().map(|at| (shape.kernel, *at)))
            .collect()
    }

    /// The shapes for which there is a choice.
    pub(crate) fn open(&self) -> Vec<StepShape> {
        let all = self
            .shapes
            .keys()
            .filter(|shape| shape.candidates.len() > 1);
        all.cloned().collect()
    }

    /// Times the candidates for a shape on `rows` rows; the state of the steps must say
    /// as many. `None` without a graphics adapter, and without a clock.
    ///
    /// # Errors
    /// What the device reports.
    pub(crate) async fn time(
        &self,
        device: &Device,
        shape: &StepShape,
        rows: u32,
    ) -> Result<Option<Timing>> {
        let (Kind::Gpu(gpu), Some(drafts), false) = (
            &device.kind,
            self.shapes.get(shape),
            cfg!(target_arch = "wasm32"),
        ) else {
            return Ok(None);
        };
        let run = async |steps: &[super::plan::GpuStep], times: usize| -> Result<f64> {
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for _ in 0..times {
                for step in steps {
                    step.encode(&mut pass, rows);
                }
            }
            drop(pass);
            let clock = Clock::start();
            gpu.submit_commands([encoder.finish()]);
            device.idle().await?;
            Ok(clock.milliseconds())
        };
        let mut candidates = Vec::with_capacity(shape.candidates.len());
        for variant in &shape.candidates {
            let own = drafts.iter().cloned();
            let own: Vec<Draft> = own.map(|draft| draft.with(*variant)).collect();
            let steps = on_gpu(gpu, &own);
            // The first time compiles the kernel.
            run(&steps[..1], 1).await?;
            let once = run(&steps, 1).await?.min(run(&steps, 1).await?);
            candidates.push((steps, once));
        }
        device.check()?;
        let least = candidates.iter().map(|(_, once)| *once);
        let least = least.fold(f64::INFINITY, f64::min);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "bounded on both sides"
        )]
        let times = (MEASURED / least.max(1e-3)).clamp(1.0, 64.0) as usize;
        let mut best = vec![f64::INFINITY; candidates.len()];
        for _ in 0..ROUNDS {
            for (at, ((steps, once), best)) in candidates.iter().zip(&mut best).enumerate() {
                if at == 0 || *once <= least * HOPELESS + MEASURED {
                    *best = best.min(run(steps, times).await?);
                }
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let steps = (times * drafts.len()) as f64;
        let (mut fastest, mut taken) = (0, best[0] / GAIN);
        for (at, milliseconds) in best.iter().enumerate().skip(1) {
            if *milliseconds < taken {
                (fastest, taken) = (at, *milliseconds);
            }
        }
        Ok(Some(Timing {
            shape: shape.clone(),
            microseconds: (best.iter())
                .map(|all| all.is_finite().then_some(all * 1e3 / steps))
                .collect(),
            fastest: shape.candidates[fastest],
        }))
    }
}
