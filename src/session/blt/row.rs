//! A single row on an adapter that takes whole layers as one step: buffers and plans
//! of its own, over the same caches.

use super::buffers::{Buffers, inputs};
use crate::error::Result;
use crate::gpu::kernels::PatchStartsParams;
use crate::gpu::plan::Plan;
use crate::gpu::tensor::Room;
use crate::gpu::{Gpu, Tensor};
use crate::model::block::BlockShape;
use crate::model::blt::BltModel;
use crate::model::part::{PartPlan, RowClass};
use crate::model::row_layer::{RowBuffers, RowScratch};
use crate::model::sizes::Sizes;

/// What a single row is computed in.
#[derive(Debug)]
pub(super) struct Row {
    memory: Tensor,
    work: Tensor,
    pub(super) entropy: RowScratch,
    pub(super) local: RowScratch,
}

/// One buffer for what outlives a run, where the model's layers are steps of their
/// own and the adapter binds so much at once.
pub(super) fn lasting_room(model: &BltModel, sizes: &Sizes) -> Room {
    let gpu = model.gpu();
    let values = model.lasting_share(sizes);
    if model.row.is_some() && values as u64 * 4 <= gpu.largest_binding() {
        Room::new(gpu, "lasting", values)
    } else {
        Room::default()
    }
}

impl Row {
    /// `None` where there is no such `lasting` room.
    pub(super) fn new(gpu: &Gpu, model: &BltModel, lasting: &Room) -> Option<Self> {
        let memory = lasting.whole()?.clone();
        let (own, outputs) = model.entropy()?.row_scratch();
        let local: [BlockShape; 2] = [model.encoder.shape, model.decoder.shape];
        let vocabulary = model.decoder.vocabulary;
        let share = RowScratch::share(&own, outputs) + RowScratch::share(&local, vocabulary);
        let mut room = Room::new(gpu, "row work", share);
        Some(Self {
            memory,
            work: room.whole()?.clone(),
            entropy: RowScratch::within(&mut room, gpu, &own, outputs),
            local: RowScratch::within(&mut room, gpu, &local, vocabulary),
        })
    }
}

/// The plans of a single row before and after those of its patches; `None` where
/// its layers are not steps of their own.
pub(super) fn plans(
    model: &BltModel,
    buffers: &Buffers,
    rule: PatchStartsParams,
) -> Result<Option<[Plan; 2]>> {
    let class = RowClass::One;
    let inputs = inputs(buffers, class);
    let (Some(weights), Some(row)) = (&model.row, &buffers.row) else {
        return Ok(None);
    };
    let (Some(entropy), Some(given), Some(own)) =
        (model.entropy(), &inputs.entropy, &buffers.entropy)
    else {
        return Ok(None);
    };
    let ranges = buffers.patches.byte_ranges();
    let bound = RowBuffers {
        memory: &row.memory,
        work: &row.work,
        inputs: inputs.all(),
        ranges: &ranges,
    };
    let rows = &inputs.encoder;
    let (encoder, decoder) = (&model.encoder, &model.decoder);
    let layers = (
        entropy.row_layers(weights, given, own, &row.entropy, bound),
        encoder.row_layers(
            weights,
            (rows, &inputs.ids),
            &buffers.encoder,
            &row.local,
            bound,
        ),
        decoder.row_layers(
            weights,
            &inputs.decoder,
            &buffers.decoder,
            &row.local,
            bound,
        ),
    );
    // A ring that has grown lies elsewhere.
    let (Some(entropy_layers), Some(encoder_layers), Some(decoder_layers)) = layers else {
        return Ok(None);
    };
    let state = &rows.state;
    let mut first = PartPlan::new(model.gpu(), class);
    let x = &row.local.x;
    encoder.record_hashes(&mut first, state, &inputs.history, &buffers.encoder, x)?;
    first.row_layers(state, weights, bound, &[entropy_layers, encoder_layers])?;
    let books = &buffers.patches;
    let found = (&books.starts_carry, &books.starts, &books.patches);
    let known = (&inputs.ids, &row.entropy.entropies);
    first.patch_starts(state, known, found, rule)?;
    first.close_patches(state, &inputs.ids, books, model.patch_shape())?;

    let mut last = PartPlan::new(model.gpu(), class);
    last.row_layers(state, weights, bound, &[decoder_layers])?;
    Ok(Some([first.build()?, last.build()?]))
}
