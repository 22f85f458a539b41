//! The work of the generate screen: one byte at a time, between newer requests.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::loading::Loader;
use super::portion::Portion;
use super::{Model, Outbox, Update};
use crate::error::{Error, Result};
use crate::generate::{
    Branch, Continuation, Event, GenerateOptions, GeneratedByte, Prediction, SamplerOptions,
    StopReason, TextModel, Utf8Mode,
};
use crate::model::blt::{BltLoad, BltModel};
use crate::model::memory::MemoryPlan;
use crate::record::ByteRecord;
use crate::session::{BltOptions, BltSession, EntropyOptions, EntropySession};

/// How bytes are chosen, and how many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct GenerateSettings {
    /// How each is chosen.
    pub(crate) sampler: SamplerOptions,
    /// A run ends after so many.
    pub(crate) limit: u64,
    /// Only bytes that keep the text well-formed UTF-8.
    pub(crate) constrain: bool,
    /// Time the parts of the model, from the next reading on.
    pub(crate) stage_times: bool,
}

/// What the generate screen asks for; the number comes back when it is done.
#[derive(Debug)]
pub(crate) struct GenerateRequest {
    /// Counts up.
    pub(crate) ticket: u64,
    pub(crate) wish: Wish,
}

/// What the generate screen asks for.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Read this; what comes after it is written. The text before is forgotten.
    Read(Vec<u8>),
    /// From the next byte on.
    Settings(GenerateSettings),
    /// Show what could stand at this byte of those written; `None` for the one to
    /// come.
    Watch(Option<usize>),
    /// Write until the limit.
    Run,
    /// Write no more.
    Pause,
    /// One byte.
    Byte,
    /// Up to the end of a patch.
    Patch,
    /// Take the last byte back.
    Back,
    /// This byte at this place of those written, in a new branch unless it is the
    /// one to come; with `on` the text goes on from there.
    Branch { at: usize, byte: u8, on: bool },
    /// Go on with another branch.
    Switch(usize),
}

/// What has come for the generate screen.
#[derive(Debug)]
pub(crate) enum GenerateUpdate {
    /// What loading the model will take.
    Memory(MemoryPlan),
    /// What is done right now.
    Doing(Doing),
    /// The text is read; nothing is written yet.
    Read(Vec<ByteRecord>),
    /// Of the bytes written the first `from` stay; then come these.
    Written {
        from: usize,
        bytes: Vec<Arc<GeneratedByte>>,
    },
    /// How things stand.
    State(State),
    /// All branches.
    Branches(Vec<BranchLine>),
    /// What could stand at a byte of those written, or come next.
    Predictions { at: usize, all: Vec<Prediction> },
    /// The model holds the text no more; it has to be read again.
    Dropped,
    /// Something could not be done, and why.
    Failed(String),
}

/// What is done right now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Doing {
    #[default]
    Nothing,
    /// So many bytes of so many of the model.
    Loading(u64, u64),
    /// So many bytes of so many of the text.
    Reading(usize, usize),
    Writing,
}

/// How things stand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct State {
    /// All requests up to this one are done or under way.
    pub(crate) ticket: u64,
    pub(crate) doing: Doing,
    /// Why the last run ended, if it was not paused.
    pub(crate) ended: Option<StopReason>,
    /// What is known about the byte to come.
    pub(crate) to_come: Option<ByteRecord>,
    /// Bytes of the device's memory, without the weights.
    pub(crate) memory: u64,
    /// Bytes per second of the run, drawing and everything else included.
    pub(crate) rate: Option<f64>,
}

/// A branch, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BranchLine {
    pub(crate) id: usize,
    /// The byte of those written at which it left another.
    pub(crate) at: usize,
    /// Its own bytes.
    pub(crate) length: usize,
    /// What it begins with.
    pub(crate) words: String,
    pub(crate) current: bool,
}

/// So many characters of a branch are listed.
const WORDS: usize = 28;

