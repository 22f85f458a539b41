//! A text on its way through the entropy model.

mod known;
mod place;
mod snapshot;
mod texts;

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::context::ContextOptions;
use crate::device::kernels::{PatchStartsCarry, PatchStartsParams};
use crate::device::readback::{Mapping, Staging};
use crate::device::recorder::Recorder;
use crate::device::step_batch::BatchMember;
use crate::device::tensor::Allocator;
use crate::device::trials::Trials;
use crate::device::{Profile, Tensor};
use crate::error::{Error, Result};
use crate::model::block::Rows;
use crate::model::entropy::{EntropyBuffers, EntropyExtras, EntropyInputs, EntropyModel};
use crate::model::layer_inputs::LayerInputs;
use crate::model::part::{PartPlan, RowClass, count};
use crate::model::sizes::UNBOUNDED;
use crate::patch::{Rule, Scheme};
use crate::session::download::{Piece, Places};
use crate::session::logits::{check, nll, surprise};
use crate::session::plans::RowPlans;
use crate::session::upload::{Field, Layout, Upload, targets};
pub(crate) use known::{InputCopy, KnownRows};
use place::Place;

pub use snapshot::Snapshot;

/// What a session computes.
#[derive(Clone, Debug, Default)]
pub struct EntropyOptions {
    /// Where the context is cut.
    pub context: ContextOptions,
    /// Find patch starts on the device by this rule. Rules that look at the
    /// predicted byte or at a table have no kernel ([`EntropySession::new`]
    /// refuses them); run their [`crate::patch::Patcher`] instead.
    pub rule: Option<Rule>,
    /// How many of the most likely next bytes of each position are given.
    pub best: usize,
    /// Time every kernel (`--profile`); slower, because each has its own pass.
    pub profile: bool,
}

/// What the model says about some consecutive tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EntropyRows {
    /// Per token: the entropy, in nats, of what follows it (H at its position).
    pub entropies: Vec<f32>,
    /// Per token: -ln p(token | those before it) in nats; `None` for the first
    /// token of the text, which nothing predicts.
    pub nlls: Vec<Option<f32>>,
    /// Per token: does a patch start after it? Empty without a rule.
    pub starts: Vec<bool>,
    /// Per token: the most likely next tokens with their log-probabilities.
    pub best: Vec<Vec<(u32, f32)>>,
}

/// A text on its way through the entropy model: push any number of tokens at a
/// time; the results do not depend on how they were cut.
///
/// Memory is bounded by the window, not by the text.
#[derive(Debug)]
pub struct EntropySession {
    model: Arc<EntropyModel>,
    options: EntropyOptions,
    upload: Upload,
    /// State, ids, targets, spans and angles.
    fields: [Field; 5],
    inputs: EntropyInputs,
    buffers: EntropyBuffers,
    /// How large these are.
    bytes: u64,
    extras: EntropyExtras,
    /// What goes into the layers, if a caller keeps it.
    layer_inputs: Option<LayerInputs>,
    /// By the number of layers that are known.
    plans: Vec<RowPlans>,
    /// Tokens of short pushes that are still taken a few at a time.
    short: usize,
    staging: Vec<Staging>,
    chunk: usize,
    slots: usize,
    place: Place,
    /// Where to go on from if the results under way never arrive, because the
    /// caller dropped the future that waits for them.
    settled: Option<Place>,
    profile: Profile,
    /// Its place among sessions that run at the same time.
    batch: Option<BatchMember>,
}

/// Entropy and ln p of the target: the first of the pieces that come back from a run.
const RESULT: usize = 0;
const STARTS: usize = 1;
const BEST_IDS: usize = 2;
const BEST_LOG_P: usize = 3;
/// Those of the last row.
const LOGITS: usize = 4;
/// Results in flight at a time: one is computed while another is read.
const IN_FLIGHT: usize = 2;
/// For up to this many tokens a GPU's kernels for many rows are not compiled: those for a
/// few take them in less time than that.
const SHORT: usize = 64;

