//! The latent transformer, over patches (paper section 3.1, spec section 8).

use super::block::{Block, KeyValues, Rows, Scratch};
use super::part::{Output, PartPlan};
use super::rotary::Rotary;
use super::sizes::{LatentSizes, Sizes};
use crate::checkpoint::BltWeights;
use crate::device::Tensor;
use crate::device::tensor::Allocator;
use crate::error::Result;
use crate::weights::{Matrix, Uploader, fused};

/// The latent transformer's weights on the device.
#[derive(Debug)]
pub struct Latent {
    sizes: LatentSizes,
    projection: Option<Matrix>,
    pub(super) layers: Vec<Block>,
}

impl Latent {
    pub(super) async fn load(
        uploader: &mut Uploader<'_>,
        weights: &BltWeights<'_>,
        sizes: LatentSizes,
    ) -> Result<Self> {
        let shape = sizes.shape;
        let projection = match &weights.latent_projection {
            Some(view) => {
                let columns = view.shape.get(1).copied().unwrap_or(shape.hidden);
                Some(fused(uploader, "latent projection", columns, &[view], 0).await?)
            }
            None => None,
        };
        Ok(Self {
            layers: Block::load_all(uploader, &shape, &weights.latent).await?,
            projection,
            sizes,
        })
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
            let (x, output) = (&scratch.x, Output::rows(self.sizes.shape.hidden));
            plan.linear("linear latent", &rows.state, (patches, x), matrix, output)?;
        }
        for (block, cache) in self.layers.iter().zip(caches) {
            plan.block(&self.sizes.shape, block, cache, rows, scratch)?;
        }
        Ok(())
    }
}

/// What the latent model computes in and remembers; it grows with the text.
#[derive(Debug)]
pub struct LatentBuffers {
    pub(crate) caches: Vec<KeyValues>,
    pub(crate) scratch: Scratch,
    /// What the encoder gives, where the latent model projects it.
    pub(crate) given: Option<Tensor>,
    /// Angles of all patches: only the device knows which it will need.
    pub(crate) angles: Tensor,
}

impl LatentBuffers {
    /// Buffers of a session of these sizes.
    pub(crate) fn new(tensors: &Allocator<'_>, own: &LatentSizes, sizes: &Sizes) -> Self {
        let (caches, angles) = Self::of_patches(tensors, own, sizes.patches);
        let given = sizes.rows * own.given;
        Self {
            caches,
            scratch: Scratch::new(tensors, &[own.shape], sizes.rows),
            given: (given > 0).then(|| tensors.tensor("patches", given)),
            angles,
        }
    }

    /// What it remembers of `patches` patches, a power of two, and their angles.
    pub(crate) fn of_patches(
        tensors: &Allocator<'_>,
        own: &LatentSizes,
        patches: usize,
    ) -> (Vec<KeyValues>, Tensor) {
        let caches = KeyValues::of_layers(tensors, own.layers, &own.shape, patches);
        let head = own.shape.head;
        let angles = tensors.filled("latent angles", patches * head, || {
            let (rotary, mut angles) = (Rotary::new(head, own.theta), Vec::new());
            for patch in 0..patches {
                rotary.append(patch as u64, &mut angles);
            }
            angles
        });
        (caches, angles)
    }
}