impl From<Branch> for BranchLine {
    fn from(branch: Branch) -> Self {
        let begin = &branch.bytes[..branch.bytes.len().min(4 * WORDS)];
        let words = String::from_utf8_lossy(begin)
            .chars()
            .map(|character| match character {
                character if character.is_whitespace() => ' ',
                character if character.is_control() => '·',
                character => character,
            })
            .take(WORDS)
            .collect::<String>();
        Self {
            id: branch.id,
            at: branch.at,
            length: branch.bytes.len(),
            words: words.trim().to_owned(),
            current: branch.current,
        }
    }
}

/// When writing ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    Byte,
    Patch,
    Limit,
}

/// A text in the model.
#[derive(Debug)]
struct Text {
    continuation: Continuation,
    /// What the window has been told of.
    told: Vec<Arc<GeneratedByte>>,
}

/// The work of the generate screen.
#[derive(Debug, Default)]
pub(super) struct Generation {
    model: Option<Arc<Model>>,
    text: Option<Text>,
    settings: Option<GenerateSettings>,
    /// A text that waits for the model.
    given: Option<Vec<u8>>,
    loader: Loader<BltModel>,
    /// Whether what the model reads is a prompt that the window waits for.
    reading: bool,
    portion: Portion,
    wishes: VecDeque<Wish>,
    goal: Option<Goal>,
    /// Since when, and from which byte on.
    run: Option<(Instant, usize)>,
    ended: Option<StopReason>,
    watched: Option<usize>,
    ticket: u64,
    /// What is still to be told.
    untold: Untold,
}

#[derive(Clone, Copy, Debug, Default)]
struct Untold {
    state: bool,
    predictions: bool,
    branches: bool,
    dropped: bool,
}

impl Untold {
    fn any(self) -> bool {
        self.state || self.predictions || self.branches || self.dropped
    }
}

impl Generation {
    /// Another model is there: the text is no longer in it.
    pub(super) fn use_model(&mut self, model: &Arc<Model>) -> Result<()> {
        self.give_up();
        self.model = Some(Arc::clone(model));
        Ok(())
    }

    pub(super) async fn ask(
        &mut self,
        request: GenerateRequest,
        _model: Option<&Arc<Model>>,
        _outbox: &Outbox,
    ) -> Result<()> {
        self.ticket = request.ticket;
        self.untold.state = true;
        match request.wish {
            Wish::Read(given) => {
                self.rest();
                self.text = None;
                self.ended = None;
                self.watched = None;
                self.given = Some(given);
            }
            Wish::Settings(settings) => {
                self.settings = Some(settings);
                self.use_settings()?;
                self.untold.predictions = true;
            }
            Wish::Watch(at) => {
                self.watched = at;
                self.untold.predictions = true;
            }
            Wish::Pause => {
                self.rest();
                self.loader.cancel();
            }
            wish => self.wishes.push_back(wish),
        }
        Ok(())
    }

    /// Reads and writes no more.
    fn rest(&mut self) {
        self.goal = None;
        self.given = None;
        if std::mem::take(&mut self.reading) {
            self.text = None;
        }
        self.wishes.clear();
        self.untold.branches = true;
        self.untold.predictions = true;
    }

    /// Bytes of the device's memory that the text takes.
    pub(super) fn memory(&self) -> u64 {
        let text = self.text.as_ref();
        text.map_or(0, |text| text.continuation.memory())
    }

    /// Whether there is something to do.
    pub(super) fn is_busy(&self) -> bool {
        // Nothing else can be done until the model is there.
        let waits = self.given.is_some() && self.loader.progress().is_some();
        let works = self.given.is_some() && self.model.is_some()
            || self.reading
            || !self.wishes.is_empty()
            || self.goal.is_some();
        self.untold.any() || self.loader.is_ready() || works && !waits
    }

    /// Does a piece of the work.
    pub(super) async fn slice(&mut self, outbox: &Outbox) -> Result<()> {
        if let Err(error) = self.work(outbox).await {
            self.rest();
            self.untold.state = true;
            let gpu = self.model.as_ref().map(|model| model.entropy.gpu());
            match error {
                Error::Interrupted => {}
                Error::DeviceLost(_) => return Err(error),
                _ if gpu.is_some_and(|gpu| gpu.check().is_err()) => return Err(error),
                _ => outbox.put(Update::Generate(GenerateUpdate::Failed(error.to_string()))),
            }
        }
        self.tell(outbox);
        Ok(())
    }

