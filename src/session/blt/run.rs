//! One run: up to a chunk of tokens through all parts of the model.

use std::ops::Range;
use std::sync::PoisonError;

use super::inputs::Run;
use super::{BltRows, BltSession, Decision, Plans, Stage, Token};
use crate::error::{Error, Result};
use crate::gpu::plan::{Plan, Stages, submit};
use crate::gpu::tensor::padded;
use crate::gpu::tuning::LatentStep;
use crate::gpu::{Slice, Tensor};
use crate::model::part::{RowClass, count};
use crate::model::sizes::UNBOUNDED;
use crate::patch::Known;
use crate::session::logits::{check, nll, surprise};

/// A part of a buffer to read back.
struct Piece<'a> {
    slice: Slice<'a>,
    skip: usize,
    values: usize,
}

impl<'a> Piece<'a> {
    fn first(tensor: &'a Tensor, values: usize) -> Self {
        Self {
            slice: tensor.all(),
            skip: 0,
            values,
        }
    }

    fn row(tensor: &'a Tensor, row: usize, values: usize) -> Self {
        Self {
            slice: tensor.all(),
            skip: row * padded(values),
            values,
        }
    }
}

/// Where a run's patch starts come from.
enum Starts {
    /// From the GPU, with the other results.
    Read,
    /// From the host, with what it decided by.
    Given(Vec<bool>, Vec<Known>),
}

/// What came back, piece by piece.
struct Found {
    bytes: Vec<u8>,
    pieces: Vec<Range<usize>>,
}

