//! Ahead of the text: encoder and decoder draft tokens with the patches that are
//! closed, then one run of the whole model says of each what it says of it alone
//! (BLT-S of arXiv 2605.08044).

use super::inputs::Run;
use super::{BltSession, Stage, Stages};
use crate::bytes::EOS;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::model::part::{RowClass, count};
use crate::model::patches::CARRY_OWN;
use crate::session::StageTimes;
use crate::session::context::Context;
use crate::session::download::Piece;

/// The most tokens that are drafted for one run of the whole model: the CPU device
/// reads each weight once for this many rows and one more.
pub(crate) const MOST_DRAFTED: usize = 31;

/// What the whole model says after a token that it took with others.
#[derive(Clone, Debug, PartialEq)]
pub struct AheadRow {
    /// The token.
    pub id: u32,
    /// The entropy, in nats, of what follows it; `None` without an entropy model.
    pub entropy: Option<f32>,
    /// Does a patch start after it?
    pub start: bool,
    /// Tokens that there surely was room for after it, see [`BltSession::room`].
    pub room: usize,
    /// Logits over the token ids after it.
    pub logits: Vec<f32>,
}

impl BltSession {
    /// Takes a token that surely comes and up to `most` more that may follow it,
    /// 31 at most. Encoder and decoder draft those one by one with the patches that
    /// are closed: `draft` is given the tokens so far, the first included, and the
    /// logits after them, and names the next or ends the draft. Then one run of the
    /// whole model takes all of them. Its logits are those of tokens taken one by
    /// one; [`keep`](Self::keep) takes back those that it would not have written.
    ///
    /// Nothing is drafted before the first patch is closed, after an EOS or where
    /// there is no room. On a slow GPU fewer tokens are drafted, to keep each
    /// submission short.
    ///
    /// # Errors
    /// As for [`BltSession::prefill_while`], and [`Error::Argument`] for a draft that
    /// is not a token.
    pub async fn push_ahead(
        &mut self,
        first: u32,
        most: usize,
        draft: impl FnMut(&[u32], &[f32]) -> Option<u32>,
    ) -> Result<Vec<AheadRow>> {
        let clock = Clock::start();
        self.stage_times = None;
        self.stages.iter().for_each(Stages::reset);
        self.check_positions(1)?;
        let ends = first == EOS || self.patches() == 0;
        let most = if ends { 0 } else { most.min(MOST_DRAFTED) };
        let most = most.min(self.room().saturating_sub(1));
        let heaviest = self.model.heaviest_step(self.patches());
        let rows = (self.model.device()).rows_at_once(heaviest, MOST_DRAFTED + 1);
        let most = most.min(rows - 1);
        let ids = match most {
            0 => vec![first],
            _ => self.draft(first, most, draft).await?,
        };
        let mut contexts = (self.entropy_context.clone(), self.local_context.clone());
        let (before, patches) = (self.position(), self.patches());
        self.keeps_rows = true;
        let run = self.run(&ids, None).await;
        self.keeps_rows = false;
        let run = run?;
        self.stage_times = self
            .stages
            .as_ref()
            .map(|stages| StageTimes::new(&stages.milliseconds(), clock.milliseconds()));

        let mut closed = patches;
        let rows = ids.iter().zip(&self.rows).enumerate();
        let rows = rows.map(|(row, (id, logits))| {
            contexts.0.push(*id);
            contexts.1.push(*id);
            let start = run.starts[row];
            closed += usize::from(start);
            AheadRow {
                id: *id,
                entropy: run.entropies.get(row).copied(),
                start,
                room: self.room_after(before + row + 1, closed, (&contexts.0, &contexts.1)),
                logits: logits.clone(),
            }
        });
        Ok(rows.collect())
    }

