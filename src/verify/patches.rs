//! Where patches start and close, carried from run to run, and the sizes of the
//! steps that follow from it.

use super::Inputs;
use super::case::Case;
use crate::bytes::EOS;
use crate::device::kernels::{
    ClosePatches, ClosePatchesParams, DispatchGrids, DispatchGridsParams, EntropyStart,
    EntropyStartCarry, EntropyStartParams, PatchStarts, PatchStartsCarry, PatchStartsParams,
};
use crate::device::plan::{Extent, ONE};
use crate::device::tensor::count;

/// Every rule with every limit on length.
fn rules() -> Vec<PatchStartsParams> {
    // The rules with their thresholds and size, in the order of their numbers.
    let rules = [
        (1.5, 0.0, 1),
        (0.4, 0.0, 1),
        (1.0, 0.2, 1),
        (0.0, 0.0, 1),
        (0.0, 0.0, 5),
        (0.0, 0.0, 1),
        (0.0, 0.0, 1),
    ];
    let rules = (0..).zip(rules);
    let all = rules.flat_map(|(rule, (threshold, threshold_add, size))| {
        [0, 1, 3, 40].map(|max_length| PatchStartsParams {
            rule,
            threshold,
            threshold_add,
            size,
            max_length,
        })
    });
    all.collect()
}

pub(super) fn entropy_start(inputs: &mut Inputs) -> Vec<Case> {
    let case = |rule: PatchStartsParams| {
        let mut case = inputs.case();
        let carry = case.carried(EntropyStartCarry::default());
        // One text after the other; logits from nearly even to nearly certain.
        for (at, vocabulary) in [260, 260, 1, 7, 260, 260, 515, 260].into_iter().enumerate() {
            let scale = [0.5, 3.0, 9.0, 30.0][at % 4];
            let logits = case.numbers(vocabulary, scale);
            let target = [case.below(count(vocabulary)), u32::MAX][at % 2];
            let buffers = [
                case.input(&[target]),
                case.input(&logits),
                case.input(&[[2, 3, 4 + 32, 4 + 97][at % 4]]),
                case.output(2, 2),
                carry,
                case.output(1, 3),
                case.output(1, 3),
            ];
            let params = EntropyStartParams {
                vocabulary: count(vocabulary),
                rule: rule.rule,
                threshold: rule.threshold,
                threshold_add: rule.threshold_add,
                size: rule.size,
                max_length: rule.max_length,
            };
            case.step::<EntropyStart>(1, &buffers, params, [ONE, ONE]);
        }
        case
    };
    rules().into_iter().map(case).collect()
}

pub(super) fn patch_starts(inputs: &mut Inputs) -> Vec<Case> {
    let mut cases = Vec::new();
    for params in rules() {
        let mut case = inputs.case();
        let carry = case.in_place(&[PatchStartsCarry::default()], 0);
        // One row at a time, fewer than a workgroup, more than one.
        for rows in [1, 1, 1, 2, 7, 150, 1, 64, 9] {
            let ids: Vec<u32> = (0..rows).map(|_| case.below(260)).collect();
            let entropies = case.numbers(rows, 1.5);
            let results: Vec<[f32; 2]> = entropies.iter().map(|h| [h + 1.5, 0.0]).collect();
            let buffers = [
                case.input(&ids),
                case.input(&results),
                carry,
                case.output(rows, 3),
                case.output(rows, 3),
            ];
            case.step::<PatchStarts>(rows, &buffers, params, [ONE, ONE]);
        }
        cases.push(case);
    }
    cases
}

pub(super) fn close_patches(inputs: &mut Inputs) -> Vec<Case> {
    // Vectors per patch, and the windows in patches.
    let shapes = [(1, 1, 1), (2, 3, 1), (4, 1, 5), (3, 64, 7)];
    let case = |(k, encoder_window, decoder_window)| {
        let mut case = inputs.case();
        let carry = case.in_place(&[0u32; 192], 0);
        // The open patch, and those that the window reaches.
        let slots = encoder_window + 1;
        let mut begins = vec![u32::MAX; slots];
        begins[0] = 0;
        let begins = case.in_place(&begins, 0);
        let capacity = 96;
        let mut patches = 0u32;
        for rows in [1, 1, 2, 7, 1, 40, 33, 1, 96] {
            let ids: Vec<u32> = (0..rows)
                .map(|_| case.below(260).max(EOS))
                .map(|id| if id % 9 == 0 { EOS } else { id })
                .collect();
            let (mut starts, mut numbers) = (Vec::new(), Vec::new());
            for _ in 0..rows {
                // The first token's patch is always closed after it.
                let start = u32::from(patches == 0 || case.below(3) == 0);
                patches += start;
                starts.push(start);
                numbers.push(patches - 1);
            }
            let mut spare = |values: &[u32]| case.input(&[values, &[1; 3]].concat());
            let (ids, starts, numbers) = (spare(&ids), spare(&starts), spare(&numbers));
            let ranges = case.output(capacity * 3 * 2, 0);
            let spans = case.output(capacity, 0);
            let params = ClosePatchesParams {
                k,
                encoder_window: count(encoder_window),
                decoder_window,
                begins: count(slots),
                rows: count(capacity),
            };
            let buffers = [ids, starts, numbers, carry, begins, ranges, spans];
            case.step::<ClosePatches>(rows, &buffers, params, [ONE, ONE]);
        }
        case
    };
    shapes.map(case).into()
}

/// Only GPUs have this kernel, so that there is no other device to compare with.
pub(super) fn dispatch_grids(inputs: &mut Inputs) -> Vec<Case> {
    let case = |(steps, rows)| {
        let mut case = inputs.case();
        let axis = |_| {
            let (items, factor) = match case.below(3) {
                0 => (1 + case.below(5000), 0),
                1 => (0, 1),
                _ => (0, 1 + case.below(4)),
            };
            [items, factor, 1 + case.below(64), 0]
        };
        let axes: Vec<[u32; 4]> = (0..2 * steps).map(axis).collect();
        let (axes_in, grids) = (case.input(&axes), case.output(3 * steps, 3));
        let params = DispatchGridsParams {
            steps: count(steps),
        };
        let grid = [Extent::Items(steps), ONE];
        case.step::<DispatchGrids>(rows, &[axes_in, grids], params, grid);
        let groups = |[items, factor, tile, _]: [u32; 4]| match rows {
            0 => 0,
            _ => (items + factor * count(rows)).div_ceil(tile),
        };
        let want = axes.chunks_exact(2).flat_map(|axes| {
            let [x, y] = [axes[0], axes[1]].map(groups);
            [x, y, x.min(1)]
        });
        case.expect(grids, &want.collect::<Vec<u32>>());
        case
    };
    [(1, 1), (7, 0), (65, 3), (200, 70)].map(case).into()
}
