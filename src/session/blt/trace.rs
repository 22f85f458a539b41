//! Looking into a run: what every kernel has written.

use super::BltSession;
use super::inputs::Run;
use crate::error::{Error, Result};
use crate::gpu::plan::StepOutput;
use crate::model::part::{RowClass, count};

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
    /// [`BltSession::reset`]. The GPU must decide where patches start.
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
        let gpu = self.model.gpu();
        let rows = count(ids.len());
        let plans = &self.plans;
        let decide = plans.decide[class.index()].trace(gpu, rows).await?;
        let encode = plans.encode[class.index()].trace(gpu, rows).await?;
        let state = gpu.read(self.buffers.patches.state().all()).await?;
        let closed = bytemuck::pod_collect_to_vec::<u8, u32>(&state)[0];
        let patches = plans.patches[class.index()].trace(gpu, closed).await?;
        let decode = plans.decode[class.index()].trace(gpu, rows).await?;
        Ok(Trace {
            decide,
            encode,
            patches,
            decode,
            closed: closed as usize,
        })
    }
}
