//! The buffers and plans of a session.

use std::sync::OnceLock;

use crate::device::kernels::PatchStartsParams;
use crate::device::plan::Plan;
use crate::device::readback::Staging;
use crate::device::tuning::LatentStep;
use crate::device::{Device, Tensor};
use crate::error::{Error, Result};
use crate::model::block::{KeyValues, Rows, Scratch};
use crate::model::blt::BltModel;
use crate::model::decoder::DecoderBuffers;
use crate::model::encoder::EncoderBuffers;
use crate::model::entropy::{EntropyBuffers, EntropyExtras};
use crate::model::part::{PartPlan, RowClass};
use crate::model::patches::PatchBuffers;
use crate::model::sizes::Sizes;

use super::inputs::Inputs;

/// Everything of a session that is on the device.
#[derive(Debug)]
pub(super) struct Buffers {
    pub(super) inputs: [Inputs; 2],
    pub(super) entropy: Option<EntropyBuffers>,
    pub(super) entropies: Tensor,
    pub(super) patches: PatchBuffers,
    pub(super) encoder: EncoderBuffers,
    pub(super) decoder: DecoderBuffers,
    pub(super) latent: LatentBuffers,
    local: Scratch,
    pub(super) staging: Staging,
    pub(super) sizes: Sizes,
}

/// What the latent model computes in and remembers; it grows with the text.
#[derive(Debug)]
pub(super) struct LatentBuffers {
    pub(super) caches: Vec<KeyValues>,
    scratch: Scratch,
    /// What the encoder gives, where the latent model projects it.
    given: Option<Tensor>,
    angles: Tensor,
}

impl LatentBuffers {
    fn new(device: &Device, model: &BltModel, rows: usize, patches: usize) -> Self {
        let latent = &model.latent;
        let columns = rows * model.encoder.patch_columns();
        Self {
            caches: latent.caches(device, patches),
            scratch: Scratch::new(device, &[latent.shape], rows),
            given: latent
                .projects()
                .then(|| Tensor::new(device, "patches", columns)),
            angles: Self::angles(device, model, patches),
        }
    }

    /// Angles of all patches: only the device knows which it will need.
    fn angles(device: &Device, model: &BltModel, patches: usize) -> Tensor {
        let mut angles = Vec::new();
        for patch in 0..patches {
            model.latent.rotary.append(patch as u64, &mut angles);
        }
        Tensor::from(device, "latent angles", &angles)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.caches.iter().map(KeyValues::bytes).sum::<u64>()
            + self.scratch.bytes()
            + self.angles.bytes()
            + self.given.as_ref().map_or(0, Tensor::bytes)
    }
}

impl Buffers {
    pub(super) fn new(model: &BltModel, sizes: Sizes, best: usize) -> Result<Self> {
        let device = model.device();
        let Sizes {
            rows,
            local_slots,
            ring_slots,
            patch_slots,
            ..
        } = sizes;
        check_ring(model, ring_slots)?;
        let shapes = [model.encoder.shape, model.decoder.shape];
        let result = 4 * rows + 4 * 512 + 2 * rows * best;
        let logits = crate::device::tensor::padded(model.decoder.vocabulary) * 8;
        let buffers = Self {
            inputs: [
                Inputs::new(device, model, 8),
                Inputs::new(device, model, rows),
            ],
            entropy: model
                .entropy()
                .map(|m| EntropyBuffers::new(m, rows, sizes.entropy_slots, best)),
            entropies: Tensor::new(device, "entropies", rows * 2),
            patches: PatchBuffers::new(device, rows, patch_slots),
            encoder: EncoderBuffers::new(device, &model.encoder, rows, local_slots, ring_slots),
            decoder: DecoderBuffers::new(device, &model.decoder, rows, local_slots, patch_slots),
            latent: LatentBuffers::new(device, model, rows, sizes.patches),
            local: Scratch::new(device, &shapes, rows),
            staging: Staging::new(device, (result * 8 + logits) as u64),
            sizes,
        };
        device.check()?;
        Ok(buffers)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.entropy.as_ref().map_or(0, EntropyBuffers::bytes)
            + self.encoder.bytes()
            + self.decoder.bytes()
            + self.latent.bytes()
            + self.local.bytes()
    }

