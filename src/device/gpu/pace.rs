//! How much work a submission may hold, by how long earlier ones took.
//!
//! Drivers take a GPU for hung whose submission lasts a second or two, and a window
//! draws nothing meanwhile. How fast a GPU is can be known only by measuring.

use std::sync::{Mutex, PoisonError};

/// Seconds that a submission may last.
const LIMIT: f64 = 0.1;
/// Seconds that one is made for: kernels differ in how far they are from the rate
/// measured on others.
const AIM: f64 = LIMIT / 2.0;
/// Work per second that is taken for granted: the slowest kernels of a phone do it.
const LEAST: f64 = 2e9;
/// A submission shorter than this says little: starting it took much of its time.
const SHORT: f64 = 0.002;
/// The rate grows by at most this factor at a time, until it first has to fall.
const GROWTH: f64 = 2.0;
/// And by at most this factor from then on: kernels differ in how fast they are, and the
/// slowest of late are the ones to go by.
const CAUTIOUS_GROWTH: f64 = 1.05;
/// Only submissions of at least this share of the most work are measured.
const MEASURED_SHARE: f64 = 0.25;

/// The rate of a graphics adapter, and what it allows.
#[derive(Debug)]
pub(in crate::device) struct Pace(Mutex<State>);

#[derive(Clone, Copy, Debug)]
struct State {
    /// Work per second.
    rate: f64,
    /// What the rate grows by at most.
    growth: f64,
    /// Seconds of the longest submission measured.
    longest: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self(Mutex::new(State {
            rate: LEAST,
            growth: GROWTH,
            longest: 0.0,
        }))
    }
}

impl Pace {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The most work of a submission; a single step may be more.
    fn most(&self) -> f64 {
        self.with(|state| state.rate) * AIM
    }

    /// How many of the steps to come, whose work is given, make one submission, and
    /// the work of these.
    pub(in crate::device) fn next(&self, steps: impl Iterator<Item = f64>) -> (usize, f64) {
        let most = self.most();
        let mut all = (0, 0.0);
        for work in steps {
            if all.0 > 0 && all.1 + work > most {
                break;
            }
            all = (all.0 + 1, all.1 + work);
        }
        all
    }

    /// The most work of a single step, which cannot be cut.
    pub(in crate::device) fn most_of_a_step(&self) -> f64 {
        self.with(|state| state.rate) * LIMIT
    }

    /// Is it worth measuring a submission of this work?
    pub(in crate::device) fn wants(&self, work: f64) -> bool {
        work >= self.most() * MEASURED_SHARE
    }

    /// Takes down how long a submission took.
    pub(in crate::device) fn measured(&self, work: f64, seconds: f64) {
        self.with(|state| {
            state.longest = state.longest.max(seconds);
            let rate = work / seconds.max(1e-9);
            if rate > state.rate {
                state.rate = rate.min(state.rate * state.growth);
            } else if rate < state.rate && seconds >= SHORT {
                state.rate = rate;
                state.growth = CAUTIOUS_GROWTH;
            }
        });
    }

    /// Seconds of the longest submission measured since this was last asked.
    pub(in crate::device) fn take_longest(&self) -> f64 {
        self.with(|state| std::mem::take(&mut state.longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Submits steps of the given work to a GPU whose kernels have the given rates,
    /// and gives the seconds of each submission.
    fn submissions(pace: &Pace, steps: &[(f64, f64)]) -> Vec<f64> {
        let mut all = Vec::new();
        let mut rest = steps;
        while !rest.is_empty() {
            let (count, work) = pace.next(rest.iter().map(|step| step.0));
            let seconds = rest[..count].iter().map(|(work, rate)| work / rate).sum();
            rest = &rest[count..];
            if pace.wants(work) {
                pace.measured(work, seconds);
            }
            all.push(seconds);
        }
        all
    }

    #[test]
    fn no_submission_lasts_longer_than_the_limit_whatever_the_gpu() {
        for rate in [1e10, 1e11, 1e12, 2e13] {
            let pace = Pace::default();
            // Layers of which each eighth has attention eight times as slow as products.
            let steps: Vec<(f64, f64)> = (0..4000)
                .map(|step| match step % 32 {
                    0..4 => (rate / 1000.0, rate / 8.0),
                    _ => (rate / 1000.0, rate),
                })
                .collect();
            let all = submissions(&pace, &steps);
            let longest = all.iter().copied().fold(0.0, f64::max);
            assert!(longest <= LIMIT, "{rate:e}: {longest} s");
            assert_eq!(pace.take_longest(), longest);
            assert_eq!(pace.take_longest(), 0.0);
            // And not many more of them than needed.
            let last = &all[all.len() / 2..];
            #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
            let mean = last.iter().sum::<f64>() / last.len() as f64;
            assert!(mean > AIM / 4.0, "{rate:e}: {mean} s");
        }
    }

    #[test]
    fn a_gpu_that_turns_slow_gets_less_at_once() {
        let pace = Pace::default();
        for _ in 0..20 {
            pace.measured(1e12, 1.0);
        }
        assert_eq!(pace.most(), 1e12 * AIM);
        pace.measured(1e11, 1.0);
        assert_eq!(pace.most(), 1e11 * AIM);
    }

    #[test]
    fn a_short_submission_cannot_lower_the_rate_and_a_long_one_raises_it_slowly() {
        let pace = Pace::default();
        let before = pace.most();
        pace.measured(1.0, SHORT / 2.0);
        assert_eq!(pace.most(), before);
        pace.measured(1e15, 1.0);
        assert_eq!(pace.most(), before * GROWTH);
        pace.measured(LEAST, 1.0);
        pace.measured(1e15, 1.0);
        assert_eq!(pace.most(), LEAST * CAUTIOUS_GROWTH * AIM);
        assert!(pace.wants(pace.most()) && !pace.wants(pace.most() / 5.0));
        assert_eq!(pace.most_of_a_step(), 2.0 * pace.most());
    }
}
