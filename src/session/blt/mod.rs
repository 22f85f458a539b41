//! A text on its way through the whole model, one byte or many at a time.
//!
//! Everything that a later byte can need is kept: keys and values of the entropy
//! model, encoder, decoder (rings of a window) and latent model (all patches),
//! the bytes of the open patch, and what the last patches offer the decoder. A
//! closed patch never changes, and the decoder never sees an open one, so the
//! logits are those of a full recompute (spec section 11).

mod ahead;
mod buffers;
mod edit;
mod inputs;
mod rehearse;
mod run;
mod trace;

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use super::StageTimes;
use super::context::{Context, ContextOptions};
use super::text::checkpoint_rule;
use crate::bytes::{BOS, encode, id_of};
use crate::clock::Clock;
use crate::device::Stages;
use crate::device::kernels::PatchStartsParams;
use crate::device::plan::Plan;
use crate::device::step_batch::BatchMember;
use crate::device::tuning::LatentStep;
use crate::device::{Device, Profile};
use crate::error::{Error, Result};
use crate::model::blt::BltModel;
use crate::model::part::RowClass;
use crate::model::sizes::Sizes;
use crate::patch::{Patcher, Rule};
pub use ahead::AheadRow;
pub(crate) use ahead::MOST_DRAFTED;
use buffers::{Buffers, Plans};
pub use trace::Trace;

/// How a session cuts its text and what it keeps.
#[derive(Clone, Debug, Default)]
pub struct BltOptions {
    /// Where the context of the entropy model is cut.
    pub context: ContextOptions,
    /// The rule that starts patches; `None` for the checkpoint's own.
    pub rule: Option<Rule>,
    /// A patcher of the caller's in place of a rule. It runs on the host.
    pub patcher: Option<Box<dyn Patcher + Send>>,
    /// How the latent model's steps are sized; `None` for what suits the device.
    pub latent_step: Option<LatentStep>,
    /// Time every kernel; slower, because each has its own pass.
    pub profile: bool,
    /// Time the parts of the model, see [`BltSession::stage_times`]; a pass and
    /// two timestamps for each. [`BltOptions::profile`] takes its place.
    pub stage_times: bool,
}

/// What the model says about some consecutive tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BltRows {
    /// Per token: the entropy model's entropy of what follows it, in nats; empty
    /// without an entropy model.
    pub entropies: Vec<f32>,
    /// Per token: does a patch start after it?
    pub starts: Vec<bool>,
    /// Per token: -ln p(token | those before it) in nats by the whole model;
    /// `None` for the first token of the text, which nothing predicts.
    pub nlls: Vec<Option<f32>>,
    /// The same by the entropy model; empty without one.
    pub entropy_nlls: Vec<Option<f32>>,
}

impl BltRows {
    fn append(&mut self, more: Self) {
        self.entropies.extend(more.entropies);
        self.starts.extend(more.starts);
        self.nlls.extend(more.nlls);
        self.entropy_nlls.extend(more.entropy_nlls);
    }
}

/// A token of the text with what was found about it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Token {
    id: u32,
    /// Entropy of what follows.
    entropy: Option<f32>,
    /// The token that the entropy model holds most likely to follow, where asked.
    best: Option<u32>,
    /// Does a patch start after it?
    start: bool,
}

/// How often parts of the model ran, for reports and tests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counters {
    /// Patches that went through the latent model.
    pub latent_steps: u64,
    /// Kernels dispatched; those of an indirect plan count when they have work.
    pub dispatches: u64,
    /// Bytes that these kernels read and wrote, by estimate.
    pub traffic: f64,
}

