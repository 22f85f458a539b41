//! A text that grows under its reader's hand: byte by byte, back, and into
//! branches.

mod models;
mod place;
mod state;
mod tree;

use std::ops::ControlFlow;
use std::sync::Arc;

use super::draft::{Drafter, Pace};
use super::{
    Event, GenerateOptions, Read, RewindModel, Sampler, SamplerOptions, Step, StopMatcher,
    StopReason, Taken, TextModel,
};
use crate::bytes::{EOS, byte_of, id_of};
use crate::clock::Clock;
use crate::record::{ByteRecord, Recorder};
use crate::{Error, Result};
use models::Models;
use place::Place;
pub use place::{Alternative, GeneratedByte, StepTimes};
pub use tree::Branch;
use tree::Tree;

/// Alternatives kept of each byte, unless told otherwise.
const ALTERNATIVES: usize = 8;
/// Copies of the caches kept for other branches, unless told otherwise.
const FORKS: usize = 4;

/// A prompt and what a model makes of it, step by step: what a
/// [`Generator`](super::Generator) gives at one go, with the way back.
///
/// Everything that was known before each byte is kept on the host, so going back,
/// changing branches and asking for probabilities cost nothing and give exactly
/// what was there. The model follows when a byte is to be taken: by forgetting
/// the end of its text where it can, by a copy of its caches that was kept when a
/// branch was left, or by reading.
///
/// A byte depends on the seed, its place, the options and the bytes before it,
/// however the text came there: the n-th byte is chosen by the n-th random
/// number. So the same choices give the same text, that of a
/// [`Generator`](super::Generator) with the same options, and a byte that was
/// taken back comes again unless something has changed.
///
/// After an error, an interruption or a call that was dropped half-way the text
/// is as it was before the call, and the model reads it again when it is needed.
#[derive(Debug)]
pub struct Continuation<M = TextModel> {
    models: Models<M>,
    sampler: Sampler,
    options: GenerateOptions,
    pace: Pace,
    alternatives: usize,
    prompt_records: Vec<ByteRecord>,
    /// A prompt that is being read, and what is known of it by now.
    reading: Option<(Vec<u8>, Read)>,
    /// `None` before a prompt has been read.
    tree: Option<Tree>,
}

/// How a byte was chosen.
struct Choice {
    byte: u8,
    by_hand: bool,
    log_p: f32,
    sampler_p: f64,
    /// Milliseconds that it took.
    sampling: f64,
}

impl<M: RewindModel> Continuation<M> {
    /// A continuation before its prompt is [read](Self::read).
    ///
    /// # Errors
    /// [`Error::Argument`] that names an impossible option.
    pub fn new(model: M, sampler: SamplerOptions, options: GenerateOptions) -> Result<Self> {
        StopMatcher::new(options.stops.clone())?;
        Ok(Self {
            models: Models::new(model, FORKS),
            sampler: Sampler::new(sampler)?,
            pace: Pace::new(options.speculate),
            options,
            alternatives: ALTERNATIVES,
            prompt_records: Vec::new(),
            reading: None,
            tree: None,
        })
    }

