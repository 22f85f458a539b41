//! Going back, and branching.

use std::sync::{Arc, Mutex};

use super::buffers::{Buffers, Plans};
use super::{BltSession, Decision};
use crate::bytes::EOS;
use crate::device::Tensor;
use crate::device::kernels::PatchStartsCarry;
use crate::error::{Error, Result};
use crate::model::part::count;
use crate::model::patches::{CARRY_OWN, CARRY_WORDS};
use crate::patch::Known;
use crate::session::context::{Context, ContextOptions};

impl BltSession {
    /// Goes back to the first `to` tokens, BOS counted; the logits are those
    /// after the last of them. As long as nothing that they need has been
    /// overwritten (about the last 256 tokens), only one token is computed
    /// again; else all of them.
    ///
    /// # Errors
    /// [`Error::Argument`] when there are fewer tokens, and the device's errors.
    pub async fn truncate(&mut self, to: usize) -> Result<()> {
        if to > self.tokens.len() {
            return Err(Error::Argument(format!(
                "the session has {} tokens and cannot go back to {to}",
                self.tokens.len()
            )));
        }
        if to == self.tokens.len() {
            return Ok(());
        }
        let kept: Vec<u32> = self.ids().take(to).collect();
        let Some((last, before)) = kept.split_last() else {
            self.reset();
            return Ok(());
        };
        if self.rewind(before.len()) {
            self.prefill_ids(&[*last]).await?;
        } else {
            self.reset();
            self.prefill_ids(&kept).await?;
        }
        Ok(())
    }

    /// Whether [`BltSession::rewind`] can go back to the first `to` tokens, BOS
    /// counted: is everything that position `to` needs still in the rings?
    #[must_use]
    pub fn reaches(&self, to: usize) -> bool {
        let sizes = self.buffers.sizes;
        let now = self.tokens.len();
        if to > now {
            return false;
        }
        let kept = |slots: usize, window: Option<usize>| {
            let oldest = window.map_or(0, |window| to.saturating_sub(window));
            now - oldest <= slots
        };
        let shape = self.model.patch_shape();
        let patches = self.begins.partition_point(|begin| *begin <= to) - 1;
        let oldest = self.begins[(patches + 1).saturating_sub(shape.encoder_window)];
        let vectors = patches.saturating_sub(shape.decoder_window);
        let entropy = self.model.entropy();
        entropy.is_none_or(|model| kept(sizes.entropy_slots, model.window()))
            && kept(sizes.local_slots, self.local_context.window())
            && now - oldest <= sizes.ring_slots
            && self.patches() - vectors <= sizes.patch_slots
    }

    /// Goes back to the first `to` tokens, BOS counted, without computing
    /// anything, as long as nothing that they need has been overwritten (about
    /// the last 256 tokens); says whether it did. There are no logits then until
    /// the next token; [`BltSession::truncate`] computes them.
    pub fn rewind(&mut self, to: usize) -> bool {
        if !self.reaches(to) {
            return false;
        }
        if to == self.tokens.len() {
            return true;
        }
        self.tokens.truncate(to);
        self.begins.retain(|begin| *begin <= to);
        self.entropy_context = Context::new(self.options.context, self.entropy_context.window());
        self.local_context = Context::new(ContextOptions::default(), self.local_context.window());
        if let Decision::Host(patcher) = &mut self.decision {
            patcher.reset();
        }
        for token in &self.tokens {
            self.entropy_context.push(token.id);
            self.local_context.push(token.id);
            if let Decision::Host(patcher) = &mut self.decision {
                patcher.next_starts(&Known {
                    id: token.id,
                    entropy: token.entropy,
                    best: token.best,
                });
            }
        }
        self.logits.clear();
        self.entropy_logits.clear();
        self.rows.clear();
        self.write_books();
        true
    }

    /// Tells the device where the text and its patches stand.
    pub(super) fn write_books(&self) {
        let device = self.model.device();
        let books = &self.buffers.model.patches;
        let position = self.tokens.len();
        let rule = self.decision.kernel().unwrap_or_default();
        let last = self.tokens.last();
        books.starts_carry.write(
            device,
            &[PatchStartsCarry {
                position: count(position.min(3)),
                phase: count(position) % rule.size.max(1),
                previous_id: last.map_or(0, |token| token.id),
                previous_entropy: last.and_then(|token| token.entropy).unwrap_or(0.0),
                distance: count(position - self.open_patch()) % rule.max_length.max(1),
                patches: count(self.patches()),
            }],
        );
        let mut document = 0;
        let mut ended = false;
        let mut patch = 0;
        for token in &self.tokens {
            ended |= token.id == EOS;
            if token.start {
                patch += 1;
                if std::mem::take(&mut ended) {
                    document = patch;
                }
            }
        }
        let mut carry = [0; CARRY_WORDS];
        carry[CARRY_OWN..CARRY_OWN + 3].copy_from_slice(&[
            count(position),
            document,
            u32::from(ended),
        ]);
        books.carry.write(device, &carry);
        let slots = books.begin_slots();
        let mut begins = vec![0; slots];
        for (patch, begin) in self.begins.iter().enumerate() {
            begins[patch % slots] = count(*begin);
        }
        books.begins.write(device, &begins);
    }

    /// A second session that goes on from here on its own: the caches are copied
    /// on the device, nothing is computed again.
    ///
    /// # Errors
    /// The device's errors.
    pub fn fork(&self) -> Result<Self> {
        let best = usize::from(self.decision.needs_best());
        let buffers = Buffers::new(&self.model, self.buffers.sizes, best)?;
        let plans = Plans::new(self.decision.kernel(), best, self.step);
        let device = self.model.device();
        let stages = Self::stages(device, &self.options);
        device.submit(|recorder| {
            let copies = self
                .buffers
                .model
                .lasting()
                .into_iter()
                .zip(buffers.model.lasting());
            for (from, to) in copies {
                let bytes = Tensor::bytes(from);
                from.copy_to(to, recorder, 0, 0, bytes);
            }
        });
        device.check()?;
        Ok(Self {
            model: Arc::clone(&self.model),
            options: self.options.clone(),
            decision: self.decision.clone(),
            step: self.step,
            buffers,
            plans,
            few_as_many: self.few_as_many,
            tokens: self.tokens.clone(),
            begins: self.begins.clone(),
            entropy_context: self.entropy_context.clone(),
            local_context: self.local_context.clone(),
            logits: self.logits.clone(),
            entropy_logits: self.entropy_logits.clone(),
            keeps_rows: false,
            rows: self.rows.clone(),
            entropy_rows: self.entropy_rows.clone(),
            counters: self.counters,
            profile: Mutex::new(self.profile()),
            stages,
            stage_times: self.stage_times,
            batch: None,
        })
    }
}
