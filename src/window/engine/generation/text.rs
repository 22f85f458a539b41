//! A text with its branches, which outlives the model and the device that wrote it.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::generate::{
    ByteModel, Continuation, GenerateOptions, GeneratedByte, Read, RewindModel, SamplerOptions,
    Step, Taken, TextModel,
};
use crate::session::{BltOptions, BltSession, EntropyOptions, EntropySession, StageTimes};
use crate::window::engine::Model;

/// A text.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) continuation: Continuation<Session>,
    /// What was given to the model.
    pub(super) given: Vec<u8>,
    /// So many bytes of it are the prompt; the rest another model had written.
    pub(super) prompt: usize,
    /// The model that says what is known of it.
    by: Weights,
    /// What the window has been told of.
    pub(super) told: Vec<Arc<GeneratedByte>>,
}

/// All texts, and which of them is at hand.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(super) texts: Vec<Text>,
    pub(super) current: usize,
}

/// By what one knows a model again: on another device it is another object.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Weights(String, u64, String);

impl Weights {
    fn of(model: &Model) -> Self {
        let origin = model.checkpoint.origin().to_owned();
        Self(origin, model.parameters, model.dtype.clone())
    }
}

impl Text {
    /// A text before the model has read any of it.
    pub(super) fn begin(
        model: &Model,
        (given, prompt): (Vec<u8>, usize),
        sampler: SamplerOptions,
        stage_times: bool,
    ) -> Result<Self> {
        let session = session(model, stage_times)?;
        // It is better known before the text is read than in the midst of it.
        if let TextModel::Blt(session) = &session {
            session.check_positions(given.len() + 1)?;
        }
        let session = Session(Some(session));
        let mut continuation = Continuation::new(session, sampler, GenerateOptions::default())?;
        continuation.begin(&given);
        Ok(Self {
            continuation,
            given,
            prompt,
            by: Weights::of(model),
            told: Vec::new(),
        })
    }

    /// All of it, up to a byte of those written.
    pub(super) fn bytes(&self, at: usize) -> Vec<u8> {
        let mut bytes = self.given.clone();
        let written = self.continuation.bytes().iter().take(at);
        bytes.extend(written.map(|byte| byte.byte()));
        bytes
    }

    /// Whether what is known of it is what this model says.
    pub(super) fn is_by(&self, model: &Model) -> bool {
        self.by == Weights::of(model)
    }

    /// Whether the model can go on with it.
    pub(super) fn is_live(&self) -> bool {
        self.continuation.model().0.is_some()
    }

    /// Puts it into a model, which reads it when it is to go on.
    pub(super) fn live(&mut self, model: &Model, stage_times: bool) -> Result<()> {
        let session = session(model, stage_times)?;
        self.continuation.replace_model(Session(Some(session)));
        Ok(())
    }

    /// Lets go of the model; all that is known stays.
    pub(super) fn release(&mut self) {
        self.continuation.replace_model(Session(None));
    }
}

/// A place for a text in what is there of a model.
fn session(model: &Model, stage_times: bool) -> Result<TextModel> {
    Ok(match model.blt.get() {
        Some(blt) => {
            let options = BltOptions {
                stage_times,
                ..BltOptions::default()
            };
            TextModel::Blt(Box::new(BltSession::new(blt, options)?))
        }
        None => {
            let options = EntropyOptions {
                rule: Some(model.rule.clone()),
                ..EntropyOptions::default()
            };
            TextModel::Entropy(Box::new(EntropySession::new(&model.entropy, options)?))
        }
    })
}

/// A text in a model, or in none.
#[derive(Debug)]
pub(super) struct Session(Option<TextModel>);

impl Session {
    fn held(&mut self) -> Result<&mut TextModel> {
        let none = || Error::Argument("the text is in no model".to_owned());
        self.0.as_mut().ok_or_else(none)
    }
}

impl ByteModel for Session {
    fn logits(&self) -> &[f32] {
        self.0.as_ref().map_or(&[], ByteModel::logits)
    }

    fn room(&self) -> Option<u64> {
        self.0.as_ref().and_then(ByteModel::room)
    }

    async fn push(&mut self, id: u32) -> Result<Step> {
        ByteModel::push(self.held()?, id).await
    }

    fn most_drafted(&self) -> usize {
        self.0.as_ref().map_or(0, ByteModel::most_drafted)
    }

    async fn push_ahead(
        &mut self,
        id: u32,
        most: usize,
        draft: impl FnMut(&[u32], &[f32]) -> Option<u32>,
    ) -> Result<Vec<Taken>> {
        self.held()?.push_ahead(id, most, draft).await
    }

    async fn keep(&mut self, kept: usize) -> Result<()> {
        self.held()?.keep(kept).await
    }
}

impl RewindModel for Session {
    async fn read(
        &mut self,
        text: &[u8],
        go_on: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Read> {
        RewindModel::read(self.held()?, text, go_on).await
    }

    async fn append(
        &mut self,
        text: &[u8],
        go_on: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Read> {
        RewindModel::append(self.held()?, text, go_on).await
    }

    fn reaches(&self, tokens: usize) -> bool {
        self.0.as_ref().is_some_and(|model| model.reaches(tokens))
    }

    fn rewind(&mut self, tokens: usize) -> bool {
        self.0.as_mut().is_some_and(|model| model.rewind(tokens))
    }

    fn fork(&self, beside: u64) -> Result<Option<Self>> {
        let Some(model) = &self.0 else {
            return Ok(None);
        };
        let fork = RewindModel::fork(model, beside)?;
        Ok(fork.map(|model| Self(Some(model))))
    }

    fn bytes(&self) -> u64 {
        self.0.as_ref().map_or(0, RewindModel::bytes)
    }

    fn stage_times(&self) -> Option<StageTimes> {
        self.0.as_ref().and_then(RewindModel::stage_times)
    }
}
