//! What a session of the whole model computes in and remembers.

use super::block::{KeyValues, Scratch};
use super::cross::CrossKeys;
use super::decoder::DecoderBuffers;
use super::encoder::EncoderBuffers;
use super::entropy::EntropyBuffers;
use super::latent::LatentBuffers;
use super::patches::PatchBuffers;
use super::sizes::{ModelSizes, Sizes};
use crate::device::Tensor;
use crate::device::tensor::Allocator;

/// The buffers of all parts.
#[derive(Debug)]
pub(crate) struct ModelBuffers {
    pub(crate) entropy: Option<EntropyBuffers>,
    pub(crate) patches: PatchBuffers,
    pub(crate) encoder: EncoderBuffers,
    pub(crate) decoder: DecoderBuffers,
    pub(crate) latent: LatentBuffers,
    pub(crate) local: Scratch,
}

impl ModelBuffers {
    /// Those of a session of these sizes, with the `best` likeliest bytes of each row.
    pub(crate) fn new(
        tensors: &Allocator<'_>,
        model: &ModelSizes,
        sizes: &Sizes,
        best: usize,
    ) -> Self {
        let (rows, slots) = (sizes.rows, sizes.entropy_slots);
        let entropy = model.entropy.as_ref();
        Self {
            entropy: entropy.map(|own| EntropyBuffers::new(tensors, own, (rows, slots, best))),
            patches: PatchBuffers::new(tensors, rows, sizes.patch_slots),
            encoder: EncoderBuffers::new(tensors, &model.encoder, sizes),
            decoder: DecoderBuffers::new(tensors, &model.decoder, sizes),
            latent: LatentBuffers::new(tensors, &model.latent, sizes),
            local: Scratch::new(tensors, &[model.encoder.shape, model.decoder.shape], rows),
        }
    }

    /// Bytes that they take, known without a device.
    pub(crate) fn bytes(model: &ModelSizes, sizes: &Sizes, best: usize) -> u64 {
        let counted = Allocator::default();
        let _ = Self::new(&counted, model, sizes, best);
        counted.bytes()
    }

    /// Those that outlive a run, in one order for every session of a model with the
    /// same sizes.
    pub(crate) fn lasting(&self) -> Vec<&Tensor> {
        let caches = self.entropy.iter().flat_map(|b| &b.caches);
        let caches = caches
            .chain(&self.encoder.caches)
            .chain(&self.decoder.caches)
            .chain(&self.latent.caches);
        let mut all: Vec<&Tensor> = caches.flat_map(KeyValues::tensors).collect();
        all.extend(self.encoder.keys.iter().map(|keys| &keys.kv));
        all.extend(CrossKeys::tensors(&self.decoder.keys));
        all.extend([
            &self.encoder.ring,
            &self.decoder.vectors,
            &self.patches.starts_carry,
            &self.patches.carry,
            &self.patches.begins,
        ]);
        all
    }
}
