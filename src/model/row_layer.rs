//! Whole layers of a single row as one step each, for software drivers: these take
//! longer to start a short step than to run it.
//!
//! A kernel binds few buffers, so all weights of the layers lie in one, as a second
//! copy: models that are small enough for this are a few megabytes.

use super::block::{Block, BlockShape, KeyValues, Rows};
use super::cross::{Cross, CrossKeys};
use super::part::{PartPlan, as_f32, as_f64, count, vectors};
use crate::error::Result;
use crate::gpu::kernels::{ROW_LAYER, RowLayer, RowLayerLayers, RowLayerParams};
use crate::gpu::plan::{Extent, ONE, Work};
use crate::gpu::tensor::{Matrix, Room, WeightType};
use crate::gpu::{Gpu, Tensor};

/// Invocations that share a layer.
const SHARES: usize = 8;

/// The weights of the layers side by side.
#[derive(Debug)]
pub(crate) struct RowWeights {
    all: Tensor,
    /// Where the copy of each tensor begins, in bytes.
    places: Vec<(Tensor, u64)>,
    weights: WeightType,
    /// Vectors of four per head.
    head4: usize,
}

/// What the layers of one part of a model hold.
pub(crate) struct RowPart<'a> {
    pub(crate) shape: BlockShape,
    /// The embedding before the first, if there is one.
    pub(crate) embed: Option<&'a Matrix>,
    pub(crate) blocks: &'a [Block],
    pub(crate) cross: &'a [Cross],
    /// Norm and linear layer after the last.
    pub(crate) last: (&'a Tensor, &'a Matrix),
}

impl RowPart<'_> {
    fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        let blocks = self.blocks.iter();
        let cross = self.cross.iter().flat_map(|c| [&c.q, &c.kv, &c.o]);
        let matrices = blocks.flat_map(|b| [&b.qkv, &b.o, &b.gate_up, &b.down]);
        let ends = self.embed.into_iter().chain([self.last.1]);
        matrices.chain(cross).chain(ends)
    }

    fn norms(&self) -> impl Iterator<Item = &Tensor> {
        let blocks = self.blocks.iter();
        let cross = self.cross.iter().flat_map(|c| [&c.q_norm, &c.k_norm]);
        let norms = blocks.flat_map(|b| [&b.attention_norm, &b.mlp_norm]);
        norms.chain(cross).chain([self.last.0])
    }

    /// Can the kernel compute it? Rows are whole vectors of eight.
    fn suits(&self, most: usize) -> bool {
        let shape = &self.shape;
        let eights = [shape.hidden, shape.intermediate, shape.heads * shape.head];
        let outputs = self.last.1.rows;
        shape.hidden <= most
            && eights.iter().all(|columns| columns.is_multiple_of(8))
            && outputs.is_multiple_of(4)
            && shape.stored().is_multiple_of(4)
            && !self.blocks.is_empty()
    }
}

