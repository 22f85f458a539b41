//! The buffers and plans of a session.

use crate::device::Tensor;
use crate::device::kernels::PatchStartsParams;
use crate::device::plan::Plan;
use crate::device::readback::Staging;
use crate::device::tensor::{Allocator, padded};
use crate::device::tuning::LatentStep;
use crate::error::{Error, Result};
use crate::model::block::{KeyValues, Rows};
use crate::model::blt::BltModel;
use crate::model::buffers::ModelBuffers;
use crate::model::encoder::EncoderBuffers;
use crate::model::entropy::EntropyExtras;
use crate::model::latent::LatentBuffers;
use crate::model::part::{PartPlan, RowClass};
use crate::model::sizes::Sizes;

use super::Stage;
use super::ahead::MOST_DRAFTED;
use super::inputs::Inputs;
use crate::session::plans::RowPlans;

/// Everything of a session that is on the device.
#[derive(Debug)]
pub(super) struct Buffers {
    pub(super) inputs: [Inputs; 2],
    pub(super) entropies: Tensor,
    pub(super) model: ModelBuffers,
    pub(super) staging: Staging,
    pub(super) sizes: Sizes,
    best: usize,
}

impl Buffers {
    pub(super) fn new(model: &BltModel, sizes: Sizes, best: usize) -> Result<Self> {
        let device = model.device();
        let rows = sizes.rows;
        check_ring(model, sizes.ring_slots)?;
        let result = 4 * rows + 4 * 512 + 2 * rows * best;
        // Of the whole model and of the entropy model.
        let row = padded(model.sizes.decoder.vocabulary) * 8;
        let logits = row * (MOST_DRAFTED + 1);
        let buffers = Self {
            inputs: [
                Inputs::new(device, model, RowClass::FEW),
                Inputs::new(device, model, rows),
            ],
            entropies: Tensor::new(device, "entropies", rows * 2),
            model: ModelBuffers::new(&Allocator::on(device), &model.sizes, &sizes, best),
            staging: Staging::new(device, (result * 8 + logits) as u64),
            sizes,
            best,
        };
        device.check()?;
        Ok(buffers)
    }

    /// Bytes of what it computes in and remembers.
    pub(super) fn bytes(&self, model: &BltModel) -> u64 {
        ModelBuffers::bytes(&model.sizes, &self.sizes, self.best)
    }

    /// Makes room for more patches; what is cached stays.
    pub(super) fn grow_patches(&mut self, model: &BltModel, patches: usize) -> Result<()> {
        let device = model.device();
        let tensors = Allocator::on(device);
        let (caches, angles) = LatentBuffers::of_patches(&tensors, &model.sizes.latent, patches);
        device.check()?;
        let latent = &mut self.model.latent;
        let old = latent.caches.iter().flat_map(KeyValues::tensors);
        let new = caches.iter().flat_map(KeyValues::tensors);
        device.submit(|recorder| {
            for (old, new) in old.zip(new) {
                old.copy_to(new, recorder, 0, 0, old.bytes());
            }
        });
        (latent.caches, latent.angles) = (caches, angles);
        self.sizes.patches = patches;
        Ok(())
    }

    /// Makes room for longer patches: positions `kept` of the rings stay.
    pub(super) fn grow_ring(
        &mut self,
        model: &BltModel,
        slots: usize,
        kept: std::ops::Range<usize>,
    ) -> Result<()> {
        check_ring(model, slots)?;
        let device = model.device();
        let tensors = Allocator::on(device);
        let (ring, keys) = EncoderBuffers::rings(&tensors, &model.sizes.encoder, slots);
        device.check()?;
        let encoder = &mut self.model.encoder;
        let old_slots = encoder.ring_slots;
        let old = std::iter::once(&encoder.ring).chain(encoder.keys.iter().map(|k| &k.kv));
        let new = std::iter::once(&ring).chain(keys.iter().map(|k| &k.kv));
        device.submit(|recorder| {
            for (old, new) in old.zip(new) {
                let row = old.bytes() / old_slots as u64;
                for position in kept.clone() {
                    let (from, to) = (position % old_slots, position % slots);
                    old.copy_to(new, recorder, from as u64 * row, to as u64 * row, row);
                }
            }
        });
        encoder.ring = ring;
        encoder.keys = keys;
        encoder.ring_slots = slots;
        self.sizes.ring_slots = slots;
        Ok(())
    }
}

/// Is a ring of that many bytes within what the device binds at once?
fn check_ring(model: &BltModel, slots: usize) -> Result<()> {
    let limit = usize::try_from(model.device().binding_bytes()).unwrap_or(usize::MAX);
    let shape = &model.sizes.encoder.shape;
    if slots * 4 * shape.hidden.max(2 * shape.stored()) <= limit {
        return Ok(());
    }
    Err(Error::Argument(format!(
        "a patch of this text is longer than the {} bytes that this device has room for; \
         bound it with --max-patch-length",
        slots / 2
    )))
}

