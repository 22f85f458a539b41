//! The choice of the next id from the logits.

use std::collections::VecDeque;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{Allowed, SamplerOptions};
use crate::Result;

/// An id that could come next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The id.
    pub id: u32,
    /// Its probability under the options.
    pub p: f64,
}

/// The id that was chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chosen {
    /// The id.
    pub id: u32,
    /// ln of its probability under the model: over all ids, before any option.
    pub log_p: f32,
    /// Its probability under the options.
    pub p: f64,
}

/// Chooses the next id, again and again.
#[derive(Debug)]
pub struct Sampler {
    options: SamplerOptions,
    rng: StdRng,
    /// Numbers that the generator has given.
    given: u64,
    /// The last of them.
    last: VecDeque<f64>,
    /// Numbers that choices have used.
    drawn: u64,
}

/// Going back by up to this many numbers is cheap: more than are drafted at a time.
const KEPT: usize = 64;

impl Sampler {
    /// A sampler at the beginning of its random numbers.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) that names an option with an impossible value.
    pub fn new(options: SamplerOptions) -> Result<Self> {
        options.check()?;
        Ok(Self {
            options,
            rng: StdRng::seed_from_u64(options.seed),
            given: 0,
            last: VecDeque::new(),
            drawn: 0,
        })
    }

    /// Goes to a draw of the seed's random numbers, from 0: the next choice is
    /// the one that follows that many others.
    pub fn seek(&mut self, draw: u64) {
        if draw + (self.last.len() as u64) < self.given {
            self.rng = StdRng::seed_from_u64(self.options.seed);
            self.given = 0;
            self.last.clear();
        }
        self.drawn = draw.min(self.given);
        while self.drawn < draw {
            self.draw();
        }
    }

    /// The draw of the next choice, see [`seek`](Self::seek).
    pub(super) fn drawn(&self) -> u64 {
        self.drawn
    }

    fn draw(&mut self) -> f64 {
        let back = usize::try_from(self.given - self.drawn).unwrap_or(0);
        self.drawn += 1;
        let kept = self.last.len().checked_sub(back);
        if let Some(number) = kept.and_then(|at| self.last.get(at)) {
            return *number;
        }
        let number = self.rng.random();
        self.given += 1;
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(number);
        number
    }

    /// The options.
    #[must_use]
    pub const fn options(&self) -> &SamplerOptions {
        &self.options
    }

    /// The ids that [`next`](Self::next) chooses among, the likeliest first and
    /// the smaller id first among equals.
    ///
    /// `logits` are `[VOCAB]`; `recent` are the tokens before, the last one last.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for another number of logits or
    /// if nothing is allowed, [`Error::Checkpoint`](crate::Error::Checkpoint) for
    /// non-finite logits.
    pub fn candidates(
        &self,
        logits: &[f32],
        recent: &[u32],
        allowed: &Allowed,
    ) -> Result<Vec<Candidate>> {
        self.filter(logits, recent, allowed, |_, _| ())
    }

    /// Chooses the id after `recent`; arguments and errors are those of
    /// [`candidates`](Self::candidates).
    ///
    /// # Errors
    /// Those of [`candidates`](Self::candidates).
    pub fn next(&mut self, logits: &[f32], recent: &[u32], allowed: &Allowed) -> Result<Chosen> {
        let candidates = self.candidates(logits, recent, allowed)?;
        let chosen = match candidates.as_slice() {
            [only] if self.options.temperature == 0.0 => Some(only),
            several => {
                let mut left = self.draw();
                let drawn = several.iter().find(|candidate| {
                    left -= candidate.p;
                    left < 0.0
                });
                // The sum of the probabilities may be 1 but for a last digit.
                drawn.or(several.iter().rfind(|candidate| candidate.p > 0.0))
            }
        };
        let (id, p) = chosen.map_or((0, 0.0), |chosen| (chosen.id, chosen.p));
        #[expect(
            clippy::cast_possible_truncation,
            reason = "logits have no more digits"
        )]
        Ok(Chosen {
            id,
            log_p: log_p(logits, id) as f32,
            p,
        })
    }
}

/// ln of the probability of an id, in nats, from logits over all ids; that of
/// what is no id is -∞.
#[must_use]
pub fn log_p(logits: &[f32], id: u32) -> f64 {
    match usize::try_from(id).ok().and_then(|id| logits.get(id)) {
        Some(logit) => normaliser(logits)(*logit),
        None => f64::NEG_INFINITY,
    }
}

/// ln of the probabilities of all ids, in nats.
pub(super) fn log_ps(logits: &[f32]) -> impl Iterator<Item = f64> + '_ {
    let normal = normaliser(logits);
    logits.iter().map(move |logit| normal(*logit))
}

