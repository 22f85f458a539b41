//! The entropy model: a small byte-level transformer whose uncertainty about
//! the next byte decides where patches start (paper section 2.3, spec section 3).

use std::ops::ControlFlow;
use std::sync::Arc;

use super::block::{Block, KeyValues, Rows, Scratch};
use super::layer_inputs::LayerInputs;
use super::part::{Normed, Output, PartPlan, RowClass};
use super::patches::{Starts, starts_carry};
use super::rotary::Rotary;
use super::sizes::{EntropySizes, UNBOUNDED};
use crate::checkpoint::EntropyWeights;
use crate::device::kernels::PatchStartsParams;
use crate::device::plan::{Plan, Work};
use crate::device::tensor::{Allocator, padded};
use crate::device::{Device, Tensor};
use crate::error::Result;
use crate::weights::{Matrix, Uploader, fused};

/// The entropy model's weights on the device.
#[derive(Debug)]
pub struct EntropyModel {
    device: Arc<Device>,
    sizes: EntropySizes,
    rotary: Rotary,
    embed: Matrix,
    layers: Vec<Block>,
    norm: Tensor,
    head: Matrix,
}

impl EntropyModel {
    /// Uploads the weights; `progress` is told the bytes of each piece.
    ///
    /// # Errors
    /// [`crate::Error::Checkpoint`] when the kernels cannot run this shape, and the
    /// device's errors.
    pub async fn load(
        device: &Arc<Device>,
        weights: &EntropyWeights<'_>,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<Self> {
        Self::load_while(device, weights, |bytes| {
            progress(bytes);
            ControlFlow::Continue(())
        })
        .await
    }

    /// Like [`EntropyModel::load`]; `go_on` is told the bytes of each piece and may
    /// stop there, which is [`crate::Error::Interrupted`].
    ///
    /// # Errors
    /// As for [`EntropyModel::load`], and [`crate::Error::Interrupted`].
    pub async fn load_while(
        device: &Arc<Device>,
        weights: &EntropyWeights<'_>,
        go_on: impl FnMut(u64) -> ControlFlow<()> + Send,
    ) -> Result<Self> {
        Self::load_with(&mut Uploader::new(device, go_on), device, weights).await
    }

    pub(super) async fn load_with(
        uploader: &mut Uploader<'_>,
        device: &Arc<Device>,
        weights: &EntropyWeights<'_>,
    ) -> Result<Self> {
        let config = &weights.config;
        let sizes = EntropySizes::of(config)?;
        let shape = sizes.shape;
        let embed = fused(uploader, "embed", shape.hidden, &[&weights.embed], 0).await?;
        let layers = Block::load_all(uploader, &shape, &weights.layers).await?;
        let norm = uploader.vector("norm", &weights.norm).await?;
        let head = fused(uploader, "head", shape.hidden, &[&weights.lm_head], 0).await?;
        uploader.flush().await?;
        weights.check_files()?;
        Ok(Self {
            device: Arc::clone(device),
            sizes,
            rotary: Rotary::new(shape.head, config.stack.rope_theta),
            embed,
            layers,
            norm,
            head,
        })
    }

