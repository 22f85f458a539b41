//! A text that is being edited: its entropies, computing again only what a change
//! can reach.
//!
//! A row of the entropy model depends on the last `layers x (window - 1)` tokens
//! alone, its reach. So a change of some bytes leaves everything before them as it
//! was, and everything from one reach behind them on. Rotary embeddings are
//! relative: keys behind keep their positions, all too large or too small by the
//! same number.
//!
//! Of what is in between, not all is another in all layers (module `inputs`). It is
//! computed again from a [`Snapshot`](super::entropy::Snapshot):
//! the keys and values of the last window, at some places of the text. A change drops
//! the snapshots within its reach, moves those behind, and makes new ones on its way.

mod change;
mod inputs;
mod known;
mod numbers;
mod snapshots;
mod stale;

use std::ops::Range;
use std::sync::Arc;

use super::entropy::{EntropyOptions, EntropySession, PairCopy};
use super::logits::nll;
use crate::bytes::{BOS, id_of};
use crate::device::Tensor;
use crate::error::{Error, Result};
use crate::model::entropy::EntropyModel;
use crate::session::ContextOptions;
use change::{Change, Reach};
use inputs::Inputs;
use numbers::Numbers;
use snapshots::Snapshots;
use stale::Stale;

/// How a text is edited.
#[derive(Clone, Copy, Debug)]
pub struct EditOptions {
    /// Where the model's context is cut.
    pub context: ContextOptions,
    /// Bytes of device memory that snapshots may take. With less of it a change begins
    /// its computing further in front, with none at the beginning of the text.
    pub snapshot_bytes: u64,
    /// Tokens from one snapshot to the next, at least.
    pub snapshot_every: usize,
    /// Bytes of device memory that the inputs of layers may take, with which a change
    /// costs less; see [`EditSession`]. They are taken as the text needs them:
    /// `(layers - 1) x hidden size x 4` for each of its bytes. With less than that they
    /// are kept about the caret, with none not at all; nor are they without a window,
    /// or where the context is cut.
    pub layer_input_bytes: u64,
    /// Rows that a step computes at most; no more than a run of the device's class.
    pub rows_per_step: usize,
    /// Keep the most likely token of each place as well ([`EditSession::best`]).
    pub keep_best: bool,
}

impl Default for EditOptions {
    fn default() -> Self {
        Self {
            context: ContextOptions::default(),
            snapshot_bytes: 256 << 20,
            snapshot_every: 256,
            layer_input_bytes: 256 << 20,
            rows_per_step: usize::MAX,
            keep_best: false,
        }
    }
}

/// A text that is being edited, with the entropy of each of its bytes.
///
/// [`EditSession::edit`] changes the text and returns at once; the numbers that it
/// reaches are stale until [`EditSession::step`] has computed them, a piece at a
/// time. The text may be edited again between any two steps.
///
/// A change reaches over `layers x (window - 1)` bytes, one window more with each layer:
/// where what goes into the layers is known from before
/// ([`EditOptions::layer_input_bytes`]), the first window of these goes through all
/// layers, the next through all but the first, and so on. What is behind is only moved,
/// and differs from a computation of the whole text by what rounding makes of other
/// rotary positions: about 1e-4 nats after 4096 bytes, nothing where the text keeps
/// its length. A model without a window computes everything behind a change again.
///
/// After an error, go on with a new session. A future that is dropped leaves its
/// numbers stale and harms nothing.
#[derive(Debug)]
pub struct EditSession {
    /// At some place of the text, with all that it needs to go on from there.
    session: EntropySession,
    reach: Reach,
    bytes: Vec<u8>,
    numbers: Numbers,
    stale: Stale,
    snapshots: Snapshots,
    /// What went into the layers.
    inputs: Option<Inputs>,
    /// Tokens before the caret: a place where a snapshot is wanted.
    caret: usize,
    rows_per_step: usize,
    rows: u64,
    layer_rows: Vec<u64>,
}

