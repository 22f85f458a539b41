//! The whole model, and how it gets onto the GPU.

use std::sync::Arc;

use blt::Result;
use blt::checkpoint::Checkpoint;
use blt::gpu::Gpu;
use blt::model::blt::{BltLoad, BltModel, HashTables};
use blt::model::entropy::EntropyModel;
use clap::Args;

use super::failure::argument;
use super::global::Global;
use super::interrupt;
use super::progress::Progress;

#[derive(Debug, Args)]
#[command(next_help_heading = "The whole model")]
pub(super) struct WholeArgs {
    /// Where the hash tables go: auto, gpu or host
    #[arg(long, value_name = "PLACE", default_value = "auto")]
    hash_tables: HashTables,

    /// An entropy model in place of the model's own
    #[arg(long, value_name = "MODEL")]
    entropy_model: Option<String>,
}

/// A model on the GPU.
pub(super) enum Loaded {
    Blt(Arc<BltModel>),
    Entropy(Arc<EntropyModel>),
}

impl Loaded {
    pub(super) fn gpu(&self) -> &Arc<Gpu> {
        match self {
            Self::Blt(model) => model.gpu(),
            Self::Entropy(model) => model.gpu(),
        }
    }
}

impl WholeArgs {
    /// Opens the GPU and uploads the model, or with `entropy` its entropy model
    /// alone.
    ///
    /// # Errors
    /// What the checkpoint and the GPU say, and an interruption.
    pub(super) async fn load(
        &self,
        checkpoint: &Arc<Checkpoint>,
        entropy: bool,
        global: &Global,
    ) -> Result<Loaded> {
        let own = self.entropy_model.as_deref().map(open).transpose()?;
        if entropy {
            let checkpoint = own.as_ref().unwrap_or(checkpoint);
            return Ok(Loaded::Entropy(
                super::model::load(checkpoint, global).await?,
            ));
        }
        // What is wrong with the weights need not wait for the GPU.
        checkpoint.blt_weights()?;
        let gpu = Gpu::open(&global.gpu()).await?;
        interrupt::check()?;
        let entropy = match own {
            None => None,
            Some(own) => {
                let weights = own.entropy_weights()?;
                let model = EntropyModel::load(&gpu, &weights, |_| ()).await?;
                Some(Arc::new(model))
            }
        };
        let total = checkpoint.inspect().total.bytes;
        let mut progress = Progress::new("loading the model: ", Some(total), !global.quiet);
        let options = BltLoad {
            hash_tables: self.hash_tables,
            entropy,
            ..BltLoad::default()
        };
        let model = BltModel::load(&gpu, checkpoint, options, |bytes| progress.add(bytes)).await?;
        interrupt::check()?;
        Ok(Loaded::Blt(Arc::new(model)))
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

fn open(name: &str) -> Result<Arc<Checkpoint>> {
    let checkpoint = match name {
        super::model::EMBEDDED => Checkpoint::embedded(),
        name => Checkpoint::open(name),
    };
    checkpoint.map(Arc::new)
}