    /// Reads a prompt, which may be empty; the text before is forgotten with all
    /// its branches. `go_on` is told the bytes read after each piece and may stop
    /// there, which is [`Error::Interrupted`]; then there is no text until a
    /// prompt is read.
    ///
    /// # Errors
    /// What the model says, and [`Error::Interrupted`].
    pub async fn read(
        &mut self,
        prompt: &[u8],
        go_on: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<()> {
        self.tree = None;
        self.reading = None;
        let read = self.models.read(prompt, go_on).await?;
        self.take_prompt(prompt, &read);
        Ok(())
    }

    /// Begins with a prompt as [`read`](Self::read) does, but reads nothing of it:
    /// that is left to [`approach`](Self::approach).
    pub fn begin(&mut self, prompt: &[u8]) {
        self.tree = None;
        self.models.forget();
        self.reading = Some((prompt.to_vec(), Read::default()));
    }

    /// Brings the model nearer to the first `at` bytes generated, by reading at
    /// most `most` bytes; says whether it is there. A prompt that was
    /// [begun](Self::begin) is read first. So other work gets in between, and what
    /// has been read is not lost when nobody goes on.
    ///
    /// # Errors
    /// [`Error::Argument`] without a prompt, and what the model says; a prompt that
    /// was not read to its end is then forgotten.
    pub async fn approach(&mut self, at: usize, most: usize) -> Result<bool> {
        if let Some((prompt, mut read)) = self.reading.take() {
            read.append(self.models.read_piece(&prompt, &[], most).await?);
            let over = self.models.follows(&[]);
            match over {
                true => self.take_prompt(&prompt, &read),
                false => self.reading = Some((prompt, read)),
            }
            return Ok(over);
        }
        let tree = self.tree.as_ref().ok_or_else(nothing_read)?;
        let mut wanted = tree.text();
        wanted.truncate(at);
        self.models.approach(tree, &wanted, most).await
    }

    /// Of how many bytes of the prompt and of what was generated the model has how
    /// many, from the beginning.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        let (prompt, text) = match (&self.reading, &self.tree) {
            (Some((prompt, _)), _) => (prompt.as_slice(), Vec::new()),
            (None, Some(tree)) => (tree.prompt.as_slice(), tree.text()),
            (None, None) => return (0, 0),
        };
        (self.models.done(prompt, &text), prompt.len() + text.len())
    }

    /// A prompt has been read.
    fn take_prompt(&mut self, prompt: &[u8], read: &Read) {
        let (recorder, length) = self.record_prompt(prompt, read);
        let closed = read.starts.last().copied().unwrap_or(true);
        let model = self.models.live();
        let first = Place {
            recorder,
            length,
            step: Step {
                entropy: read.entropy,
                closed,
                latent: read.latent && closed,
            },
            logits: model.logits().into(),
            room: model.room(),
        };
        self.tree = Some(Tree::new(prompt, first));
    }

    /// Takes down the records of the prompt; gives what numbers the bytes after
    /// it, and the length of its last patch.
    fn record_prompt(&mut self, prompt: &[u8], read: &Read) -> (Recorder, u64) {
        let mut recorder = Recorder::default();
        let mut length = 0;
        self.prompt_records.clear();
        for (at, byte) in prompt.iter().enumerate() {
            let start = read.starts.get(at).copied().unwrap_or(false);
            let entropy = read.entropies.get(at).copied();
            let nll = read.nlls.get(at + 1).copied().flatten();
            let record = recorder.byte(*byte, entropy, nll, start);
            self.prompt_records.push(record);
            length = if start { 1 } else { length + 1 };
        }
        (recorder, length)
    }

    /// One byte more: its event, what happened at it, and [`Event::Done`] if the
    /// text ends with it. Of a text that has ended it is [`Event::Done`] alone,
    /// until it is made to go on: by options that do not end it, by
    /// [`choose`](Self::choose), or by going back.
    ///
    /// The bytes of a stop string are part of the text; [`kept`](Self::kept) says
    /// how many come before it.
    ///
    /// # Errors
    /// [`Error::Argument`] before a prompt was read, what the model says, and
    /// [`Error::Checkpoint`] for non-finite logits.
    pub async fn step(&mut self) -> Result<Vec<Event>> {
        if let Some(reason) = self.ended() {
            return Ok(vec![self.done(reason)]);
        }
        let clock = Clock::start();
        let (at, place) = self.end()?;
        let (recent, allowed) = (self.recent(at), self.allowed(at, &place));
        self.sampler.seek(at as u64);
        let chosen = self.sampler.next(&place.logits, &recent, &allowed)?;
        let Some(byte) = byte_of(chosen.id) else {
            debug_assert_eq!(chosen.id, EOS, "no other special id is allowed");
            return Ok(vec![self.done(StopReason::EndOfText)]);
        };
        let choice = Choice {
            byte,
            by_hand: false,
            log_p: chosen.log_p,
            sampler_p: chosen.p,
            sampling: clock.milliseconds(),
        };
        self.take(at, &choice).await
    }

    /// Bytes until one closes its patch or ends the text. `go_on` is given the
    /// events of each byte and may stop there; all events come back.
    ///
    /// # Errors
    /// Those of [`step`](Self::step).
    pub async fn step_patch(
        &mut self,
        mut go_on: impl FnMut(&[Event]) -> ControlFlow<()>,
    ) -> Result<Vec<Event>> {
        let mut all = Vec::new();
        loop {
            let events = self.step().await?;
            let over = events
                .iter()
                .any(|event| matches!(event, Event::Boundary { .. } | Event::Done { .. }));
            let stopped = go_on(&events).is_break();
            all.extend(events);
            if over || stopped {
                return Ok(all);
            }
        }
    }

    /// Takes a byte of the caller's as the next one; the events are those of
    /// [`step`](Self::step).
    ///
    /// # Errors
    /// Those of [`step`](Self::step).
    pub async fn choose(&mut self, byte: u8) -> Result<Vec<Event>> {
        self.take_by_hand(self.len(), byte).await
    }

    /// Goes back to the generated byte `at`, takes `byte` in its place, and goes on
    /// from there in a new branch; the text that was there stays as the branch
    /// that it was. The events are those of [`choose`](Self::choose).
    ///
    /// # Errors
    /// [`Error::Argument`] where there is no such byte, and those of
    /// [`step`](Self::step).
    pub async fn branch(&mut self, at: usize, byte: u8) -> Result<Vec<Event>> {
        let bytes = self.len();
        if at >= bytes {
            return Err(Error::Argument(format!(
                "the continuation has {bytes} bytes, so byte {at} cannot be another; choose it as the \
                 next one"
            )));
        }
        self.take_by_hand(at, byte).await
    }

    /// Goes on with another model in place of the one at hand, which comes back: the
    /// same weights, elsewhere. All that is known stays, and the model reads the text
    /// when a byte is to be taken. With other weights what is known of the bytes that
    /// are there would be of the former ones; [`begin`](Self::begin) with the whole
    /// text then.
    pub fn replace_model(&mut self, model: M) -> M {
        self.reading = None;
        self.models.replace(model)
    }

    /// All branches, in the order in which they began.
    #[must_use]
    pub fn branches(&self) -> Vec<Branch> {
        self.tree.as_ref().map(Tree::branches).unwrap_or_default()
    }

    /// The number of the branch that goes on.
    #[must_use]
    pub fn current(&self) -> usize {
        self.tree.as_ref().map_or(0, Tree::current)
    }

    /// Goes on with another branch, exactly as it was left. The model follows at
    /// the next byte, or with [`settle`](Self::settle).
    ///
    /// # Errors
    /// [`Error::Argument`] where there is no such branch.
    pub fn switch(&mut self, branch: usize) -> Result<()> {
        let tree = self.tree.as_mut().ok_or_else(nothing_read)?;
        if tree.switch(branch) {
            return Ok(());
        }
        Err(Error::Argument(format!(
            "there is no branch {branch}; there are {}, from 0",
            tree.count()
        )))
    }

    /// Takes the last byte back and gives it; `None` where none was generated. A
    /// branch that left this one keeps its bytes.
    pub fn undo(&mut self) -> Option<u8> {
        let tree = self.tree.as_mut()?;
        let last = tree.bytes().last()?.byte();
        tree.truncate(tree.bytes().len() - 1);
        Some(last)
    }

    /// Goes back to the first `to` bytes generated, if there are more.
    pub fn truncate(&mut self, to: usize) {
        if let Some(tree) = &mut self.tree
            && to < tree.bytes().len()
        {
            tree.truncate(to);
        }
    }

    /// Brings the model to where the text is. The next byte does so too; this can
    /// show how far it is and be stopped, as [`read`](Self::read).
    ///
    /// # Errors
    /// [`Error::Argument`] before a prompt was read, what the model says, and
    /// [`Error::Interrupted`].
    pub async fn settle(&mut self, go_on: impl FnMut(usize) -> ControlFlow<()>) -> Result<()> {
        let tree = self.tree.as_ref().ok_or_else(nothing_read)?;
        self.models.follow(tree, &tree.text(), go_on).await
    }

    /// Whether the model is where the text is, so that the next byte costs no more
    /// than a byte.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let tree = self.tree.as_ref();
        tree.is_some_and(|tree| self.models.follows(&tree.text()))
    }

    /// Chooses by other options from the next byte on.
    ///
    /// # Errors
    /// [`Error::Argument`] that names an option with an impossible value; then
    /// those before stay.
    pub fn set_sampler(&mut self, options: SamplerOptions) -> Result<()> {
        self.sampler = Sampler::new(options)?;
        Ok(())
    }

    /// Ends the text by other rules from now on. `max_bytes` counts those of the
    /// branch from the prompt on.
    ///
    /// # Errors
    /// [`Error::Argument`] for an empty stop string; then the options before stay.
    pub fn set_options(&mut self, options: GenerateOptions) -> Result<()> {
        StopMatcher::new(options.stops.clone())?;
        self.pace.set(options.speculate);
        self.options = options;
        Ok(())
    }

    /// Keeps that many alternatives of each byte from now on; 8 unless told
    /// otherwise.
    pub fn set_alternatives(&mut self, count: usize) {
        self.alternatives = count;
    }

    /// Keeps the caches of at most that many branches beside those of the one that
    /// goes on; 4 unless told otherwise. Each takes as much of the device's
    /// memory as a session; those that do not fit are not kept, and other branches
    /// are read again.
    pub fn set_most_forks(&mut self, most: usize) {
        self.models.set_most(most);
    }

    /// Where the next byte comes, and what is known about it.
    fn end(&self) -> Result<(usize, Arc<Place>)> {
        let tree = self.tree.as_ref().ok_or_else(nothing_read)?;
        Ok((tree.bytes().len(), tree.last_place()))
    }

    /// Takes the caller's byte as byte `at`, which may be the next one.
    async fn take_by_hand(&mut self, at: usize, byte: u8) -> Result<Vec<Event>> {
        let clock = Clock::start();
        let id = id_of(byte);
        let predictions = self.predictions_at(at)?;
        let found = predictions.iter().find(|prediction| prediction.id == id);
        let (log_p, sampler_p) =
            found.map_or((f64::NEG_INFINITY, 0.0), |found| (found.log_p, found.p));
        #[expect(
            clippy::cast_possible_truncation,
            reason = "logits have no more digits"
        )]
        let choice = Choice {
            byte,
            by_hand: true,
            log_p: log_p as f32,
            sampler_p,
            sampling: clock.milliseconds(),
        };
        self.take(at, &choice).await
    }

    /// Takes a byte that was chosen as byte `at`: the next one, or in a new branch.
    /// Nothing changes before the model has taken it.
    async fn take(&mut self, at: usize, choice: &Choice) -> Result<Vec<Event>> {
        let tree = self.tree.as_mut().ok_or_else(nothing_read)?;
        let wanted = tree.text();
        let on = |_| ControlFlow::Continue(());
        self.models.follow(tree, &wanted[..at], on).await?;
        let clock = Clock::start();
        let drafted = self.models.drafted(choice.byte);
        let was_drafted = drafted.is_some();
        let taken = match drafted {
            Some(taken) => {
                self.pace.accepted();
                taken
            }
            None => self.push(at, choice.byte).await?,
        };
        let step = taken.step;
        let total = choice.sampling + clock.milliseconds();

        let model = self.models.live();
        let tree = self.tree.as_mut().ok_or_else(nothing_read)?;
        if at < wanted.len() {
            tree.branch(at);
        }
        let place = tree.last_place();
        let (before, mut recorder) = (place.step, place.recorder.clone());
        // No -0: what is certain has none.
        let nll = (-choice.log_p).max(0.0);
        let record = recorder.byte(choice.byte, before.entropy, Some(nll), before.closed);
        let length = if before.closed { 1 } else { place.length + 1 };
        let (alternatives, rank) =
            place::alternatives(&place.logits, self.alternatives, choice.byte);
        let byte = GeneratedByte {
            record,
            by_hand: choice.by_hand,
            drafted: was_drafted,
            rank,
            sampler_p: choice.sampler_p,
            alternatives,
            latent_before: before.latent,
            closed: step.closed,
            latent_after: step.latent,
            times: StepTimes {
                total,
                sampling: choice.sampling,
                stages: match was_drafted {
                    true => None,
                    false => model.stage_times(),
                },
            },
        };
        let next = Place {
            recorder,
            length,
            step,
            logits: taken.logits.into(),
            room: taken.room,
        };
        tree.push(byte, next);

        let mut events = vec![Event::Byte(record)];
        let patch = record.patch;
        events.extend(step.closed.then_some(Event::Boundary { patch, length }));
        events.extend(step.latent.then_some(Event::LatentStep { patch }));
        events.extend(self.ended().map(|reason| self.done(reason)));
        Ok(events)
    }

    /// Has the model take byte `at` and drafts after it.
    async fn push(&mut self, at: usize, byte: u8) -> Result<Taken> {
        let tree = self.tree.as_ref().ok_or_else(nothing_read)?;
        let place = tree.place(at).map_or_else(|| tree.last_place(), Arc::clone);
        let room = self.room(at, &place);
        let utf8 = self.utf8(at);
        let most = usize::try_from(room.saturating_sub(1)).unwrap_or(usize::MAX);
        let most = most.min(self.models.live().most_drafted());
        let drafts = self.pace.drafts(most);
        let recent = match drafts {
            0 => Vec::new(),
            _ => self.recent(at),
        };
        self.sampler.seek(at as u64 + 1);
        let mut drafter = Drafter {
            sampler: &mut self.sampler,
            options: &self.options,
            recent,
            utf8,
            room,
        };
        let draft = |ids: &[u32], logits: &[f32]| drafter.next(ids, logits);
        let prompt = self.tree.as_ref().map_or(0, |tree| tree.prompt.len());
        let clock = Clock::start();
        let (taken, drafted) = self.models.push(prompt, byte, (drafts, draft)).await?;
        self.pace.took(drafted, clock.milliseconds());
        Ok(taken)
    }

    fn done(&self, reason: StopReason) -> Event {
        let bytes = self.bytes();
        Event::Done {
            reason,
            bytes: bytes.len() as u64,
            latent_steps: bytes.iter().filter(|byte| byte.latent_after).count() as u64,
        }
    }
}

fn nothing_read() -> Error {
    Error::Argument("there is no text to continue; read a prompt, which may be empty".to_owned())
}
