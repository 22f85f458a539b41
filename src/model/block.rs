//! The one transformer block, which every part of the model is made of.
//!
//! Pre-norm attention and SwiGLU with residuals, no bias (paper section 3, spec
//! section 2). Weights are fused at load: query, key and value rows in one
//! matrix, gate and up rows in another. The kernels of a block, in order, are in
//! [`super::part`].

use crate::checkpoint::{BlockWeights, StackConfig};
use crate::device::Tensor;
use crate::device::plan::Work;
use crate::device::tensor::{Allocator, as_f64, padded};
use crate::error::Result;
use crate::weights::{Matrix, Uploader, WeightType, fused};

/// Columns of a head at most.
const MAX_HEAD: u32 = 256;

/// Sizes of a block; the same for all blocks of one part of the model.
#[derive(Clone, Copy, Debug)]
pub struct BlockShape {
    /// Columns of the residual stream.
    pub hidden: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Columns per head, a multiple of 4.
    pub head: usize,
    /// Columns of the gate.
    pub intermediate: usize,
    /// Added to the mean square in RMSNorm.
    pub epsilon: f32,
}

impl BlockShape {
    /// Columns of queries, keys and values together.
    #[must_use]
    pub fn qkv(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head
    }

    /// The shape that a config describes; `what` names the part in errors.
    ///
    /// # Errors
    /// [`crate::Error::Checkpoint`] for heads that the kernels cannot run.
    pub fn of(config: &StackConfig, what: &str) -> Result<Self> {
        if !config.head_dim.is_multiple_of(4) {
            return Err(crate::Error::Checkpoint(format!(
                "{what} has heads of {} columns; the kernels need a multiple of 4",
                config.head_dim
            )));
        }
        if config.head_dim > MAX_HEAD {
            return Err(crate::Error::Checkpoint(format!(
                "{what} has heads of {} columns; the kernels take up to {MAX_HEAD}",
                config.head_dim
            )));
        }
        let size = |value: u32| value as usize;
        Ok(Self {
            hidden: size(config.hidden_size),
            heads: size(config.heads),
            kv_heads: size(config.kv_heads),
            head: size(config.head_dim),
            intermediate: size(config.intermediate_size),
            epsilon: config.norm_eps,
        })
    }

    /// The step of a block that is the most work, where a row sees `keys` keys.
    #[must_use]
    pub(crate) fn heaviest_step(&self, keys: usize) -> Work {
        let attended = self.heads * self.head;
        let products = [
            self.hidden * self.qkv(),
            self.hidden * attended,
            self.hidden * 2 * self.intermediate,
        ];
        let product = products.into_iter().max().unwrap_or(0);
        Work {
            flops_per_row: as_f64((2 * product).max(4 * keys * attended)),
            bytes: 2.0 * as_f64(product),
            ..Work::default()
        }
    }

    /// Columns of keys (or values) of one position.
    #[must_use]
    pub fn stored(&self) -> usize {
        self.kv_heads * self.head
    }
}

/// The weights of one block on the device.
#[derive(Debug)]
pub struct Block {
    pub(crate) attention_norm: Tensor,
    pub(crate) qkv: Matrix,
    pub(crate) o: Matrix,
    pub(crate) mlp_norm: Tensor,
    pub(crate) gate_up: Matrix,
    pub(crate) down: Matrix,
}

impl Block {
    /// Uploads the blocks of a part.
    ///
    /// # Errors
    /// The device's errors.
    pub async fn load_all(
        uploader: &mut Uploader<'_>,
        shape: &BlockShape,
        weights: &[BlockWeights<'_>],
    ) -> Result<Vec<Self>> {
        let mut blocks = Vec::with_capacity(weights.len());
        for weights in weights {
            blocks.push(Self::load(uploader, shape, weights).await?);
        }
        Ok(blocks)
    }

    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let norms = self.attention_norm.bytes() + self.mlp_norm.bytes();
        let matrices = [&self.qkv, &self.o, &self.gate_up, &self.down];
        norms + matrices.map(Matrix::bytes).iter().sum::<u64>()
    }

    /// The types of its weights.
    pub(crate) fn weights(&self) -> [WeightType; 4] {
        [&self.qkv, &self.o, &self.gate_up, &self.down].map(|matrix| matrix.weights)
    }

