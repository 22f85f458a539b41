//! The whole Byte Latent Transformer on the device (paper section 3).

use std::ops::ControlFlow;
use std::sync::Arc;

use super::block::Block;
use super::decoder::Decoder;
use super::encoder::Encoder;
use super::entropy::EntropyModel;
use super::latent::Latent;
pub use super::load::{BltLoad, HashTables, WeightBits};
use super::memory::{self, MemoryPlan};
use super::patches::PatchShape;
use super::sizes::{ModelSizes, UNBOUNDED, patches_seen};
use crate::checkpoint::{BltConfig, Checkpoint, PatchingConfig};
use crate::device::Device;
use crate::device::plan::Work;
use crate::error::Result;
use crate::weights::Uploader;

/// The weights of all parts on the device.
#[derive(Debug)]
pub struct BltModel {
    device: Arc<Device>,
    config: BltConfig,
    patching: PatchingConfig,
    entropy: Option<Arc<EntropyModel>>,
    pub(crate) encoder: Encoder,
    pub(crate) latent: Latent,
    pub(crate) decoder: Decoder,
    pub(crate) sizes: ModelSizes,
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
        device: &Arc<Device>,
        checkpoint: &Arc<Checkpoint>,
        options: BltLoad,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<Self> {
        Self::load_while(device, checkpoint, options, |bytes| {
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
        device: &Arc<Device>,
        checkpoint: &Arc<Checkpoint>,
        options: BltLoad,
        go_on: impl FnMut(u64) -> ControlFlow<()> + Send,
    ) -> Result<Self> {
        Self::load_with(
            &mut Uploader::new(device, go_on),
            device,
            checkpoint,
            options,
        )
        .await
    }

    async fn load_with(
        uploader: &mut Uploader<'_>,
        device: &Arc<Device>,
        checkpoint: &Arc<Checkpoint>,
        options: BltLoad,
    ) -> Result<Self> {
        let weights = checkpoint.blt_weights()?;
        let (memory, sizes) = memory::plan(device, checkpoint, &weights, &options)?;
        let entropy = match options.entropy {
            Some(model) => Some(model),
            None if checkpoint.config().entropy.is_some() => {
                let weights = checkpoint.entropy_weights()?;
                let model = EntropyModel::load_with(uploader, device, &weights).await?;
                Some(Arc::new(model))
            }
            None => None,
        };
        let host = memory.host_tables.then_some(checkpoint);
        let parts = (host, options.hf_compat);
        let encoder = Encoder::load(device, uploader, &weights, sizes.encoder, parts).await?;
        let latent = Latent::load(uploader, &weights, sizes.latent).await?;
        let decoder = Decoder::load(uploader, &weights, sizes.decoder).await?;
        uploader.flush().await?;
        device.check()?;
        checkpoint.check_files()?;
        Ok(Self {
            device: Arc::clone(device),
            config: weights.config.clone(),
            patching: *checkpoint.patching(),
            entropy,
            encoder,
            latent,
            decoder,
            sizes,
            memory,
        })
    }

    /// The device that holds it.
    #[must_use]
    pub fn device(&self) -> &Arc<Device> {
        &self.device
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

    /// What the steps of its runs depend on.
    pub(crate) fn shapes(&self) -> String {
        let entropy = self.entropy.as_ref().map(|model| model.shapes());
        let weights: Vec<_> = self.latent.layers.iter().map(Block::weights).collect();
        format!("{:?} {entropy:?} {weights:?}", self.config)
    }

    /// The step of a run that is the most work, where the text has `patches` patches.
    pub(crate) fn heaviest_step(&self, patches: usize) -> Work {
        let window = self.config.local_window.map_or(UNBOUNDED, |n| n as usize);
        let entropy = self.entropy.as_ref().map(|model| model.heaviest_step());
        let all = [
            self.sizes.encoder.shape.heaviest_step(window),
            self.sizes.latent.shape.heaviest_step(patches),
            self.sizes.decoder.shape.heaviest_step(window),
        ];
        let all = all.into_iter().chain(entropy);
        let heavier = |a: &Work, b: &Work| a.units(1).total_cmp(&b.units(1));
        all.max_by(heavier).unwrap_or_default()
    }

    pub(crate) fn patch_shape(&self) -> PatchShape {
        PatchShape {
            k: self.config.cross_attn_k as usize,
            encoder_window: patches_seen(self.config.cross_window_encoder),
            decoder_window: patches_seen(self.config.cross_window_decoder),
        }
    }
}
