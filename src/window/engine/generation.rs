//! The work of the generate screen: one byte at a time, between newer requests.

mod asked;
mod telling;
mod text;
mod writing;

use std::collections::VecDeque;
use std::sync::Arc;

use web_time::Instant;

use super::job::{Job, Slice};
use super::loading::{Going, Loader};
use super::portion::Portion;
use super::{Model, Outbox, Update};
use crate::error::{Error, Result};
use crate::generate::{Continuation, GenerateOptions, StopReason};
use crate::measure::tune::{Subject, prepare_kept};
use crate::model::blt::{BltLoad, BltModel, WeightBits};
use crate::model::memory::MemoryPlan;
use crate::window::error_message::ErrorMessage;
use asked::DEFAULT;
pub(crate) use asked::{
    BranchLine, Doing, GenerateRequest, GenerateSettings, GenerateUpdate, State, Wish,
};
pub(crate) use text::Kept;
use text::{Session, Text};
use writing::{Goal, approach};

/// The work of the generate screen.
#[derive(Debug, Default)]
pub(super) struct Generation {
    model: Option<Arc<Model>>,
    kept: Kept,
    settings: Option<GenerateSettings>,
    /// A text that waits for the model, and how much of it is the prompt.
    given: Option<(Vec<u8>, usize)>,
    loader: Loader<Arc<BltModel>>,
    /// While the text at hand is read for the first time: the one to go back to if
    /// nothing comes of it.
    reading: Option<usize>,
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
}

impl Untold {
    fn any(self) -> bool {
        self.state || self.predictions || self.branches
    }
}

impl Job for Generation {
    /// The texts stay; the model reads them when they are to go on.
    fn use_model(&mut self, model: &Arc<Model>) -> Result<()> {
        self.give_up();
        self.model = Some(Arc::clone(model));
        Ok(())
    }

    fn is_busy(&self) -> bool {
        // Nothing else can be done until the model is there.
        let waits = self.loader.progress().is_some();
        let works = self.given.is_some() && self.model.is_some()
            || self.reading.is_some()
            || !self.wishes.is_empty()
            || self.goal.is_some();
        self.untold.any() || works && (!waits || self.loader.is_ready())
    }

    fn slice<'a>(&'a mut self, outbox: &'a Outbox) -> Slice<'a> {
        Box::pin(async {
            if let Err(error) = self.work(outbox).await {
                self.rest();
                self.untold.state = true;
                let device = self.model.as_ref().map(|model| model.entropy.device());
                match error {
                    Error::Interrupted => {}
                    Error::DeviceLost(_) => return Err(error),
                    _ if device.is_some_and(|device| device.check().is_err()) => {
                        return Err(error);
                    }
                    _ => outbox.put(Update::Generate(GenerateUpdate::Failed(ErrorMessage::of(
                        &error,
                    )))),
                }
            }
            self.tell(outbox);
            Ok(())
        })
    }

    /// What is known of the texts stays.
    fn give_up(&mut self) {
        self.rest();
        self.loader.cancel();
        self.run = None;
        self.kept.texts.iter_mut().for_each(Text::release);
        self.untold.state = true;
    }

    fn hand_over(&mut self, outbox: &Outbox) {
        let kept = std::mem::take(&mut self.kept);
        outbox.put(Update::Generate(GenerateUpdate::Kept(kept)));
    }
}

