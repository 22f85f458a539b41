//! One run: up to a chunk of tokens through all parts of the model.

use std::sync::PoisonError;

use super::inputs::Run;
use super::{BltRows, BltSession, Decision, Plans, Stage, Token};
use crate::device::Stages;
use crate::device::plan::{Plan, submit};
use crate::device::readback::Submission;
use crate::device::recorder::Recorder;
use crate::device::tensor::padded;
use crate::device::tuning::LatentStep;
use crate::error::{Error, Result};
use crate::model::part::{RowClass, count};
use crate::model::sizes::UNBOUNDED;
use crate::patch::Known;
use crate::session::download::{Piece, Places};
use crate::session::logits::{check, nll, surprise};

/// Where a run's patch starts come from.
enum Starts {
    /// From the device, with the other results.
    Read,
    /// From the host, with what it decided by.
    Given(Vec<bool>, Vec<Known>),
}

/// What came back, piece by piece.
pub(super) struct Found {
    bytes: Vec<u8>,
    places: Places,
}

/// The rows of logits that came back, all but the last with their padding.
fn rows_of(logits: &[f32], vocabulary: usize) -> Vec<Vec<f32>> {
    let rows = logits.chunks(padded(vocabulary));
    rows.map(|row| row[..vocabulary].to_vec()).collect()
}

impl Found {
    pub(super) fn read<T: bytemuck::Pod>(&self, piece: usize) -> Vec<T> {
        self.places.read(&self.bytes, piece)
    }
}

impl BltSession {
    /// Takes up to a chunk of tokens; `after` is the one that follows, if known.
    pub(super) async fn run(&mut self, ids: &[u32], after: Option<u32>) -> Result<BltRows> {
        self.make_room(ids.len())?;
        let mut class = RowClass::of(ids.len());
        if class == RowClass::Few && self.few_as_many > 0 {
            self.few_as_many -= 1;
            class = RowClass::Many;
        }
        let first_nll = ids.first().and_then(|id| nll(&self.logits, *id));
        let first_entropy_nll = ids.first().and_then(|id| nll(&self.entropy_logits, *id));
        let position = self.tokens.len();
        let history = self.history(&[]);
        let run = Run {
            ids,
            history: &history,
            after,
            position,
        };
        let inputs = &mut self.buffers.inputs[usize::from(class == RowClass::Many)];
        let contexts = (&mut self.entropy_context, &mut self.local_context);
        inputs.upload(&self.model, &run, contexts.0, contexts.1);
        self.check_spans()?;
        self.gather_hashes(&history, ids).await?;
        let rows = match &self.decision {
            Decision::Device(_) if self.step == LatentStep::Readback => {
                self.run_reading(ids, class).await?
            }
            Decision::Device(_) => self.run_at_once(ids, class).await?,
            Decision::Host(_) => self.run_deciding(ids, class).await?,
        };
        self.check_patches()?;
        let mut rows = rows;
        rows.nlls.insert(0, first_nll);
        if self.model.entropy().is_some() {
            rows.entropy_nlls.insert(0, first_entropy_nll);
        }
        Ok(rows)
    }

    /// The ids that the n-grams of the next token reach, after `more` of them.
    pub(super) fn history(&self, more: &[u32]) -> Vec<u32> {
        let reach = self.model.encoder.hash.history();
        let before = more.iter().rev().copied().chain(self.ids().rev());
        let mut history: Vec<u32> = before.take(reach).collect();
        history.reverse();
        history
    }

    /// Sends the rows of hash tables that stay with the host.
    pub(super) async fn gather_hashes(&self, history: &[u32], ids: &[u32]) -> Result<()> {
        let hash = &self.model.encoder.hash;
        if !hash.on_host() {
            return Ok(());
        }
        // Before the text the n-grams see the number 0.
        let mut window = vec![0; hash.history() - history.len()];
        window.extend(history);
        window.extend(ids);
        hash.gather(
            self.model.device(),
            &self.buffers.model.encoder.hash,
            &window,
        )
        .await
    }

