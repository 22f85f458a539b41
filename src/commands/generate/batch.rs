//! Several prompts at the same time: their runs share each reading of the weights.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::pin;
use std::time::{Duration, Instant};

use blt::generate::{Event, TextModel};
use blt::session::{BatchMember, StepBatch};
use futures_util::stream::{self, StreamExt};

use super::super::failure::{Failure, Outcome};
use super::super::global::Global;
use super::super::interrupt;
use super::super::output::Output;
use super::super::progress::Progress;
use super::super::requests::go_on;
use super::super::speech::Times;
use super::super::trace::Trace;
use super::super::whole::Loaded;
use super::{Generate, told};

/// How many prompts are continued at the same time if nothing else is said.
const USUAL: usize = 8;

/// Weights that no cache of a processor holds: below, reading them takes no time, and going in
/// step costs some.
const LARGE: u64 = 256 << 20;

/// Prompts, and where what follows them goes.
pub(super) struct Texts<'a> {
    pub(super) prompts: &'a [Vec<u8>],
    pub(super) origin: &'a str,
    pub(super) output: &'a mut Output,
    pub(super) trace: &'a mut Trace,
    pub(super) times: &'a mut Times,
}

/// What has become of a prompt, as far as it came.
#[derive(Default)]
struct Continued {
    reading: Duration,
    events: Vec<Event>,
}

impl Generate {
    /// How many prompts are continued at the same time. A graphics adapter runs one
    /// submission after the other, so that nothing is gained there.
    pub(super) fn at_once(&self, prompts: usize, output: &Output, loaded: &Loaded) -> usize {
        if loaded.device().gpu().is_some() {
            return 1;
        }
        let is_large = match loaded {
            Loaded::Blt(model, _) => model.memory().adapter >= LARGE,
            Loaded::Entropy(_) => false,
        };
        let usual = if is_large && !output.is_terminal() {
            USUAL
        } else {
            1
        };
        self.batch.unwrap_or(usual).min(prompts)
    }

    /// `first` and others beside it, as far as there is memory for their texts.
    pub(super) fn models(
        &self,
        first: TextModel,
        at_once: usize,
        another: impl Fn() -> blt::Result<TextModel>,
    ) -> blt::Result<Vec<TextModel>> {
        let bytes = first.bytes();
        let mut models = vec![first];
        while models.len() < at_once && models[0].has_room_beside(models.len() as u64 * bytes) {
            models.push(another()?);
        }
        Ok(models)
    }

    /// Continues all prompts and writes their texts in the prompts' order; gives one of the
    /// models back. After a failure no prompt is begun; texts under way are still finished, or
    /// written as far as they are where the run is interrupted.
    pub(super) async fn together(
        &self,
        models: Vec<TextModel>,
        loaded: &Loaded,
        texts: Texts<'_>,
        global: &Global,
    ) -> Result<(Option<TextModel>, Outcome), Failure> {
        let Texts {
            prompts,
            origin,
            output,
            trace,
            times,
        } = texts;
        let batch = StepBatch::new(loaded.device());
        let at_once = models.len();
        let (free, failed) = (RefCell::new(models), Cell::new(false));
        let start = Instant::now();
        let total = self.bytes.saturating_mul(prompts.len() as u64);
        let progress = RefCell::new(Progress::new("", Some(total), !global.quiet));
        let work = stream::iter(prompts.iter().enumerate()).map(|(index, prompt)| {
            // Before any of them runs, so that the first waits for the others.
            let member = batch.member();
            let (free, failed, progress) = (&free, &failed, &progress);
            async move {
                if failed.get() {
                    return None;
                }
                // There are as many models as prompts at a time.
                let taken = free.borrow_mut().pop();
                let mut model = taken?;
                let mut so_far = Continued::default();
                let end = self
                    .continued(&mut model, prompt, member, progress, &mut so_far)
                    .await;
                failed.set(failed.get() || end.is_err());
                model.join(None);
                free.borrow_mut().push(model);
                Some((index, (so_far, end)))
            }
        });
        let mut work = pin!(work.buffer_unordered(at_once));
        let mut early = BTreeMap::new();
        let mut next = 0;
        let mut reading = Duration::ZERO;
        let mut over = Ok(());
        while let Some(done) = work.next().await {
            early.extend(done);
            while let Some((continued, end)) = early.remove(&next) {
                let prompt = &prompts[next];
                trace.prompt(
                    next,
                    prompt,
                    origin,
                    &self.sampling.options(),
                    self.speculate,
                )?;
                times.read(prompt.len(), continued.reading);
                reading += continued.reading;
                if end.is_ok() || !continued.events.is_empty() {
                    let mut speech = self.speech((next, prompt), output)?;
                    for event in &continued.events {
                        told(event, &mut speech, trace, times)?;
                    }
                    speech.finish()?;
                    self.end_text(prompts.len(), output)?;
                }
                over = over.and(end);
                next += 1;
            }
        }
        times.wrote(start.elapsed().saturating_sub(reading));
        let model = free.borrow_mut().pop();
        Ok((model, over))
    }

    async fn continued(
        &self,
        model: &mut TextModel,
        prompt: &[u8],
        member: BatchMember,
        progress: &RefCell<Progress>,
        so_far: &mut Continued,
    ) -> Outcome {
        let start = Instant::now();
        let read = model.read(prompt, |_| go_on()).await?;
        so_far.reading = start.elapsed();
        model.join(Some(member));
        let mut generator = self.generator(model, prompt, &read)?;
        while let Some(event) = generator.next().await? {
            progress
                .borrow_mut()
                .add(u64::from(matches!(event, Event::Byte(_))));
            so_far.events.push(event);
            interrupt::check()?;
        }
        Ok(())
    }
}
