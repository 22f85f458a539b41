//! What is known about the bytes of a continuation.

use crate::bytes::byte_of;
use crate::generate::Step;
use crate::generate::sampler::log_ps;
use crate::record::{ByteRecord, Recorder};
use crate::session::StageTimes;

/// What is known about the next byte, before it is chosen.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) recorder: Recorder,
    /// The bytes of the patch at hand; those of the last one where another starts.
    pub(super) length: u64,
    /// What the token before led to.
    pub(super) step: Step,
    /// `[VOCAB]`
    pub(super) logits: Box<[f32]>,
    /// Tokens that the model has room for.
    pub(super) room: Option<u64>,
}

/// A byte that could have come, or that did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alternative {
    /// The byte.
    pub byte: u8,
    /// ln of its probability under the model, in nats.
    pub log_p: f32,
}

/// Where the time of a byte went, in milliseconds of wall time. That of bytes that
/// the model took together is with the first of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepTimes {
    /// All of it: the choice, and the model's step. Going back and reading again,
    /// which a change of branches may lead to, does not count.
    pub total: f64,
    /// The choice of the byte, on the host.
    pub sampling: f64,
    /// The parts of the model, where they are measured
    /// ([`BltOptions::stage_times`](crate::session::BltOptions::stage_times)).
    pub stages: Option<StageTimes>,
}

/// A byte of a continuation, and how it came there.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratedByte {
    /// The byte, its index in the whole text with the prompt, the entropy of its
    /// prediction (by the entropy model), its -ln p (by the model that generates,
    /// before any option), and its patch.
    pub record: ByteRecord,
    /// Whether the caller chose it rather than the sampler.
    pub by_hand: bool,
    /// Whether it had been drafted, so that the model took it together with a byte
    /// before.
    pub drafted: bool,
    /// Its place among the 256 bytes by the model's probabilities, 0 for the
    /// likeliest.
    pub rank: usize,
    /// Its probability under the sampler's options at the time; 0 for a byte that
    /// they had cut and the caller chose.
    pub sampler_p: f64,
    /// The likeliest bytes at its place, the likeliest first; it may be one of
    /// them.
    pub alternatives: Vec<Alternative>,
    /// Whether the latent model ran right before it, on the patch that the byte
    /// before it had closed.
    pub latent_before: bool,
    /// Whether it closed its patch.
    pub closed: bool,
    /// Whether the latent model ran on the patch that it closed.
    pub latent_after: bool,
    /// How long it took.
    pub times: StepTimes,
}

impl GeneratedByte {
    /// The byte.
    #[must_use]
    pub fn byte(&self) -> u8 {
        self.record.byte.unwrap_or_default()
    }

    /// Its probability under the model, before any option.
    #[must_use]
    pub fn p(&self) -> f32 {
        self.record.nll.map_or(0.0, |nll| (-nll).exp())
    }
}

/// The `count` likeliest bytes, and the rank of one of them all.
pub(super) fn alternatives(logits: &[f32], count: usize, byte: u8) -> (Vec<Alternative>, usize) {
    let mut all: Vec<Alternative> = (0..)
        .zip(log_ps(logits))
        .filter_map(|(id, log_p)| {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "logits have no more digits"
            )]
            byte_of(id).map(|byte| Alternative {
                byte,
                log_p: log_p as f32,
            })
        })
        .collect();
    // The sort is stable: the smaller byte comes first among equals.
    all.sort_by(|a, b| b.log_p.total_cmp(&a.log_p));
    let rank = all.iter().position(|other| other.byte == byte);
    all.truncate(count);
    (all, rank.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::{BOS, VOCAB, id_of};

    #[test]
    fn alternatives_are_bytes_in_the_models_order() {
        let mut logits = vec![0.0; VOCAB as usize];
        logits[BOS as usize] = 9.0;
        logits[id_of(b'b') as usize] = 3.0;
        logits[id_of(b'a') as usize] = 2.0;
        let (found, rank) = alternatives(&logits, 3, b'a');
        let bytes: Vec<u8> = found.iter().map(|other| other.byte).collect();
        assert_eq!((bytes.as_slice(), rank), (&b"ba\0"[..], 1));
        // The special id counts in the probabilities.
        let total = 9_f32.exp() + 3_f32.exp() + 2_f32.exp() + 257.0;
        assert!((found[0].log_p - (3.0 - total.ln())).abs() < 1e-5);
        assert_eq!(alternatives(&logits, 0, b'\x01'), (Vec::new(), 3));
    }
}