/// A text on its way through the whole model; see the module.
#[derive(Debug)]
pub struct BltSession {
    model: Arc<BltModel>,
    options: BltOptions,
    decision: Decision,
    step: LatentStep,
    buffers: Buffers,
    plans: Plans,
    /// Runs of a few rows that are still taken by the plans for many.
    few_as_many: usize,
    tokens: Vec<Token>,
    /// First position of each patch, the open one last.
    begins: Vec<usize>,
    entropy_context: Context,
    local_context: Context,
    logits: Vec<f32>,
    entropy_logits: Vec<f32>,
    /// Are the logits of all rows of a run kept?
    keeps_rows: bool,
    /// Logits of the rows of the last run that were kept, or of its last one.
    rows: Vec<Vec<f32>>,
    entropy_rows: Vec<Vec<f32>>,
    counters: Counters,
    profile: Mutex<Profile>,
    stages: Option<Stages>,
    stage_times: Option<StageTimes>,
    /// Its place among sessions that run at the same time.
    batch: Option<BatchMember>,
}

/// The plans of a run, in their order.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Tokens to entropies, and patch starts where the device decides.
    Decide,
    /// Tokens to encoder states, and what the patches are made of.
    Encode,
    /// Closed patches through the latent model.
    Patches,
    /// Bytes to logits.
    Decode,
}

impl Stage {
    const ALL: [Self; 4] = [Self::Decide, Self::Encode, Self::Patches, Self::Decode];
}

/// For this many runs of a few rows no kernels are compiled for them on a GPU: a software
/// driver takes seconds, those for many rows it needs anyway.
const FEW_AS_MANY: usize = 8;

/// Who decides where patches start.
#[derive(Clone, Debug)]
enum Decision {
    Device(PatchStartsParams),
    Host(Box<dyn Patcher + Send>),
}

impl BltSession {
    /// A session before its first token.
    ///
    /// # Errors
    /// [`Error::Argument`] for a rule that needs entropies without an entropy
    /// model, [`Error::Checkpoint`] for a patching that cannot be, and the
    /// device's errors.
    pub fn new(model: &Arc<BltModel>, options: BltOptions) -> Result<Self> {
        let device = model.device();
        let rule = match &options.rule {
            Some(rule) => rule.clone(),
            None => checkpoint_rule(model.patching())?,
        };
        let decision = Self::decision(&rule, &options);
        let needs_entropy = match &decision {
            Decision::Device(_) => rule.needs_entropy(),
            Decision::Host(patcher) => patcher.needs_entropy() || patcher.needs_best(),
        };
        if needs_entropy && model.entropy().is_none() {
            return Err(Error::Argument(
                "this way to find patches needs an entropy model, and the checkpoint has none; \
                 give one (--entropy-model) or choose another way (--mode space, static or byte)"
                    .to_owned(),
            ));
        }
        let window = model.config().local_window.map(|w| w as usize);
        let entropy_window = model.entropy().and_then(|m| m.window());
        let rows = device.tuning.chunk_rows as usize;
        let sizes = Sizes::new(rows, model.config(), entropy_window);
        let best = usize::from(decision.needs_best());
        let step = options.latent_step.unwrap_or(device.tuning.latent_step);
        let buffers = Buffers::new(model, sizes, best)?;
        let plans = Plans::new(decision.kernel(), best, step);
        let stages = Self::stages(device, &options);
        device.check()?;
        Ok(Self {
            entropy_context: Context::new(options.context, entropy_window),
            local_context: Context::new(ContextOptions::default(), window),
            model: Arc::clone(model),
            options,
            decision,
            step,
            buffers,
            plans,
            few_as_many: if device.gpu().is_some() {
                FEW_AS_MANY
            } else {
                0
            },
            tokens: Vec::new(),
            begins: vec![0],
            logits: Vec::new(),
            entropy_logits: Vec::new(),
            keeps_rows: false,
            rows: Vec::new(),
            entropy_rows: Vec::new(),
            counters: Counters::default(),
            profile: Mutex::default(),
            stages,
            stage_times: None,
            batch: None,
        })
    }

    fn stages(device: &Device, options: &BltOptions) -> Option<Stages> {
        let wanted = options.stage_times && !options.profile;
        wanted.then(|| Stages::new(device, 4)).flatten()
    }

