//! The books of the patches: where they start, what closes, and who sees what.

use super::ends::per_row;
use super::part::{PartPlan, count};
use crate::device::Tensor;
use crate::device::kernels::{
    CLOSE_PATCHES, ClosePatches, ClosePatchesParams, ENTROPY_START, EntropyStart,
    EntropyStartParams, PATCH_STARTS, PatchStarts, PatchStartsCarry, PatchStartsParams,
};
use crate::device::plan::ONE;
use crate::device::tensor::Allocator;
use crate::error::Result;

/// Where patches start in a run, and what that is found by.
#[derive(Clone, Copy, Debug)]
pub struct Starts<'a> {
    /// Ids of the run, `[T]`.
    pub ids: &'a Tensor,
    /// What one run leaves for the next.
    pub carry: &'a Tensor,
    /// 1 where a patch starts after a row, `[T]`.
    pub starts: &'a Tensor,
    /// The last closed patch once a row is done, `[T]`.
    pub patches: &'a Tensor,
}

/// Buffers about the patches of a session.
#[derive(Debug)]
pub struct PatchBuffers {
    /// 1 where a patch starts after a row, `[T]`.
    pub starts: Tensor,
    /// The last closed patch once a row is done, `[T]`.
    pub patches: Tensor,
    /// What `patch_starts` keeps from run to run.
    pub starts_carry: Tensor,
    /// What `close_patches` keeps, behind the states below.
    pub carry: Tensor,
    /// First positions of the last patches.
    pub begins: Tensor,
    /// Patches that each closed patch sees, `[T]`.
    pub spans: Tensor,
    ranges: Tensor,
    rows: usize,
    begin_slots: usize,
}

/// Where `close_patches` keeps its own words in `carry`.
pub(crate) const CARRY_WORDS: usize = 192;
/// The first of them: position, first patch of the document, EOS in the open patch.
pub(crate) const CARRY_OWN: usize = 128;

/// What `patch_starts` keeps, before the first run.
pub(super) fn starts_carry(tensors: &Allocator<'_>) -> Tensor {
    let words = size_of::<PatchStartsCarry>() / 4;
    tensors.filled("starts carry", words, || vec![PatchStartsCarry::default()])
}

impl PatchBuffers {
    /// Buffers for runs of up to `rows` rows, with the begins of the last
    /// `begin_slots` patches.
    #[must_use]
    pub fn new(tensors: &Allocator<'_>, rows: usize, begin_slots: usize) -> Self {
        // `ranges` is bound in two parts.
        let rows = rows.next_multiple_of(32);
        Self {
            starts: tensors.tensor("starts", rows),
            patches: tensors.tensor("patches", rows),
            starts_carry: starts_carry(tensors),
            carry: tensors.tensor("patch carry", CARRY_WORDS),
            begins: tensors.tensor("begins", begin_slots),
            spans: tensors.tensor("patch spans", rows),
            ranges: tensors.tensor("ranges", rows * 6),
            rows,
            begin_slots,
        }
    }

    /// Where a run of these ids tells where patches start.
    pub(crate) fn starts<'a>(&'a self, ids: &'a Tensor) -> Starts<'a> {
        Starts {
            ids,
            carry: &self.starts_carry,
            starts: &self.starts,
            patches: &self.patches,
        }
    }

    /// The state of plans over patches: how many closed in this run, and how
    /// many before.
    #[must_use]
    pub fn state(&self) -> Tensor {
        self.carry.part(0, 2)
    }

    /// The same in vectors, k per patch.
    #[must_use]
    pub fn vectors_state(&self) -> Tensor {
        self.carry.part(64, 2)
    }

    /// Per row of bytes, the vectors that its decoder sees, `[T]` pairs.
    #[must_use]
    pub fn byte_ranges(&self) -> Tensor {
        self.ranges.part(0, self.rows * 2)
    }

    /// Per closed patch, the bytes that it sees and its own, `[P, 2]` pairs.
    #[must_use]
    pub fn patch_ranges(&self) -> Tensor {
        self.ranges.part(self.rows * 2, self.rows * 4)
    }

    /// How many begins are kept.
    #[must_use]
    pub fn begin_slots(&self) -> usize {
        self.begin_slots
    }
}

/// What the books need to know of a model.
#[derive(Clone, Copy, Debug)]
pub struct PatchShape {
    /// Vectors per patch.
    pub k: usize,
    /// Patches whose bytes a patch attends to.
    pub encoder_window: usize,
    /// Patches that a byte attends to.
    pub decoder_window: usize,
}

impl PartPlan<'_> {
    /// Where patches start, from the ids and entropies of a run and what the
    /// one before left in `carry`.
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub fn patch_starts(
        &mut self,
        state: &Tensor,
        entropies: &Tensor,
        found: Starts<'_>,
        rule: PatchStartsParams,
    ) -> Result<()> {
        let device = self.device();
        let variant = device.select(&PATCH_STARTS, &[&[]], &[])?;
        let kernel = PatchStarts {
            state: state.all(),
            ids: found.ids.all(),
            entropies: entropies.all(),
            carry: found.carry.all(),
            starts: found.starts.all(),
            patches: found.patches.all(),
        };
        let work = per_row(8.0, 20);
        self.push("patch_starts", &kernel, variant, rule, [ONE, ONE], work);
        Ok(())
    }

    /// The entropy of a single row, and whether a patch starts there: [`PartPlan::entropy`]
    /// and [`PartPlan::patch_starts`] in one step.
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub fn entropy_start(
        &mut self,
        state: &Tensor,
        (targets, logits, result): (&Tensor, &Tensor, &Tensor),
        vocabulary: usize,
        found: Starts<'_>,
        rule: PatchStartsParams,
    ) -> Result<()> {
        let device = self.device();
        let variant = device.select(&ENTROPY_START, device.tuning.entropy, &[])?;
        let kernel = EntropyStart {
            state: state.all(),
            targets: targets.all(),
            logits: logits.all(),
            ids: found.ids.all(),
            entropies: result.all(),
            carry: found.carry.all(),
            starts: found.starts.all(),
            patches: found.patches.all(),
        };
        let params = EntropyStartParams {
            vocabulary: count(vocabulary),
            rule: rule.rule,
            threshold: rule.threshold,
            threshold_add: rule.threshold_add,
            size: rule.size,
            max_length: rule.max_length,
        };
        let work = per_row(18.0, vocabulary * 8 + 20);
        self.push("entropy_start", &kernel, variant, params, [ONE, ONE], work);
        Ok(())
    }

    /// Closes the patches of a run.
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub fn close_patches(
        &mut self,
        state: &Tensor,
        ids: &Tensor,
        buffers: &PatchBuffers,
        shape: PatchShape,
    ) -> Result<()> {
        let variant = self.device().select(&CLOSE_PATCHES, &[&[]], &[])?;
        let kernel = ClosePatches {
            state: state.all(),
            ids: ids.all(),
            starts: buffers.starts.all(),
            patches: buffers.patches.all(),
            carry: buffers.carry.all(),
            begins: buffers.begins.all(),
            ranges: buffers.ranges.all(),
            spans: buffers.spans.all(),
        };
        let params = ClosePatchesParams {
            k: count(shape.k),
            encoder_window: count(shape.encoder_window),
            decoder_window: count(shape.decoder_window),
            begins: count(buffers.begin_slots),
            rows: count(buffers.rows),
        };
        let work = per_row(0.0, 50);
        self.push("close_patches", &kernel, variant, params, [ONE, ONE], work);
        Ok(())
    }
}