impl EntropySession {
    /// A session before its first token.
    ///
    /// # Errors
    /// [`Error::Argument`] for a rule without a kernel, and the device's errors.
    pub fn new(model: &Arc<EntropyModel>, options: EntropyOptions) -> Result<Self> {
        let device = model.device();
        let chunk = device.tuning.chunk_rows as usize;
        let slots = (model.window().unwrap_or(UNBOUNDED) + chunk).next_power_of_two();
        let tensors = Allocator::on(device);
        let buffers = EntropyBuffers::new(&tensors, model.sizes(), (chunk, slots, options.best));
        let extras = EntropyExtras {
            rule: options.rule.as_ref().map(kernel_rule).transpose()?,
            best: options.best.min(model.vocabulary()),
        };
        let mut layout = Layout::default();
        let angles = chunk * model.rotary().columns();
        // The last one is far the longest; of all only the begin is uploaded.
        let fields = [2, chunk, chunk, chunk, angles].map(|values| layout.field(values));
        let upload = Upload::new(device, &layout);
        let [state, ids, targets, spans, angles] = fields.map(|field| upload.tensor(field));
        let inputs = EntropyInputs {
            rows: Rows {
                state,
                spans,
                angles,
                absolute: false,
            },
            ids,
            targets,
        };
        let staging = staging_of(model, chunk, extras.best);
        device.check()?;
        Ok(Self {
            place: Place::new(options.context, model.window()),
            model: Arc::clone(model),
            options: EntropyOptions {
                best: extras.best,
                ..options
            },
            upload,
            fields,
            inputs,
            buffers,
            bytes: tensors.bytes(),
            extras,
            layer_inputs: None,
            plans: vec![RowPlans::default()],
            short: if device.gpu().is_some() { SHORT } else { 0 },
            staging,
            chunk,
            slots,
            settled: None,
            profile: Profile::default(),
            batch: None,
        })
    }

    /// Runs from now on together with the other members of a batch, or alone.
    pub fn join(&mut self, batch: Option<BatchMember>) {
        self.batch = batch;
    }

    /// Forgets the text; the buffers stay.
    pub fn reset(&mut self) {
        self.land();
        self.place = Place::new(self.options.context, self.model.window());
        self.buffers
            .carry
            .write(self.model.device(), &[PatchStartsCarry::default()]);
    }

    /// How many tokens to push at a time so that a caller can show progress and
    /// stop about every second.
    #[must_use]
    pub fn comfortable_push(&self) -> usize {
        self.chunk * 8
    }

    /// The most tokens that one may look back at, its own included; `None` where a
    /// window bounds it.
    pub(crate) fn most_seen(&self) -> Option<u64> {
        let room = (self.slots - self.chunk) as u64;
        self.model.window().is_none().then_some(room)
    }

    /// Tokens that there is room for; `None` where a window bounds what each looks
    /// back over.
    #[must_use]
    pub fn room(&self) -> Option<u64> {
        let context = &self.place().context;
        match context.window() {
            Some(_) => None,
            None => Some(((self.slots - self.chunk) as u64).saturating_sub(context.seen())),
        }
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Arc<EntropyModel> {
        &self.model
    }

    /// Bytes of device memory of the session, without the weights.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes + self.layer_inputs.as_ref().map_or(0, LayerInputs::bytes)
    }

    /// Time per kernel so far, with [`EntropyOptions::profile`].
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Logits over the vocabulary after the last token; empty before the first, and
    /// after [`EntropySession::truncate`].
    #[must_use]
    pub fn last_logits(&self) -> &[f32] {
        &self.place().logits
    }

    /// Pushes tokens and gives what the model says about them.
    ///
    /// # Errors
    /// [`Error::Argument`] when a model without a window has no room left,
    /// [`Error::NonFinite`] when the weights give none, and the device's errors;
    /// after one the session is unusable until [`EntropySession::reset`]. It may be
    /// as well when this future is dropped before its end.
    pub async fn push(&mut self, ids: &[u32]) -> Result<EntropyRows> {
        let mut rows = EntropyRows {
            entropies: Vec::with_capacity(ids.len()),
            nlls: Vec::with_capacity(ids.len()),
            ..Default::default()
        };
        self.begin(ids.len())?;
        if let Some(first) = ids.first() {
            rows.nlls.push(nll(&self.place.logits, *first));
        }
        let go_on = |_| ControlFlow::Continue(());
        let size = self.rows_at_once(ids.len());
        self.flow((ids, size), &[], &mut rows, go_on).await?;
        // The last row's target is the first token of the next push.
        rows.nlls.truncate(ids.len());
        self.settled = None;
        Ok(rows)
    }

