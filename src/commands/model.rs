//! Which model, and how it gets onto the device.

use std::env::VarError;
use std::sync::Arc;

use blt::checkpoint::{Checkpoint, Dtype, Part};
use blt::device::Device;
use blt::measure::tune::{Rates, Subject, prepare_kept};
use blt::model::entropy::EntropyModel;
use blt::session::ContextOptions;
use blt::{Error, Result};
use clap::Args;

use super::failure::{Failure, argument, positive};
use super::global::{Global, complain};
use super::interrupt;
use super::progress::Progress;

/// The name of the model inside the binary.
const EMBEDDED: &str = "embedded";

/// The variable that names a model where no flag does.
const VARIABLE: &str = "BLT_MODEL";

#[derive(Debug, Default, Args)]
pub(super) struct ModelArgs {
    /// The model: a folder with config.json and safetensors (transformers), or with params.json or
    /// train_args.json and consolidated.pth or safetensors (Meta); a .safetensors or .pth file
    /// beside its config; org/name of a downloaded one; or the embedded one
    ///
    /// [env: BLT_MODEL] [default: embedded]
    // Not clap's env: a flag that excludes this one must win over the variable.
    #[arg(short, long, value_name = "MODEL")]
    model: Option<String>,
}

/// A model, or random weights in its place.
#[derive(Debug, Args)]
pub(super) struct AnyModelArgs {
    #[command(flatten)]
    model: ModelArgs,

    /// In place of a model: random bf16 weights in the shapes of blt-1b, blt-7b or a config.json
    #[arg(long, value_name = "NAME|FILE", conflicts_with = "model")]
    like: Option<String>,
}

/// Of random weights.
const SEED: u32 = 1;

impl AnyModelArgs {
    /// Opens the checkpoint; the weights stay where they are.
    ///
    /// # Errors
    /// What the checkpoint layer says.
    pub(super) fn open(&self) -> Result<Checkpoint> {
        match &self.like {
            Some(name) => Checkpoint::like(name, Dtype::Bf16, SEED),
            None => self.model.open(),
        }
    }
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
        match self.name()? {
            Some(name) => Checkpoint::open(&name),
            None => Checkpoint::embedded(),
        }
    }

    /// What the model is called; `None` is the one inside the binary.
    ///
    /// # Errors
    /// [`Error::Argument`] for a variable that is not UTF-8.
    pub(super) fn name(&self) -> Result<Option<String>> {
        let name = match &self.model {
            Some(name) => name.clone(),
            None => match std::env::var(VARIABLE) {
                Ok(name) => name,
                Err(VarError::NotPresent) => String::new(),
                Err(VarError::NotUnicode(_)) => {
                    return Err(argument(format!(
                        "{VARIABLE} is not UTF-8; name the model with -m"
                    )));
                }
            },
        };
        Ok(Some(name).filter(|name| !name.is_empty() && name != EMBEDDED))
    }
}

/// Opens the model of a name.
///
/// # Errors
/// What the checkpoint layer says.
pub(super) fn open(name: &str) -> Result<Checkpoint> {
    match name {
        "" | EMBEDDED => Checkpoint::embedded(),
        name => Checkpoint::open(name),
    }
}

/// Names the tensor to blame where a model gave non-finite numbers; any other failure
/// stays what it is.
pub(super) fn blame<'a>(
    failure: Failure,
    checkpoints: impl IntoIterator<Item = &'a Checkpoint>,
    global: &Global,
) -> Failure {
    let Failure::Error(mut error) = failure else {
        return failure;
    };
    for checkpoint in checkpoints {
        if !matches!(error, Error::NonFinite(_)) {
            break;
        }
        let total = checkpoint.inspect().total.bytes;
        let mut progress = Progress::new("looking for NaN: ", Some(total), !global.quiet);
        error = checkpoint.blame(error, |bytes| progress.add(bytes));
    }
    error.into()
}

/// Opens the device and uploads the entropy model.
///
/// # Errors
/// What the checkpoint and the device say, and an interruption.
pub(super) async fn load(checkpoint: &Checkpoint, global: &Global) -> Result<Arc<EntropyModel>> {
    let weights = checkpoint.entropy_weights()?;
    let device = Device::open(&global.device()).await?;
    interrupt::check()?;
    let inspection = checkpoint.inspect();
    let part = inspection.parts.iter().find(|p| p.part == Part::Entropy);
    let total = part.map(|part| part.held.bytes);
    let mut progress = Progress::new("loading the model: ", total, !global.quiet);
    let model = EntropyModel::load(&device, &weights, |bytes| progress.add(bytes)).await?;
    interrupt::check()?;
    let model = Arc::new(model);
    prepare(&Subject::Entropy(&model), global).await?;
    Ok(model)
}

/// Checks and tunes the device by the model that it holds, where that is still to be
/// done, and says what there is to know of it; gives how fast the model writes, where
/// that is known.
///
/// # Errors
/// A kernel that is wrong in every tier, what the device says, and an interruption.
pub(super) async fn prepare(subject: &Subject<'_>, global: &Global) -> Result<Option<Rates>> {
    let done = prepare_kept(subject).await?;
    interrupt::check()?;
    if let Some(wrong) = &done.wrong {
        let adapter = &subject.device().summary().name;
        complain(&format!("{adapter}: {wrong}"), global.colored());
    }
    if done.checked.0 + done.timed.0 > 0 {
        let ((checked, check), (timed, time)) = (done.checked, done.timed);
        tracing::info!(
            "{checked} kernel variants checked in {check:.0} ms; kernels of {timed} shapes timed \
             in {time:.0} ms"
        );
    }
    Ok(done.rates)
}
