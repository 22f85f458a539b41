//! Every tuning constant of the crate, one row per class of device.
//!
//! The figures behind the choices are in `docs/performance.md`.

use super::kernel::Choice;
use super::summary::DeviceClass;

/// Variants in order of preference; the first that the tier allows is taken.
pub(super) type Preferences = &'static [Choice<'static>];

/// When a graphics adapter's kernels are timed, to take the fastest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tune {
    /// When a model is loaded whose kernels have not been timed on this adapter with
    /// this driver; not on software drivers, which are for tests.
    #[default]
    Auto,
    /// Never; the table's choices are taken.
    Off,
    /// Now, whatever is known already.
    Again,
}

/// The choices for one class of device.
#[derive(Debug)]
pub struct Tuning {
    /// Rows that one run of a plan computes at most; a power of two.
    pub chunk_rows: u32,
    /// Dispatches per submission at most.
    pub dispatches_per_submission: usize,
    /// RMSNorm.
    pub rms_norm: Preferences,
    /// Linear layer, one row.
    pub linear_one: Preferences,
    /// Linear layer, 2 rows: the vectors of a patch, in many models.
    pub linear_two: Preferences,
    /// Linear layer, 2 to 8 rows.
    pub linear_few: Preferences,
    /// Linear layer of more rows.
    pub linear_many: Preferences,
    /// Attention of up to 8 rows, and that between bytes and patches.
    pub attention: Preferences,
    /// Attention of more rows.
    pub attention_many: Preferences,
    /// Keys of a row beyond which attention cuts them into parts, each for a
    /// workgroup of its own, and joins these in a second step.
    pub attention_keys: usize,
    /// Entropies and log-probabilities.
    pub entropy: Preferences,
    /// Queries, keys and values, one row.
    pub qkv: Preferences,
    /// The gated product of SwiGLU, one row.
    pub gate_up: Preferences,
    /// What one row finds in cross-attention, and the layer after it.
    pub cross_row: Preferences,
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

const GPU: Tuning = Tuning {
    chunk_rows: 512,
    dispatches_per_submission: 512,
    rms_norm: REDUCED,
    linear_one: &[
        &[("METHOD", "subgroup"), ("ROWS", "1")],
        &[("METHOD", "tree"), ("ROWS", "1")],
    ],
    linear_two: &[
        &[("METHOD", "subgroup"), ("ROWS", "2")],
        &[("METHOD", "tree"), ("ROWS", "2")],
    ],
    linear_few: &[
        &[("METHOD", "subgroup"), ("ROWS", "8")],
        &[("METHOD", "tree"), ("ROWS", "8")],
    ],
    linear_many: &[
        &[("UNITS", "fma")],
        &[("UNITS", "matrix16")],
        &[("UNITS", "matrix8")],
    ],
    attention: REDUCED,
    // Heads of 64 columns have the second form only.
    attention_many: &[&[("KEYS", "32")], &[("KEYS", "64")]],
    attention_keys: 512,
    entropy: REDUCED,
    qkv: REDUCED,
    gate_up: REDUCED,
    cross_row: REDUCED,
    latent_step: LatentStep::Indirect,
};

/// How the invocations of a workgroup join their partial results.
const REDUCED: Preferences = &[&[("METHOD", "subgroup")], &[("METHOD", "tree")]];

const DISCRETE: Tuning = Tuning {
    chunk_rows: 1024,
    ..GPU
};
const INTEGRATED: Tuning = GPU;
/// Software drivers run the kernels of GPUs, for tests; a chunk is short, so that
/// one does not hold up whoever waits.
const SOFTWARE: Tuning = Tuning {
    chunk_rows: 256,
    ..GPU
};
/// The processor has one form of each kernel. A chunk is short, so that it can be interrupted,
/// and has room for 256 bytes and the BOS before them.
const CPU: Tuning = Tuning {
    chunk_rows: 288,
    attention_keys: usize::MAX,
    latent_step: LatentStep::WorstCase,
    ..GPU
};

static TABLE: [(DeviceClass, Tuning); 5] = [
    (DeviceClass::Discrete, DISCRETE),
    (DeviceClass::Integrated, INTEGRATED),
    (DeviceClass::Virtual, INTEGRATED),
    (DeviceClass::Cpu, CPU),
    (DeviceClass::Software, SOFTWARE),
];

impl Tuning {
    /// The row of the table for a class of device.
    #[must_use]
    pub fn of(class: DeviceClass) -> &'static Self {
        let [.., (_, last)] = &TABLE;
        let row = TABLE.iter().find(|(own, _)| *own == class);
        row.map_or(last, |(_, tuning)| tuning)
    }
}