    /// The entropies of the rows of a run, pairs whose first is in nats.
    pub(super) fn entropy_result(&self) -> &Tensor {
        match &self.entropy {
            Some(buffers) => &buffers.result,
            None => &self.entropies,
        }
    }

    /// The buffers that outlive a run, in one order for every session of a model
    /// with the same sizes.
    pub(super) fn lasting(&self) -> Vec<&Tensor> {
        let caches = self.entropy.iter().flat_map(|b| &b.caches);
        let caches = caches
            .chain(&self.encoder.caches)
            .chain(&self.decoder.caches)
            .chain(&self.latent.caches);
        let mut all: Vec<&Tensor> = caches.flat_map(KeyValues::tensors).collect();
        all.extend(self.encoder.keys.iter().map(|keys| &keys.kv));
        all.extend(self.decoder.keys.iter().map(|keys| &keys.kv));
        all.extend([
            &self.encoder.ring,
            &self.decoder.vectors,
            &self.patches.starts_carry,
            &self.patches.carry,
            &self.patches.begins,
        ]);
        all
    }

    /// Makes room for more patches; what is cached stays.
    pub(super) fn grow_patches(&mut self, model: &BltModel, patches: usize) -> Result<()> {
        let device = model.device();
        let grown = LatentBuffers {
            caches: model.latent.caches(device, patches),
            angles: LatentBuffers::angles(device, model, patches),
            scratch: self.latent.scratch.clone(),
            given: self.latent.given.clone(),
        };
        device.check()?;
        let old = self.latent.caches.iter().flat_map(KeyValues::tensors);
        let new = grown.caches.iter().flat_map(KeyValues::tensors);
        device.submit(|recorder| {
            for (old, new) in old.zip(new) {
                old.copy_to(new, recorder, 0, 0, old.bytes());
            }
        });
        self.latent = grown;
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
        let (ring, keys) = EncoderBuffers::rings(device, &model.encoder, slots);
        device.check()?;
        let old_slots = self.encoder.ring_slots;
        let old =
            std::iter::once(&self.encoder.ring).chain(self.encoder.keys.iter().map(|k| &k.kv));
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
        self.encoder.ring = ring;
        self.encoder.keys = keys;
        self.encoder.ring_slots = slots;
        self.sizes.ring_slots = slots;
        Ok(())
    }
}

/// Is a ring of so many bytes within what the adapter binds at once?
fn check_ring(model: &BltModel, slots: usize) -> Result<()> {
    let limit = usize::try_from(model.device().binding_bytes()).unwrap_or(usize::MAX);
    if slots * EncoderBuffers::slot_bytes(&model.encoder) <= limit {
        return Ok(());
    }
    Err(Error::Argument(format!(
        "a patch of this text is longer than the {} bytes that this device has room for; \
         bound it with --max-patch-length",
        slots / 2
    )))
}

/// The plans of a session: for one row, a few, and many. Each is made when a run
/// first needs it, because compiling kernels takes longer than a short text.
#[derive(Debug)]
pub(super) struct Plans {
    rule: Option<PatchStartsParams>,
    best: usize,
    step: LatentStep,
    decide: [OnceLock<Plan>; 3],
    encode: [OnceLock<Plan>; 3],
    patches: [OnceLock<Plan>; 3],
    decode: [OnceLock<Plan>; 3],
}

/// The plan in its place; made if there is none.
fn made<T>(place: &OnceLock<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    Ok(match place.get() {
        Some(plan) => plan,
        None => {
            let plan = make()?;
            place.get_or_init(|| plan)
        }
    })
}

impl Plans {
    /// None yet. `rule` is what the device decides by, `best` how many likely bytes of
    /// each row are wanted.
    pub(super) fn new(rule: Option<PatchStartsParams>, best: usize, step: LatentStep) -> Self {
        Self {
            rule,
            best,
            step,
            decide: Default::default(),
            encode: Default::default(),
            patches: Default::default(),
            decode: Default::default(),
        }
    }

