//! The whole Byte Latent Transformer on the GPU (paper section 3).

use std::ops::ControlFlow;
use std::sync::Arc;

use super::decoder::{Decoder, DecoderBuffers};
use super::encoder::{Encoder, EncoderBuffers};
use super::entropy::{EntropyBuffers, EntropyModel};
use super::latent::Latent;
use super::memory::{self, MemoryPlan};
use super::patches::PatchShape;
use super::row_layer::RowWeights;
use super::sizes::Sizes;
use crate::checkpoint::{BltConfig, Checkpoint, PatchingConfig};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::gpu::tensor::Uploader;

/// Where the hash tables go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashTables {
    /// On the GPU if everything fits there, else with the host.
    #[default]
    Auto,
    /// On the GPU.
    Gpu,
    /// In the mapped file; the host gathers the rows that are needed.
    Host,
}

impl std::str::FromStr for HashTables {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            "gpu" => Ok(Self::Gpu),
            "host" => Ok(Self::Host),
            _ => Err(crate::Error::Argument(format!(
                "hash tables are placed by auto, gpu or host, not by {text:?}"
            ))),
        }
    }
}

/// How to load a model.
#[derive(Clone, Debug, Default)]
pub struct BltLoad {
    /// Where the hash tables go.
    pub hash_tables: HashTables,
    /// Pool anew after each encoder layer, as transformers does, where the
    /// encoder attends after all of them (spec section 12).
    pub hf_compat: bool,
    /// An entropy model in place of the checkpoint's own.
    pub entropy: Option<Arc<EntropyModel>>,
}

/// The weights of all parts on the GPU.
#[derive(Debug)]
pub struct BltModel {
    gpu: Arc<Gpu>,
    config: BltConfig,
    patching: PatchingConfig,
    entropy: Option<Arc<EntropyModel>>,
    pub(crate) encoder: Encoder,
    pub(crate) latent: Latent,
    pub(crate) decoder: Decoder,
    /// Where layers of a single row are one step each.
    pub(crate) row: Option<RowWeights>,
    memory: MemoryPlan,
}

impl BltModel {
    /// Uploads the weights; `progress` is told the bytes of each piece.
    ///
    /// # Errors
    /// [`crate::Error::Checkpoint`] when the checkpoint is incomplete or the
    /// kernels cannot run its shape, [`crate::Error::OutOfMemory`] when it
    /// cannot fit (before anything is allocated), and the device's errors.
    pub async fn load(
        gpu: &Arc<Gpu>,
        checkpoint: &Arc<Checkpoint>,
        options: BltLoad,
        mut progress: impl FnMut(u64),
    ) -> Result<Self> {
        Self::load_while(gpu, checkpoint, options, |bytes| {
            progress(bytes);
            ControlFlow::Continue(())
        })
        .await
    }

    /// Like [`BltModel::load`]; `go_on` is told the bytes of each piece and may stop
    /// there, which is [`crate::Error::Interrupted`].
    ///
    /// # Errors
    /// As for [`BltModel::load`], and [`crate::Error::Interrupted`].
    pub async fn load_while(
        gpu: &Arc<Gpu>,
        checkpoint: &Arc<Checkpoint>,
        options: BltLoad,
        mut go_on: impl FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Self> {
        let weights = checkpoint.blt_weights()?;
        let memory = memory::plan(gpu, checkpoint, &weights, &options)?;
        let entropy = match options.entropy {
            Some(model) => Some(model),
            None if checkpoint.config().entropy.is_some() => {
                let weights = checkpoint.entropy_weights()?;
                let model = EntropyModel::load_while(gpu, &weights, &mut go_on).await?;
                Some(Arc::new(model))
            }
            None => None,
        };
        let host = memory.host_tables.then_some(checkpoint);
        let mut uploader = Uploader::new(gpu, go_on);
        let encoder = Encoder::load(gpu, &mut uploader, &weights, host, options.hf_compat).await?;
        let latent = Latent::load(&mut uploader, &weights).await?;
        let decoder = Decoder::load(&mut uploader, &weights).await?;
        uploader.flush().await?;
        let row = match (&entropy, encoder.row_part(), decoder.row_part()) {
            (Some(entropy), Some(encoder), Some(decoder)) => {
                RowWeights::new(gpu, &[entropy.row_part(), encoder, decoder])
            }
            _ => None,
        };
        gpu.check()?;
        Ok(Self {
            gpu: Arc::clone(gpu),
            config: weights.config.clone(),
            patching: *checkpoint.patching(),
            entropy,
            encoder,
            latent,
            decoder,
            row,
            memory,
        })
    }

    /// The device that holds it.
    #[must_use]
    pub fn gpu(&self) -> &Arc<Gpu> {
        &self.gpu
    }

    /// Its sizes.
    #[must_use]
    pub fn config(&self) -> &BltConfig {
        &self.config
    }

    /// How it wants its bytes cut into patches.
    #[must_use]
    pub fn patching(&self) -> &PatchingConfig {
        &self.patching
    }

    /// Its entropy model, if there is one.
    #[must_use]
    pub fn entropy(&self) -> Option<&Arc<EntropyModel>> {
        self.entropy.as_ref()
    }

    /// Where its weights are, and how large they are.
    #[must_use]
    pub fn memory(&self) -> &MemoryPlan {
        &self.memory
    }

    /// Values of what a session keeps from run to run, its latent part and its books
    /// excepted, in a [`Room`].
    pub(crate) fn lasting_share(&self, sizes: &Sizes) -> usize {
        let entropy = self.entropy.as_deref();
        entropy.map_or(0, |m| EntropyBuffers::share(m, sizes.entropy_slots))
            + EncoderBuffers::share(&self.encoder, sizes.local_slots, sizes.ring_slots)
            + DecoderBuffers::share(&self.decoder, sizes.local_slots, sizes.patch_slots)
    }

    pub(crate) fn patch_shape(&self) -> PatchShape {
        let window = |patches: Option<u32>| patches.map_or(1, |n| n.max(1) as usize);
        PatchShape {
            k: self.config.cross_attn_k as usize,
            encoder_window: window(self.config.cross_window_encoder),
            decoder_window: window(self.config.cross_window_decoder),
        }
    }
}
