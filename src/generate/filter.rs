//! What the options make of the logits, one after the other.

use super::sampler::{Candidate, log_ps};
use super::{Allowed, Sampler};
use crate::bytes::VOCAB;
use crate::{Error, Result};

/// What takes an id out of the choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// It is not [`Allowed`]: a special id, no UTF-8, or an end that is ignored.
    Allowed,
    /// Temperature 0 takes the likeliest id alone.
    Greedy,
    /// Top-k.
    TopK,
    /// Top-p.
    TopP,
    /// Min-p.
    MinP,
}

/// An id before and after the options.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The id.
    pub id: u32,
    /// ln of its probability under the model: over all ids, before any option.
    pub log_p: f64,
    /// Its probability under the options; 0 if it was cut.
    pub p: f64,
    /// The first filter that cut it, if one did.
    pub cut: Option<Filter>,
}

impl Sampler {
    /// All ids as the model and the options see them, those that the model holds
    /// likeliest first and the smaller id first among equals.
    ///
    /// # Errors
    /// Those of [`candidates`](Self::candidates).
    pub fn predictions(
        &self,
        logits: &[f32],
        recent: &[u32],
        allowed: &Allowed,
    ) -> Result<Vec<Prediction>> {
        let mut all: Vec<Prediction> = Vec::with_capacity(VOCAB as usize);
        all.extend(
            (0..VOCAB)
                .zip(log_ps(logits))
                .map(|(id, log_p)| Prediction {
                    id,
                    log_p,
                    p: 0.0,
                    cut: None,
                }),
        );
        let kept = self.filter(logits, recent, allowed, |id, filter| {
            if let Some(prediction) = all.get_mut(id as usize) {
                prediction.cut = Some(filter);
            }
        })?;
        for candidate in kept {
            if let Some(prediction) = all.get_mut(candidate.id as usize) {
                prediction.p = candidate.p;
            }
        }
        all.sort_by(|a, b| b.log_p.total_cmp(&a.log_p).then(a.id.cmp(&b.id)));
        Ok(all)
    }

    /// The options one after the other; `cut` is told what each filter takes out.
    pub(super) fn filter(
        &self,
        logits: &[f32],
        recent: &[u32],
        allowed: &Allowed,
        mut cut: impl FnMut(u32, Filter),
    ) -> Result<Vec<Candidate>> {
        check(logits)?;
        let options = self.options();
        // Until the last step, `p` is a logit.
        let mut kept: Vec<Candidate> = (0..VOCAB)
            .zip(logits)
            .map(|(id, logit)| Candidate {
                id,
                p: self.penalised(id, f64::from(*logit), recent),
            })
            .collect();
        let mut keep = |kept: &mut Vec<Candidate>, filter, test: &mut Test<'_>| {
            kept.retain(|candidate| {
                let stays = test(candidate);
                if !stays {
                    cut(candidate.id, filter);
                }
                stays
            });
        };
        keep(&mut kept, Filter::Allowed, &mut |c| allowed.has(c.id));
        kept.sort_by(|a, b| b.p.total_cmp(&a.p).then(a.id.cmp(&b.id)));
        let Some(first) = kept.first().copied() else {
            return Err(Error::Argument(
                "no id may come next, so none can be chosen".to_owned(),
            ));
        };
        if options.temperature == 0.0 || first.p == f64::NEG_INFINITY {
            keep(&mut kept, Filter::Greedy, &mut |c| c.id == first.id);
            return Ok(vec![Candidate { p: 1.0, ..first }]);
        }
        if let Some(last) = (options.top_k as usize)
            .checked_sub(1)
            .and_then(|at| kept.get(at).copied())
        {
            keep(&mut kept, Filter::TopK, &mut |c| c.p >= last.p);
        }
        let temperature = f64::from(options.temperature);
        for candidate in &mut kept {
            candidate.p = ((candidate.p - first.p) / temperature).exp();
        }
        normalise(&mut kept);
        // The sum may come to more than 1 by a last digit.
        if options.top_p < 1.0 {
            let mut before = 0.0;
            keep(&mut kept, Filter::TopP, &mut |c| {
                let stays = before <= f64::from(options.top_p);
                before += c.p;
                stays
            });
        }
        let least = kept.first().map_or(0.0, |first| first.p) * f64::from(options.min_p);
        keep(&mut kept, Filter::MinP, &mut |c| c.p >= least);
        normalise(&mut kept);
        Ok(kept)
    }

    pub(super) fn penalised(&self, id: u32, logit: f64, recent: &[u32]) -> f64 {
        let options = self.options();
        let penalty = f64::from(options.repetition_penalty);
        let from = recent.len().saturating_sub(options.repetition_window);
        if penalty == 1.0 || !recent.iter().skip(from).any(|before| *before == id) {
            logit
        } else if logit > 0.0 {
            logit / penalty
        } else {
            logit * penalty
        }
    }
}

/// Whether a candidate stays.
type Test<'a> = dyn FnMut(&Candidate) -> bool + 'a;

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
    use crate::generate::{SamplerOptions, log_p};

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
    fn predictions_name_the_filter_and_keep_the_candidates() {
        let logits: Vec<f32> = (0..VOCAB).map(|id| (id as f32).sin() * 4.0).collect();
        let options = SamplerOptions {
            temperature: 0.7,
            top_k: 60,
            top_p: 0.9,
            min_p: 0.2,
            repetition_penalty: 1.3,
            ..WARM
        };
        let allowed = Allowed::bytes(|byte| byte < 200);
        for options in [options, SamplerOptions::default(), WARM] {
            let sampler = Sampler::new(options).unwrap();
            let recent = [8, 14];
            let all = sampler.predictions(&logits, &recent, &allowed).unwrap();
            let kept = sampler.candidates(&logits, &recent, &allowed).unwrap();
            assert_eq!(all.len(), VOCAB as usize);
            assert!(all.is_sorted_by(|a, b| a.log_p >= b.log_p));
            let total: f64 = all.iter().map(|prediction| prediction.log_p.exp()).sum();
            assert!((total - 1.0).abs() < 1e-12);
            let mut left: Vec<Candidate> = all
                .iter()
                .filter(|prediction| prediction.cut.is_none())
                .map(|prediction| Candidate {
                    id: prediction.id,
                    p: prediction.p,
                })
                .collect();
            left.sort_by(|a, b| b.p.total_cmp(&a.p).then(a.id.cmp(&b.id)));
            assert_eq!(left, kept);
            for prediction in &all {
                assert_eq!(prediction.log_p, log_p(&logits, prediction.id));
                let by_allowed = prediction.cut == Some(Filter::Allowed);
                assert_eq!(by_allowed, !allowed.has(prediction.id));
                assert!(prediction.cut.is_none() || prediction.p == 0.0);
            }
        }
        let count = |options: SamplerOptions, filter| {
            let sampler = Sampler::new(options).unwrap();
            let all = sampler.predictions(&logits, &[], &Allowed::all()).unwrap();
            all.iter().filter(|p| p.cut == Some(filter)).count()
        };
        assert_eq!(count(SamplerOptions::default(), Filter::Greedy), 256);
        assert_eq!(
            count(SamplerOptions { top_k: 57, ..WARM }, Filter::TopK),
            200
        );
        let mean = SamplerOptions { top_p: 0.5, ..WARM };
        assert!(count(mean, Filter::TopP) > 128 && count(mean, Filter::MinP) == 0);
        let most = SamplerOptions { min_p: 1.0, ..WARM };
        assert_eq!(count(most, Filter::MinP), 256);
    }
}