    /// Keeps the first `kept` tokens of those that the last call,
    /// [`push_ahead`](Self::push_ahead), has taken; the logits are those after the
    /// last of them. Nothing is computed.
    ///
    /// # Errors
    /// [`Error::Argument`] for none or more than there are, and those of
    /// [`truncate`](Self::truncate).
    pub async fn keep(&mut self, kept: usize) -> Result<()> {
        let taken = self.rows.len();
        if kept == 0 || kept > taken {
            return Err(Error::Argument(format!(
                "the last call has taken {taken} tokens, so {kept} of them cannot be kept"
            )));
        }
        let (rows, entropy_rows) = (
            std::mem::take(&mut self.rows),
            std::mem::take(&mut self.entropy_rows),
        );
        let to = self.position() - (taken - kept);
        if kept < taken && !self.rewind(to) {
            return self.truncate(to).await;
        }
        let last = |rows: &[Vec<f32>]| rows.get(kept - 1).cloned().unwrap_or_default();
        (self.logits, self.entropy_logits) = (last(&rows), last(&entropy_rows));
        Ok(())
    }

    /// A token and those that encoder and decoder let follow it. The text stays as
    /// it is: what their caches hold of a draft is overwritten by the run that takes
    /// it.
    async fn draft(
        &mut self,
        first: u32,
        most: usize,
        draft: impl FnMut(&[u32], &[f32]) -> Option<u32>,
    ) -> Result<Vec<u32>> {
        self.make_room(most + 1)?;
        // From now on runs of a few rows are the rule.
        self.few_as_many = 0;
        let device = self.model.device();
        let books = &self.buffers.model.patches;
        // No patch closes, so this holds for all of them.
        books.starts.write(device, &[0_u32]);
        let closed = count(self.patches()).wrapping_sub(1);
        books.patches.write(device, &[closed]);
        let ids = self.draft_ids(first, most, draft).await;
        // Each row has moved it on, also those before a failure.
        let position = count(self.position());
        let books = &self.buffers.model.patches;
        books
            .carry
            .write_at(self.model.device(), CARRY_OWN, &[position]);
        ids
    }

    async fn draft_ids(
        &mut self,
        first: u32,
        most: usize,
        mut draft: impl FnMut(&[u32], &[f32]) -> Option<u32>,
    ) -> Result<Vec<u32>> {
        let mut contexts = (self.entropy_context.clone(), self.local_context.clone());
        let mut ids = vec![first];
        while ids.len() <= most {
            let logits = self.draft_row(&ids, &mut contexts).await?;
            let Some(id) = draft(&ids, &logits) else {
                break;
            };
            if id as usize >= self.model.sizes.decoder.vocabulary {
                return Err(Error::Argument(format!("{id} is not a token")));
            }
            ids.push(id);
            if id == EOS {
                break;
            }
        }
        Ok(ids)
    }

    /// The logits after the last of some tokens that follow the text, by encoder and
    /// decoder.
    async fn draft_row(
        &mut self,
        ids: &[u32],
        contexts: &mut (Context, Context),
    ) -> Result<Vec<f32>> {
        let class = RowClass::One;
        let Some((last, before)) = ids.split_last() else {
            return Ok(Vec::new());
        };
        let ids = std::slice::from_ref(last);
        let history = self.history(before);
        let run = Run {
            ids,
            history: &history,
            after: None,
            position: self.position() + before.len(),
        };
        let inputs = &mut self.buffers.inputs[0];
        inputs.upload(&self.model, &run, &mut contexts.0, &mut contexts.1);
        self.gather_hashes(&history, ids).await?;
        let plans = [
            self.plan(Stage::Encode, class)?,
            self.plan(Stage::Decode, class)?,
        ];
        let traffic: f64 = plans.iter().map(|plan| plan.traffic(1)).sum();
        let dispatches: usize = plans.iter().map(|plan| plan.len()).sum();
        let vocabulary = self.model.sizes.decoder.vocabulary;
        let logits = vec![Piece::row(
            &self.buffers.model.decoder.logits,
            0,
            vocabulary,
        )];
        let found = match self.stages {
            // Stages have consecutive numbers.
            Some(_) => {
                self.send(Stage::Encode, &plans[..1], 1, |_| ());
                self.submit(Stage::Decode, &plans[1..], 1, logits).await?
            }
            None => self.submit(Stage::Encode, &plans, 1, logits).await?,
        };
        self.counters.dispatches += dispatches as u64;
        self.counters.traffic += traffic;
        Ok(found.read(0))
    }
}