    /// Runs tokens in chunks of a size and appends what the model says about them. At
    /// those whose place is in `begins`, in ascending order, a text of its own begins.
    /// `go_on` is told the tokens of each chunk and may stop there.
    async fn flow(
        &mut self,
        (ids, size): (&[u32], usize),
        mut begins: &[usize],
        rows: &mut EntropyRows,
        mut go_on: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut flight: VecDeque<(Mapping, Places)> = VecDeque::new();
        let device = Arc::clone(self.model.device());
        for (index, chunk) in ids.chunks(size).enumerate() {
            let end = index * size + chunk.len();
            let staging = index % IN_FLIGHT;
            if flight.len() == IN_FLIGHT
                && let Some((mapping, places)) = flight.pop_front()
            {
                self.take(&mapping.bytes(&device).await?, &places, rows)?;
            }
            let inside = begins.partition_point(|begin| *begin < end);
            let (now, later) = begins.split_at(inside);
            begins = later;
            let tokens = Tokens {
                ids: chunk,
                after: ids.get(end).copied(),
                begins: &now.iter().map(|at| at - index * size).collect::<Vec<_>>(),
            };
            let known = KnownRows::default();
            flight.push_back(self.run(&tokens, staging, &[], &known).await?);
            if go_on(chunk.len()).is_break() {
                return Err(Error::Interrupted);
            }
        }
        for (mapping, places) in flight {
            self.take(&mapping.bytes(&device).await?, &places, rows)?;
        }
        Ok(())
    }

