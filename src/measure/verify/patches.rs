//! Where patches start and close, carried from run to run, and the sizes of the
//! steps that follow from it.

use super::Check;
use crate::bytes::EOS;
use crate::device::kernels::{
    ClosePatches as ClosePatchesKernel, ClosePatchesParams, DispatchGrids, DispatchGridsParams,
    PatchStarts, PatchStartsCarry, PatchStartsParams,
};
use crate::device::plan::{Extent, ONE};
use crate::error::Result;
use crate::model::part::count;
use crate::reference::{ClosePatches, PatchRule, PatchScan, RowRange, dispatch_grids as grids_of};

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

pub(super) async fn close_patches(check: &mut Check<'_>) -> Result<f64> {
    // Vectors per patch, and the windows in patches.
    for (k, encoder_window, decoder_window) in [(1, 1, 1), (2, 3, 1), (4, 1, 5), (3, 64, 7)] {
        let mut closing = ClosePatches::new(k, encoder_window, decoder_window);
        let carry = check.tensor(&[0u32; 192]);
        // The open patch, and those that the window reaches.
        let slots = encoder_window + 1;
        let mut begins_now = vec![u32::MAX; slots];
        begins_now[0] = 0;
        let begins = check.tensor(&begins_now);
        let mut patches = 0;
        for rows in [1, 1, 2, 7, 1, 40, 33, 1, 96] {
            let room = 96;
            let mut numbers = Vec::new();
            let mut starts = Vec::new();
            let ids: Vec<u32> = (0..rows)
                .map(|_| check.below(260).max(EOS))
                .map(|id| if id % 9 == 0 { EOS } else { id })
                .collect();
            for _ in 0..rows {
                // The first token's patch is always closed after it.
                let start = patches == 0 || check.below(3) == 0;
                patches += u32::from(start);
                starts.push(start);
                numbers.push(patches - 1);
            }
            let flags: Vec<u32> = starts.iter().map(|start| u32::from(*start)).collect();
            let spare = |values: &[u32]| [values, &[1; 3]].concat();
            let (state, ids_in) = (check.state(rows, 0), check.tensor(&spare(&ids)));
            let (starts_in, patches_in) =
                (check.tensor(&spare(&flags)), check.tensor(&spare(&numbers)));
            let (ranges, spans) = (check.poisoned(room * 3 * 2), check.poisoned(room));
            let kernel = ClosePatchesKernel {
                state: state.all(),
                ids: ids_in.all(),
                starts: starts_in.all(),
                patches: patches_in.all(),
                carry: carry.all(),
                begins: begins.all(),
                ranges: ranges.all(),
                spans: spans.all(),
            };
            let params = ClosePatchesParams {
                k: count(k),
                encoder_window: count(encoder_window),
                decoder_window: count(decoder_window),
                begins: count(slots),
                rows: count(room),
            };
            check.run(&kernel, params, [ONE, ONE], rows).await?;

            let closed = closing.run(&ids, &starts, &numbers);
            let pair = |range: &RowRange| [Some(count(range.0)), Some(count(range.1))];
            let mut want: Vec<[Option<u32>; 2]> = closed.keys.iter().map(pair).collect();
            want.resize(room, [None; 2]);
            for (seen, own) in closed.seen.iter().zip(&closed.own) {
                want.extend([pair(seen), pair(own)]);
            }
            want.resize(3 * room, [None; 2]);
            check
                .integers(&ranges, want.as_flattened().iter().copied())
                .await?;
            let mut want: Vec<Option<u32>> = closed.spans.iter().copied().map(Some).collect();
            want.resize(room, None);
            check.integers(&spans, want).await?;
            // The states of plans over the patches and over their vectors.
            let (number, first) = (closed.own.len(), closed.first);
            let mut want = vec![Some(0); 66];
            want[..2].copy_from_slice(&[number, first].map(|n| Some(count(n))));
            want[64..].copy_from_slice(&[number * k, first * k].map(|n| Some(count(n))));
            check.integers(&carry, want).await?;
        }
    }
    Ok(0.0)
}

pub(super) async fn dispatch_grids(check: &mut Check<'_>) -> Result<f64> {
    for (steps, rows) in [(1, 1), (7, 0), (65, 3), (200, 70)] {
        let shapes: Vec<[u32; 4]> = (0..2 * steps)
            .map(|_| {
                let (fixed, factor) = match check.below(3) {
                    0 => (1 + check.below(5000), 0),
                    1 => (0, 1),
                    _ => (0, 1 + check.below(4)),
                };
                [fixed, factor, 1 + check.below(64), 0]
            })
            .collect();
        let (steps_in, grids) = (check.tensor(&shapes), check.poisoned(3 * steps + 3));
        let state = check.state(rows, 0);
        let kernel = DispatchGrids {
            state: state.all(),
            steps: steps_in.all(),
            grids: grids.all(),
        };
        let params = DispatchGridsParams {
            steps: count(steps),
        };
        let grid = [Extent::Items(steps), ONE];
        check.run(&kernel, params, grid, rows).await?;
        let want = grids_of(&shapes, count(rows));
        let want = want.into_iter().flatten().map(Some);
        check
            .integers(&grids, want.chain(std::iter::repeat(None)))
            .await?;
    }
    Ok(0.0)
}