    async fn work(&mut self, outbox: &Outbox) -> Result<()> {
        if let Some(model) = self.model.clone()
            && self.given.is_some()
        {
            if self.load(&model, outbox)?
                && let Some(given) = self.given.take()
            {
                self.start(&model, &given)?;
            }
            return Ok(());
        }
        if self.reading {
            return self.read(outbox).await;
        }
        if let Some(wish) = self.wishes.pop_front() {
            return self.begin(wish, outbox).await;
        }
        if let Some(goal) = self.goal {
            self.write(goal, outbox).await?;
        }
        Ok(())
    }

    /// Loads what is missing of the model; says whether all of it is there.
    fn load(&mut self, model: &Arc<Model>, outbox: &Outbox) -> Result<bool> {
        if !model.is_whole() || model.blt.get().is_some() {
            return Ok(true);
        }
        if let Some(loaded) = self.loader.take() {
            let loaded = Arc::new(loaded?);
            model.blt.get_or_init(|| loaded);
            return Ok(true);
        }
        if self.loader.progress().is_none() {
            let options = BltLoad {
                entropy: Some(Arc::clone(&model.entropy)),
                ..BltLoad::default()
            };
            let plan = MemoryPlan::of(model.entropy.gpu(), &model.checkpoint, &options)?;
            outbox.put(Update::Generate(GenerateUpdate::Memory(plan)));
            let total = plan.adapter.saturating_sub(model.entropy.bytes());
            let (own, told) = (Arc::clone(model), outbox.clone());
            let tell = move |done, total| {
                let doing = GenerateUpdate::Doing(Doing::Loading(done, total));
                told.put(Update::Generate(doing));
            };
            self.loader.start(outbox, tell, move |going| {
                going.expect(total);
                pollster::block_on(BltModel::load_while(
                    own.entropy.gpu(),
                    &own.checkpoint,
                    options,
                    |bytes| going.add(bytes),
                ))
            });
        }
        Ok(false)
    }

    /// Begins with a text.
    fn start(&mut self, model: &Model, given: &[u8]) -> Result<()> {
        let settings = self.settings.unwrap_or(DEFAULT);
        let session = session(model, settings.stage_times)?;
        // It is better known before the text is read than in the midst of it.
        if let TextModel::Blt(session) = &session {
            session.check_positions(given.len() + 1)?;
        }
        let options = GenerateOptions::default();
        let mut continuation = Continuation::new(session, settings.sampler, options)?;
        continuation.begin(given);
        self.text = Some(Text {
            continuation,
            told: Vec::new(),
        });
        self.reading = true;
        self.untold.state = true;
        Ok(())
    }

    /// Reads a piece of the text.
    async fn read(&mut self, outbox: &Outbox) -> Result<()> {
        // After a failure there is nothing to go on with.
        self.reading = false;
        let Some(mut text) = self.text.take() else {
            return Ok(());
        };
        let over = approach(&mut text.continuation, 0, &mut self.portion, outbox).await?;
        if !over {
            self.reading = true;
            self.text = Some(text);
            return Ok(());
        }
        let records = text.continuation.prompt_records().to_vec();
        outbox.put(Update::Generate(GenerateUpdate::Read(records)));
        self.text = Some(text);
        self.use_settings()?;
        self.untold = Untold {
            state: true,
            predictions: true,
            branches: true,
            dropped: false,
        };
        Ok(())
    }

    fn use_settings(&mut self) -> Result<()> {
        if let (Some(text), Some(settings)) = (&mut self.text, self.settings) {
            text.continuation.set_sampler(settings.sampler)?;
            let options = text.continuation.options().clone();
            text.continuation.set_options(GenerateOptions {
                utf8: utf8(settings),
                ..options
            })?;
        }
        Ok(())
    }