    /// Everything in one submission; the device decides which patches close.
    async fn run_at_once(&mut self, ids: &[u32], class: RowClass) -> Result<BltRows> {
        let patches = self.plan(Stage::Patches, class)?;
        let all = [
            self.plan(Stage::Decide, class)?,
            self.plan(Stage::Encode, class)?,
            patches,
            self.plan(Stage::Decode, class)?,
        ];
        let results = self.results(ids.len(), true);
        let found = self.submit(Stage::Decide, &all, ids.len(), results).await?;
        let rows = self.note(ids, &found, Starts::Read)?;
        let closed = rows.starts.iter().filter(|start| **start).count();
        self.count(class, class, ids.len(), closed)?;
        Ok(rows)
    }

    /// The device decides, and the host reads how many patches close.
    async fn run_reading(&mut self, ids: &[u32], class: RowClass) -> Result<BltRows> {
        let rows = ids.len();
        let first = [
            self.plan(Stage::Decide, class)?,
            self.plan(Stage::Encode, class)?,
        ];
        let starts = vec![Piece::first(&self.buffers.model.patches.starts, rows)];
        let found = self.submit(Stage::Decide, &first, rows, starts).await?;
        let starts: Vec<u32> = found.read(0);
        let closed = starts.iter().filter(|start| **start == 1).count();
        self.finish(ids, class, closed, Starts::Read).await
    }

    /// The host decides, from the ids and what the entropy model says.
    async fn run_deciding(&mut self, ids: &[u32], class: RowClass) -> Result<BltRows> {
        let rows = ids.len();
        let mut known: Vec<Known> = ids.iter().map(|id| Known::of_id(*id)).collect();
        if let Some(own) = &self.buffers.model.entropy {
            let mut pieces = vec![Piece::first(&own.result, rows * 2)];
            let needs_best = self.decision.needs_best();
            if needs_best {
                pieces.push(Piece::first(&own.best_ids, rows));
            }
            let decide = [self.plan(Stage::Decide, class)?];
            let found = self.submit(Stage::Decide, &decide, rows, pieces).await?;
            let entropies: Vec<[f32; 2]> = found.read(0);
            for (known, [entropy, _]) in known.iter_mut().zip(entropies) {
                known.entropy = Some(entropy);
            }
            if needs_best {
                let best: Vec<u32> = found.read(1);
                for (known, best) in known.iter_mut().zip(best) {
                    known.best = Some(best);
                }
            }
        }
        let starts = self.decide_on_host(&known);
        let encode = [self.plan(Stage::Encode, class)?];
        self.send(Stage::Encode, &encode, rows, |_| ());
        let closed = starts.iter().filter(|start| **start).count();
        self.finish(ids, class, closed, Starts::Given(starts, known))
            .await
    }

    /// Asks the patcher about the tokens of a run, and tells the device.
    pub(super) fn decide_on_host(&mut self, known: &[Known]) -> Vec<bool> {
        let Decision::Host(patcher) = &mut self.decision else {
            return Vec::new();
        };
        // BOS is always a patch of its own.
        let mut first = self.tokens.is_empty();
        let starts: Vec<u32> = known
            .iter()
            .map(|known| u32::from(patcher.next_starts(known) | std::mem::take(&mut first)))
            .collect();
        let mut open = self.begins.len() - 1;
        let patches: Vec<u32> = starts
            .iter()
            .map(|start| {
                open += *start as usize;
                count(open).wrapping_sub(1)
            })
            .collect();
        let device = self.model.device();
        self.buffers.model.patches.starts.write(device, &starts);
        self.buffers.model.patches.patches.write(device, &patches);
        starts.iter().map(|start| *start == 1).collect()
    }

