//! The choice of the next id from the logits.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{Allowed, SamplerOptions};
use crate::bytes::VOCAB;
use crate::{Error, Result};

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
}

/// Chooses the next id, again and again.
#[derive(Debug)]
pub struct Sampler {
    options: SamplerOptions,
    rng: StdRng,
}

impl Sampler {
    /// A sampler at the beginning of its random numbers.
    ///
    /// # Errors
    /// [`Error::Argument`] that names an option with an impossible value.
    pub fn new(options: SamplerOptions) -> Result<Self> {
        options.check()?;
        Ok(Self {
            options,
            rng: StdRng::seed_from_u64(options.seed),
        })
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
    /// [`Error::Argument`] for another number of logits or if nothing is
    /// allowed, [`Error::Checkpoint`] for logits that are no numbers.
    pub fn candidates(
        &self,
        logits: &[f32],
        recent: &[u32],
        allowed: &Allowed,
    ) -> Result<Vec<Candidate>> {
        check(logits)?;
        let options = &self.options;
        // Until the last step, `p` is a logit.
        let mut kept: Vec<Candidate> = (0..VOCAB)
            .zip(logits)
            .filter(|(id, _)| allowed.has(*id))
            .map(|(id, logit)| Candidate {
                id,
                p: self.penalised(id, f64::from(*logit), recent),
            })
            .collect();
        kept.sort_by(|a, b| b.p.total_cmp(&a.p).then(a.id.cmp(&b.id)));
        let Some(first) = kept.first().copied() else {
            return Err(Error::Argument(
                "no id may come next, so none can be chosen".to_owned(),
            ));
        };
        if options.temperature == 0.0 || first.p == f64::NEG_INFINITY {
            return Ok(vec![Candidate { p: 1.0, ..first }]);
        }
        if let Some(last) = (options.top_k as usize)
            .checked_sub(1)
            .and_then(|at| kept.get(at).copied())
        {
            kept.retain(|candidate| candidate.p >= last.p);
        }
        let temperature = f64::from(options.temperature);
        for candidate in &mut kept {
            candidate.p = ((candidate.p - first.p) / temperature).exp();
        }
        normalise(&mut kept);
        // The sum may come to more than 1 by a last digit.
        if options.top_p < 1.0 {
            let mut before = 0.0;
            kept.retain(|candidate| {
                let keep = before <= f64::from(options.top_p);
                before += candidate.p;
                keep
            });
        }
        let least = kept.first().map_or(0.0, |first| first.p) * f64::from(options.min_p);
        kept.retain(|candidate| candidate.p >= least);
        normalise(&mut kept);
        Ok(kept)
    }

    /// Chooses the id after `recent`; arguments and errors are those of
    /// [`candidates`](Self::candidates).
    ///
    /// # Errors
    /// Those of [`candidates`](Self::candidates).
    pub fn next(&mut self, logits: &[f32], recent: &[u32], allowed: &Allowed) -> Result<Chosen> {
        let candidates = self.candidates(logits, recent, allowed)?;
        let id = match candidates.as_slice() {
            [only] if self.options.temperature == 0.0 => only.id,
            several => {
                let mut left: f64 = self.rng.random();
                let drawn = several.iter().find(|candidate| {
                    left -= candidate.p;
                    left < 0.0
                });
                // The sum of the probabilities may be 1 but for a last digit.
                drawn
                    .or(several.iter().rfind(|candidate| candidate.p > 0.0))
                    .map_or(0, |candidate| candidate.id)
            }
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "logits have no more digits"
        )]
        Ok(Chosen {
            id,
            log_p: log_p(logits, id) as f32,
        })
    }

    fn penalised(&self, id: u32, logit: f64, recent: &[u32]) -> f64 {
        let penalty = f64::from(self.options.repetition_penalty);
        let from = recent.len().saturating_sub(self.options.repetition_window);
        if penalty == 1.0 || !recent.iter().skip(from).any(|before| *before == id) {
            logit
        } else if logit > 0.0 {
            logit / penalty
        } else {
            logit * penalty
        }
    }
}

/// ln of the probability of an id, in nats, from logits over all ids; that of
/// what is no id is -∞.
#[must_use]
pub fn log_p(logits: &[f32], id: u32) -> f64 {
    let Some(logit) = usize::try_from(id).ok().and_then(|id| logits.get(id)) else {
        return f64::NEG_INFINITY;
    };
    let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let total: f64 = logits
        .iter()
        .map(|logit| (f64::from(*logit) - largest).exp())
        .sum();
    (f64::from(*logit) - largest - total.ln()).min(0.0)
}

fn normalise(candidates: &mut [Candidate]) {
    let total: f64 = candidates.iter().map(|candidate| candidate.p).sum();
    for candidate in candidates {
        candidate.p /= total;
    }
}

/// Refuses logits that say nothing. -∞ is a probability of 0.
fn check(logits: &[f32]) -> Result<()> {
    if logits.len() != VOCAB as usize {
        return Err(Error::Argument(format!(
            "a choice needs {VOCAB} logits, not {}",
            logits.len()
        )));
    }
    let strange = |logit: &&f32| logit.is_nan() || **logit == f32::INFINITY;
    let strange = match logits.iter().find(strange) {
        None if logits.iter().all(|logit| *logit == f32::NEG_INFINITY) => Some(&f32::NEG_INFINITY),
        found => found,
    };
    match strange {
        None => Ok(()),
        Some(logit) => Err(Error::Checkpoint(format!(
            "the model's logits contain {logit}: its weights are damaged, or too large for the \
             dtype it runs in; try a wider one"
        ))),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;
    use crate::bytes::{BOE, BOS, DELIMITER, EOS, id_of};

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
