//! Which model, and how it gets onto the GPU.

use std::sync::Arc;

use blt::Result;
use blt::checkpoint::{Checkpoint, Part};
use blt::gpu::Gpu;
use blt::model::entropy::EntropyModel;
use blt::session::ContextOptions;
use clap::Args;

use super::failure::positive;
use super::global::Global;
use super::interrupt;
use super::progress::Progress;

/// The name of the model inside the binary.
pub(super) const EMBEDDED: &str = "embedded";

#[derive(Debug, Args)]
pub(super) struct ModelArgs {
    /// The model: a folder, a .safetensors file, org/name of a downloaded one, or the embedded one
    #[arg(
        short,
        long,
        value_name = "MODEL",
        default_value = EMBEDDED,
        env = "BLT_MODEL",
        hide_env_values = true
    )]
    pub(super) model: String,
}

#[derive(Debug, Args)]
pub(super) struct ContextArgs {
    /// Let the model forget what came before at each line feed
    #[arg(long)]
    reset_at_newline: bool,

    /// Let the model forget what came before each time N positions have passed
    #[arg(long, value_name = "N", value_parser = positive::<u64>)]
    reset_every: Option<u64>,
}

impl ContextArgs {
    pub(super) fn options(&self) -> ContextOptions {
        ContextOptions {
            reset_at_newline: self.reset_at_newline,
            reset_every: self.reset_every,
        }
    }

    /// The flag that makes sense only with a model, if there is one.
    pub(super) fn flag(&self) -> Option<&'static str> {
        match (self.reset_at_newline, self.reset_every) {
            (true, _) => Some("--reset-at-newline"),
            (false, Some(_)) => Some("--reset-every"),
            (false, None) => None,
        }
    }
}

impl ModelArgs {
    /// Opens the checkpoint; the weights stay where they are.
    ///
    /// # Errors
    /// What the checkpoint layer says.
    pub(super) fn open(&self) -> Result<Checkpoint> {
        match self.model.as_str() {
            "" | EMBEDDED => Checkpoint::embedded(),
            name => Checkpoint::open(name),
        }
    }
}

/// Opens the GPU and uploads the entropy model.
///
/// # Errors
/// What the checkpoint and the GPU say, and an interruption.
pub(super) async fn load(checkpoint: &Checkpoint, global: &Global) -> Result<Arc<EntropyModel>> {
    let weights = checkpoint.entropy_weights()?;
    let gpu = Gpu::open(&global.gpu()).await?;
    interrupt::check()?;
    let inspection = checkpoint.inspect();
    let part = inspection.parts.iter().find(|p| p.part == Part::Entropy);
    let total = part.map(|part| part.held.bytes);
    let mut progress = Progress::new("loading the model: ", total, !global.quiet);
    let model = EntropyModel::load(&gpu, &weights, |bytes| progress.add(bytes)).await?;
    interrupt::check()?;
    Ok(Arc::new(model))
}