    /// Until so many bytes are written.
    fn aim(&mut self, goal: Goal) -> Result<()> {
        let settings = self.settings.unwrap_or(DEFAULT);
        let text = self.text.as_mut().ok_or_else(nothing)?;
        let length = text.continuation.len();
        text.continuation.set_options(GenerateOptions {
            max_bytes: (goal == Goal::Limit).then(|| length as u64 + settings.limit),
            utf8: utf8(settings),
            ..GenerateOptions::default()
        })?;
        self.goal = Some(goal);
        self.run = Some((Instant::now(), length));
        self.ended = None;
        self.untold.state = true;
        Ok(())
    }

    /// Begins with what was wished.
    async fn begin(&mut self, wish: Wish, outbox: &Outbox) -> Result<()> {
        let text = self.text.as_mut().ok_or_else(nothing)?;
        self.ended = None;
        match wish {
            Wish::Run => self.aim(Goal::Limit)?,
            Wish::Byte => self.aim(Goal::Byte)?,
            Wish::Patch => self.aim(Goal::Patch)?,
            Wish::Back => {
                self.goal = None;
                text.continuation.undo();
                self.changed(outbox);
            }
            Wish::Switch(branch) => {
                self.goal = None;
                text.continuation.switch(branch)?;
                self.changed(outbox);
            }
            Wish::Branch { at, byte, on } => {
                self.goal = None;
                if !approach(&mut text.continuation, at, &mut self.portion, outbox).await? {
                    self.wishes.push_front(wish);
                    return Ok(());
                }
                match at < text.continuation.len() {
                    true => text.continuation.branch(at, byte).await?,
                    false => text.continuation.choose(byte).await?,
                };
                self.changed(outbox);
                if on {
                    self.aim(Goal::Limit)?;
                }
            }
            Wish::Read(_) | Wish::Settings(_) | Wish::Watch(_) | Wish::Pause => {}
        }
        Ok(())
    }

    /// One byte more; first the model comes to where the text is.
    async fn write(&mut self, goal: Goal, outbox: &Outbox) -> Result<()> {
        let text = self.text.as_mut().ok_or_else(nothing)?;
        if !text.continuation.is_settled() {
            let end = text.continuation.len();
            approach(&mut text.continuation, end, &mut self.portion, outbox).await?;
            return Ok(());
        }
        let events = text.continuation.step().await?;
        let mut over = goal == Goal::Byte;
        for event in events {
            match event {
                Event::Boundary { .. } => over |= goal == Goal::Patch,
                Event::Done { reason, .. } => {
                    self.ended = Some(reason);
                    over = true;
                }
                _ => {}
            }
        }
        self.tell_text(outbox);
        self.untold.state = true;
        self.untold.predictions |= self.watched.is_none();
        if over {
            self.rest();
        }
        Ok(())
    }

    /// The text is another one.
    fn changed(&mut self, outbox: &Outbox) {
        self.run = None;
        self.tell_text(outbox);
        self.untold.state = true;
        self.untold.predictions = true;
        self.untold.branches = true;
    }

    /// Says how the text differs from what the window knows.
    fn tell_text(&mut self, outbox: &Outbox) {
        let Some(text) = &mut self.text else {
            return;
        };
        let bytes = text.continuation.bytes();
        let same = bytes.iter().zip(&text.told);
        let from = same.take_while(|(a, b)| Arc::ptr_eq(a, b)).count();
        // Its list need not follow at every byte.
        self.untold.branches |= bytes.len().is_multiple_of(16);
        text.told.truncate(from);
        text.told.extend_from_slice(&bytes[from..]);
        outbox.put(Update::Generate(GenerateUpdate::Written {
            from,
            bytes: bytes[from..].to_vec(),
        }));
    }