/// From a logit to the ln of a probability.
fn normaliser(logits: &[f32]) -> impl Fn(f32) -> f64 + use<> {
    let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let total: f64 = logits
        .iter()
        .map(|logit| (f64::from(*logit) - largest).exp())
        .sum();
    let total = total.ln();
    move |logit| (f64::from(logit) - largest - total).min(0.0)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;
    use crate::bytes::{BOE, BOS, DELIMITER, EOS, VOCAB, id_of};

    /// Logits of some ids; the rest is far below.
    fn logits(of: &[(u32, f32)]) -> Vec<f32> {
        let mut logits = vec![-30.0; VOCAB as usize];
        for (id, logit) in of {
            logits[*id as usize] = *logit;
        }
        logits
    }

    fn ids(options: SamplerOptions, logits: &[f32], recent: &[u32]) -> Vec<u32> {
        let sampler = Sampler::new(options).unwrap();
        let candidates = sampler.candidates(logits, recent, &Allowed::all()).unwrap();
        let total: f64 = candidates.iter().map(|c| c.p).sum();
        assert!((total - 1.0).abs() < 1e-12);
        candidates.iter().map(|candidate| candidate.id).collect()
    }

    const WARM: SamplerOptions = SamplerOptions {
        temperature: 1.0,
        top_k: 0,
        top_p: 1.0,
        min_p: 0.0,
        repetition_penalty: 1.0,
        repetition_window: 64,
        seed: 1,
    };

    #[test]
    fn greedy_takes_the_largest_and_the_smallest_id_of_equals() {
        let mut sampler = Sampler::new(SamplerOptions::default()).unwrap();
        let logits = logits(&[(BOS, 9.0), (9, 2.0), (7, 2.0), (8, 1.0)]);
        let chosen = sampler.next(&logits, &[], &Allowed::all()).unwrap();
        assert_eq!(chosen.id, 7);
        // Of the model, so the special id that cannot be chosen counts.
        let total = 9_f64.exp() + 2.0 * 2_f64.exp() + 1_f64.exp();
        assert!((f64::from(chosen.log_p) - (2.0 - total.ln())).abs() < 1e-6);
    }

    #[test]
    fn special_ids_are_never_chosen() {
        let logits = logits(&[(BOE, 9.0), (BOS, 9.0), (DELIMITER, 9.0), (EOS, 0.0)]);
        assert_eq!(ids(WARM, &logits, &[])[0], EOS);
        assert_eq!(ids(WARM, &logits, &[]).len(), 257);
        let mut sampler = Sampler::new(WARM).unwrap();
        let only = Allowed::bytes(|byte| byte == b'x');
        for _ in 0..20 {
            assert_eq!(sampler.next(&logits, &[], &only).unwrap().id, id_of(b'x'));
        }
        let none = Allowed::bytes(|_| false);
        let error = sampler.next(&logits, &[], &none).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn top_k_keeps_ties() {
        let logits = logits(&[(4, 3.0), (5, 2.0), (6, 2.0), (7, 2.0), (8, 1.0)]);
        let top = |top_k| ids(SamplerOptions { top_k, ..WARM }, &logits, &[]);
        assert_eq!(top(1), [4]);
        assert_eq!(top(2), [4, 5, 6, 7]);
        assert_eq!(top(4), [4, 5, 6, 7]);
        assert_eq!(top(5), [4, 5, 6, 7, 8]);
        assert_eq!(top(300).len(), 257);
    }

    #[test]
    fn top_p_keeps_the_one_that_crosses() {
        // Probabilities 1/2, 1/4, 1/8, 1/8.
        let ln = |p: f32| p.ln();
        let mut logits = logits(&[(4, ln(0.5)), (5, ln(0.25)), (6, ln(0.125)), (7, ln(0.125))]);
        logits
            .iter_mut()
            .filter(|l| **l < -20.0)
            .for_each(|l| *l = f32::NEG_INFINITY);
        let top = |top_p| ids(SamplerOptions { top_p, ..WARM }, &logits, &[]);
        assert_eq!(top(0.0), [4]);
        assert_eq!(top(0.4), [4]);
        assert_eq!(top(0.6), [4, 5]);
        assert_eq!(top(0.8), [4, 5, 6]);
        assert_eq!(top(0.9), [4, 5, 6, 7]);
        let least = |min_p| ids(SamplerOptions { min_p, ..WARM }, &logits, &[]);
        assert_eq!(least(1.0), [4]);
        assert_eq!(least(0.4), [4, 5]);
        assert_eq!(least(0.2), [4, 5, 6, 7]);
        // After top-k 1/2 and 1/4 are 2/3 and 1/3.
        let both = SamplerOptions {
            top_k: 2,
            top_p: 0.6,
            ..WARM
        };
        assert_eq!(ids(both, &logits, &[]), [4]);
    }

    #[test]
    fn the_penalty_takes_from_what_occurred_lately() {
        let logits = logits(&[(4, 3.0), (5, 2.0), (6, -1.0)]);
        let options = SamplerOptions {
            temperature: 0.0,
            repetition_penalty: 2.0,
            repetition_window: 3,
            ..WARM
        };
        assert_eq!(ids(options, &logits, &[]), [4]);
        assert_eq!(ids(options, &logits, &[4, 4]), [5]);
        assert_eq!(ids(options, &logits, &[4, 9, 9, 9]), [4]);
        let sampler = Sampler::new(options).unwrap();
        assert_eq!(sampler.penalised(6, -1.0, &[6]), -2.0);
        let off = SamplerOptions {
            repetition_window: 0,
            ..options
        };
        assert_eq!(ids(off, &logits, &[4]), [4]);
    }

    #[test]
    fn the_draws_follow_the_distribution_and_the_seed() {
        let logits = logits(&[(4, 0.0), (5, 0.0_f32.exp().ln() + 3_f32.ln())]);
        let draw = |seed| -> Vec<u32> {
            let mut sampler = Sampler::new(SamplerOptions { seed, ..WARM }).unwrap();
            (0..4000)
                .map(|_| sampler.next(&logits, &[], &Allowed::all()).unwrap().id)
                .collect()
        };
        let drawn = draw(7);
        assert_eq!(drawn, draw(7));
        assert_ne!(drawn, draw(8));
        let fives = drawn.iter().filter(|id| **id == 5).count();
        // 3000 expected, spread 27.
        assert!((2850..3150).contains(&fives), "{fives}");
        assert!(drawn.iter().all(|id| [4, 5].contains(id)));
        // Temperature 1/2 squares the ratio: 9 to 1, 3600 expected, spread 19.
        let sharp = SamplerOptions {
            temperature: 0.5,
            ..WARM
        };
        let candidates = Sampler::new(sharp)
            .unwrap()
            .candidates(&logits, &[], &Allowed::all())
            .unwrap();
        assert!((candidates[0].p - 0.9).abs() < 1e-6);
    }

    #[test]
    fn a_draw_can_be_found_again() {
        let logits: Vec<f32> = (0..VOCAB).map(|id| (id as f32).sin()).collect();
        let mut sampler = Sampler::new(WARM).unwrap();
        let mut next = |at: Option<u64>| {
            at.into_iter().for_each(|at| sampler.seek(at));
            sampler.next(&logits, &[], &Allowed::all()).unwrap().id
        };
        let all: Vec<u32> = (0..200).map(|_| next(None)).collect();
        for at in [7_u8, 3, 19, 0, 1, 2, 199, 180, 199, 136, 135, 150, 12] {
            assert_eq!(next(Some(u64::from(at))), all[usize::from(at)], "{at}");
        }
        assert_eq!(next(None), all[13]);
    }

    #[test]
    fn extreme_temperatures_and_logits_stay_numbers() {
        for temperature in [f32::MIN_POSITIVE, 1e-30, 1e30] {
            let options = SamplerOptions {
                temperature,
                ..WARM
            };
            let mut far = vec![f32::NEG_INFINITY; VOCAB as usize];
            (far[4], far[5]) = (3e38, -3e38);
            assert!(!ids(options, &far, &[]).is_empty());
            let chosen = Sampler::new(options)
                .unwrap()
                .next(&far, &[], &Allowed::all())
                .unwrap();
            assert!([4, 5].contains(&chosen.id) && !chosen.log_p.is_nan());
        }
    }

    #[test]
    fn logits_that_say_nothing_are_one_sentence() {
        let mut sampler = Sampler::new(SamplerOptions::default()).unwrap();
        for bad in [f32::NAN, f32::INFINITY] {
            let error = sampler
                .next(&logits(&[(100, bad)]), &[], &Allowed::all())
                .unwrap_err();
            assert_eq!(error.exit_code(), 4);
            assert!(error.to_string().contains(&bad.to_string()));
        }
        let nothing = vec![f32::NEG_INFINITY; VOCAB as usize];
        assert!(sampler.next(&nothing, &[], &Allowed::all()).is_err());
        let error = sampler.next(&[0.0], &[], &Allowed::all()).unwrap_err();
        assert_eq!(error.to_string(), "a choice needs 260 logits, not 1");
    }

    #[test]
    fn log_p_sums_to_one() {
        let logits: Vec<f32> = (0..VOCAB).map(|id| (id as f32).sin() * 9.0).collect();
        let total: f64 = (0..VOCAB).map(|id| log_p(&logits, id).exp()).sum();
        assert!((total - 1.0).abs() < 1e-12);
        assert_eq!(log_p(&logits, VOCAB), f64::NEG_INFINITY);
    }
}