    fn decision(rule: &Rule, options: &BltOptions) -> Decision {
        let mut patcher = match (&options.patcher, super::entropy::kernel_rule(rule)) {
            (None, Ok(kernel)) => return Decision::Device(kernel),
            (Some(patcher), _) => patcher.clone(),
            (None, Err(_)) => rule.patcher(),
        };
        patcher.reset();
        Decision::Host(patcher)
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Arc<BltModel> {
        &self.model
    }

    /// Tokens taken so far, BOS included.
    #[must_use]
    pub fn position(&self) -> usize {
        self.tokens.len()
    }

    /// Patches closed so far, that of BOS included.
    #[must_use]
    pub fn patches(&self) -> usize {
        self.begins.len() - 1
    }

    /// Does a patch start at a position up to that of the next byte?
    #[must_use]
    pub fn starts_at(&self, position: usize) -> bool {
        self.begins.binary_search(&position).is_ok()
    }

    /// Position at which the open patch begins.
    #[must_use]
    pub fn open_patch(&self) -> usize {
        self.begins.last().copied().unwrap_or(0)
    }

    /// Tokens, BOS counted, that there surely is room for, however they fall into
    /// patches: by the positions of the bytes and of the patches, and by what a
    /// part without a window can look back over.
    #[must_use]
    pub fn room(&self) -> usize {
        let contexts = (&self.entropy_context, &self.local_context);
        self.room_after(self.position(), self.patches(), contexts)
    }

    /// The same after `tokens` tokens and `patches` closed patches, and what the contexts have
    /// seen of them.
    fn room_after(
        &self,
        tokens: usize,
        patches: usize,
        (entropy, local): (&Context, &Context),
    ) -> usize {
        let config = self.model.config();
        let left = |most: Option<u32>, used: usize| {
            most.map_or(usize::MAX, |most| (most as usize).saturating_sub(used))
        };
        let sizes = self.buffers.sizes;
        let seen = |context: &Context, slots: usize| match context.window() {
            Some(_) => usize::MAX,
            None => {
                let seen = usize::try_from(context.seen()).unwrap_or(usize::MAX);
                (slots - sizes.rows).saturating_sub(seen)
            }
        };
        let entropy = match self.model.entropy() {
            Some(_) => seen(entropy, sizes.entropy_slots),
            None => usize::MAX,
        };
        left(config.max_positions(), tokens)
            .min(left(config.latent.max_positions, patches))
            .min(seen(local, sizes.local_slots))
            .min(entropy)
    }

    /// Token ids taken so far.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = u32> + '_ {
        self.tokens.iter().map(|token| token.id)
    }

    /// Entropy of the next byte by the entropy model, in nats.
    #[must_use]
    pub fn entropy(&self) -> Option<f32> {
        self.tokens.last().and_then(|token| token.entropy)
    }

    /// Logits over the token ids after the last token; empty before the first.
    #[must_use]
    pub fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// How often parts of the model ran.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Time per kernel so far, with [`BltOptions::profile`].
    #[must_use]
    pub fn profile(&self) -> Profile {
        let profile = self.profile.lock();
        profile.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where the time of the last call that took tokens went, with
    /// [`BltOptions::stage_times`]; `None` on devices without timestamps.
    #[must_use]
    pub fn stage_times(&self) -> Option<StageTimes> {
        self.stage_times
    }

    /// Bytes of device memory of the session, without the weights.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.buffers.bytes(&self.model)
    }

    /// Takes bytes, after BOS if they are the first; batched over all patches
    /// that they close, in bounded pieces.
    ///
    /// # Errors
    /// As for [`BltSession::prefill_while`].
    pub async fn prefill(&mut self, bytes: &[u8]) -> Result<BltRows> {
        self.prefill_while(bytes, |_| ControlFlow::Continue(()))
            .await
    }