impl RowWeights {
    /// Copies the weights of some parts; `None` where their layers are not taken
    /// as one step.
    pub(super) fn new(gpu: &Gpu, parts: &[RowPart<'_>]) -> Option<Self> {
        let most = gpu.tuning.row_layer;
        let first = parts.first()?;
        let weights = first.last.1.weights;
        let head4 = first.shape.head / 4;
        let suits = parts.iter().all(|part| {
            let alike = |m: &Matrix| m.weights == weights && m.parts.len() == 1;
            part.suits(most) && part.shape.head == 4 * head4 && part.matrices().all(alike)
        });
        let runs = suits && Self::variant(gpu, weights, head4).is_ok();
        runs.then(|| Self::of(gpu, parts)).flatten()
    }

    /// The same without a look into the tuning table.
    pub(crate) fn of(gpu: &Gpu, parts: &[RowPart<'_>]) -> Option<Self> {
        let first = parts.first()?;
        let matrices = parts.iter().flat_map(RowPart::matrices);
        let matrices = matrices.flat_map(|m| &m.parts).map(|part| &part.tensor);
        let tensors: Vec<&Tensor> = matrices
            .chain(parts.iter().flat_map(RowPart::norms))
            .collect();
        let words = |tensor: &Tensor| usize::try_from(tensor.bytes() / 4).unwrap_or(usize::MAX);
        let total: usize = tensors.iter().map(|t| Room::share(words(t))).sum();
        if total as u64 * 4 > gpu.largest_binding() {
            return None;
        }
        let mut room = Room::new(gpu, "row weights", total);
        let mut places = Vec::new();
        let all = room.whole()?.clone();
        gpu.submit(|encoder| {
            for tensor in tensors {
                let copy = room.take(gpu, "row weights", words(tensor));
                tensor.copy_to(&copy, encoder, 0, 0, tensor.bytes());
                places.extend(copy.offset_in(&all).map(|at| (tensor.clone(), at)));
            }
        });
        Some(Self {
            all,
            places,
            weights: first.last.1.weights,
            head4: first.shape.head / 4,
        })
    }

    fn variant(gpu: &Gpu, weights: WeightType, head4: usize) -> Result<usize> {
        let head = head4.to_string();
        let fixed = [("WEIGHTS", gpu.stored_axis(weights)), ("HEAD", &head)];
        gpu.select(&ROW_LAYER, &[&[]], &fixed)
    }

    /// Where the copy of a tensor begins, in vectors of so many bytes.
    fn at(&self, tensor: &Tensor, vector: usize) -> Option<u32> {
        let same = |place: &&(Tensor, u64)| place.0.is_same(tensor);
        let (_, at) = self.places.iter().find(same)?;
        u32::try_from(at / vector as u64).ok()
    }

    fn matrix(&self, matrix: &Matrix) -> Option<u32> {
        self.at(&matrix.parts.first()?.tensor, 8 * self.weights.size())
    }

    fn norm(&self, norm: &Tensor) -> Option<u32> {
        self.at(norm, 16)
    }
}

/// What the layers of one part compute in: parts of one buffer.
#[derive(Debug)]
pub(crate) struct RowScratch {
    pub(crate) x: Tensor,
    h: Tensor,
    qkv: Tensor,
    attended: Tensor,
    gated: Tensor,
    partial: Tensor,
    /// What the linear layer after the last gives.
    pub(crate) y: Tensor,
    /// The entropy of its softmax, and 0 in place of a target's log-probability.
    pub(crate) entropies: Tensor,
}

impl RowScratch {
    fn sizes(shapes: &[BlockShape], outputs: usize) -> [usize; 8] {
        let most = |size: fn(&BlockShape) -> usize| shapes.iter().map(size).max().unwrap_or(0);
        let hidden = most(|s| s.hidden);
        [
            hidden,
            hidden,
            most(BlockShape::qkv),
            most(|s| s.heads * s.head),
            most(|s| s.intermediate),
            most(|s| s.heads * SHARES * (4 + s.head)),
            outputs,
            4,
        ]
    }

    /// Values that it takes of a [`Room`].
    pub(crate) fn share(shapes: &[BlockShape], outputs: usize) -> usize {
        Self::sizes(shapes, outputs).map(Room::share).iter().sum()
    }

    /// For layers of any of the shapes, and so many outputs after the last.
    pub(crate) fn within(
        room: &mut Room,
        gpu: &Gpu,
        shapes: &[BlockShape],
        outputs: usize,
    ) -> Self {
        let sizes = Self::sizes(shapes, outputs);
        let [x, h, qkv, attended, gated, partial, y, entropies] =
            sizes.map(|values| room.take(gpu, "row scratch", values));
        Self {
            x,
            h,
            qkv,
            attended,
            gated,
            partial,
            y,
            entropies,
        }
    }
}

/// The buffers that a step of row layers binds.
#[derive(Clone, Copy)]
pub(crate) struct RowBuffers<'a> {
    /// What outlives a run.
    pub(crate) memory: &'a Tensor,
    /// What the layers compute in.
    pub(crate) work: &'a Tensor,
    /// What a run is given.
    pub(crate) inputs: &'a Tensor,
    /// See [`super::patches::PatchBuffers::byte_ranges`].
    pub(crate) ranges: &'a Tensor,
}

/// What a part's own embedding reads.
#[derive(Clone, Copy, Default)]
pub(crate) struct Embedding<'a> {
    /// The id of the row.
    pub(crate) ids: Option<&'a Tensor>,
    /// Is it added to what the row holds?
    pub(crate) added: bool,
}

/// What follows the last layer of a part.
pub(crate) enum After<'a> {
    /// Norm and linear layer into the scratch buffers, with their entropy.
    Entropy,
    /// Norm and linear layer into the scratch buffers.
    Logits,
    /// The row into a ring, and keys and values made of it into another.
    Rings((&'a Tensor, usize), &'a CrossKeys),
}

/// Steps of layers, in order.
pub(crate) type RowLayers = Vec<RowLayerLayers>;