    /// The device that holds it.
    #[must_use]
    pub fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// Number of token ids.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.sizes.vocabulary
    }

    /// Keys that a position sees, its own included; `None` sees all.
    #[must_use]
    pub fn window(&self) -> Option<usize> {
        self.sizes.window
    }

    /// Tokens back that a row depends on through all layers; `None` for all.
    #[must_use]
    pub fn reach(&self) -> Option<usize> {
        let back = self.sizes.window?.saturating_sub(1);
        Some(self.layers.len() * back)
    }

    /// Number of layers.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.layers.len()
    }

    /// What the steps of its runs depend on.
    pub(crate) fn shapes(&self) -> String {
        let (sizes, layers) = (self.sizes(), &self.layers);
        let weights: Vec<_> = layers.iter().map(Block::weights).collect();
        let ends = (self.embed.weights, self.head.weights);
        format!("{sizes:?} {weights:?} {ends:?}")
    }

    /// The step of a run that is the most work.
    pub(crate) fn heaviest_step(&self) -> Work {
        let window = self.sizes.window.unwrap_or(UNBOUNDED);
        self.sizes.shape.heaviest_step(window)
    }

    /// Room for what goes into its layers in runs of up to `rows` rows.
    pub(crate) fn layer_inputs(&self, rows: usize) -> LayerInputs {
        LayerInputs::new(&self.device, &self.sizes.shape, self.layers.len(), rows)
    }

    /// Bytes of what goes into a layer, per row.
    pub(crate) fn input_bytes(&self) -> u64 {
        padded(self.sizes.shape.hidden) as u64 * 4
    }

    /// The angles of its rotary embedding.
    #[must_use]
    pub fn rotary(&self) -> &Rotary {
        &self.rotary
    }

    /// Bytes of its weights on the device.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let layers: u64 = self.layers.iter().map(Block::bytes).sum();
        self.embed.bytes() + layers + self.norm.bytes() + self.head.bytes()
    }

    /// What its share of a session depends on.
    pub(crate) fn sizes(&self) -> &EntropySizes {
        &self.sizes
    }

    /// Floating-point operations per byte: products and attention over a full
    /// window.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn flops_per_byte(&self) -> f64 {
        let s = &self.sizes.shape;
        let block = s.hidden * (s.qkv() + s.heads * s.head + 3 * s.intermediate);
        let attention = 2 * self.sizes.window.unwrap_or(0) * s.heads * s.head;
        let products = self.layers.len() * (block + attention) + s.hidden * self.sizes.vocabulary;
        2.0 * products as f64
    }
}

/// What a run of the entropy model is given.
#[derive(Clone, Debug)]
pub struct EntropyInputs {
    /// Its rows.
    pub rows: Rows,
    /// Token ids, `[T]`.
    pub ids: Tensor,
    /// The ids that follow, `[T]`; beyond the vocabulary where unknown.
    pub targets: Tensor,
}

/// What the plans of one session compute in: results and caches.
#[derive(Debug)]
pub struct EntropyBuffers {
    scratch: Scratch,
    pub(crate) logits: Tensor,
    pub(crate) result: Tensor,
    pub(crate) best_ids: Tensor,
    pub(crate) best_log_p: Tensor,
    pub(crate) carry: Tensor,
    pub(crate) starts: Tensor,
    pub(crate) patches: Tensor,
    pub(crate) caches: Vec<KeyValues>,
}

impl EntropyBuffers {
    /// Buffers for runs of up to `rows` rows, `slots` cached positions and the
    /// `k` best bytes of each row.
    #[must_use]
    pub(crate) fn new(
        tensors: &Allocator<'_>,
        sizes: &EntropySizes,
        (rows, slots, k): (usize, usize, usize),
    ) -> Self {
        Self {
            scratch: Scratch::new(tensors, &[sizes.shape], rows),
            logits: tensors.tensor("logits", rows * padded(sizes.vocabulary)),
            result: tensors.tensor("result", rows * 2),
            best_ids: tensors.tensor("best_ids", rows * k),
            best_log_p: tensors.tensor("best_log_p", rows * k),
            carry: starts_carry(tensors),
            starts: tensors.tensor("starts", rows),
            patches: tensors.tensor("patches", rows),
            caches: sizes.caches(tensors, slots),
        }
    }

    /// Where a run tells where patches start.
    pub(crate) fn starts<'a>(&'a self, inputs: &'a EntropyInputs) -> Starts<'a> {
        Starts {
            ids: &inputs.ids,
            carry: &self.carry,
            starts: &self.starts,
            patches: &self.patches,
        }
    }

    /// What the layers compute on, `[rows, hidden]`.
    pub(crate) fn x(&self) -> &Tensor {
        &self.scratch.x
    }
}

/// What a plan computes beside the entropies.
#[derive(Clone, Copy, Debug, Default)]
pub struct EntropyExtras {
    /// Patch starts by this rule.
    pub rule: Option<PatchStartsParams>,
    /// The k most likely next bytes of each row; 0 for none.
    pub best: usize,
}

/// What is known of the rows of a run before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    /// What goes into the layers. A run finds there what goes into the first ones, but
    /// for that of layer `layers`, which is in [`EntropyBuffers::x`]; and it leaves
    /// there what goes into those behind.
    pub(crate) inputs: &'a LayerInputs,
    /// Layers of which only keys and values are wanted: what goes into them is known,
    /// and what goes into the next. With all layers, a run has no results.
    pub(crate) layers: usize,
}