impl EditSession {
    /// An empty text.
    ///
    /// # Errors
    /// The device's errors.
    pub fn new(model: &Arc<EntropyModel>, options: EditOptions) -> Result<Self> {
        let entropy = EntropyOptions {
            context: options.context,
            best: usize::from(options.keep_best),
            ..Default::default()
        };
        let mut session = EntropySession::new(model, entropy)?;
        let uncut = options.context == ContextOptions::default();
        let inputs = uncut.then(|| Inputs::new(model, options.layer_input_bytes));
        let inputs = inputs.flatten();
        if inputs.is_some() {
            session.keep_layer_inputs();
        }
        let numbers = Numbers::new(model.device(), options.keep_best);
        model.device().check()?;
        let each = session.snapshot_bytes().max(1);
        let most = match model.window() {
            // All of the text is in the session itself.
            None => 0,
            Some(_) => usize::try_from(options.snapshot_bytes / each).unwrap_or(usize::MAX),
        };
        let mut stale = Stale::default();
        stale.add(0..1);
        Ok(Self {
            reach: Reach {
                tokens: model.reach(),
                window: model.window(),
                context: options.context,
            },
            bytes: Vec::new(),
            numbers,
            stale,
            snapshots: Snapshots::new(most, options.snapshot_every.max(1)),
            inputs,
            caret: 1,
            rows_per_step: options.rows_per_step.max(1),
            rows: 0,
            layer_rows: vec![0; model.layers()],
            session,
        })
    }

