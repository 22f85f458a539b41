//! How many bytes are drafted at a time, and by what choice.

use super::options::{GenerateOptions, Speculate};
use super::{Sampler, Utf8State};
use crate::bytes::byte_of;

/// Bytes that were drafted, and those of them that became part of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drafts {
    /// Bytes drafted; the first byte of each round is not a draft.
    pub drafted: u64,
    /// Those that the model itself chose.
    pub accepted: u64,
}

/// Numbers of bytes at a time that are tried.
const SIZES: [usize; 4] = [1, 4, 8, 16];
/// Rounds of each that are measured before they are compared; the first compiles
/// kernels and does not count.
const TRIALS: [u64; 4] = [9, 4, 3, 3];
/// A larger number is tried only if this share of the smaller one was accepted.
const WORTH_MORE: f64 = 0.5;
/// After this many rounds another number is tried again.
const AGAIN: u64 = 32;
/// What a round's figures count for after another one.
const FADE: f64 = 0.9;

/// What a number of bytes at a time has given, the last rounds most.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    rounds: u64,
    bytes: f64,
    milliseconds: f64,
    drafted: f64,
}

impl Figures {
    fn add(&mut self, round: &Round) {
        self.rounds += 1;
        if self.rounds == 1 {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a few bytes")]
        let [bytes, drafted] = [round.accepted + 1, round.drafted].map(|count| count as f64);
        self.bytes = self.bytes * FADE + bytes;
        self.drafted = self.drafted * FADE + drafted;
        self.milliseconds = self.milliseconds * FADE + round.milliseconds;
    }

    /// Bytes per millisecond; 0 where there is no clock.
    fn speed(&self) -> f64 {
        match self.milliseconds > 0.0 {
            true => self.bytes / self.milliseconds,
            false => 0.0,
        }
    }

    /// What the model kept of the bytes taken at a time.
    fn kept(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a few rounds")]
        let rounds = (self.rounds.saturating_sub(1)) as f64;
        let faded = (1.0 - FADE.powf(rounds)) / (1.0 - FADE);
        let taken = self.drafted + faded;
        if taken > 0.0 { self.bytes / taken } else { 0.0 }
    }
}

#[derive(Clone, Copy, Debug)]
struct Round {
    /// Its place in [`SIZES`].
    size: usize,
    drafted: usize,
    accepted: usize,
    milliseconds: f64,
}

/// Says how many bytes to draft.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    speculate: Speculate,
    total: Drafts,
    figures: [Figures; SIZES.len()],
    /// The round whose bytes may not all be known yet.
    last: Option<Round>,
    rounds: u64,
    /// What was chosen for the next round.
    size: usize,
}

impl Pace {
    pub(super) fn new(speculate: Speculate) -> Self {
        Self {
            speculate,
            ..Self::default()
        }
    }

    /// Goes on in another way; what was counted stays.
    pub(super) fn set(&mut self, speculate: Speculate) {
        if self.speculate != speculate {
            *self = Self {
                total: self.total,
                ..Self::new(speculate)
            };
        }
    }

    pub(super) fn total(&self) -> Drafts {
        self.total
    }

    /// Bytes to draft after the next one, `most` at most.
    pub(super) fn drafts(&mut self, most: usize) -> usize {
        self.book();
        let bytes = match self.speculate {
            Speculate::Off => 1,
            Speculate::Bytes(bytes) => usize::from(bytes),
            Speculate::Auto => {
                self.size = self.choose();
                SIZES[self.size]
            }
        };
        bytes.saturating_sub(1).min(most)
    }

    /// A byte and `drafted` drafts after it were taken, in this time.
    pub(super) fn took(&mut self, drafted: usize, milliseconds: f64) {
        self.total.drafted += drafted as u64;
        self.last = Some(Round {
            size: self.size,
            drafted,
            accepted: 0,
            milliseconds,
        });
    }

    /// One more of the drafts last taken stays.
    pub(super) fn accepted(&mut self) {
        self.total.accepted += 1;
        if let Some(round) = &mut self.last {
            round.accepted += 1;
        }
    }

