//! Patch starts and their prefix sum, carried from run to run.

use super::Check;
use crate::error::Result;
use crate::gpu::kernels::{PatchStarts, PatchStartsCarry, PatchStartsParams};
use crate::gpu::plan::ONE;
use crate::reference::{PatchRule, PatchScan};

fn params(rule: PatchRule, max_length: u32) -> PatchStartsParams {
    let plain = PatchStartsParams {
        max_length,
        size: 1,
        ..Default::default()
    };
    match rule {
        PatchRule::Global(threshold) => PatchStartsParams {
            rule: 0,
            threshold,
            ..plain
        },
        PatchRule::Monotonic(threshold) => PatchStartsParams {
            rule: 1,
            threshold,
            ..plain
        },
        PatchRule::GlobalAndMonotonic(threshold, threshold_add) => PatchStartsParams {
            rule: 2,
            threshold,
            threshold_add,
            ..plain
        },
        PatchRule::Space => PatchStartsParams { rule: 3, ..plain },
        PatchRule::Static(size) => PatchStartsParams {
            rule: 4,
            size,
            ..plain
        },
        PatchRule::Byte => PatchStartsParams { rule: 5, ..plain },
        PatchRule::Delimiter => PatchStartsParams { rule: 6, ..plain },
    }
}

pub(super) async fn patch_starts(check: &mut Check<'_>) -> Result<f64> {
    let rules = [
        PatchRule::Global(1.5),
        PatchRule::Monotonic(0.4),
        PatchRule::GlobalAndMonotonic(1.0, 0.2),
        PatchRule::Space,
        PatchRule::Static(5),
        PatchRule::Byte,
        PatchRule::Delimiter,
    ];
    for rule in rules {
        for max_length in [0, 1, 3, 40] {
            let mut scan = PatchScan::new(rule, (max_length > 0).then_some(max_length));
            let carry = check.tensor(&[PatchStartsCarry::default()]);
            // One row at a time, fewer than a workgroup, more than one.
            for rows in [1, 1, 1, 2, 7, 150, 1, 64, 9] {
                let ids: Vec<u32> = (0..rows).map(|_| check.below(260)).collect();
                let results: Vec<[f32; 2]> = check
                    .values(rows, 1.5)
                    .iter()
                    .map(|h| [h + 1.5, 0.0])
                    .collect();
                let (starts, patches) = (check.poisoned(rows + 3), check.poisoned(rows + 3));
                let (state, ids_in) = (check.state(rows, 0), check.tensor(&ids));
                let entropies = check.tensor(&results);
                let kernel = PatchStarts {
                    state: state.all(),
                    ids: ids_in.all(),
                    entropies: entropies.all(),
                    carry: carry.all(),
                    starts: starts.all(),
                    patches: patches.all(),
                };
                check
                    .run(&kernel, params(rule, max_length), [ONE, ONE], rows)
                    .await?;
                let want: Vec<(bool, u64)> = ids
                    .iter()
                    .zip(&results)
                    .map(|(id, [h, _])| scan.push(*id, *h))
                    .collect();
                let none = || std::iter::repeat_n(None, 3);
                let flags = want.iter().map(|(start, _)| Some(u32::from(*start)));
                check.integers(&starts, flags.chain(none())).await?;
                let patch_ids = want.iter().map(|(_, patch)| u32::try_from(*patch).ok());
                check.integers(&patches, patch_ids.chain(none())).await?;
            }
        }
    }
    Ok(0.0)
}