    /// The text.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Arc<EntropyModel> {
        self.session.model()
    }

    /// The entropy, in nats, in place of each byte, and of the next byte: `[N + 1]`
    /// for N bytes. While an entry is stale, it is what was last known of its byte, or
    /// NaN.
    #[must_use]
    pub fn entropies(&self) -> &[f32] {
        self.numbers.entropies()
    }

    /// -ln p of each byte after those before it, in nats, `[N]`; stale like
    /// [`EditSession::entropies`].
    #[must_use]
    pub fn nlls(&self) -> &[f32] {
        self.numbers.nlls()
    }

    /// With [`EditOptions::keep_best`], the most likely token in place of each byte, and
    /// of the next byte: `[N + 1]`, stale like [`EditSession::entropies`], `None` where
    /// nothing was ever known; otherwise without entries.
    #[must_use]
    pub fn best(&self) -> &[Option<u32>] {
        self.numbers.best()
    }

    /// From the first to the last entry whose numbers have still to arrive.
    #[must_use]
    pub fn stale(&self) -> Option<Range<usize>> {
        self.stale.hull()
    }

    /// All such entries: ranges in order.
    #[must_use]
    pub fn stale_ranges(&self) -> &[Range<usize>] {
        self.stale.ranges()
    }

    /// The numbers on the device, for shaders: `[N + 1]` pairs of f32, the entropy in
    /// place of a byte and ln p of that byte (0 in place of the next byte), the
    /// very bits that the model's kernel wrote. Where nothing was ever known of a byte
    /// its pair has an entropy of -1 and an ln p of 1. Behind are pairs of no meaning.
    ///
    /// A shader that runs between two steps sees the numbers of the last step that was
    /// submitted. The buffer is another one after the text has outgrown it.
    #[must_use]
    pub fn cells(&self) -> &Tensor {
        self.numbers.cells()
    }

    /// Rows that have come out of the model so far, one per token.
    #[must_use]
    pub fn rows_computed(&self) -> u64 {
        self.rows
    }

    /// Rows that each layer has computed so far. A row whose input to a layer was known, and of which
    /// only its keys and values were made there, does not count.
    #[must_use]
    pub fn layer_rows_computed(&self) -> &[u64] {
        &self.layer_rows
    }

    /// Bytes of device memory, without the weights.
    #[must_use]
    pub fn gpu_bytes(&self) -> u64 {
        let inputs = self.inputs.as_ref().map_or(0, Inputs::bytes);
        let kept = self.snapshots.bytes() + inputs;
        self.session.bytes() + kept + 2 * self.numbers.cells().bytes()
    }

    /// Puts `with` in place of the bytes of `range`, without waiting for the device.
    ///
    /// # Errors
    /// [`Error::Argument`] for a range that is not in the text, and for a text that is
    /// longer than a model without a window or the device can take; the text stays as
    /// it was then. The device's errors.
    pub fn edit(&mut self, range: Range<usize>, with: &[u8]) -> Result<()> {
        let text = self.bytes.len();
        if range.start > range.end || range.end > text {
            return Err(Error::Argument(format!(
                "bytes {} to {} are not in the text, which has {text} bytes",
                range.start, range.end
            )));
        }
        let (change, with) = Change::trimmed(&self.bytes, &range, with);
        if change.is_empty() {
            return Ok(());
        }
        let new = [
            &self.bytes[..change.start],
            with,
            &self.bytes[change.old_end..],
        ]
        .concat();
        self.check_room(&new)?;

        let end = self.reach.end(&self.bytes, &new, &change);
        let logits = self.logits(change.start + 1);
        let nll = logits.and_then(|logits| nll(logits, id_of(*new.get(change.start)?)));
        let (row, rows) = (change.start, new.len() + 1);
        self.numbers.follow(&change, nll)?;
        self.stale.follow(&change);
        if row + 1 < rows && nll.is_none() {
            self.stale.add(row..row + 1);
        }
        self.stale.add(row + 1..end);
        let sound = self.reach.sound_from(end);
        self.snapshots.follow(&change, end, sound);
        if let Some(inputs) = &mut self.inputs {
            inputs.follow(&change);
        }
        self.bytes = new;
        self.follow(&change, end, if nll.is_some() { row + 1 } else { row });
        self.caret = change.new_end + 1;
        Ok(())
    }

    /// Makes the text `bytes`: edits what lies between the longest common beginning and
    /// the longest common end.
    ///
    /// # Errors
    /// Those of [`EditSession::edit`].
    pub fn replace(&mut self, bytes: &[u8]) -> Result<()> {
        self.edit(0..self.bytes.len(), bytes)
    }

    /// Computes one piece of what is stale, the bytes at the caret (the last edit, or
    /// [`EditSession::prepare`]) first, and says whether there is more.
    ///
    /// # Errors
    /// [`Error::NonFinite`] when the weights give none, and the device's errors.
    pub async fn step(&mut self) -> Result<bool> {
        if let Some(range) = self.stale.nearest(self.caret) {
            self.go_to(range.start)?;
            self.piece(range.end).await?;
        }
        Ok(!self.stale.ranges().is_empty())
    }

    /// Moves the caret to before byte `at` and keeps a snapshot there, so that an edit
    /// there has nothing to catch up with. For idle time.
    ///
    /// # Errors
    /// [`Error::Argument`] beyond the text's end, and those of [`EditSession::step`].
    pub async fn prepare(&mut self, at: usize) -> Result<()> {
        self.check_place(at)?;
        self.caret = at + 1;
        if self.logits(self.caret).is_none() {
            self.stand_behind(at).await?;
        }
        // At the end of the text the session itself stands ready.
        if self.taken() == self.caret && self.caret < self.rows() {
            self.keep()?;
        }
        Ok(())
    }

    /// ln p of every token in place of byte `at`, after the bytes before it;
    /// `at` may be the next byte. Numbers that are not stale stay as they are.
    ///
    /// It may take some rows of the model, and computes what is stale on its way.
    ///
    /// # Errors
    /// [`Error::Argument`] beyond the text's end, and those of [`EditSession::step`].
    pub async fn distribution(&mut self, at: usize) -> Result<Vec<f32>> {
        self.check_place(at)?;
        if self.logits(at + 1).is_none() {
            self.stand_behind(at).await?;
        }
        let logits = self.logits(at + 1).unwrap_or_default();
        Ok(crate::session::logits::log_softmax(logits))
    }

    /// Refuses a text that there is no room for.
    fn check_room(&self, text: &[u8]) -> Result<()> {
        self.numbers.check_room(text.len())?;
        let Some(most) = self.session.most_seen() else {
            return Ok(());
        };
        let longest = self.reach.longest(text);
        if longest <= most {
            return Ok(());
        }
        Err(Error::Argument(format!(
            "this model has no window and takes a text of at most {} bytes, not {}; shorten the \
             text, or cut the context",
            most - 1,
            longest - 1
        )))
    }

    fn check_place(&self, at: usize) -> Result<()> {
        let text = self.bytes.len();
        if at <= text {
            return Ok(());
        }
        Err(Error::Argument(format!(
            "there is no byte {at} in a text of {text} bytes"
        )))
    }

    /// Tokens that the session has read.
    fn taken(&self) -> usize {
        usize::try_from(self.session.taken()).unwrap_or(usize::MAX)
    }

    fn rows(&self) -> usize {
        self.bytes.len() + 1
    }

    fn token(&self, index: usize) -> u32 {
        let byte = index.checked_sub(1).and_then(|at| self.bytes.get(at));
        byte.map_or(BOS, |byte| id_of(*byte))
    }

    /// The logits after the first `tokens`, where they are at hand.
    fn logits(&self, tokens: usize) -> Option<&[f32]> {
        let own = self.session.last_logits();
        if self.taken() == tokens && !own.is_empty() {
            return Some(own);
        }
        self.snapshots.logits(tokens)
    }

    /// Lets the session follow a change that reaches to row `end`; it goes on at `row`
    /// if it stands within.
    fn follow(&mut self, change: &Change, end: usize, row: usize) {
        let taken = self.taken();
        if taken <= change.start + 1 {
            return;
        }
        if taken > change.old_end && change.moved(taken) > end {
            let sound = self.reach.sound_from(end) as u64;
            self.session.move_to(change.moved(taken) as u64, sound);
        } else if !self.session.truncate(row as u64) {
            self.begin_at(0);
        }
    }

    /// Stands where the context is cut: there is nothing to look back at.
    fn begin_at(&mut self, origin: usize) {
        self.session.reset();
        self.session.move_to(origin as u64, origin as u64);
    }

    /// Stands as near before row `row` as can be.
    fn go_to(&mut self, row: usize) -> Result<()> {
        let taken = self.taken();
        let origin = self.reach.origin(&self.bytes, row);
        let snapshot = self.snapshots.before(row).map(|(at, _)| at);
        let within = self.known_before(row);
        let begin = within.map_or(origin, |at| at.max(origin));
        let best = snapshot.map_or(begin, |at| at.max(begin));
        if (best..=row).contains(&taken) {
            return Ok(());
        }
        // Where it stood, its work may go on later.
        let unfinished = self.stale.ranges().iter().any(|range| range.start == taken);
        if taken == self.rows() || unfinished {
            self.keep()?;
        }
        if taken > row && self.session.truncate(row as u64) {
            return Ok(());
        }
        match self.snapshots.before(row) {
            Some((at, snapshot)) if at >= begin => self.session.restore(snapshot),
            _ if begin > origin => self.stand_within(begin..row),
            _ => {
                self.begin_at(origin);
                Ok(())
            }
        }
    }

    /// Stands right behind row `row`, with its logits.
    async fn stand_behind(&mut self, row: usize) -> Result<()> {
        while self.taken() != row + 1 || self.session.last_logits().is_empty() {
            self.go_to(row)?;
            self.piece(row + 1).await?;
        }
        Ok(())
    }

    /// Computes the next rows, at most those of one run and none from `end` on.
    async fn piece(&mut self, end: usize) -> Result<()> {
        if !self.pass_over(end)? {
            return Ok(());
        }
        let start = self.taken();
        let most = self.rows_per_step.min(end - start);
        let mut stop = start + self.session.rows_at_once(most).min(most);
        if (start + 1..stop).contains(&self.caret) {
            stop = self.caret;
        }
        let (layers, rows) = self.alike(start..stop, end);
        stop = start + rows;
        let ids: Vec<u32> = (start..stop).map(|index| self.token(index)).collect();
        let after = (stop < self.rows()).then(|| self.token(stop));
        // What is known stays as it is, to the bit.
        let wanted = self.stale.within(&(start..stop));
        let copies: Vec<PairCopy<'_>> = wanted
            .iter()
            .map(|rows| PairCopy {
                rows: (rows.start - start, rows.len()),
                to: self.numbers.cells(),
                at: rows.start,
            })
            .collect();
        if let Some(inputs) = &mut self.inputs {
            inputs.make_room(start..stop, self.caret)?;
        }
        let known = known::of_run(self.inputs.as_ref(), &(start..stop), layers);
        let (pairs, best) = self.session.push_run(&ids, after, &copies, &known).await?;
        self.learn(start..stop, layers);
        for rows in wanted {
            let run = rows.start - start..rows.end - start;
            let best = best.get(run.clone()).unwrap_or_default();
            self.numbers.take(rows.start, &pairs[run], best);
        }
        self.stale.remove(&(start..stop));
        let at_caret = stop == self.caret && stop < self.rows();
        if at_caret || self.snapshots.is_due(stop) {
            self.keep()?;
        }
        Ok(())
    }

    /// Keeps a snapshot of where the session stands.
    fn keep(&mut self) -> Result<()> {
        let taken = self.taken();
        if !self.snapshots.allowed() || self.snapshots.logits(taken).is_some() {
            return Ok(());
        }
        let unused = self.snapshots.unused();
        let snapshot = self.session.snapshot(unused)?;
        let (caret, end) = (self.caret, self.rows());
        self.snapshots.add(snapshot, |at| at == caret || at == end);
        Ok(())
    }
}
