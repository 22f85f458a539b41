//! The latent transformer, over patches (paper section 3.1, spec section 8).

use std::ops::ControlFlow;

use super::block::{Block, BlockShape, KeyValues, Rows, Scratch};
use super::part::{Output, PartPlan};
use super::rotary::Rotary;
use crate::checkpoint::BltWeights;
use crate::device::{Device, Tensor};
use crate::error::Result;
use crate::weights::{Matrix, Uploader, fused};

/// The latent transformer's weights on the device.
#[derive(Debug)]
pub struct Latent {
    pub(crate) shape: BlockShape,
    pub(crate) rotary: Rotary,
    projection: Option<Matrix>,
    pub(super) layers: Vec<Block>,
}

impl Latent {
    pub(super) async fn load<P: FnMut(u64) -> ControlFlow<()>>(
        uploader: &mut Uploader<'_, P>,
        weights: &BltWeights<'_>,
    ) -> Result<Self> {
        let shape = BlockShape::of(&weights.config.latent, "the latent model")?;
        let projection = match &weights.latent_projection {
            Some(view) => {
                let columns = view.shape.get(1).copied().unwrap_or(shape.hidden);
                Some(fused(uploader, "latent projection", columns, &[view], 0).await?)
            }
            None => None,
        };
        Ok(Self {
            rotary: Rotary::new(shape.head, weights.config.latent.rope_theta),
            layers: Block::load_all(uploader, &shape, &weights.latent).await?,
            projection,
            shape,
        })
    }

    /// Number of layers.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Is what the encoder gives projected first?
    #[must_use]
    pub fn projects(&self) -> bool {
        self.projection.is_some()
    }

    /// Keys and values for so many patches, a power of two.
    #[must_use]
    pub fn caches(&self, device: &Device, patches: usize) -> Vec<KeyValues> {
        let caches = self.layers.iter();
        caches
            .map(|_| KeyValues::new(device, &self.shape, patches))
            .collect()
    }

    /// Bytes of keys and values per patch.
    #[must_use]
    pub fn bytes_per_patch(&self) -> u64 {
        (self.layers.len() * self.shape.stored() * 8) as u64
    }

    /// Records the patches of a run: `patches` `[P, patch_columns]`, which is
    /// `scratch.x` itself where nothing is projected, to `scratch.x`. There is no
    /// norm at the end.
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub fn record(
        &self,
        plan: &mut PartPlan<'_>,
        rows: &Rows,
        patches: &Tensor,
        caches: &[KeyValues],
        scratch: &Scratch,
    ) -> Result<()> {
        if let Some(matrix) = &self.projection {
            let (x, output) = (&scratch.x, Output::rows(self.shape.hidden));
            plan.linear("linear latent", &rows.state, (patches, x), matrix, output)?;
        }
        for (block, cache) in self.layers.iter().zip(caches) {
            plan.block(&self.shape, block, cache, rows, scratch)?;
        }
        Ok(())
    }
}