    /// Takes tokens, at most those of one run, and gives their pairs (entropy,
    /// ln p of the token that follows) and, with [`EntropyOptions::best`], the most
    /// likely token after each. `after` is the token that follows them, where known. If
    /// this future is dropped, the tokens count as never pushed. Not all layers may be
    /// `known`.
    ///
    /// # Errors
    /// Those of [`EntropySession::push`].
    pub(crate) async fn push_run(
        &mut self,
        ids: &[u32],
        after: Option<u32>,
        copies: &[PairCopy<'_>],
        known: &KnownRows<'_>,
    ) -> Result<(Vec<[f32; 2]>, Vec<u32>)> {
        self.begin(ids.len())?;
        let tokens = Tokens {
            ids,
            after,
            begins: &[],
        };
        let (mapping, places) = self.run(&tokens, 0, copies, known).await?;
        let bytes = mapping.bytes(self.model.device()).await?;
        let pairs: Vec<[f32; 2]> = places.read(&bytes, RESULT);
        self.settle(&pairs, places.read(&bytes, LOGITS))?;
        self.settled = None;
        let best: Vec<u32> = places.read(&bytes, BEST_IDS);
        let most_likely = best.chunks(self.options.best.max(1));
        Ok((
            pairs,
            most_likely.filter_map(<[_]>::first).copied().collect(),
        ))
    }

    /// The steps of runs of a class.
    pub(crate) fn steps(&self, class: RowClass, trials: &mut Trials) -> Result<()> {
        let mut plan = PartPlan::new(self.model.device(), class);
        let (model, inputs) = (&self.model, &self.inputs);
        let starts = self.buffers.starts(inputs);
        model.record(&mut plan, inputs, &self.buffers, self.extras, starts)?;
        trials.add(plan.into_builder());
        Ok(())
    }

    /// Rows that one run takes at most.
    pub(crate) fn most_rows(&self) -> usize {
        self.chunk
    }

    /// Rows that one run takes of that many tokens.
    pub(crate) fn rows_at_once(&mut self, tokens: usize) -> usize {
        if (RowClass::FEW + 1..=self.short).contains(&tokens) {
            self.short -= tokens;
            self.chunk.min(RowClass::FEW)
        } else {
            let heaviest = self.model.heaviest_step();
            self.model.device().rows_at_once(heaviest, self.chunk)
        }
    }

    /// Goes back to where the results end, if some never arrived, and makes ready
    /// for that many more tokens.
    fn begin(&mut self, tokens: usize) -> Result<()> {
        if self.land() && (self.options.rule.is_some() || !self.place.is_whole()) {
            return Err(Error::Argument(
                "the results of the last push were not waited for; reset the session".to_owned(),
            ));
        }
        let mut settled = self.place.clone();
        settled.overwrite(tokens, self.slots);
        self.settled = Some(settled);
        Ok(())
    }

    /// Goes back to where the results end, if some never arrived, and says whether
    /// that is so.
    fn land(&mut self) -> bool {
        let Some(settled) = self.settled.take() else {
            return false;
        };
        self.place = settled;
        // Their buffers may still be mapped. One that is given up and mapped again
        // can be handed out when the first mapping is due, with old numbers in it.
        self.staging = staging_of(&self.model, self.chunk, self.options.best);
        true
    }

    /// Submits one chunk. `copies` go to other buffers on the device.
    async fn run(
        &mut self,
        tokens: &Tokens<'_>,
        staging: usize,
        copies: &[PairCopy<'_>],
        known: &KnownRows<'_>,
    ) -> Result<(Mapping, Places)> {
        let (slot, chunk) = (self.place.slot, tokens.ids);
        self.ready(tokens)?;
        let plan = self.plan(RowClass::of(chunk.len()), known.layers)?;
        self.load(known);
        let (device, buffers) = (self.model.device(), &self.buffers);
        let (rows, layer_inputs) = (count(chunk.len()), self.layer_inputs.as_ref());

        let best = chunk.len() * self.options.best;
        // In the order of the numbers of the pieces.
        let pieces = [
            Piece::first(&buffers.result, chunk.len() * 2),
            Piece::first(&buffers.starts, chunk.len()),
            Piece::first(&buffers.best_ids, best),
            Piece::first(&buffers.best_log_p, best),
            Piece::row(&buffers.logits, chunk.len() - 1, self.model.vocabulary()),
        ];
        let target = &self.staging[staging];
        let mut places = Places::of([]);
        let copies = |recorder: &mut Recorder<'_>| {
            for copy in copies {
                copy.record(recorder, &buffers.result);
            }
            known.keep(layer_inputs, recorder, slot);
            places = Places::copy(&pieces, target, recorder);
        };
        let submission = if self.options.profile && device.has_timestamps() {
            plan.submit_profiled(device, rows, &mut self.profile)
                .await?;
            device.submit(copies)
        } else if let Some(member) = &self.batch
            && member.run(&[&plan]).await
        {
            device.submit(copies)
        } else {
            plan.submit(device, rows, copies)
        };
        let mapping = target.map(device, 0..places.bytes() as u64, submission);
        Ok((mapping, places))
    }

    /// Writes what a run of these tokens reads, and goes on behind them.
    fn ready(&mut self, tokens: &Tokens<'_>) -> Result<()> {
        let chunk = tokens.ids;
        let mut spans = Vec::with_capacity(chunk.len());
        let mut angles = Vec::new();
        let mut begins = tokens.begins.iter().peekable();
        for (row, id) in chunk.iter().enumerate() {
            if begins.next_if(|begin| **begin == row).is_some() {
                self.place.context.begin();
            }
            let (position, span) = self.place.context.push(*id);
            let span = usize::try_from(span).unwrap_or(usize::MAX);
            if span > self.slots - self.chunk {
                return Err(Error::Argument(format!(
                    "this model has no window and sees at most {UNBOUNDED} positions back; \
                     cut the context with --reset-every {UNBOUNDED}"
                )));
            }
            spans.push(count(span));
            self.model.rotary().append(position, &mut angles);
        }
        let (upload, [state, ids, following, spans_of, angles_of]) =
            (&mut self.upload, self.fields);
        upload.put(state, &[chunk.len(), self.place.slot].map(count));
        upload.put(ids, chunk);
        upload.put(following, &targets(chunk, tokens.after));
        upload.put(spans_of, &spans);
        upload.put(angles_of, angles.as_flattened());
        upload.send(self.model.device());
        self.place.advance(chunk.len(), self.slots);
        Ok(())
    }

    /// Appends what came back of one chunk.
    fn take(&mut self, bytes: &[u8], places: &Places, rows: &mut EntropyRows) -> Result<()> {
        let result: Vec<[f32; 2]> = places.read(bytes, RESULT);
        self.settle(&result, places.read(bytes, LOGITS))?;
        rows.entropies
            .extend(result.iter().map(|[entropy, _]| entropy));
        rows.nlls.extend(result.iter().map(surprise));
        if self.options.rule.is_some() {
            let starts: Vec<u32> = places.read(bytes, STARTS);
            rows.starts.extend(starts.iter().map(|start| *start == 1));
        }
        if self.options.best > 0 {
            let ids: Vec<u32> = places.read(bytes, BEST_IDS);
            let log_p: Vec<f32> = places.read(bytes, BEST_LOG_P);
            let pairs: Vec<(u32, f32)> = ids.into_iter().zip(log_p).collect();
            rows.best
                .extend(pairs.chunks_exact(self.options.best).map(<[_]>::to_vec));
        }
        Ok(())
    }

    /// Takes what a chunk has left: its pairs, and the logits after it.
    fn settle(&mut self, pairs: &[[f32; 2]], logits: Vec<f32>) -> Result<()> {
        let place = &mut self.place;
        check("the entropy model's", place.taken, pairs, &logits)?;
        place.taken += pairs.len() as u64;
        place.logits = logits;
        Ok(())
    }
}

/// Tokens of one run.
struct Tokens<'a> {
    ids: &'a [u32],
    /// The token that follows them, where known.
    after: Option<u32>,
    /// The rows at which a text of its own begins, in ascending order.
    begins: &'a [usize],
}

