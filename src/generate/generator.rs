//! A text that grows: the loop of choosing and pushing.

use std::collections::VecDeque;

use super::draft::{Drafter, Pace};
use super::{
    ByteModel, Chosen, Event, GenerateOptions, Sampler, Step, StopMatcher, StopReason, Taken,
    Utf8State, Verdict,
};
use crate::bytes::{EOS, byte_of, prompt};
use crate::clock::Clock;
use crate::record::Recorder;
use crate::{Error, Result};

/// The text that is in the model before the first byte is chosen.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// Its N bytes; BOS comes before them.
    pub text: &'a [u8],
    /// For BOS and each byte: does a patch start after it? `[N + 1]`
    pub starts: &'a [bool],
    /// The entropy, in nats, of what follows it.
    pub entropy: Option<f32>,
}

/// Generates a text, event by event.
///
/// The model is left with every byte in it that was chosen, those of a stop
/// string included, so that another generation can go on from there.
#[derive(Debug)]
pub struct Generator<M> {
    model: M,
    sampler: Sampler,
    options: GenerateOptions,
    utf8: Utf8State,
    stop: StopMatcher,
    recent: Vec<u32>,
    recorder: Recorder,
    /// What is known about the next byte.
    entropy: Option<f32>,
    starts: bool,
    /// The bytes of the patch at hand.
    length: u64,
    bytes: u64,
    latent_steps: u64,
    pace: Pace,
    /// Events of bytes that may yet become part of a stop string.
    waiting: VecDeque<Event>,
    ready: VecDeque<Event>,
    over: bool,
}

impl<M: ByteModel> Generator<M> {
    /// A generator that goes on from the text in the model.
    ///
    /// # Errors
    /// [`Error::Argument`] for an empty stop string, and for flags that do not
    /// fit the text.
    pub fn new(
        model: M,
        given: &Given<'_>,
        sampler: Sampler,
        options: GenerateOptions,
    ) -> Result<Self> {
        if given.starts.len() != given.text.len() + 1 {
            return Err(Error::Argument(format!(
                "a text of {} bytes has {} patch flags, not {}",
                given.text.len(),
                given.text.len() + 1,
                given.starts.len()
            )));
        }
        let mut recorder = Recorder::default();
        let mut length = 0;
        for (byte, start) in given.text.iter().zip(given.starts) {
            recorder.byte(*byte, None, None, *start);
            length = if *start { 1 } else { length + 1 };
        }
        Ok(Self {
            stop: StopMatcher::new(options.stops.clone())?,
            recent: prompt(given.text),
            utf8: Utf8State::after(given.text),
            pace: Pace::new(options.speculate),
            starts: given.starts.last().copied().unwrap_or(true),
            entropy: given.entropy,
            model,
            sampler,
            options,
            recorder,
            length,
            bytes: 0,
            latent_steps: 0,
            waiting: VecDeque::new(),
            ready: VecDeque::new(),
            over: false,
        })
    }

    /// The model, with the text so far in it.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// Ends the generation and gives the model back.
    pub fn into_model(self) -> M {
        self.model
    }

