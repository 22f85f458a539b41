//! What has been found out about a device: how far it can be trusted, and which
//! variants of its kernels are the fastest.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::tier::Tier;

/// The shape of a step for which there are several variants: steps of the same shape
/// take the same variant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepShape {
    /// The kernel.
    pub kernel: &'static str,
    /// The variants to choose among, by their places in the shader's list.
    pub candidates: Vec<usize>,
    /// Items in x and y: fixed ones and those per row.
    pub grid: [(u32, u32); 2],
    /// Operations per row.
    pub flops: u64,
    /// Bytes of weights.
    pub bytes: u64,
}

/// `6144 x rows, 25.2 MFLOP per row, 25.2 MB`.
impl fmt::Display for StepShape {
    #[expect(clippy::cast_precision_loss, reason = "shown with a few digits")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |(fixed, factor): (u32, u32)| match (fixed, factor) {
            (0, 1) => "rows".to_owned(),
            (0, factor) => format!("{factor} rows"),
            (fixed, _) => fixed.to_string(),
        };
        let [x, y] = self.grid.map(side);
        let (flops, bytes) = (self.flops as f64 / 1e6, self.bytes as f64 / 1e6);
        write!(f, "{x} x {y}, {flops:.3} MFLOP per row, {bytes:.3} MB")
    }
}

/// What a device keeps of it while it is open.
#[derive(Debug, Default)]
pub(super) struct Choices(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    tier: Option<Tier>,
    fastest: BTreeMap<StepShape, usize>,
}

impl Choices {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The tier that it was lowered to, if it was.
    pub(super) fn tier(&self) -> Option<Tier> {
        self.with(|state| state.tier)
    }

    pub(super) fn lower(&self, tier: Tier) {
        self.with(|state| state.tier = Some(tier));
    }

    pub(super) fn fastest(&self, shape: &StepShape) -> Option<usize> {
        self.with(|state| state.fastest.get(shape).copied())
    }

    pub(super) fn choose(&self, shape: StepShape, variant: usize) {
        self.with(|state| state.fastest.insert(shape, variant));
    }
}