    fn tell(&mut self, outbox: &Outbox) {
        let put = |update| outbox.put(Update::Generate(update));
        let untold = std::mem::take(&mut self.untold);
        if untold.dropped {
            put(GenerateUpdate::Dropped);
        }
        let continuation = self.text.as_ref().map(|text| &text.continuation);
        if let Some(continuation) = continuation.filter(|_| !self.reading) {
            if untold.branches {
                let branches = continuation.branches().into_iter().map(Into::into);
                put(GenerateUpdate::Branches(branches.collect()));
            }
            if untold.predictions {
                let end = continuation.len();
                let at = self.watched.map_or(end, |at| at.min(end));
                if let Ok(all) = continuation.predictions_at(at) {
                    put(GenerateUpdate::Predictions { at, all });
                }
            }
        }
        if untold.state {
            let loads = self.loader.progress();
            let waits = self.given.is_some() && self.model.is_some();
            let works = self.goal.is_some() || !self.wishes.is_empty();
            let (read, total) = match (&self.given, continuation) {
                (Some(given), _) => (0, given.len()),
                (None, now) => now.map_or((0, 0), Continuation::progress),
            };
            let rate = self.run.zip(continuation).and_then(|((since, from), now)| {
                let bytes = now.len().saturating_sub(from);
                let seconds = since.elapsed().as_secs_f64();
                (bytes > 1 && seconds > 0.0).then(|| bytes as f64 / seconds)
            });
            put(GenerateUpdate::State(State {
                ticket: self.ticket,
                doing: match (loads, works) {
                    (Some((done, total)), _) => Doing::Loading(done, total),
                    _ if waits || self.reading => Doing::Reading(read, total),
                    (_, true) => Doing::Writing,
                    _ => Doing::Nothing,
                },
                ended: self.ended,
                to_come: continuation.and_then(Continuation::to_come),
                memory: continuation.map_or(0, Continuation::memory),
                rate,
            }));
        }
    }

    /// After a failure: drop what may be unusable.
    pub(super) fn give_up(&mut self) {
        let dropped = self.text.is_some() || self.given.is_some();
        *self = Self {
            model: self.model.take(),
            settings: self.settings,
            ticket: self.ticket,
            untold: Untold {
                state: true,
                dropped,
                ..Untold::default()
            },
            ..Self::default()
        };
    }
}

/// Before the window has said how.
const DEFAULT: GenerateSettings = GenerateSettings {
    sampler: SamplerOptions {
        temperature: 0.8,
        top_k: 0,
        top_p: 1.0,
        min_p: 0.0,
        repetition_penalty: 1.0,
        repetition_window: 64,
        seed: 1,
    },
    limit: 96,
    constrain: false,
    stage_times: false,
};

impl Default for GenerateSettings {
    fn default() -> Self {
        DEFAULT
    }
}

fn utf8(settings: GenerateSettings) -> Utf8Mode {
    match settings.constrain {
        true => Utf8Mode::Constrain,
        false => Utf8Mode::Raw,
    }
}

fn nothing() -> Error {
    Error::Argument("there is no text to continue; start from a prompt".to_owned())
}

/// A place for a text in what is there of a model.
fn session(model: &Model, stage_times: bool) -> Result<TextModel> {
    Ok(match model.blt.get() {
        Some(blt) => {
            let options = BltOptions {
                stage_times,
                ..BltOptions::default()
            };
            TextModel::Blt(Box::new(BltSession::new(blt, options)?))
        }
        None => {
            let options = EntropyOptions {
                rule: Some(model.rule.clone()),
                ..EntropyOptions::default()
            };
            TextModel::Entropy(Box::new(EntropySession::new(&model.entropy, options)?))
        }
    })
}

/// Brings the model nearer to a place of the text, for as long as a slice may take;
/// says whether it is there.
async fn approach(
    continuation: &mut Continuation,
    at: usize,
    portion: &mut Portion,
    outbox: &Outbox,
) -> Result<bool> {
    let began = Instant::now();
    let over = continuation.approach(at, portion.bytes()).await?;
    if !over {
        portion.took(began.elapsed());
    }
    let (read, total) = continuation.progress();
    let doing = GenerateUpdate::Doing(Doing::Reading(read, total));
    outbox.put(Update::Generate(doing));
    Ok(over)
}

#[cfg(test)]
mod tests;