    /// The second half of a run of which the host knows how many patches close.
    async fn finish(
        &mut self,
        ids: &[u32],
        class: RowClass,
        closed: usize,
        starts: Starts,
    ) -> Result<BltRows> {
        let rows = ids.len();
        let patch_class = RowClass::of(closed);
        if closed > 0 {
            let patches = [self.plan(Stage::Patches, patch_class)?];
            if self.options.profile {
                self.submit(Stage::Patches, &patches, closed, Vec::new())
                    .await?;
            } else {
                self.send(Stage::Patches, &patches, closed, |_| ());
            }
        }
        let decode = [self.plan(Stage::Decode, class)?];
        let pieces = self.results(rows, matches!(starts, Starts::Read));
        let found = self.submit(Stage::Decode, &decode, rows, pieces).await?;
        let noted = self.note(ids, &found, starts)?;
        self.count(class, patch_class, rows, closed)?;
        Ok(noted)
    }

    /// What a run gives back.
    fn results(&self, rows: usize, starts: bool) -> Vec<Piece<'_>> {
        let decoder = &self.buffers.model.decoder;
        // A single row has no target; see the plan `decode`.
        let known = if rows == 1 { 0 } else { rows };
        let of_logits = if self.keeps_rows { 0 } else { rows - 1 }..rows;
        let vocabulary = self.model.sizes.decoder.vocabulary;
        let mut pieces = vec![
            Piece::first(&decoder.result, known * 2),
            Piece::rows(&decoder.logits, of_logits.clone(), vocabulary),
        ];
        if let Some(own) = &self.buffers.model.entropy {
            let vocabulary = self.model.entropy().map_or(0, |m| m.vocabulary());
            pieces.push(Piece::first(&own.result, rows * 2));
            pieces.push(Piece::rows(&own.logits, of_logits, vocabulary));
        }
        if starts {
            pieces.push(Piece::first(&self.buffers.model.patches.starts, rows));
        }
        pieces
    }

    /// Submits plans, of which the first is `first`, and does not wait.
    pub(super) fn send(
        &self,
        first: Stage,
        plans: &[&Plan],
        rows: usize,
        tail: impl FnOnce(&mut Recorder<'_>),
    ) -> Submission {
        let device = self.model.device();
        match &self.stages {
            Some(stages) => stages.submit(device, (first as u32, plans), count(rows), tail),
            None => submit(device, plans, count(rows), tail),
        }
    }

    pub(super) async fn submit(
        &self,
        first: Stage,
        plans: &[&Plan],
        rows: usize,
        pieces: Vec<Piece<'_>>,
    ) -> Result<Found> {
        let device = self.model.device();
        let profiled = self.options.profile && device.has_timestamps();
        if profiled {
            let own = || self.profile.lock().unwrap_or_else(PoisonError::into_inner);
            let mut profile = std::mem::take(&mut *own());
            for plan in plans {
                plan.submit_profiled(device, count(rows), &mut profile)
                    .await?;
            }
            *own() = profile;
        }
        let is_done = profiled
            || match &self.batch {
                Some(member) => member.run(plans).await,
                None => false,
            };
        let plans = if is_done { &[] } else { plans };
        let staging = &self.buffers.staging;
        let mut places = Places::of([]);
        let submission = self.send(first, plans, rows, |recorder| {
            places = Places::copy(&pieces, staging, recorder);
            if let Some(stages) = &self.stages {
                stages.copy(staging, recorder, places.bytes() as u64);
            }
        });
        let ticks = places.bytes();
        let times = self.stages.as_ref().map_or(0, Stages::bytes);
        let mapping = staging.map(device, 0..ticks as u64 + times, submission);
        let bytes = mapping.bytes(device).await?;
        if let Some(stages) = &self.stages {
            stages.read(&bytes[ticks..]);
        }
        Ok(Found { bytes, places })
    }

    /// Takes down what came back of a run; gives its rows, each with the
    /// surprise of the token after it.
    fn note(&mut self, ids: &[u32], found: &Found, starts: Starts) -> Result<BltRows> {
        let mut rows = BltRows::default();
        let result: Vec<[f32; 2]> = found.read(0);
        self.rows = rows_of(&found.read(1), self.model.sizes.decoder.vocabulary);
        self.logits = self.rows.last().cloned().unwrap_or_default();
        let at = self.tokens.len() as u64;
        check("the model's", at, &result, &self.logits)?;
        rows.nlls = result.iter().map(surprise).collect();
        let mut next = 2;
        if self.buffers.model.entropy.is_some() {
            let result: Vec<[f32; 2]> = found.read(2);
            let vocabulary = self.model.entropy().map_or(0, |m| m.vocabulary());
            self.entropy_rows = rows_of(&found.read(3), vocabulary);
            self.entropy_logits = self.entropy_rows.last().cloned().unwrap_or_default();
            check("the entropy model's", at, &result, &self.entropy_logits)?;
            rows.entropies = result.iter().map(|[entropy, _]| *entropy).collect();
            rows.entropy_nlls = result.iter().map(surprise).collect();
            next = 4;
        }
        let known = match starts {
            Starts::Read => {
                let starts: Vec<u32> = found.read(next);
                rows.starts = starts.iter().map(|start| *start == 1).collect();
                Vec::new()
            }
            Starts::Given(starts, known) => {
                rows.starts = starts;
                known
            }
        };
        for (row, id) in ids.iter().enumerate() {
            let start = rows.starts.get(row).copied().unwrap_or(false);
            self.tokens.push(Token {
                id: *id,
                entropy: rows.entropies.get(row).copied(),
                best: known.get(row).and_then(|known| known.best),
                start,
            });
            if start {
                self.begins.push(self.tokens.len());
            }
        }
        Ok(rows)
    }

    fn count(
        &mut self,
        class: RowClass,
        patch_class: RowClass,
        rows: usize,
        closed: usize,
    ) -> Result<()> {
        let mut used = vec![
            (self.plan(Stage::Decide, class)?, rows),
            (self.plan(Stage::Encode, class)?, rows),
            (self.plan(Stage::Decode, class)?, rows),
        ];
        if closed > 0 {
            used.push((self.plan(Stage::Patches, patch_class)?, closed));
        }
        let dispatches: u64 = used.iter().map(|(plan, _)| plan.len() as u64).sum();
        let traffic: f64 = used.iter().map(|(plan, n)| plan.traffic(count(*n))).sum();
        self.counters.dispatches += dispatches;
        self.counters.traffic += traffic;
        self.counters.latent_steps += closed as u64;
        Ok(())
    }

    /// Grows what the next `rows` tokens may need more of.
    pub(super) fn make_room(&mut self, rows: usize) -> Result<()> {
        let needed = self.patches() + rows;
        if needed > self.buffers.sizes.patches {
            let patches = needed.next_power_of_two();
            let session = self.buffers.bytes(&self.model);
            let memory = self.model.memory();
            memory.check_patches(self.model.device(), session, patches)?;
            self.buffers.grow_patches(&self.model, patches)?;
            self.plans.forget_patches();
        }
        let window = self.model.patch_shape().encoder_window;
        let oldest = self.begins[self.begins.len().saturating_sub(window)];
        let position = self.tokens.len();
        let kept = position - oldest;
        if kept + rows > self.buffers.sizes.ring_slots {
            let slots = (kept + rows).next_power_of_two();
            self.buffers
                .grow_ring(&self.model, slots, oldest..position)?;
            self.plans = Plans::new(
                self.decision.kernel(),
                usize::from(self.decision.needs_best()),
                self.step,
            );
        }
        Ok(())
    }

    fn check_spans(&self) -> Result<()> {
        let sizes = self.buffers.sizes;
        let rooms = [
            (self.entropy_context.longest(), sizes.entropy_slots),
            (self.local_context.longest(), sizes.local_slots),
        ];
        for (span, slots) in rooms {
            if span > (slots - sizes.rows) as u64 {
                return Err(Error::Argument(format!(
                    "this model has no window and sees at most {UNBOUNDED} positions back; shorten the \
                     text"
                )));
            }
        }
        Ok(())
    }

    fn check_patches(&self) -> Result<()> {
        match self.model.config().latent.max_positions {
            Some(most) if self.patches() > most as usize => Err(Error::Argument(format!(
                "the text has {} patches, and this model has positions for {most}; shorten it or \
                 let patches be longer (a higher --threshold)",
                self.patches()
            ))),
            _ => Ok(()),
        }
    }
}
