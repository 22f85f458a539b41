//! The entropy model: a small byte-level transformer whose uncertainty about
//! the next byte decides where patches start (paper section 2.3, spec section 3).

use std::sync::Arc;

use super::block::{Block, BlockShape, KeyValues, Scratch, fused};
use super::part::{PartPlan, RowClass, count};
use super::rotary::Rotary;
use crate::checkpoint::EntropyWeights;
use crate::error::{Error, Result};
use crate::gpu::kernels::{
    EMBED, ENTROPY, Embed, EmbedParams, Entropy, EntropyParams, PATCH_STARTS, PatchStarts,
    PatchStartsCarry, PatchStartsParams, TOP_K, TopK, TopKParams,
};
use crate::gpu::plan::{Extent, ONE, Plan, Work};
use crate::gpu::tensor::{Matrix, Uploader, padded};
use crate::gpu::{Gpu, Tensor};

/// The entropy model's weights on the GPU.
#[derive(Debug)]
pub struct EntropyModel {
    gpu: Arc<Gpu>,
    shape: BlockShape,
    vocabulary: usize,
    window: Option<usize>,
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
    /// [`Error::Checkpoint`] when the kernels cannot run this shape, and the
    /// device's errors.
    pub async fn load(
        gpu: &Arc<Gpu>,
        weights: &EntropyWeights<'_>,
        progress: impl FnMut(u64),
    ) -> Result<Self> {
        let config = &weights.config;
        if !config.head_dim.is_multiple_of(4) {
            return Err(Error::Checkpoint(format!(
                "the entropy model has heads of {} columns; the kernels need a multiple of 4",
                config.head_dim
            )));
        }
        let size = |value: u32| value as usize;
        let shape = BlockShape {
            hidden: size(config.hidden_size),
            heads: size(config.heads),
            kv_heads: size(config.kv_heads),
            head: size(config.head_dim),
            intermediate: size(config.intermediate_size),
            epsilon: config.norm_eps,
        };
        let mut uploader = Uploader::new(gpu, progress);
        let embed = fused(&mut uploader, "embed", shape.hidden, &[&weights.embed], 0).await?;
        let mut layers = Vec::with_capacity(weights.layers.len());
        for layer in &weights.layers {
            layers.push(Block::load(&mut uploader, &shape, layer).await?);
        }
        let norm = uploader.vector("norm", &weights.norm.to_f32());
        let head = fused(&mut uploader, "head", shape.hidden, &[&weights.lm_head], 0).await?;
        uploader.flush().await?;
        Ok(Self {
            gpu: Arc::clone(gpu),
            shape,
            vocabulary: size(config.vocab_size),
            window: config.window.map(size),
            rotary: Rotary::new(shape.head, config.rope_theta),
            embed,
            layers,
            norm,
            head,
        })
    }

    /// The device that holds it.
    #[must_use]
    pub fn gpu(&self) -> &Arc<Gpu> {
        &self.gpu
    }

    /// Number of token ids.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// Keys that a position sees, its own included; `None` sees all.
    #[must_use]
    pub fn window(&self) -> Option<usize> {
        self.window
    }

    /// The angles of its rotary embedding.
    #[must_use]
    pub fn rotary(&self) -> &Rotary {
        &self.rotary
    }

    /// Floating-point operations per byte: products and attention over a full
    /// window.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn flops_per_byte(&self) -> f64 {
        let s = &self.shape;
        let block = s.hidden * (s.qkv() + s.heads * s.head + 3 * s.intermediate);
        let attention = 2 * self.window.unwrap_or(0) * s.heads * s.head;
        let products = self.layers.len() * (block + attention) + s.hidden * self.vocabulary;
        2.0 * products as f64
    }
}

/// What the plans of one session compute in: inputs, results and caches.
#[derive(Debug)]
pub struct EntropyBuffers {
    pub(crate) scratch: Scratch,
    pub(crate) ids: Tensor,
    pub(crate) targets: Tensor,
    pub(crate) logits: Tensor,
    pub(crate) result: Tensor,
    pub(crate) best_ids: Tensor,
    pub(crate) best_log_p: Tensor,
    pub(crate) carry: Tensor,
    pub(crate) starts: Tensor,
    pub(crate) patches: Tensor,
    caches: Vec<KeyValues>,
}