impl EntropyModel {
    /// Records a run: ids to entropies, log-probabilities and patch starts, which go
    /// to `starts`.
    ///
    /// # Errors
    /// The device's errors.
    pub fn record(
        &self,
        plan: &mut PartPlan<'_>,
        inputs: &EntropyInputs,
        buffers: &EntropyBuffers,
        extras: EntropyExtras,
        starts: Starts<'_>,
    ) -> Result<()> {
        self.record_from(plan, inputs, buffers, (extras, starts), None)
    }

    /// Records a run of rows of which something is known.
    fn record_from(
        &self,
        plan: &mut PartPlan<'_>,
        inputs: &EntropyInputs,
        buffers: &EntropyBuffers,
        (extras, starts): (EntropyExtras, Starts<'_>),
        known: Option<Known<'_>>,
    ) -> Result<()> {
        self.record_layers(plan, inputs, buffers, known)?;
        if known.is_some_and(|known| known.layers >= self.layers.len()) {
            return Ok(());
        }
        let scratch = &buffers.scratch;
        let state = &inputs.rows.state;
        let normed = Normed {
            x: &scratch.x,
            h: &scratch.h,
            weight: &self.norm,
            epsilon: self.sizes.shape.epsilon,
        };
        let logits = &buffers.logits;
        let output = Output::rows(padded(self.sizes.vocabulary));
        plan.norm_linear("linear head", state, (normed, logits), &self.head, output)?;
        let vocabulary = self.sizes.vocabulary;
        let result = (&inputs.targets, logits, &buffers.result);
        match extras.rule {
            Some(rule) if plan.class() == RowClass::One => {
                plan.entropy_start(state, result, vocabulary, starts, rule)?;
            }
            rule => {
                plan.entropy(state, result, vocabulary)?;
                if let Some(rule) = rule {
                    plan.patch_starts(state, &buffers.result, starts, rule)?;
                }
            }
        }
        if extras.best > 0 {
            let best = (&buffers.best_ids, &buffers.best_log_p);
            plan.top_k(state, logits, best, vocabulary, extras.best)?;
        }
        Ok(())
    }

    /// Records the layers of a run, the embedding included.
    fn record_layers(
        &self,
        plan: &mut PartPlan<'_>,
        inputs: &EntropyInputs,
        buffers: &EntropyBuffers,
        known: Option<Known<'_>>,
    ) -> Result<()> {
        let scratch = &buffers.scratch;
        let rows = &inputs.rows;
        let state = &rows.state;
        let first = known.map_or(0, |known| known.layers);
        let layers = self.layers.iter().zip(&buffers.caches);
        for (layer, (block, cache)) in layers.enumerate() {
            let into = known.map(|known| known.inputs.of(layer));
            if layer == 0 {
                let x = into.filter(|_| first > 0).unwrap_or(&scratch.x);
                plan.embed(state, &self.embed, (&inputs.ids, x))?;
            }
            match (into, known) {
                (Some(x), _) if layer < first => {
                    let own = (cache, rows, scratch);
                    plan.keys_values(&self.sizes.shape, block, x, own)?;
                    continue;
                }
                (Some(into), Some(known)) if layer > first => {
                    let into = (into, known.inputs.rows());
                    plan.ring_store(state, &scratch.x, into, self.sizes.shape.hidden)?;
                }
                _ => {}
            }
            plan.block(&self.sizes.shape, block, cache, rows, scratch)?;
        }
        Ok(())
    }

    /// The plan of a run; see [`EntropyModel::record`].
    ///
    /// # Errors
    /// The device's errors.
    pub fn plan(
        &self,
        inputs: &EntropyInputs,
        buffers: &EntropyBuffers,
        class: RowClass,
        extras: EntropyExtras,
    ) -> Result<Plan> {
        self.plan_from(inputs, buffers, class, extras, None)
    }

    /// The plan of a run of rows of which something is known.
    ///
    /// # Errors
    /// The device's errors.
    pub(crate) fn plan_from(
        &self,
        inputs: &EntropyInputs,
        buffers: &EntropyBuffers,
        class: RowClass,
        extras: EntropyExtras,
        known: Option<Known<'_>>,
    ) -> Result<Plan> {
        let mut plan = PartPlan::new(&self.device, class);
        let given = (extras, buffers.starts(inputs));
        self.record_from(&mut plan, inputs, buffers, given, known)?;
        plan.build()
    }
}
