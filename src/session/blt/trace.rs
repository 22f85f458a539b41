//! Looking into a run: what every kernel has written.

use super::inputs::Run;
use super::{BltSession, Decision, Stage};
use crate::device::plan::StepOutput;
use crate::error::{Error, Result};
use crate::model::part::{RowClass, count};
use crate::patch::Known;

/// The outputs of all steps of a run, by part of the model.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The entropy model, and the patch starts.
    pub decide: Vec<StepOutput>,
    /// The books of the patches, and the encoder's bytes.
    pub encode: Vec<StepOutput>,
    /// The encoder's patches, the latent model, and what it offers the decoder.
    pub patches: Vec<StepOutput>,
    /// The decoder and the head.
    pub decode: Vec<StepOutput>,
    /// Patches that the run has closed.
    pub closed: usize,
}

impl BltSession {
    /// Takes the first tokens of a text, at most a chunk, and keeps what every
    /// kernel writes. The session is of no use afterwards until
    /// [`BltSession::reset`].
    ///
    /// # Errors
    /// [`Error::Argument`] for more tokens than a chunk or a text that has begun,
    /// and the device's errors.
    pub async fn trace(&mut self, ids: &[u32]) -> Result<Trace> {
        if !self.tokens.is_empty() || ids.is_empty() || ids.len() > self.buffers.sizes.rows {
            return Err(Error::Argument(format!(
                "a trace takes the first 1 to {} tokens of a text",
                self.buffers.sizes.rows
            )));
        }
        let class = RowClass::of(ids.len());
        let run = Run {
            ids,
            history: &[],
            after: None,
            position: 0,
        };
        let inputs = &mut self.buffers.inputs[usize::from(class == RowClass::Many)];
        let contexts = (&mut self.entropy_context, &mut self.local_context);
        inputs.upload(&self.model, &run, contexts.0, contexts.1);
        let rows = count(ids.len());
        let device = self.model.device();
        let decide = self.plan(Stage::Decide, class)?.trace(device, rows).await?;
        if let Decision::Host(patcher) = &self.decision {
            if patcher.needs_entropy() || patcher.needs_best() {
                return Err(Error::Argument(
                    "a trace needs patches that the device finds, or that need no entropies"
                        .to_owned(),
                ));
            }
            let known: Vec<Known> = ids.iter().map(|id| Known::of_id(*id)).collect();
            self.decide_on_host(&known);
        }
        let device = self.model.device();
        let encode = self.plan(Stage::Encode, class)?.trace(device, rows).await?;
        let state = device
            .read(self.buffers.model.patches.state().all())
            .await?;
        let closed = bytemuck::pod_collect_to_vec::<u8, u32>(&state)[0];
        let patches = self
            .plan(Stage::Patches, class)?
            .trace(device, closed)
            .await?;
        let decode = self.plan(Stage::Decode, class)?.trace(device, rows).await?;
        Ok(Trace {
            decide,
            encode,
            patches,
            decode,
            closed: closed as usize,
        })
    }
}
