//! Sessions as what generation needs of a model.

use std::ops::ControlFlow;

use super::model::{ByteModel, Read, RewindModel, Step, Taken};
use crate::bytes::{BOS, encode};
use crate::model::memory::RESERVE;
use crate::session::blt::MOST_DRAFTED;
use crate::session::{BatchMember, BltRows, BltSession, EntropyRows, EntropySession, StageTimes};
use crate::{Error, Result};

impl ByteModel for BltSession {
    fn logits(&self) -> &[f32] {
        Self::logits(self)
    }

    fn room(&self) -> Option<u64> {
        Some(Self::room(self) as u64)
    }

    async fn push(&mut self, id: u32) -> Result<Step> {
        let steps = self.counters().latent_steps;
        let rows = self.prefill_ids(&[id]).await?;
        Ok(Step {
            entropy: rows.entropies.last().copied(),
            closed: rows.starts.last().copied().unwrap_or(false),
            latent: self.counters().latent_steps > steps,
        })
    }

    fn most_drafted(&self) -> usize {
        MOST_DRAFTED
    }

    async fn push_ahead(
        &mut self,
        id: u32,
        most: usize,
        draft: impl FnMut(&[u32], &[f32]) -> Option<u32>,
    ) -> Result<Vec<Taken>> {
        let rows = Self::push_ahead(self, id, most, draft).await?;
        let taken = rows.into_iter().map(|row| Taken {
            id: row.id,
            step: Step {
                entropy: row.entropy,
                closed: row.start,
                latent: row.start,
            },
            logits: row.logits,
            room: Some(row.room as u64),
        });
        Ok(taken.collect())
    }

    async fn keep(&mut self, kept: usize) -> Result<()> {
        Self::keep(self, kept).await
    }
}

/// An entropy model is a language model of its own.
impl ByteModel for EntropySession {
    fn logits(&self) -> &[f32] {
        self.last_logits()
    }

    fn room(&self) -> Option<u64> {
        Self::room(self)
    }

    async fn push(&mut self, id: u32) -> Result<Step> {
        let rows = Self::push(self, &[id]).await?;
        Ok(Step {
            entropy: rows.entropies.last().copied(),
            closed: rows.starts.last().copied().unwrap_or(id == BOS),
            latent: false,
        })
    }
}

/// A text in the whole model, or in an entropy model alone.
#[derive(Debug)]
pub enum TextModel {
    /// In the whole model.
    Blt(Box<BltSession>),
    /// In an entropy model.
    Entropy(Box<EntropySession>),
}

impl Read {
    fn of(rows: BltRows) -> Self {
        Self {
            entropy: rows.entropies.last().copied(),
            starts: rows.starts,
            entropies: rows.entropies,
            nlls: rows.nlls,
            latent: true,
        }
    }

    /// Takes in what an entropy model says; without a rule nothing is a patch.
    fn take(&mut self, rows: EntropyRows, tokens: usize) {
        self.entropy = rows.entropies.last().copied();
        self.starts.extend(rows.starts);
        self.entropies.extend(rows.entropies);
        self.nlls.extend(rows.nlls);
        self.starts.resize(tokens, false);
    }
}

impl TextModel {
    /// Reads a text from its beginning, BOS first. `go_on` is told the bytes
    /// read after each piece and may stop there, which is
    /// [`Error::Interrupted`].
    ///
    /// # Errors
    /// What the session says, and [`Error::Interrupted`].
    pub async fn read(
        &mut self,
        text: &[u8],
        mut go_on: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Read> {
        self.reset();
        match self {
            Self::Blt(session) => {
                let rows = session.prefill_while(text, go_on).await?;
                Ok(Read::of(rows))
            }
            Self::Entropy(session) => {
                let mut read = Read::default();
                let mut ids = vec![BOS];
                ids.extend(encode(text));
                let mut done = 0;
                for piece in ids.chunks(session.comfortable_push()) {
                    if done > 0 && go_on(done - 1).is_break() {
                        return Err(Error::Interrupted);
                    }
                    done += piece.len();
                    read.take(session.push(piece).await?, done);
                }
                // BOS is a patch whatever the rule.
                if let Some(first) = read.starts.first_mut() {
                    *first = true;
                }
                Ok(read)
            }
        }
    }

    /// Goes back to the first `tokens`, BOS counted, if the model can without
    /// reading them again; says whether it did.
    ///
    /// # Errors
    /// What the session says.
    pub async fn truncate(&mut self, tokens: usize) -> Result<bool> {
        match self {
            Self::Blt(session) => session.truncate(tokens).await.map(|()| true),
            Self::Entropy(_) => Ok(false),
        }
    }

    /// Whether the device has memory for another text of this model beside `beside` bytes of
    /// them.
    #[must_use]
    pub fn has_room_beside(&self, beside: u64) -> bool {
        let Self::Blt(session) = self else {
            return true;
        };
        let memory = session.model().memory();
        let needed = memory.adapter + beside + session.bytes() + RESERVE;
        memory.available.is_none_or(|most| needed <= most)
    }

    /// Runs from now on together with the other members of a batch, or alone.
    pub fn join(&mut self, batch: Option<BatchMember>) {
        match self {
            Self::Blt(session) => session.join(batch),
            Self::Entropy(session) => session.join(batch),
        }
    }

    /// Forgets the text.
    pub fn reset(&mut self) {
        match self {
            Self::Blt(session) => session.reset(),
            Self::Entropy(session) => session.reset(),
        }
    }

    /// Bytes of device memory of caches and scratch buffers, without the weights.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Blt(session) => session.bytes(),
            Self::Entropy(session) => session.bytes(),
        }
    }
}