    /// Like [`BltSession::prefill`]; `go_on` is told the bytes taken after each
    /// piece and may stop there, which leaves the session with that many bytes
    /// and is [`Error::Interrupted`].
    ///
    /// # Errors
    /// [`Error::Argument`] when the text outgrows the model's positions or a
    /// patch the device's room, [`Error::OutOfMemory`] when its patches do not fit
    /// the device, [`Error::Interrupted`], [`Error::NonFinite`] when the weights
    /// give none, and the device's errors; after one of the last two the session is
    /// unusable until [`BltSession::reset`].
    pub async fn prefill_while(
        &mut self,
        bytes: &[u8],
        mut go_on: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<BltRows> {
        let mut ids: Vec<u32> = Vec::with_capacity(bytes.len() + 1);
        if self.tokens.is_empty() {
            ids.push(BOS);
        }
        let added = ids.len();
        ids.extend(encode(bytes));
        self.take(&ids, |taken| go_on(taken.saturating_sub(added)))
            .await
    }

    /// Takes tokens, which need not be bytes.
    ///
    /// # Errors
    /// As for [`BltSession::prefill_while`].
    pub async fn prefill_ids(&mut self, ids: &[u32]) -> Result<BltRows> {
        self.take(ids, |_| ControlFlow::Continue(())).await
    }

    /// Takes one byte, after BOS if it is the first; gives the logits after it.
    ///
    /// # Errors
    /// As for [`BltSession::prefill_while`].
    pub async fn push(&mut self, byte: u8) -> Result<&[f32]> {
        if self.tokens.is_empty() {
            self.prefill(&[byte]).await?;
        } else {
            self.prefill_ids(&[id_of(byte)]).await?;
        }
        Ok(&self.logits)
    }

    /// Runs from now on together with the other members of a batch, or alone.
    pub fn join(&mut self, batch: Option<BatchMember>) {
        self.batch = batch;
    }

    /// Forgets the text; the buffers stay.
    pub fn reset(&mut self) {
        self.entropy_context = Context::new(self.options.context, self.entropy_context.window());
        self.local_context = Context::new(ContextOptions::default(), self.local_context.window());
        if let Decision::Host(patcher) = &mut self.decision {
            patcher.reset();
        }
        self.tokens.clear();
        self.begins = vec![0];
        self.logits.clear();
        self.entropy_logits.clear();
        self.rows.clear();
        self.entropy_rows.clear();
        // A call that was dropped may have left it.
        self.keeps_rows = false;
        self.write_books();
    }

    async fn take(
        &mut self,
        ids: &[u32],
        mut go_on: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<BltRows> {
        self.check_positions(ids.len())?;
        let clock = Clock::start();
        self.stage_times = None;
        self.stages.iter().for_each(Stages::reset);
        let mut all = BltRows::default();
        let mut taken = 0;
        while taken < ids.len() {
            if taken > 0 && go_on(taken).is_break() {
                return Err(Error::Interrupted);
            }
            let (model, sizes) = (&self.model, &self.buffers.sizes);
            let heaviest = model.heaviest_step(self.patches());
            let most = model.device().rows_at_once(heaviest, sizes.rows);
            // Even pieces: a last one of a few rows would read all weights for these alone.
            let left = &ids[taken..];
            let rows = left.len().div_ceil(left.len().div_ceil(most));
            let piece = &left[..rows];
            taken += piece.len();
            let after = ids.get(taken).copied();
            let mut found = self.run(piece, after).await?;
            // The last row's target is the first token of the next piece.
            found.nlls.truncate(piece.len());
            found.entropy_nlls.truncate(piece.len());
            all.append(found);
        }
        self.stage_times = self
            .stages
            .as_ref()
            .map(|stages| StageTimes::new(&stages.milliseconds(), clock.milliseconds()));
        Ok(all)
    }

    /// Does the model have positions for that many more tokens?
    pub(crate) fn check_positions(&self, more: usize) -> Result<()> {
        let end = self.tokens.len() + more;
        match self.model.config().max_positions() {
            Some(most) if end > most as usize => Err(Error::Argument(format!(
                "the text would have {end} positions, and this model has {most}; shorten it"
            ))),
            _ => Ok(()),
        }
    }

    fn plan(&self, stage: Stage, class: RowClass) -> Result<&Plan> {
        self.plans.get(stage, class, &self.model, &self.buffers)
    }
}

impl Decision {
    fn kernel(&self) -> Option<PatchStartsParams> {
        match self {
            Self::Device(rule) => Some(*rule),
            Self::Host(_) => None,
        }
    }

    fn needs_best(&self) -> bool {
        match self {
            Self::Device(_) => false,
            Self::Host(patcher) => patcher.needs_best(),
        }
    }
}