    fn book(&mut self) {
        if let Some(round) = self.last.take() {
            self.figures[round.size].add(&round);
            self.rounds += 1;
        }
    }

    fn choose(&self) -> usize {
        let mut best = 0;
        for (size, figures) in self.figures.iter().enumerate() {
            let hopeful = size < 2 || self.figures[size - 1].kept() >= WORTH_MORE;
            if figures.rounds < TRIALS[size] {
                match hopeful {
                    true => return size,
                    false => break,
                }
            }
            if figures.speed() > self.figures[best].speed() {
                best = size;
            }
        }
        if self.rounds % AGAIN != AGAIN - 1 {
            return best;
        }
        let up = (self.rounds / AGAIN).is_multiple_of(2);
        match up {
            true => (best + 1).min(SIZES.len() - 1),
            false => best.saturating_sub(1),
        }
    }
}

/// Chooses drafts as the bytes themselves are chosen: by the same options and the
/// random numbers of their places.
pub(super) struct Drafter<'a> {
    pub(super) sampler: &'a mut Sampler,
    pub(super) options: &'a GenerateOptions,
    /// The tokens before the first.
    pub(super) recent: Vec<u32>,
    /// Where the text stands before the first.
    pub(super) utf8: Utf8State,
    /// Bytes that there is room for, the first included.
    pub(super) room: u64,
}

impl Drafter<'_> {
    /// The byte that may follow these, by logits that are not the whole model's; none
    /// where the text may end.
    pub(super) fn next(&mut self, ids: &[u32], logits: &[f32]) -> Option<u32> {
        let last = *ids.last()?;
        self.utf8 = self.utf8.step(byte_of(last)?).unwrap_or_default();
        self.recent.push(last);
        let room = self.room.saturating_sub(ids.len() as u64);
        let allowed = self.options.allowed(self.utf8, room);
        let chosen = self.sampler.next(logits, &self.recent, &allowed).ok()?;
        byte_of(chosen.id).map(|_| chosen.id)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    /// The bytes at a time that are chosen last of many rounds, where a byte costs
    /// `plain` milliseconds, a draft `draft`, and taking n bytes `base + n * row`;
    /// the first `right` drafts of a round are accepted.
    fn settles(plain: f64, draft: f64, (base, row): (f64, f64), right: usize) -> usize {
        let mut pace = Pace::new(Speculate::Auto);
        let mut counts = [0; 17];
        for round in 0..600 {
            let drafts = pace.drafts(100);
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let n = drafts as f64;
            let time = match drafts {
                0 => plain,
                _ => n * draft + base + (n + 1.0) * row,
            };
            pace.took(drafts, time);
            for _ in 0..drafts.min(right) {
                pace.accepted();
            }
            if round >= 300 {
                counts[drafts + 1] += 1;
            }
        }
        (0..counts.len()).max_by_key(|at| counts[*at]).unwrap()
    }

    #[test]
    fn auto_finds_what_is_fastest() {
        // Drafts cost next to nothing and are right: as many as there are.
        assert_eq!(settles(1.0, 0.05, (1.0, 0.01), 99), 16);
        // Three are right, so that more are in vain.
        assert_eq!(settles(1.0, 0.1, (1.0, 0.02), 3), 4);
        // None is right, or a row of several costs as much as a row alone.
        assert_eq!(settles(1.0, 0.1, (1.0, 0.02), 0), 1);
        assert_eq!(settles(1.0, 0.5, (0.0, 0.9), 99), 1);
    }

    #[test]
    fn no_more_are_drafted_than_there_may_be() {
        let mut pace = Pace::new(Speculate::Bytes(8));
        assert_eq!(pace.drafts(100), 7);
        assert_eq!(pace.drafts(3), 3);
        assert_eq!(pace.drafts(0), 0);
        pace.took(3, 1.0);
        pace.accepted();
        pace.set(Speculate::Off);
        assert_eq!(pace.drafts(100), 0);
        let total = Drafts {
            drafted: 3,
            accepted: 1,
        };
        assert_eq!(pace.total(), total);
    }
}
