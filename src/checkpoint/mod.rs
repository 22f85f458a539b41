//! Checkpoints: from a name on the command line to weights with checked shapes.
//!
//! `name → files (mapped) → config, checked → tensors, checked against it`.
//! Nothing is copied, nothing is computed, no GPU is needed, and no tensor name
//! leaves this module.

mod blob;
mod block;
mod blt;
mod config;
#[cfg(not(target_arch = "wasm32"))]
mod convert;
#[cfg(not(target_arch = "wasm32"))]
mod dcp;
mod disk;
mod doubts;
mod dtype;
mod embedded;
mod entropy;
mod expected;
mod files;
mod form;
mod header;
mod inspect;
mod like;
mod locate;
#[cfg(not(target_arch = "wasm32"))]
mod map;
mod meta;
mod naming;
mod non_finite;
mod open;
mod packed;
#[cfg(not(target_arch = "wasm32"))]
mod parts;
#[cfg(not(target_arch = "wasm32"))]
mod pth;
mod released;
mod resolve;
mod rows;
mod sentence;
mod table;
mod tensor;
#[cfg(not(target_arch = "wasm32"))]
mod write;

pub use blob::Unread;
pub use block::BlockWeights;
pub use blt::{BltWeights, CrossWeights};
pub use config::{
    BltConfig, Config, EntropyConfig, HashConfig, PatchingConfig, PatchingMode, Pooling,
    StackConfig,
};
#[cfg(not(target_arch = "wasm32"))]
pub use convert::{ConvertOptions, Converted, SHARD_BYTES};
pub use dtype::Dtype;
pub use entropy::EntropyWeights;
pub use expected::{ExpectedTensor, Part, expected_tensors};
pub use files::WeightBytes;
pub use inspect::{FileReport, Inspection, Misshaped, PartReport, TensorReport, Totals};
pub use locate::{Environment, cached_models};
pub use released::{Closest, Difference};
pub use rows::Rows;
pub use tensor::{Packed, Random, TensorData, TensorView};

use crate::Result;
#[cfg(not(target_arch = "wasm32"))]
pub use crate::mapped::check_all as check_open_files;
use disk::Access;
use files::Weights;
use form::Form;
use sentence::refuse;

/// An open checkpoint: a whole BLT, or an entropy model alone.
#[derive(Debug)]
pub struct Checkpoint {
    origin: String,
    config: Config,
    /// The same as transformers would write it.
    json: serde_json::Value,
    weights: Weights,
    card: Option<&'static str>,
    /// What was taken where other files could be meant as well.
    note: Option<String>,
}