impl Found {
    fn read<T: bytemuck::Pod>(&self, piece: usize) -> Vec<T> {
        bytemuck::pod_collect_to_vec(&self.bytes[self.pieces[piece].clone()])
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
        let reach = self.model.encoder.hash.history();
        let history: Vec<u32> = self.ids().rev().take(reach).collect();
        let history: Vec<u32> = history.into_iter().rev().collect();
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
        if self.model.encoder.hash.on_host() {
            let mut window = vec![0; reach - history.len()];
            window.extend(&history);
            window.extend(ids);
            let buffers = &self.buffers.encoder.hash;
            let gpu = self.model.gpu();
            self.model.encoder.hash.gather(gpu, buffers, &window)?;
        }
        let rows = match &self.decision {
            Decision::Gpu(_) if self.step == LatentStep::Readback => {
                self.run_reading(ids, class).await?
            }
            Decision::Gpu(_) => self.run_at_once(ids, class).await?,
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

    /// Everything in one submission; the GPU decides which patches close.
    async fn run_at_once(&mut self, ids: &[u32], class: RowClass) -> Result<BltRows> {
        let patches = self.patches_plan(class)?;
        let row = match class {
            // The parts of a row that is taken whole have no times of their own.
            RowClass::One if self.stages.is_none() => self.plans.row(&self.model, &self.buffers)?,
            _ => None,
        };
        let all = match row {
            Some([first, last]) if self.options.profile => vec![first, patches, last],
            Some([first, last]) => {
                // The device begins while the host still records the rest.
                submit(self.model.gpu(), &[first], 1, |_| ());
                vec![patches, last]
            }
            None => vec![
                self.decide_plan(class)?,
                self.encode_plan(class)?,
                patches,
                self.decode_plan(class)?,
            ],
        };
        let results = self.results(ids.len(), true, row.is_some());
        let found = self.submit(Stage::Decide, &all, ids.len(), results).await?;
        let rows = self.note(ids, &found, Starts::Read)?;
        let closed = rows.starts.iter().filter(|start| **start).count();
        self.count(class, class, ids.len(), closed)?;
        Ok(rows)
    }

    /// The GPU decides, and the host reads how many patches close.
    async fn run_reading(&mut self, ids: &[u32], class: RowClass) -> Result<BltRows> {
        let rows = ids.len();
        let first = [self.decide_plan(class)?, self.encode_plan(class)?];
        let starts = vec![Piece::first(&self.buffers.patches.starts, rows)];
        let found = self.submit(Stage::Decide, &first, rows, starts).await?;
        let starts: Vec<u32> = found.read(0);
        let closed = starts.iter().filter(|start| **start == 1).count();
        self.finish(ids, class, closed, Starts::Read).await
    }

    /// The host decides, from the ids and what the entropy model says.
    async fn run_deciding(&mut self, ids: &[u32], class: RowClass) -> Result<BltRows> {
        let rows = ids.len();
        let mut known: Vec<Known> = ids.iter().map(|id| Known::of_id(*id)).collect();
        if let Some(own) = &self.buffers.entropy {
            let mut pieces = vec![Piece::first(&own.result, rows * 2)];
            let needs_best = self.decision.needs_best();
            if needs_best {
                pieces.push(Piece::first(&own.best_ids, rows));
            }
            let decide = [self.decide_plan(class)?];
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
        let encode = [self.encode_plan(class)?];
        self.send(Stage::Encode, &encode, rows, |_| ());
        let closed = starts.iter().filter(|start| **start).count();
        self.finish(ids, class, closed, Starts::Given(starts, known))
            .await
    }

    /// Asks the patcher about the tokens of a run, and tells the GPU.
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
        let gpu = self.model.gpu();
        self.buffers.patches.starts.write(gpu, &starts);
        self.buffers.patches.patches.write(gpu, &patches);
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
            let patches = [self.patches_plan(patch_class)?];
            if self.options.profile {
                self.submit(Stage::Patches, &patches, closed, Vec::new())
                    .await?;
            } else {
                self.send(Stage::Patches, &patches, closed, |_| ());
            }
        }
        let decode = [self.decode_plan(class)?];
        let pieces = self.results(rows, matches!(starts, Starts::Read), false);
        let found = self.submit(Stage::Decode, &decode, rows, pieces).await?;
        let noted = self.note(ids, &found, starts)?;
        self.count(class, patch_class, rows, closed)?;
        Ok(noted)
    }

    /// What a run gives back; `row` says whether it took the plans of
    /// [`super::row`].
    fn results(&self, rows: usize, starts: bool, row: bool) -> Vec<Piece<'_>> {
        let decoder = &self.buffers.decoder;
        let row = self.buffers.row.as_ref().filter(|_| row);
        let vocabulary = self.model.decoder.vocabulary;
        // A single row has no target; see the plan `decode`.
        let known = if rows == 1 { 0 } else { rows };
        let mut pieces = vec![
            Piece::first(&decoder.result, known * 2),
            match row {
                Some(row) => Piece::first(&row.local.y, vocabulary),
                None => Piece::row(&decoder.logits, rows - 1, vocabulary),
            },
        ];
        if let Some(own) = &self.buffers.entropy {
            pieces.push(match row {
                Some(row) => Piece::first(&row.entropy.entropies, 2),
                None => Piece::first(&own.result, rows * 2),
            });
            let vocabulary = self.model.entropy().map_or(0, |m| m.vocabulary());
            pieces.push(match row {
                Some(row) => Piece::first(&row.entropy.y, vocabulary),
                None => Piece::row(&own.logits, rows - 1, vocabulary),
            });
        }
        if starts {
            pieces.push(Piece::first(&self.buffers.patches.starts, rows));
        }
        pieces
    }

    /// Submits plans, of which the first is `first`, and does not wait.
    fn send(
        &self,
        first: Stage,
        plans: &[&Plan],
        rows: usize,
        tail: impl FnOnce(&mut wgpu::CommandEncoder),
    ) -> wgpu::SubmissionIndex {
        let gpu = self.model.gpu();
        match &self.stages {
            Some(stages) => stages.submit(gpu, (first as u32, plans), count(rows), tail),
            None => submit(gpu, plans, count(rows), tail),
        }
    }

