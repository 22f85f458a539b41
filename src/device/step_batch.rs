//! Runs of several sessions at once. On the processor rows that are multiplied by the same
//! weights share one reading of them, and reading weights is what a decode takes its time for.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use super::cpu::CpuDevice;
use super::open::{Device, Kind};
use super::plan::{CpuStep, Plan};

/// Sessions that run at the same time, on one device. A run of a [member](StepBatch::member)
/// begins when each of the others has one waiting as well, or is gone; so all of them must be
/// polled in turns. What a session computes is the same to the bit as alone.
#[derive(Clone, Debug)]
pub struct StepBatch {
    device: Arc<Device>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    members: usize,
    waiting: Vec<Waiting>,
    /// Rounds that have run.
    rounds: u64,
}

#[derive(Debug)]
struct Waiting {
    plans: VecDeque<Arc<[CpuStep]>>,
    waker: Waker,
}

impl StepBatch {
    /// A batch without members.
    #[must_use]
    pub fn new(device: &Arc<Device>) -> Self {
        Self {
            device: Arc::clone(device),
            state: Arc::default(),
        }
    }

    /// One more member.
    #[must_use]
    pub fn member(&self) -> BatchMember {
        self.state().members += 1;
        BatchMember(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a session in a [`StepBatch`]; dropped, it is free.
#[derive(Debug)]
pub struct BatchMember(StepBatch);

impl BatchMember {
    /// Runs plans together with those of the other members; says whether it did, which only
    /// the processor does.
    pub(crate) async fn run(&self, plans: &[&Plan]) -> bool {
        let Kind::Cpu(cpu) = &self.0.device.kind else {
            return false;
        };
        let steps = plans.iter().filter_map(|plan| plan.cpu_steps());
        let mut own: Option<VecDeque<_>> = Some(steps.cloned().collect());
        let mut round = 0;
        poll_fn(|context| {
            let mut state = self.0.state();
            if let Some(plans) = own.take() {
                round = state.rounds;
                let waker = context.waker().clone();
                state.waiting.push(Waiting { plans, waker });
                state.run_if_complete(cpu);
            }
            match state.rounds == round {
                true => Poll::Pending,
                false => Poll::Ready(true),
            }
        })
        .await
    }
}

/// The others need not wait for who is gone.
impl Drop for BatchMember {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.members -= 1;
        if let Kind::Cpu(cpu) = &self.0.device.kind {
            state.run_if_complete(cpu);
        }
    }
}

impl State {
    fn run_if_complete(&mut self, cpu: &CpuDevice) {
        if self.waiting.is_empty() || self.waiting.len() < self.members {
            return;
        }
        let mut jobs = std::mem::take(&mut self.waiting);
        let mut turn = cpu.submit();
        // Those with the most left go first, so that the others' last ones run with theirs.
        while let Some(lead) = jobs
            .iter()
            .max_by_key(|job| job.plans.len())
            .and_then(|job| job.plans.front().cloned())
        {
            let mut plans = Vec::new();
            for job in &mut jobs {
                if job.plans.front().is_some_and(|plan| alike(&lead, plan)) {
                    plans.extend(job.plans.pop_front());
                }
            }
            for at in 0..lead.len() {
                if cpu.check().is_err() {
                    break;
                }
                let steps: Vec<&CpuStep> = plans.iter().map(|plan| &plan[at]).collect();
                CpuStep::run_all(&steps, cpu, &mut turn);
            }
        }
        drop(turn);
        self.rounds += 1;
        for job in jobs {
            job.waker.wake();
        }
    }
}

/// Whether two plans are the same one of different sessions.
fn alike(a: &[CpuStep], b: &[CpuStep]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_like(b))
}