impl Checkpoint {
    /// Opens what `name` stands for: a folder with `config.json` and
    /// `model.safetensors` (or an index and its shards), such a file with its
    /// config beside it, or `org/name[@revision]` in the Hugging Face cache of
    /// this user.
    ///
    /// Meta's layouts are read too: `config.json` with `args`, `params.json` or
    /// `train_args.json`, weights in `model.safetensors` or `consolidated.pth`,
    /// and an entropy model in the folder `entropy_model` within or beside it.
    ///
    /// In a page `name` is that of a folder that the page was handed.
    ///
    /// The weights are mapped, not read; in a page they are read in pieces (see
    /// [`open_in_pieces`](Self::open_in_pieces)). A file that another program cuts or
    /// rewrites meanwhile gives other numbers, or zeros; who works with the
    /// weights is told by [`check_files`](Self::check_files).
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) if there is none, or it is damaged or contradicts
    /// itself; [`Error::Io`](crate::Error::Io) if the system refuses a file.
    pub fn open(name: &str) -> Result<Self> {
        Self::open_in(name, &Environment::of_process())
    }

    /// [`open`](Self::open) with the Hugging Face cache of another environment.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_in(name: &str, environment: &Environment) -> Result<Self> {
        open::open(name, environment, Access::Mapped)
    }

    /// Like [`open`](Self::open), but nothing is mapped: weights are read while a model is
    /// loaded, and rows of hash tables that stay with the host when a text needs them. For
    /// file systems that map files badly. Tensors of such a checkpoint are read with
    /// [`TensorView::rows`]; it cannot be converted, and `.pth` files cannot be opened so.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_in_pieces(name: &str) -> Result<Self> {
        open::open(name, &Environment::of_process(), Access::Pieces)
    }

    /// A checkpoint in memory: the text of its `config.json` and the content of
    /// its safetensors file. `origin` is what to call it.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) if it is damaged or contradicts itself.
    pub fn from_bytes(
        config_json: &[u8],
        safetensors: impl Into<WeightBytes>,
        origin: &str,
    ) -> Result<Self> {
        let label = format!("the config of {origin}");
        let json = config::json(config_json, &label)?;
        Ok(Self {
            origin: origin.to_owned(),
            config: Config::read(&json, &label)?,
            weights: Weights::from_bytes(safetensors.into(), origin)?.packed(&json, &label)?,
            json,
            card: None,
            note: None,
        })
    }

    /// Whether the files are still what was opened: models, sessions and
    /// conversions ask this before they hand on what they made of the weights.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) that names the file which another program has changed.
    pub fn check_files(&self) -> Result<()> {
        self.weights.check()
    }

    /// What was opened: the path as given, or `org/name@commit`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The model card, where one came inside the program: Markdown that says what
    /// the model is, how it was trained, and the licences of its training text.
    #[must_use]
    pub fn card(&self) -> Option<&'static str> {
        self.card
    }

    /// The config.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How the checkpoint wants its bytes cut into patches.
    #[must_use]
    pub fn patching(&self) -> &PatchingConfig {
        &self.config.patching
    }

    /// The entropy model, every tensor found and its shape checked.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) if the checkpoint has no entropy model, or a tensor of
    /// it is missing, unknown, or of the wrong shape or dtype.
    pub fn entropy_weights(&self) -> Result<EntropyWeights<'_>> {
        let Some(config) = &self.config.entropy else {
            return Err(refuse(format!(
                "{} has no entropy model inside (its config says `patch_in_forward`: false); \
                 take an entropy model of its own",
                self.origin
            )));
        };
        let form = Form::of(&self.config, &self.weights);
        EntropyWeights::resolve(&self.weights, config, form.entropy_prefix)
    }

    /// Encoder, latent model and decoder, every tensor found and its shape
    /// checked.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) if the checkpoint is an entropy model alone, or a tensor
    /// is missing, unknown, or of the wrong shape or dtype.
    pub fn blt_weights(&self) -> Result<BltWeights<'_>> {
        let Some(config) = &self.config.blt else {
            return Err(refuse(format!(
                "{} is an entropy model alone; name the checkpoint of a whole BLT",
                self.origin
            )));
        };
        let form = Form::of(&self.config, &self.weights);
        BltWeights::resolve(&self.weights, config, &form)
    }

    /// The hash tables alone, for those who read single rows of them.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) if the checkpoint is an entropy model alone or has none.
    pub fn hash_tables(&self) -> Result<Vec<TensorView<'_>>> {
        match &self.config.blt {
            None => Ok(Vec::new()),
            Some(config) => {
                let form = Form::of(&self.config, &self.weights);
                blt::hash_tables(&self.weights, config, &form)
            }
        }
    }

    /// What is in the files, compared with what the config calls for.
    #[must_use]
    pub fn inspect(&self) -> Inspection {
        let mut inspection = Inspection::of(&self.origin, &self.config, &self.weights);
        inspection.warnings.extend(self.note.clone());
        inspection.warnings.extend(self.warnings());
        inspection
    }

    /// Settings that ruin a result without an error, a sentence each; none for a model as
    /// it should be.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        doubts::of(&self.config, &self.json)
    }
}
