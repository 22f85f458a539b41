//! What generation needs of a model.

use crate::Result;

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
}