    async fn submit(
        &self,
        first: Stage,
        plans: &[&Plan],
        rows: usize,
        pieces: Vec<Piece<'_>>,
    ) -> Result<Found> {
        let gpu = self.model.gpu();
        let profiled = self.options.profile && gpu.has_timestamps();
        if profiled {
            let own = || self.profile.lock().unwrap_or_else(PoisonError::into_inner);
            let mut profile = std::mem::take(&mut *own());
            for plan in plans {
                plan.submit_profiled(gpu, count(rows), &mut profile).await?;
            }
            *own() = profile;
        }
        let plans = if profiled { &[] } else { plans };
        let mut at = 0;
        let places: Vec<Range<usize>> = pieces
            .iter()
            .map(|piece| {
                let begin = at;
                at += piece.values * 4;
                begin..at
            })
            .collect();
        let staging = &self.buffers.staging;
        let ticks = at.next_multiple_of(8);
        let submission = self.send(first, plans, rows, |encoder| {
            let pieces = pieces.iter().zip(&places);
            for (piece, place) in pieces.filter(|(piece, _)| piece.values > 0) {
                let skip = piece.skip as u64 * 4;
                let bytes = piece.values as u64 * 4;
                staging.copy(encoder, piece.slice, skip, bytes, place.start as u64);
            }
            if let Some(stages) = &self.stages {
                stages.copy(staging, encoder, ticks as u64);
            }
        });
        let times = self.stages.as_ref().map_or(0, Stages::bytes);
        let mapping = staging.map(gpu, 0..ticks as u64 + times, submission);
        let bytes = mapping.bytes(gpu).await?;
        if let Some(stages) = &self.stages {
            stages.read(&bytes[ticks..]);
        }
        Ok(Found {
            bytes,
            pieces: places,
        })
    }

    /// Takes down what came back of a run; gives its rows, each with the
    /// surprise of the token after it.
    fn note(&mut self, ids: &[u32], found: &Found, starts: Starts) -> Result<BltRows> {
        let mut rows = BltRows::default();
        let result: Vec<[f32; 2]> = found.read(0);
        self.logits = found.read(1);
        let at = self.tokens.len() as u64;
        check("the model's", at, &result, &self.logits)?;
        rows.nlls = result.iter().map(surprise).collect();
        let mut next = 2;
        if self.buffers.entropy.is_some() {
            let result: Vec<[f32; 2]> = found.read(2);
            self.entropy_logits = found.read(3);
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
        let row = match (class, self.step, &self.decision) {
            (_, LatentStep::Readback, _) | (_, _, Decision::Host(_)) => None,
            (RowClass::One, ..) => self.plans.row(&self.model, &self.buffers)?,
            _ => None,
        };
        let mut used: Vec<(&Plan, usize)> = match row {
            Some(plans) => plans.iter().map(|plan| (plan, rows)).collect(),
            None => vec![
                (self.decide_plan(class)?, rows),
                (self.encode_plan(class)?, rows),
                (self.decode_plan(class)?, rows),
            ],
        };
        if closed > 0 {
            used.push((self.patches_plan(patch_class)?, closed));
        }
        let dispatches: u64 = used.iter().map(|(plan, _)| plan.len() as u64).sum();
        let traffic: f64 = used.iter().map(|(plan, n)| plan.traffic(count(*n))).sum();
        self.counters.dispatches += dispatches;
        self.counters.traffic += traffic;
        self.counters.latent_steps += closed as u64;
        Ok(())
    }

    /// Grows what the next `rows` tokens may need more of.
    fn make_room(&mut self, rows: usize) -> Result<()> {
        let needed = self.patches() + rows;
        if needed > self.buffers.sizes.patches {
            let patches = needed.next_power_of_two();
            let session = self.buffers.bytes();
            let memory = self.model.memory();
            memory.check_patches(self.model.gpu(), session, patches)?;
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
