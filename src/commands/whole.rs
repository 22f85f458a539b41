//! The whole model, and how it gets onto the device.

use std::sync::Arc;

use blt::Result;
use blt::checkpoint::Checkpoint;
use blt::device::Device;
use blt::measure::tune::{Rates, Subject};
use blt::model::blt::{BltLoad, BltModel, HashTables, WeightBits};
use blt::model::entropy::EntropyModel;
use blt::model::memory::MemoryPlan;
use blt::patch::Rule;
use clap::Args;

use super::failure::{Failure, argument};
use super::global::Global;
use super::interrupt;
use super::progress::Progress;
use super::summary::binary;

#[derive(Debug, Args)]
#[command(next_help_heading = "The whole model")]
pub(super) struct WholeArgs {
    /// Where the hash tables go: auto, device or host
    #[arg(long, value_name = "PLACE", default_value = "auto")]
    hash_tables: HashTables,

    /// An entropy model in place of the model's own
    #[arg(long, value_name = "MODEL")]
    entropy_model: Option<String>,

    /// Bits per weight at most: 16 (as the file has them), 8, mixed (4 for hash tables and the
    /// latent model, 8 for the rest), 4, or auto for the most that fit
    #[arg(long, value_name = "BITS", default_value = "auto")]
    weights: WeightBits,
}

/// A model on the device.
pub(super) enum Loaded {
    /// With how fast it writes, where that is known.
    Blt(Arc<BltModel>, Option<Rates>),
    Entropy(Arc<EntropyModel>),
}

impl Loaded {
    pub(super) fn device(&self) -> &Arc<Device> {
        match self {
            Self::Blt(model, _) => model.device(),
            Self::Entropy(model) => model.device(),
        }
    }
}

impl WholeArgs {
    /// Opens the entropy model in place of the model's own, where one is named.
    ///
    /// # Errors
    /// What the checkpoint layer says.
    pub(super) fn entropy_model(&self) -> Result<Option<Arc<Checkpoint>>> {
        let own = self.entropy_model.as_deref().map(super::model::open);
        Ok(own.transpose()?.map(Arc::new))
    }

    /// Refuses what needs entropies where nothing gives any.
    ///
    /// # Errors
    /// [`blt::Error::Argument`] that says what to do.
    pub(super) fn need_entropies(&self, checkpoint: &Checkpoint, rule: &Rule) -> Result<()> {
        if rule.needs_entropy() && !self.has_entropy_model(checkpoint) {
            return Err(argument(format!(
                "{} has no entropy model to find patches by; give one with --entropy-model, or \
                 choose another way with --mode space, static or byte",
                checkpoint.origin()
            )));
        }
        Ok(())
    }

    /// Does the model have an entropy model, its own or the one that is named?
    pub(super) fn has_entropy_model(&self, checkpoint: &Checkpoint) -> bool {
        checkpoint.config().entropy.is_some() || self.entropy_model.is_some()
    }

    /// Opens the device and uploads the model, or with `entropy` its entropy model
    /// alone.
    ///
    /// # Errors
    /// What the checkpoint and the device say, and an interruption.
    pub(super) async fn load(
        &self,
        checkpoint: &Arc<Checkpoint>,
        entropy: bool,
        global: &Global,
    ) -> Result<Loaded> {
        let own = self.entropy_model()?;
        if entropy {
            let checkpoint = &self.weights.of(own.as_ref().unwrap_or(checkpoint));
            return Ok(Loaded::Entropy(
                super::model::load(checkpoint, global).await?,
            ));
        }
        // What is wrong with the weights need not wait for the device.
        checkpoint.blt_weights()?;
        let device = Device::open(&global.device()).await?;
        interrupt::check()?;
        let entropy = match own {
            None => None,
            Some(own) => {
                let own = self.weights.of(&own);
                let weights = own.entropy_weights()?;
                let model = EntropyModel::load(&device, &weights, |_| ()).await?;
                Some(Arc::new(model))
            }
        };
        let options = BltLoad {
            hash_tables: self.hash_tables,
            entropy,
            ..BltLoad::default()
        };
        let (checkpoint, memory) = MemoryPlan::choose(&device, checkpoint, self.weights, &options)?;
        global.say(&needed(&checkpoint, &device, &memory));
        let total = Some(memory.adapter);
        let mut progress = Progress::new("loading the model: ", total, !global.quiet);
        let model =
            BltModel::load(&device, &checkpoint, options, |bytes| progress.add(bytes)).await?;
        interrupt::check()?;
        let model = Arc::new(model);
        let rates = super::model::prepare(&Subject::Blt(&model, &checkpoint), global).await?;
        Ok(Loaded::Blt(model, rates))
    }

    /// Names the tensor to blame where a model gave non-finite numbers; any other failure
    /// stays what it is.
    pub(super) fn blame(&self, failure: Failure, model: &Checkpoint, global: &Global) -> Failure {
        let own = self.entropy_model().ok().flatten();
        let all = [Some(model), own.as_deref()];
        super::model::blame(failure, all.into_iter().flatten(), global)
    }

    /// Refuses flags of the whole model where an entropy model runs alone.
    ///
    /// # Errors
    /// [`blt::Error::Argument`] that names the flag.
    pub(super) fn refuse_without_blt(&self) -> Result<()> {
        match self.hash_tables {
            HashTables::Auto => Ok(()),
            _ => Err(argument(
                "--hash-tables is about a whole BLT, and only an entropy model runs here",
            )),
        }
    }
}

/// What memory a model will need, before any of it is taken.
pub(super) fn needed(checkpoint: &Checkpoint, device: &Device, memory: &MemoryPlan) -> String {
    let has = memory.available.map_or(String::new(), |bytes| {
        format!(", which has {}", binary(bytes))
    });
    let host = match memory.host_tables {
        true => format!(
            "; its hash tables, {}, stay with the host",
            binary(memory.host)
        ),
        false => String::new(),
    };
    let bits = match checkpoint.narrowed_to() {
        Some(bits) => format!("; its weights are quantised to {bits} bits"),
        None => String::new(),
    };
    format!(
        "{} needs {} for weights on {}{has}, and {} for a text of up to {} patches{host}{bits}",
        checkpoint.origin(),
        binary(memory.adapter),
        device.summary().name,
        binary(memory.session),
        memory.patches,
    )
}