/// Staging buffers for the results of runs of up to `rows` rows.
fn staging_of(model: &EntropyModel, rows: usize, best: usize) -> Vec<Staging> {
    let places = Places::of([rows * 2, rows, rows * best, rows * best, model.vocabulary()]);
    (0..IN_FLIGHT)
        .map(|_| Staging::new(model.device(), places.bytes() as u64))
        .collect()
}

/// Pairs (entropy, ln p of the token that follows) of some rows of a run, on their
/// way to another buffer on the device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PairCopy<'a> {
    /// The first row, and how many.
    pub(crate) rows: (usize, usize),
    /// Where they go.
    pub(crate) to: &'a Tensor,
    /// The pair of it that is overwritten first.
    pub(crate) at: usize,
}

impl PairCopy<'_> {
    fn record(&self, recorder: &mut Recorder<'_>, result: &Tensor) {
        let ((first, rows), pair) = (self.rows, size_of::<[f32; 2]>());
        let bytes = |pairs: usize| (pairs * pair) as u64;
        result.copy_to(self.to, recorder, bytes(first), bytes(self.at), bytes(rows));
    }
}

/// A rule as the kernel `patch_starts` takes it.
pub(super) fn kernel_rule(rule: &Rule) -> Result<PatchStartsParams> {
    let mut params = PatchStartsParams {
        max_length: rule.max_patch_length().unwrap_or(0),
        size: 1,
        ..Default::default()
    };
    match rule.scheme() {
        Scheme::Entropy { threshold } => {
            params.rule = 0;
            params.threshold = *threshold;
        }
        Scheme::Monotonic { threshold } => {
            params.rule = 1;
            params.threshold = *threshold;
        }
        Scheme::Both {
            threshold,
            threshold_add,
        } => {
            params.rule = 2;
            params.threshold = *threshold;
            params.threshold_add = *threshold_add;
        }
        Scheme::Space => params.rule = 3,
        Scheme::Static { size } => {
            params.rule = 4;
            params.size = *size;
        }
        Scheme::Byte => params.rule = 5,
        Scheme::Delimiter => params.rule = 6,
        Scheme::DelimiterPredicted | Scheme::Lookup { .. } => {
            return Err(Error::Argument(
                "this patching rule runs on the CPU only; do not ask the session for it".to_owned(),
            ));
        }
    }
    Ok(params)
}