    /// The next event; `None` after [`Event::Done`], and after an error.
    ///
    /// # Errors
    /// What the model says, and [`Error::Checkpoint`] for logits that are no
    /// numbers.
    pub async fn next(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if self.over {
                return Ok(None);
            }
            if let Err(error) = self.advance().await {
                self.over = true;
                return Err(error);
            }
        }
    }

    /// One byte more and those drafted after it, or the end.
    async fn advance(&mut self) -> Result<()> {
        let room = self.room(self.model.room());
        if room == 0 {
            let full = self.options.max_bytes != Some(self.bytes);
            self.end(match full {
                true => StopReason::Full,
                false => StopReason::Length,
            });
            return Ok(());
        }
        let allowed = self.options.allowed(self.utf8, room);
        let chosen = self
            .sampler
            .next(self.model.logits(), &self.recent, &allowed)?;
        let Some(byte) = byte_of(chosen.id) else {
            debug_assert_eq!(chosen.id, EOS, "no other special id is allowed");
            self.end(StopReason::EndOfText);
            return Ok(());
        };
        let clock = Clock::start();
        let most = usize::try_from(room - 1).unwrap_or(usize::MAX);
        let drafts = self.pace.drafts(most.min(self.model.most_drafted()));
        if drafts > 0 {
            return self.advance_by(chosen, drafts, room).await;
        }
        let step = self.model.push(chosen.id).await?;
        self.pace.took(0, clock.milliseconds());
        self.take(&chosen, byte, step);
        Ok(())
    }

    /// Takes a byte with drafts after it, and those of them that the model itself
    /// chooses then.
    async fn advance_by(&mut self, first: Chosen, drafts: usize, room: u64) -> Result<()> {
        let clock = Clock::start();
        let drawn = self.sampler.drawn();
        let window = self.sampler.options().repetition_window;
        let before = self.recent.len().saturating_sub(window);
        let mut drafter = Drafter {
            recent: self.recent[before..].to_vec(),
            sampler: &mut self.sampler,
            options: &self.options,
            utf8: self.utf8,
            room,
        };
        let draft = |ids: &[u32], logits: &[f32]| drafter.next(ids, logits);
        let taken = self.model.push_ahead(first.id, drafts, draft).await;
        self.sampler.seek(drawn);
        let taken = taken?;
        let drafted = taken.len().saturating_sub(1);
        self.pace.took(drafted, clock.milliseconds());

        let told = self.ready.len();
        let mut chosen = first;
        let mut accepted = 0;
        for (at, token) in taken.iter().enumerate() {
            let Some(byte) = byte_of(chosen.id) else {
                break;
            };
            self.take(&chosen, byte, token.step);
            let drawn = self.sampler.drawn();
            let next = match taken.get(at + 1) {
                Some(next) if !self.over => self
                    .choose_after(token)
                    .filter(|chosen| chosen.id == next.id),
                _ => None,
            };
            let Some(next) = next else {
                // It is chosen again, by the same number.
                self.sampler.seek(drawn);
                self.model.keep(at + 1).await?;
                break;
            };
            self.pace.accepted();
            (chosen, accepted) = (next, accepted + 1);
        }
        if drafted > 0 {
            let drafts = Event::Draft { drafted, accepted };
            self.ready.insert(told, drafts);
        }
        Ok(())
    }

    /// Bytes that there is room for, those that are wanted at most.
    fn room(&self, model: Option<u64>) -> u64 {
        let wanted = match self.options.max_bytes {
            Some(most) => most.saturating_sub(self.bytes),
            None => u64::MAX,
        };
        wanted.min(model.unwrap_or(u64::MAX))
    }

    /// What comes after a token; `None` where there is no room, and where the choice
    /// fails, as it will again.
    fn choose_after(&mut self, token: &Taken) -> Option<Chosen> {
        let room = self.room(token.room);
        if room == 0 {
            return None;
        }
        let allowed = self.options.allowed(self.utf8, room);
        let chosen = self.sampler.next(&token.logits, &self.recent, &allowed);
        chosen.ok()
    }

    /// A byte has become part of the text.
    fn take(&mut self, chosen: &Chosen, byte: u8, step: Step) {
        self.remember(chosen.id, byte);
        // No -0: what is certain has none.
        let nll = (-chosen.log_p).max(0.0);
        let record = self
            .recorder
            .byte(byte, self.entropy, Some(nll), self.starts);
        self.length = if self.starts { 1 } else { self.length + 1 };
        self.waiting.push_back(Event::Byte(record));
        if step.closed {
            self.waiting.push_back(Event::Boundary {
                patch: record.patch,
                length: self.length,
            });
        }
        if step.latent {
            self.latent_steps += 1;
            self.waiting.push_back(Event::LatentStep {
                patch: record.patch,
            });
        }
        (self.entropy, self.starts) = (step.entropy, step.closed);

        match self.stop.push(byte) {
            Verdict::Release(count) => self.release(count),
            Verdict::Stop { before, stop } => {
                self.release(before);
                self.waiting.clear();
                self.end(StopReason::Stop { stop });
            }
        }
    }

    fn remember(&mut self, id: u32, byte: u8) {
        self.bytes += 1;
        self.utf8 = self.utf8.step(byte).unwrap_or_default();
        let window = self.sampler.options().repetition_window;
        if self.recent.len() > window.saturating_mul(2) {
            self.recent.drain(..self.recent.len() - window);
        }
        self.recent.push(id);
    }

    /// Releases that many bytes and what happened at each.
    fn release(&mut self, mut bytes: usize) {
        while let Some(event) = self.waiting.front() {
            if matches!(event, Event::Byte(_)) {
                if bytes == 0 {
                    return;
                }
                bytes -= 1;
            }
            self.ready.extend(self.waiting.pop_front());
        }
    }

    fn end(&mut self, reason: StopReason) {
        let held = self.stop.finish();
        self.release(held);
        self.ready.push_back(Event::Done {
            reason,
            bytes: self.bytes,
            latent_steps: self.latent_steps,
        });
        self.over = true;
    }
}
