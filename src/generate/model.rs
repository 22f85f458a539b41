//! What generation needs of a model.

use std::ops::ControlFlow;

use crate::Result;
use crate::session::StageTimes;

/// What a token led to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Step {
    /// The entropy, in nats, of what follows the token, by the entropy model;
    /// `None` where none runs.
    pub entropy: Option<f32>,
    /// Whether the token closed its patch, so that the next byte starts another.
    pub closed: bool,
    /// Whether the latent model ran.
    pub latent: bool,
}

/// What reading a text gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Read {
    /// For BOS and each byte: does a patch start after it? `[N + 1]`
    pub starts: Vec<bool>,
    /// The entropy, in nats, of what follows the text.
    pub entropy: Option<f32>,
    /// For BOS and each byte: the entropy, in nats, of what follows it; `[N + 1]`,
    /// or empty where no entropy model runs.
    pub entropies: Vec<f32>,
    /// For BOS and each byte: -ln p of it, in nats; `[N + 1]`, and `None` for BOS.
    pub nlls: Vec<Option<f32>>,
    /// Whether a latent model ran on each patch that was closed.
    pub latent: bool,
}

impl Read {
    /// What reading went on to give.
    pub(crate) fn append(&mut self, more: Self) {
        self.starts.extend(more.starts);
        self.entropy = more.entropy;
        self.entropies.extend(more.entropies);
        self.nlls.extend(more.nlls);
        self.latent = more.latent;
    }
}

/// A token that a model has taken, and what it says after it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Taken {
    /// The token.
    pub id: u32,
    /// What it led to.
    pub step: Step,
    /// Logits over the token ids, `[VOCAB]`.
    pub logits: Vec<f32>,
    /// Tokens that there surely was room for; `None` where nothing limits them.
    pub room: Option<u64>,
}

/// A model with a text in it, BOS first.
#[expect(
    async_fn_in_trait,
    reason = "driven by one caller on one thread, and WebGPU's futures are not Send everywhere"
)]
pub trait ByteModel {
    /// Logits over the token ids, `[VOCAB]`, after the last token.
    fn logits(&self) -> &[f32];

    /// Tokens that there surely is room for; `None` where nothing limits them.
    fn room(&self) -> Option<u64> {
        None
    }

    /// Takes a token; afterwards [`logits`](Self::logits) are those after it.
    ///
    /// # Errors
    /// What the model says: no room for the token, or the device's errors.
    async fn push(&mut self, id: u32) -> Result<Step>;

    /// The most tokens that [`push_ahead`](Self::push_ahead) drafts.
    fn most_drafted(&self) -> usize {
        0
    }

    /// Takes a token that surely comes and up to `most` more that may follow it, as
    /// `draft` names them, which is given the tokens so far and rough logits after
    /// them; gives all that were taken with the logits of the model itself. A model
    /// that cannot draft takes the one token.
    ///
    /// # Errors
    /// Those of [`push`](Self::push).
    async fn push_ahead(
        &mut self,
        id: u32,
        most: usize,
        draft: impl FnMut(&[u32], &[f32]) -> Option<u32>,
    ) -> Result<Vec<Taken>> {
        let _ = (most, draft);
        let step = self.push(id).await?;
        Ok(vec![Taken {
            id,
            step,
            logits: self.logits().to_vec(),
            room: self.room(),
        }])
    }

    /// Goes back to the first `kept` tokens, one at least, of those that
    /// [`push_ahead`](Self::push_ahead) has just taken.
    ///
    /// # Errors
    /// What the model says.
    async fn keep(&mut self, kept: usize) -> Result<()> {
        let _ = kept;
        Ok(())
    }
}

impl<M: ByteModel> ByteModel for &mut M {
    fn logits(&self) -> &[f32] {
        (**self).logits()
    }

    fn room(&self) -> Option<u64> {
        (**self).room()
    }

    async fn push(&mut self, id: u32) -> Result<Step> {
        (**self).push(id).await
    }

    fn most_drafted(&self) -> usize {
        (**self).most_drafted()
    }

    async fn push_ahead(
        &mut self,
        id: u32,
        most: usize,
        draft: impl FnMut(&[u32], &[f32]) -> Option<u32>,
    ) -> Result<Vec<Taken>> {
        (**self).push_ahead(id, most, draft).await
    }

    async fn keep(&mut self, kept: usize) -> Result<()> {
        (**self).keep(kept).await
    }
}

/// A model that reads a text at once, and that may be able to go back in it.
///
/// A model that can do neither cheaply reads the text again; nothing but time
/// depends on it.
#[expect(
    async_fn_in_trait,
    reason = "driven by one caller on one thread, and WebGPU's futures are not Send everywhere"
)]
pub trait RewindModel: ByteModel + Sized {
    /// Reads a text from its beginning, BOS first, in place of the one in the
    /// model. `go_on` is told the bytes read after each piece and may stop there,
    /// which is [`Error::Interrupted`](crate::Error::Interrupted).
    ///
    /// # Errors
    /// What the model says, and [`Error::Interrupted`](crate::Error::Interrupted).
    async fn read(
        &mut self,
        text: &[u8],
        go_on: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Read>;

    /// Takes more bytes of a text that has begun, and gives what there is to say of
    /// them alone, without BOS; `go_on` as for [`read`](Self::read).
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    async fn append(
        &mut self,
        text: &[u8],
        go_on: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Read>;

    /// Whether [`rewind`](Self::rewind) can go back to the first `tokens`, BOS
    /// counted.
    fn reaches(&self, tokens: usize) -> bool {
        let _ = tokens;
        false
    }

    /// Goes back to the first `tokens`, BOS counted, without computing anything;
    /// says whether it did. The logits are unknown until the next token.
    fn rewind(&mut self, tokens: usize) -> bool {
        let _ = tokens;
        false
    }

    /// A second model with the same text, where copying is possible and there is
    /// memory for it beside `beside` bytes of such models.
    ///
    /// # Errors
    /// The device's errors.
    fn fork(&self, beside: u64) -> Result<Option<Self>> {
        let _ = beside;
        Ok(None)
    }

    /// Bytes of memory of the text in the model, without the weights.
    fn bytes(&self) -> u64 {
        0
    }

    /// Where the time of the last [`push`](ByteModel::push) went, where it is
    /// measured.
    fn stage_times(&self) -> Option<StageTimes> {
        None
    }
}
