//! Every tuning constant of the crate, one row per class of adapter.
//!
//! The figures behind the choices are in `docs/performance.md`. On software
//! drivers a barrier suspends every invocation of its workgroup, so their
//! kernels have none; on GPUs the work of a row is shared by a workgroup.

use super::adapter::AdapterClass;
use super::device::Gpu;
use super::kernel::{Choice, Shader};
use super::tensor::WeightType;
use crate::error::Result;

/// Variants in order of preference; the first that the tier allows is taken.
type Preferences = &'static [Choice<'static>];

/// The choices for one class of adapter.
#[derive(Debug)]
pub struct Tuning {
    /// Rows that one run of a plan computes at most; a power of two.
    pub chunk_rows: u32,
    /// Dispatches per submission at most.
    pub dispatches_per_submission: usize,
    /// Estimated floating-point operations per submission at most (about a
    /// quarter of a second on the slowest adapter of the class).
    pub flops_per_submission: f64,
    /// Read f16 weights with the f16 tier's own type rather than unpack them.
    pub native_f16: bool,
    /// Embedding gather.
    pub embed: Preferences,
    /// RMSNorm.
    pub rms_norm: Preferences,
    /// Linear layer, one row.
    pub linear_one: Preferences,
    /// Linear layer, 2 rows: the vectors of a patch, in many models.
    pub linear_two: Preferences,
    /// Linear layer, 2 to 8 rows.
    pub linear_few: Preferences,
    /// Linear layer, more rows.
    pub linear_many: Preferences,
    /// Rotation and storing of keys and values.
    pub rope_store: Preferences,
    /// Attention, up to 8 rows.
    pub attention_few: Preferences,
    /// Values of the attention kernels' `HEAD` axis, the narrowest first.
    pub head_widths: &'static [&'static str],
    /// SwiGLU.
    pub swiglu: Preferences,
    /// Entropies and log-probabilities.
    pub entropy: Preferences,
    /// Most likely bytes.
    pub top_k: Preferences,
    /// Patch starts.
    pub patch_starts: Preferences,
    /// The gated product of SwiGLU, one row.
    pub gate_up: Preferences,
    /// Linear layers of a single row, joined with the norm before them if there
    /// is one, for rows of whole vectors of eight: the fewest outputs that a
    /// variant is for, the widest variant first. Empty where norms are steps of
    /// their own.
    pub linear_row: &'static [(usize, Preferences)],
    /// Take the attention of a single row, its rotation and its store as one
    /// kernel. Its workgroups are small: for software drivers.
    pub attention_step: bool,
    /// Values of the `HEAD` axis of that kernel's form for short heads.
    pub held_heads: &'static [&'static str],
    /// Take whole layers of a single row as one step, in models of up to so many
    /// columns; 0: never. A layer is then computed by one workgroup: for software
    /// drivers, and for layers that take no longer than a few steps take to start.
    pub row_layer: usize,
    /// Kernels with one invocation per item, whose only choice is their width.
    pub per_item: Preferences,
    /// How a session learns whether a patch closes; see [`LatentStep`].
    pub latent_step: LatentStep,
}

/// How the latent model's steps are sized, which run only for patches that
/// close: something that the entropies decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LatentStep {
    /// Grids for the most patches there can be; idle workgroups return at once.
    WorstCase,
    /// The GPU writes the sizes of the grids; idle steps have none.
    Indirect,
    /// The host reads how many patches closed before it submits any.
    Readback,
}

const SOFTWARE: Tuning = Tuning {
    chunk_rows: 256,
    dispatches_per_submission: 512,
    flops_per_submission: 1e9,
    native_f16: false,
    embed: &[&[("WIDTH", "8")]],
    rms_norm: &[&[("METHOD", "thread")]],
    linear_one: &[&[("METHOD", "thread"), ("ROWS", "1")]],
    linear_two: &[&[("METHOD", "thread"), ("ROWS", "2")]],
    linear_few: &[&[("METHOD", "thread"), ("ROWS", "8")]],
    linear_many: &[&[("METHOD", "register")]],
    rope_store: &[&[("WIDTH", "8")]],
    attention_few: &[&[("METHOD", "thread")]],
    head_widths: &["any"],
    swiglu: &[&[("WIDTH", "8")]],
    entropy: &[&[("METHOD", "thread")]],
    top_k: &[&[("WIDTH", "8")]],
    patch_starts: &[&[("WIDTH", "8")]],
    gate_up: &[&[("METHOD", "thread")]],
    // 192 inputs, bf16: eight outputs to an invocation take 62 us for 576 of
    // them, four 67; but 192 would be three workgroups, which two cores share
    // badly. `linear_rows` takes 78, and a norm of its own 14 to 28.
    linear_row: &[(256, &[&[("OUTPUTS", "8")]]), (0, &[&[("OUTPUTS", "4")]])],
    attention_step: true,
    held_heads: &["8", "16"],
    row_layer: 256,
    per_item: &[&[("WIDTH", "8")]],
    latent_step: LatentStep::Indirect,
};