    /// Uploads a block's weights.
    ///
    /// # Errors
    /// The device's errors.
    pub async fn load(
        uploader: &mut Uploader<'_>,
        shape: &BlockShape,
        weights: &BlockWeights<'_>,
    ) -> Result<Self> {
        // A padded gate keeps the up rows at a whole vector; see `swiglu`.
        let gap = padded(shape.intermediate) - shape.intermediate;
        let attended = shape.heads * shape.head;
        Ok(Self {
            attention_norm: (uploader.vector("attention_norm", &weights.attention_norm)).await?,
            qkv: fused(
                uploader,
                "qkv",
                shape.hidden,
                &[&weights.q, &weights.k, &weights.v],
                0,
            )
            .await?,
            o: fused(uploader, "o", attended, &[&weights.o], 0).await?,
            mlp_norm: uploader.vector("mlp_norm", &weights.mlp_norm).await?,
            gate_up: fused(
                uploader,
                "gate_up",
                shape.hidden,
                &[&weights.gate, &weights.up],
                gap,
            )
            .await?,
            down: fused(uploader, "down", shape.intermediate, &[&weights.down], 0).await?,
        })
    }
}

/// Keys and values of the positions that may still be seen: a ring.
#[derive(Debug)]
pub struct KeyValues {
    pub(crate) keys: Tensor,
    pub(crate) values: Tensor,
    pub(super) slots: usize,
}

impl KeyValues {
    /// Room for `slots` positions, a power of two.
    #[must_use]
    pub fn new(tensors: &Allocator<'_>, shape: &BlockShape, slots: usize) -> Self {
        Self {
            keys: tensors.tensor("keys", slots * shape.stored()),
            values: tensors.tensor("values", slots * shape.stored()),
            slots,
        }
    }

    /// Those of each layer of a part.
    #[must_use]
    pub fn of_layers(
        tensors: &Allocator<'_>,
        layers: usize,
        shape: &BlockShape,
        slots: usize,
    ) -> Vec<Self> {
        (0..layers)
            .map(|_| Self::new(tensors, shape, slots))
            .collect()
    }

    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.keys.bytes() + self.values.bytes()
    }

    /// Positions that there is room for.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Both buffers.
    #[must_use]
    pub fn tensors(&self) -> [&Tensor; 2] {
        [&self.keys, &self.values]
    }
}

/// What a plan is told of its rows: how many there are, what each may see, and
/// where each stands.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Number of rows and the ring slot of the first.
    pub state: Tensor,
    /// Keys seen by each row, `[T]`.
    pub spans: Tensor,
    /// Rotary angles, `[T, head / 2]` pairs; of all positions with `absolute`.
    pub angles: Tensor,
    /// Do the angles begin at position 0 rather than at the first row? Slots of
    /// keys and values are then positions.
    pub absolute: bool,
}

/// Buffers that blocks compute in; all blocks of a part share one set. A clone
/// is the same memory.
#[derive(Clone, Debug)]
pub struct Scratch {
    /// The residual stream, `[T, hidden]`.
    pub x: Tensor,
    /// A normalised copy of it.
    pub h: Tensor,
    pub(super) qkv: Tensor,
    pub(super) attended: Tensor,
    pub(super) gate_up: Tensor,
    pub(super) gated: Tensor,
}

impl Scratch {
    /// Buffers for up to `rows` rows of blocks of any of the shapes.
    #[must_use]
    pub fn new(tensors: &Allocator<'_>, shapes: &[BlockShape], rows: usize) -> Self {
        let most = |size: fn(&BlockShape) -> usize| shapes.iter().map(size).max().unwrap_or(0);
        let hidden = most(|s| padded(s.hidden));
        let gate = most(|s| padded(s.intermediate));
        Self {
            x: tensors.tensor("x", rows * hidden),
            h: tensors.tensor("h", rows * hidden),
            qkv: tensors.tensor("qkv", rows * most(BlockShape::qkv)),
            attended: tensors.tensor("attended", rows * most(|s| s.heads * s.head)),
            gate_up: tensors.tensor("gate_up", rows * 2 * gate),
            gated: tensors.tensor("gated", rows * gate),
        }
    }
}