/// The plans of a session, by stage.
#[derive(Debug)]
pub(super) struct Plans {
    rule: Option<PatchStartsParams>,
    best: usize,
    step: LatentStep,
    made: [RowPlans; 4],
}

impl Plans {
    /// None yet. `rule` is what the device decides by, `best` how many likely bytes of
    /// each row are wanted.
    pub(super) fn new(rule: Option<PatchStartsParams>, best: usize, step: LatentStep) -> Self {
        Self {
            rule,
            best,
            step,
            made: Default::default(),
        }
    }

    /// Forgets those that the latent model's buffers are part of.
    pub(super) fn forget_patches(&mut self) {
        self.made[Stage::Patches as usize] = RowPlans::default();
    }

    /// The plan of a stage.
    pub(super) fn get(
        &self,
        stage: Stage,
        class: RowClass,
        model: &BltModel,
        buffers: &Buffers,
    ) -> Result<&Plan> {
        let plan = self.made[stage as usize].get(class, || {
            let plan = self.unbuilt(stage, class, model, buffers)?;
            match (stage, self.step) {
                (Stage::Patches, LatentStep::Indirect) => {
                    plan.build_indirect(&buffers.model.patches.state())
                }
                _ => plan.build(),
            }
        })?;
        Ok(plan)
    }

    /// The same, not yet built.
    pub(super) fn unbuilt<'m>(
        &self,
        stage: Stage,
        class: RowClass,
        model: &'m BltModel,
        buffers: &Buffers,
    ) -> Result<PartPlan<'m>> {
        match stage {
            Stage::Decide => decide(model, buffers, class, self.rule, self.best),
            Stage::Encode => encode(model, buffers, class),
            Stage::Patches => patches(model, buffers, class),
            Stage::Decode => decode(model, buffers, class),
        }
    }
}

pub(super) fn inputs(buffers: &Buffers, class: RowClass) -> &Inputs {
    &buffers.inputs[usize::from(class == RowClass::Many)]
}

fn decide<'m>(
    model: &'m BltModel,
    buffers: &Buffers,
    class: RowClass,
    rule: Option<PatchStartsParams>,
    best: usize,
) -> Result<PartPlan<'m>> {
    let mut plan = PartPlan::new(model.device(), class);
    let inputs = inputs(buffers, class);
    let starts = buffers.model.patches.starts(&inputs.ids);
    if let (Some(entropy), Some(given), Some(own)) =
        (model.entropy(), &inputs.entropy, &buffers.model.entropy)
    {
        entropy.record(&mut plan, given, own, EntropyExtras { rule, best }, starts)?;
    } else if let Some(rule) = rule {
        plan.patch_starts(&inputs.encoder.state, &buffers.entropies, starts, rule)?;
    }
    Ok(plan)
}

fn encode<'m>(model: &'m BltModel, buffers: &Buffers, class: RowClass) -> Result<PartPlan<'m>> {
    let mut plan = PartPlan::new(model.device(), class);
    let inputs = inputs(buffers, class);
    let rows = &inputs.encoder;
    plan.close_patches(
        &rows.state,
        &inputs.ids,
        &buffers.model.patches,
        model.patch_shape(),
    )?;
    let (own, scratch) = (&buffers.model.encoder, &buffers.model.local);
    model
        .encoder
        .record_bytes(&mut plan, rows, &inputs.history, own, scratch)?;
    Ok(plan)
}

fn patches<'m>(model: &'m BltModel, buffers: &Buffers, class: RowClass) -> Result<PartPlan<'m>> {
    let mut plan = PartPlan::new(model.device(), class);
    let books = &buffers.model.patches;
    let latent = &buffers.model.latent;
    let x = &latent.scratch.x;
    let given = latent.given.as_ref().unwrap_or(x);
    let encoder = &model.encoder;
    encoder.record_patches(&mut plan, books, &buffers.model.encoder, given, class)?;
    let rows = Rows {
        state: books.state(),
        spans: books.spans.clone(),
        angles: latent.angles.clone(),
        absolute: true,
    };
    let (caches, scratch) = (&latent.caches, &latent.scratch);
    model
        .latent
        .record(&mut plan, &rows, given, caches, scratch)?;
    let decoder = &model.decoder;
    decoder.record_patches(&mut plan, books, x, &buffers.model.decoder, class)?;
    Ok(plan)
}

fn decode<'m>(model: &'m BltModel, buffers: &Buffers, class: RowClass) -> Result<PartPlan<'m>> {
    let mut plan = PartPlan::new(model.device(), class);
    let inputs = inputs(buffers, class);
    // A run of one row is the last of its text so far: nothing follows it yet.
    let targets = (class != RowClass::One).then_some(&inputs.targets);
    model.decoder.record_bytes(
        &mut plan,
        &inputs.decoder,
        targets,
        &buffers.model.patches,
        &buffers.model.decoder,
        &buffers.model.local,
    )?;
    Ok(plan)
}