    /// Forgets those that the latent model's buffers are part of.
    pub(super) fn forget_patches(&mut self) {
        self.patches = Default::default();
    }

    /// Tokens to entropies, and patch starts where the device decides.
    pub(super) fn decide(
        &self,
        model: &BltModel,
        buffers: &Buffers,
        class: RowClass,
    ) -> Result<&Plan> {
        made(&self.decide[class.index()], || {
            self.unbuilt_decide(model, buffers, class)?.build()
        })
    }

    /// Tokens to encoder states, and the books of the patches.
    pub(super) fn encode(
        &self,
        model: &BltModel,
        buffers: &Buffers,
        class: RowClass,
    ) -> Result<&Plan> {
        made(&self.encode[class.index()], || {
            encode(model, buffers, class)?.build()
        })
    }

    /// Closed patches through the latent model.
    pub(super) fn patches(
        &self,
        model: &BltModel,
        buffers: &Buffers,
        class: RowClass,
    ) -> Result<&Plan> {
        made(&self.patches[class.index()], || {
            let plan = patches(model, buffers, class)?;
            match self.step {
                LatentStep::Indirect => plan.build_indirect(&buffers.patches.state()),
                LatentStep::WorstCase | LatentStep::Readback => plan.build(),
            }
        })
    }

    /// Bytes to logits.
    pub(super) fn decode(
        &self,
        model: &BltModel,
        buffers: &Buffers,
        class: RowClass,
    ) -> Result<&Plan> {
        made(&self.decode[class.index()], || {
            decode(model, buffers, class)?.build()
        })
    }

    fn unbuilt_decide<'m>(
        &self,
        model: &'m BltModel,
        buffers: &Buffers,
        class: RowClass,
    ) -> Result<PartPlan<'m>> {
        decide(model, buffers, class, self.rule, self.best)
    }

    /// The four plans of runs of a class, not yet built.
    pub(super) fn unbuilt<'m>(
        &self,
        model: &'m BltModel,
        buffers: &Buffers,
        class: RowClass,
    ) -> Result<[PartPlan<'m>; 4]> {
        Ok([
            self.unbuilt_decide(model, buffers, class)?,
            encode(model, buffers, class)?,
            patches(model, buffers, class)?,
            decode(model, buffers, class)?,
        ])
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
    if let (Some(entropy), Some(given), Some(own)) =
        (model.entropy(), &inputs.entropy, &buffers.entropy)
    {
        let extras = EntropyExtras { rule: None, best };
        entropy.record(&mut plan, given, own, extras)?;
    }
    if let Some(rule) = rule {
        let books = &buffers.patches;
        let found = (&books.starts_carry, &books.starts, &books.patches);
        let known = (&inputs.ids, buffers.entropy_result());
        plan.patch_starts(&inputs.encoder.state, known, found, rule)?;
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
        &buffers.patches,
        model.patch_shape(),
    )?;
    let ids = (&inputs.ids, &inputs.history);
    let (own, scratch) = (&buffers.encoder, &buffers.local);
    model
        .encoder
        .record_bytes(&mut plan, rows, ids, own, scratch)?;
    Ok(plan)
}

fn patches<'m>(model: &'m BltModel, buffers: &Buffers, class: RowClass) -> Result<PartPlan<'m>> {
    let mut plan = PartPlan::new(model.device(), class);
    let books = &buffers.patches;
    let latent = &buffers.latent;
    let x = &latent.scratch.x;
    let given = latent.given.as_ref().unwrap_or(x);
    let encoder = &model.encoder;
    encoder.record_patches(&mut plan, books, &buffers.encoder, given, class)?;
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
    decoder.record_patches(&mut plan, books, x, &buffers.decoder, class)?;
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
        &buffers.patches,
        &buffers.decoder,
        &buffers.local,
    )?;
    Ok(plan)
}