impl RowPart<'_> {
    /// The layers of a part, as the kernel reads them; `None` where a buffer of the
    /// session lies outside of those that it binds.
    pub(crate) fn layers(
        &self,
        weights: &RowWeights,
        (caches, cross_keys): (&[KeyValues], &[CrossKeys]),
        (rows, embedding): (&Rows, Embedding<'_>),
        scratch: &RowScratch,
        buffers: RowBuffers<'_>,
        after: &After<'_>,
    ) -> Option<RowLayers> {
        let place = |tensor: &Tensor, whole: &Tensor, unit: u64| {
            u32::try_from(tensor.offset_in(whole)? / unit).ok()
        };
        let work = |tensor| place(tensor, buffers.work, 16);
        let memory = |tensor| place(tensor, buffers.memory, 16);
        let inputs = |tensor| place(tensor, buffers.inputs, 4);
        let shape = &self.shape;
        let mut layers = Vec::with_capacity(self.blocks.len());
        for (index, (block, cache)) in self.blocks.iter().zip(caches).enumerate() {
            let mut layer = RowLayerLayers {
                x: work(&scratch.x)?,
                h: work(&scratch.h)?,
                qkv: work(&scratch.qkv)?,
                attended: work(&scratch.attended)?,
                gated: work(&scratch.gated)?,
                partial: work(&scratch.partial)?,
                hidden4: vectors(shape.hidden),
                inverse_columns: 1.0 / as_f32(shape.hidden),
                epsilon: shape.epsilon,
                heads: count(shape.heads),
                kv_heads: count(shape.kv_heads),
                scale: 1.0 / as_f32(shape.head).sqrt(),
                intermediate: count(shape.intermediate),
                attention_norm: weights.norm(&block.attention_norm)?,
                weights_qkv: weights.matrix(&block.qkv)?,
                weights_o: weights.matrix(&block.o)?,
                mlp_norm: weights.norm(&block.mlp_norm)?,
                weights_gate_up: weights.matrix(&block.gate_up)?,
                weights_down: weights.matrix(&block.down)?,
                slots: count(cache.slots),
                keys: memory(&cache.keys)?,
                values: memory(&cache.values)?,
                span: inputs(&rows.spans)?,
                angles: inputs(&rows.angles)?,
                ..RowLayerLayers::default()
            };
            if let (0, Some(embed)) = (index, self.embed) {
                layer.table_rows = count(embed.rows);
                layer.table = weights.matrix(embed)?;
                layer.id = inputs(embedding.ids?)?;
                layer.keep_x = f32::from(u8::from(embedding.added));
            }
            // Those of the encoder come after its layers.
            if let (Some(cross), Some(keys)) = (self.cross.get(index), cross_keys.get(index)) {
                layer.cross_slots = count(keys.slots);
                layer.cross_kv = memory(&keys.kv)?;
                layer.cross_norm = weights.norm(&cross.q_norm)?;
                layer.cross_q = weights.matrix(&cross.q)?;
                layer.cross_o = weights.matrix(&cross.o)?;
            }
            if index + 1 == self.blocks.len() {
                layer.outputs = count(self.last.1.rows);
                layer.last_norm = weights.norm(self.last.0)?;
                layer.weights_last = weights.matrix(self.last.1)?;
                match after {
                    After::Logits => layer.y = work(&scratch.y)?,
                    After::Entropy => {
                        layer.y = work(&scratch.y)?;
                        layer.entropies = work(&scratch.entropies)?;
                    }
                    After::Rings((ring, slots), keys) => {
                        layer.ring = memory(ring)?;
                        layer.ring_slots = count(*slots);
                        layer.y = memory(&keys.kv)?;
                        layer.y_slots = count(keys.slots);
                    }
                }
            }
            layers.push(layer);
        }
        Some(layers)
    }
}

impl PartPlan<'_> {
    /// Layers of parts that do not depend on one another: the first of each at
    /// once, then the second of each, and so on.
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub(crate) fn row_layers(
        &mut self,
        state: &Tensor,
        weights: &RowWeights,
        buffers: RowBuffers<'_>,
        parts: &[RowLayers],
    ) -> Result<()> {
        let gpu = self.gpu();
        let variant = RowWeights::variant(gpu, weights.weights, weights.head4)?;
        let most = parts.iter().map(Vec::len).max().unwrap_or(0);
        for index in 0..most {
            let parts = parts.iter().filter_map(|layers| layers.get(index));
            let layers: Vec<RowLayerLayers> = parts.copied().collect();
            let table = Tensor::from(gpu, "layers", &layers);
            let kernel = RowLayer {
                state: state.all(),
                weights: weights.all.all(),
                layers: table.all(),
                norms: weights.all.all(),
                inputs: buffers.inputs.all(),
                ranges: buffers.ranges.all(),
                memory: buffers.memory.all(),
                work: buffers.work.all(),
            };
            let params = RowLayerParams {
                layers: count(layers.len()),
            };
            let work = layers.iter().map(|layer| work(layer, weights));
            let work = work.fold(Work::default(), |sum, own| Work {
                flops_per_row: sum.flops_per_row + own.flops_per_row,
                bytes: sum.bytes + own.bytes,
                bytes_per_row: sum.bytes_per_row + own.bytes_per_row,
            });
            let grid = [Extent::Items(layers.len()), ONE];
            self.push("row_layer", &kernel, variant, params, grid, work);
        }
        Ok(())
    }
}

/// What a layer costs, with half a ring of keys.
fn work(layer: &RowLayerLayers, weights: &RowWeights) -> Work {
    let hidden = as_f64(4 * layer.hidden4 as usize);
    let head = as_f64(4 * weights.head4);
    let (heads, kv_heads) = (f64::from(layer.heads), f64::from(layer.kv_heads));
    let width = heads * head;
    let crossing = if layer.cross_slots > 0 { 2.0 } else { 0.0 };
    let inner = f64::from(layer.intermediate);
    let matrices = hidden
        * (width * (2.0 + crossing)
            + 2.0 * kv_heads * head
            + 3.0 * inner
            + f64::from(layer.outputs));
    let keys = f64::from(layer.slots / 2);
    Work {
        flops_per_row: 2.0 * matrices + 4.0 * keys * width,
        bytes: matrices * as_f64(weights.weights.size()) + 8.0 * keys * kv_heads * head,
        bytes_per_row: 8.0 * (2.0 * hidden + inner + width),
    }
}