impl ByteModel for TextModel {
    fn logits(&self) -> &[f32] {
        match self {
            Self::Blt(session) => ByteModel::logits(session.as_ref()),
            Self::Entropy(session) => ByteModel::logits(session.as_ref()),
        }
    }

    fn room(&self) -> Option<u64> {
        match self {
            Self::Blt(session) => ByteModel::room(session.as_ref()),
            Self::Entropy(session) => ByteModel::room(session.as_ref()),
        }
    }

    async fn push(&mut self, id: u32) -> Result<Step> {
        match self {
            Self::Blt(session) => ByteModel::push(session.as_mut(), id).await,
            Self::Entropy(session) => ByteModel::push(session.as_mut(), id).await,
        }
    }

    fn most_drafted(&self) -> usize {
        match self {
            Self::Blt(session) => session.most_drafted(),
            Self::Entropy(session) => session.most_drafted(),
        }
    }

    async fn push_ahead(
        &mut self,
        id: u32,
        most: usize,
        draft: impl FnMut(&[u32], &[f32]) -> Option<u32>,
    ) -> Result<Vec<Taken>> {
        match self {
            Self::Blt(session) => ByteModel::push_ahead(session.as_mut(), id, most, draft).await,
            Self::Entropy(session) => {
                ByteModel::push_ahead(session.as_mut(), id, most, draft).await
            }
        }
    }

    async fn keep(&mut self, kept: usize) -> Result<()> {
        match self {
            Self::Blt(session) => ByteModel::keep(session.as_mut(), kept).await,
            Self::Entropy(session) => ByteModel::keep(session.as_mut(), kept).await,
        }
    }
}

impl RewindModel for TextModel {
    async fn read(
        &mut self,
        text: &[u8],
        go_on: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Read> {
        Self::read(self, text, go_on).await
    }

    async fn append(
        &mut self,
        text: &[u8],
        mut go_on: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Read> {
        match self {
            Self::Blt(session) => session.prefill_while(text, go_on).await.map(Read::of),
            Self::Entropy(session) => {
                let mut read = Read::default();
                let ids: Vec<u32> = encode(text).collect();
                let size = session.comfortable_push();
                for (index, piece) in ids.chunks(size).enumerate() {
                    if index > 0 && go_on(index * size).is_break() {
                        return Err(Error::Interrupted);
                    }
                    let done = index * size + piece.len();
                    read.take(session.push(piece).await?, done);
                }
                Ok(read)
            }
        }
    }

    fn reaches(&self, tokens: usize) -> bool {
        match self {
            Self::Blt(session) => session.reaches(tokens),
            Self::Entropy(_) => false,
        }
    }

    fn rewind(&mut self, tokens: usize) -> bool {
        match self {
            Self::Blt(session) => session.rewind(tokens),
            Self::Entropy(_) => false,
        }
    }

    fn fork(&self, beside: u64) -> Result<Option<Self>> {
        match self {
            Self::Blt(session) if self.has_room_beside(beside) => {
                Ok(Some(Self::Blt(Box::new(session.fork()?))))
            }
            _ => Ok(None),
        }
    }

    fn bytes(&self) -> u64 {
        Self::bytes(self)
    }

    fn stage_times(&self) -> Option<StageTimes> {
        match self {
            Self::Blt(session) => session.stage_times(),
            Self::Entropy(_) => None,
        }
    }
}