impl EntropyBuffers {
    /// Buffers for runs of up to `rows` rows, `slots` cached positions and the
    /// `k` best bytes of each row.
    #[must_use]
    pub fn new(model: &EntropyModel, rows: usize, slots: usize, k: usize) -> Self {
        let gpu = &model.gpu;
        Self {
            scratch: Scratch::new(gpu, &model.shape, rows),
            ids: Tensor::new(gpu, "ids", rows),
            targets: Tensor::new(gpu, "targets", rows),
            logits: Tensor::new(gpu, "logits", rows * padded(model.vocabulary)),
            result: Tensor::new(gpu, "result", rows * 2),
            best_ids: Tensor::new(gpu, "best_ids", rows * k),
            best_log_p: Tensor::new(gpu, "best_log_p", rows * k),
            carry: Tensor::from(gpu, "carry", &[PatchStartsCarry::default()]),
            starts: Tensor::new(gpu, "starts", rows),
            patches: Tensor::new(gpu, "patches", rows),
            caches: model
                .layers
                .iter()
                .map(|_| KeyValues::new(gpu, &model.shape, slots))
                .collect(),
        }
    }

    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.scratch.bytes()
            + self.logits.bytes()
            + self.caches.iter().map(KeyValues::bytes).sum::<u64>()
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

impl EntropyModel {
    /// The plan of a run: ids to entropies, log-probabilities and patch starts.
    ///
    /// # Errors
    /// The device's errors.
    pub fn plan(
        &self,
        buffers: &EntropyBuffers,
        class: RowClass,
        extras: EntropyExtras,
    ) -> Result<Plan> {
        let mut plan = PartPlan::new(&self.gpu, class);
        let scratch = &buffers.scratch;
        self.embed(&mut plan, buffers)?;
        for (block, cache) in self.layers.iter().zip(&buffers.caches) {
            plan.block(&self.shape, block, cache, scratch)?;
        }
        let columns = self.shape.hidden;
        let (x, h) = (&scratch.x, &scratch.h);
        plan.rms_norm(
            &scratch.state,
            (x, h),
            &self.norm,
            columns,
            self.shape.epsilon,
        )?;
        let stride = padded(self.vocabulary);
        let logits = (h, &buffers.logits);
        plan.linear(
            "linear head",
            &scratch.state,
            logits,
            &self.head,
            stride,
            false,
        )?;
        self.entropy(&mut plan, buffers)?;
        if let Some(rule) = extras.rule {
            self.patch_starts(&mut plan, buffers, rule)?;
        }
        if extras.best > 0 {
            self.top_k(&mut plan, buffers, extras.best)?;
        }
        plan.build()
    }

    fn embed(&self, plan: &mut PartPlan<'_>, buffers: &EntropyBuffers) -> Result<()> {
        let gpu = &self.gpu;
        let weights = gpu.weights_axis(self.embed.weights);
        let variant = gpu.select(&EMBED, gpu.tuning.embed, &[("WEIGHTS", weights)])?;
        let columns4 = self.shape.hidden.div_ceil(4);
        for part in &self.embed.parts {
            let kernel = Embed {
                state: buffers.scratch.state.all(),
                weights: part.tensor.all(),
                ids: buffers.ids.all(),
                x: buffers.scratch.x.all(),
            };
            let params = EmbedParams {
                columns4: count(columns4),
                vocabulary: count(self.vocabulary),
                first_row: count(part.first_row),
                part_rows: count(part.rows),
            };
            plan.push(
                "embed",
                &kernel,
                variant,
                params,
                [Extent::Items(columns4), Extent::Rows],
                per_row(0.0, columns4 * 24),
            );
        }
        Ok(())
    }

    fn entropy(&self, plan: &mut PartPlan<'_>, buffers: &EntropyBuffers) -> Result<()> {
        let gpu = &self.gpu;
        let variant = gpu.select(&ENTROPY, gpu.tuning.entropy, &[])?;
        let kernel = Entropy {
            state: buffers.scratch.state.all(),
            targets: buffers.targets.all(),
            logits: buffers.logits.all(),
            result: buffers.result.all(),
        };
        let params = EntropyParams {
            vocabulary: count(self.vocabulary),
            stride: count(padded(self.vocabulary)),
        };
        plan.push(
            "entropy",
            &kernel,
            variant,
            params,
            [Extent::Rows, ONE],
            per_row(10.0, self.vocabulary * 8),
        );
        Ok(())
    }

    fn patch_starts(
        &self,
        plan: &mut PartPlan<'_>,
        buffers: &EntropyBuffers,
        rule: PatchStartsParams,
    ) -> Result<()> {
        let gpu = &self.gpu;
        let variant = gpu.select(&PATCH_STARTS, gpu.tuning.patch_starts, &[])?;
        let kernel = PatchStarts {
            state: buffers.scratch.state.all(),
            ids: buffers.ids.all(),
            entropies: buffers.result.all(),
            carry: buffers.carry.all(),
            starts: buffers.starts.all(),
            patches: buffers.patches.all(),
        };
        plan.push(
            "patch_starts",
            &kernel,
            variant,
            rule,
            [ONE, ONE],
            per_row(8.0, 20),
        );
        Ok(())
    }

    fn top_k(&self, plan: &mut PartPlan<'_>, buffers: &EntropyBuffers, k: usize) -> Result<()> {
        let gpu = &self.gpu;
        let variant = gpu.select(&TOP_K, gpu.tuning.top_k, &[])?;
        let kernel = TopK {
            state: buffers.scratch.state.all(),
            logits: buffers.logits.all(),
            best_ids: buffers.best_ids.all(),
            best_log_p: buffers.best_log_p.all(),
        };
        let params = TopKParams {
            vocabulary: count(self.vocabulary),
            stride: count(padded(self.vocabulary)),
            k: count(k),
        };
        plan.push(
            "top_k",
            &kernel,
            variant,
            params,
            [Extent::Rows, ONE],
            per_row(4.0, self.vocabulary * 4 * (k + 2)),
        );
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn per_row(flops_per_row: f64, bytes_per_row: usize) -> Work {
    Work {
        flops_per_row,
        bytes: 0.0,
        bytes_per_row: bytes_per_row as f64,
    }
}
