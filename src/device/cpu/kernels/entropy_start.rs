//! Entropy of the next byte of a single row, and whether a patch starts there.

use super::{entropy, patch_starts};
use crate::device::bindings::{
    EntropyCpu, EntropyParams, EntropyStartCpu, EntropyStartParams, PatchStartsCpu,
    PatchStartsParams,
};
use crate::device::cpu::Cpu;

pub(crate) fn run(k: EntropyStartCpu<'_>, p: &EntropyStartParams, cpu: &Cpu) {
    let EntropyStartCpu {
        state,
        targets,
        logits,
        ids,
        entropies,
        carry,
        starts,
        patches,
        ..
    } = k;
    let views = EntropyCpu {
        state,
        targets,
        logits,
        result: &mut *entropies,
    };
    let params = EntropyParams {
        vocabulary: p.vocabulary,
        stride: p.vocabulary,
    };
    entropy::run(views, &params, cpu);
    let views = PatchStartsCpu {
        state,
        ids,
        entropies,
        carry: bytemuck::cast_mut(carry),
        starts,
        patches,
    };
    let params = PatchStartsParams {
        rule: p.rule,
        threshold: p.threshold,
        threshold_add: p.threshold_add,
        size: p.size,
        max_length: p.max_length,
    };
    patch_starts::run(views, &params, cpu);
}