const GPU: Tuning = Tuning {
    chunk_rows: 512,
    dispatches_per_submission: 512,
    flops_per_submission: 1e11,
    native_f16: true,
    embed: &[&[("WIDTH", "64")]],
    rms_norm: &[&[("METHOD", "subgroup")], &[("METHOD", "tree")]],
    linear_one: &[
        &[("METHOD", "subgroup"), ("ROWS", "1")],
        &[("METHOD", "tree"), ("ROWS", "1")],
    ],
    linear_two: &[
        &[("METHOD", "subgroup"), ("ROWS", "8")],
        &[("METHOD", "tree"), ("ROWS", "8")],
    ],
    linear_few: &[
        &[("METHOD", "subgroup"), ("ROWS", "8")],
        &[("METHOD", "tree"), ("ROWS", "8")],
    ],
    linear_many: &[&[("METHOD", "shared")]],
    rope_store: &[&[("WIDTH", "64")]],
    attention_few: &[&[("METHOD", "subgroup")], &[("METHOD", "tree")]],
    head_widths: &["8", "16", "32", "64"],
    swiglu: &[&[("WIDTH", "64")]],
    entropy: &[&[("METHOD", "subgroup")], &[("METHOD", "tree")]],
    top_k: &[&[("WIDTH", "64")]],
    patch_starts: &[&[("WIDTH", "64")]],
    gate_up: &[&[("METHOD", "subgroup")], &[("METHOD", "tree")]],
    linear_row: &[],
    attention_step: false,
    held_heads: &[],
    row_layer: 0,
    per_item: &[&[("WIDTH", "64")]],
    latent_step: LatentStep::Indirect,
};

const INTEGRATED: Tuning = Tuning {
    flops_per_submission: 2e10,
    ..GPU
};
const DISCRETE: Tuning = Tuning {
    chunk_rows: 1024,
    ..GPU
};

static TABLE: [(AdapterClass, Tuning); 4] = [
    (AdapterClass::Discrete, DISCRETE),
    (AdapterClass::Integrated, INTEGRATED),
    (AdapterClass::Virtual, INTEGRATED),
    (AdapterClass::Software, SOFTWARE),
];

impl Tuning {
    /// The row of the table for a class of adapter.
    #[must_use]
    pub fn of(class: AdapterClass) -> &'static Self {
        TABLE
            .iter()
            .find(|(c, _)| *c == class)
            .map_or(&TABLE[3].1, |(_, tuning)| tuning)
    }
}

impl Tuning {
    /// The value of the attention kernels' `HEAD` axis for heads of `head`
    /// columns: the first width, in vectors of four, that they fit.
    #[must_use]
    pub fn head_width(&self, head: usize) -> &'static str {
        let fits = |width: &&&str| width.parse().is_ok_and(|w: usize| head.div_ceil(4) <= w);
        let widest = self.head_widths.last().copied().unwrap_or("any");
        self.head_widths
            .iter()
            .find(fits)
            .copied()
            .unwrap_or(widest)
    }
}

impl Gpu {
    /// The value of the shaders' `WEIGHTS` axis that reads weights of a type in
    /// this device's tier.
    #[must_use]
    pub fn weights_axis(&self, weights: WeightType) -> &'static str {
        match weights {
            WeightType::F16 if self.tier().f16 && self.tuning.native_f16 => "f16_native",
            _ => self.stored_axis(weights),
        }
    }

    /// The value of the `WEIGHTS` axis that says how weights are stored.
    #[must_use]
    pub fn stored_axis(&self, weights: WeightType) -> &'static str {
        match weights {
            WeightType::F32 => "f32",
            WeightType::F16 => "f16",
            WeightType::Bf16 => "bf16",
        }
    }

    /// The preferred variant of a shader that has the values of `fixed` too and
    /// runs in this device's tier.
    ///
    /// # Errors
    /// [`crate::Error::Gpu`] when there is none: a mistake in the table.
    pub fn select(
        &self,
        shader: &Shader,
        preferences: Preferences,
        fixed: Choice<'_>,
    ) -> Result<usize> {
        let mut last = Err(crate::Error::Gpu(format!(
            "{} has no preferred variant",
            shader.name
        )));
        for preferred in preferences {
            let wanted: Vec<(&str, &str)> = preferred.iter().chain(fixed).copied().collect();
            last = shader.variant(&wanted, self.tier());
            if last.is_ok() {
                break;
            }
        }
        last
    }
}