impl Generation {
    pub(super) fn ask(&mut self, request: GenerateRequest, outbox: &Outbox) -> Result<()> {
        self.ticket = request.ticket;
        self.untold.state = true;
        match request.wish {
            Wish::Read { given, prompt } => {
                self.rest();
                self.kept = Kept::default();
                self.ended = None;
                self.watched = None;
                self.given = Some((given, prompt));
            }
            Wish::Restore(kept) => {
                self.rest();
                self.kept = kept;
                self.show(outbox);
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

    /// The text at hand.
    fn text(&mut self) -> Result<&mut Text> {
        let current = self.kept.current;
        self.kept.texts.get_mut(current).ok_or_else(nothing)
    }

    /// What is there of it, once it has been read.
    fn continuation(&self) -> Option<&Continuation<Session>> {
        let text = self.kept.texts.get(self.kept.current);
        text.filter(|_| self.reading.is_none())
            .map(|text| &text.continuation)
    }

    /// Reads and writes no more.
    fn rest(&mut self) {
        self.goal = None;
        self.given = None;
        if let Some(before) = self.reading.take() {
            self.kept.texts.truncate(self.kept.current);
            self.kept.current = before;
        }
        self.wishes.clear();
        self.untold.branches = true;
        self.untold.predictions = true;
    }

    /// Bytes of the device's memory that the texts take.
    pub(super) fn memory(&self) -> u64 {
        let texts = self.kept.texts.iter();
        texts.map(|text| text.continuation.memory()).sum()
    }

    async fn work(&mut self, outbox: &Outbox) -> Result<()> {
        if let Some(model) = self.model.clone()
            && self.given.is_some()
        {
            if self.load(&model, outbox)?
                && let Some(given) = self.given.take()
            {
                self.start(&model, given)?;
            }
            return Ok(());
        }
        if self.reading.is_some() {
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

    /// Brings the text at hand, up to a byte of those written, and a model together;
    /// says whether the model can go on with it.
    fn ready(&mut self, at: usize, outbox: &Outbox) -> Result<bool> {
        let model = self.model.clone().ok_or_else(nothing)?;
        if self.text()?.is_live() {
            return Ok(true);
        }
        if !self.load(&model, outbox)? {
            return Ok(false);
        }
        let stage_times = self.settings.unwrap_or(DEFAULT).stage_times;
        let text = self.text()?;
        if text.is_by(&model) {
            text.live(&model, stage_times)?;
            return Ok(true);
        }
        // What another model has written is given to this one.
        let given = (text.bytes(at), text.prompt);
        self.start(&model, given)?;
        self.show(outbox);
        Ok(false)
    }

    /// Loads what is missing of the model; says whether all of it is there.
    fn load(&mut self, model: &Arc<Model>, outbox: &Outbox) -> Result<bool> {
        if !model.is_whole() || model.blt.get().is_some() {
            return Ok(true);
        }
        if let Some(loaded) = self.loader.take() {
            let loaded = loaded?;
            model.blt.get_or_init(|| loaded);
            return Ok(true);
        }
        if self.loader.progress().is_none() {
            let options = BltLoad {
                entropy: Some(Arc::clone(&model.entropy)),
                ..BltLoad::default()
            };
            let device = model.entropy.device();
            let (checkpoint, plan) =
                MemoryPlan::choose(device, &model.checkpoint, WeightBits::Auto, &options)?;
            outbox.put(Update::Generate(GenerateUpdate::Memory(plan)));
            let total = plan.adapter.saturating_sub(model.entropy.bytes());
            let (own, told, found) = (Arc::clone(model), outbox.clone(), outbox.clone());
            let tell = move |done, total| {
                let doing = GenerateUpdate::Doing(Doing::Loading(done, total));
                told.put(Update::Generate(doing));
            };
            self.loader
                .start(outbox, tell, async move |going: &Going<'_>| {
                    going.expect(total);
                    let device = own.entropy.device();
                    let load = BltModel::load_while(device, &checkpoint, options, |bytes| {
                        going.add(bytes)
                    });
                    let model = Arc::new(load.await?);
                    let subject = Subject::Blt(&model, &checkpoint);
                    if let Some(wrong) = prepare_kept(&subject).await?.wrong {
                        let why = format!("{}: {wrong}", device.summary().name);
                        found.put(Update::Failed(ErrorMessage::of_wrong_results(why)));
                    }
                    Ok(model)
                });
        }
        Ok(false)
    }

    /// Begins with a text.
    fn start(&mut self, model: &Model, given: (Vec<u8>, usize)) -> Result<()> {
        let settings = self.settings.unwrap_or(DEFAULT);
        let text = Text::begin(model, given, settings.sampler, settings.stage_times)?;
        self.reading = Some(self.kept.current);
        self.kept.current = self.kept.texts.len();
        self.kept.texts.push(text);
        self.untold.state = true;
        Ok(())
    }

    /// Reads a piece of the text.
    async fn read(&mut self, outbox: &Outbox) -> Result<()> {
        let mut portion = self.portion;
        let text = self.text()?;
        let over = approach(&mut text.continuation, 0, &mut portion, outbox).await?;
        if over {
            let records = text.continuation.prompt_records().to_vec();
            outbox.put(Update::Generate(GenerateUpdate::Read(records)));
            self.reading = None;
            self.use_settings()?;
            self.untold = Untold {
                state: true,
                predictions: true,
                branches: true,
            };
        }
        self.portion = portion;
        Ok(())
    }

    fn use_settings(&mut self) -> Result<()> {
        let current = self.kept.current;
        if let (Some(text), Some(settings)) = (self.kept.texts.get_mut(current), self.settings) {
            text.continuation.set_sampler(settings.sampler)?;
            let options = text.continuation.options().clone();
            text.continuation.set_options(GenerateOptions {
                utf8: settings.utf8(),
                speculate: settings.speculate(),
                ..options
            })?;
        }
        Ok(())
    }
}

fn nothing() -> Error {
    Error::Argument("there is no text to continue; start from a prompt".to_owned())
}

#[cfg(test)]
mod tests;
