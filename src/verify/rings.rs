//! Rows kept in a ring, taken out of one, pooled and put side by side.

use super::Inputs;
use super::case::{Buffer, Case};
use crate::device::kernels::{
    Concatenate, ConcatenateParams, GatherAdd, GatherAddParams, Pool, PoolParams, RingStore,
    RingStoreParams,
};
use crate::device::plan::Extent;
use crate::device::tensor::count;

/// Random rows `[positions, columns]`, and the ring that holds the last `slots`
/// of them, the first in slot `first`; slots that hold nothing are NaN.
pub(super) fn ring(
    case: &mut Case,
    positions: usize,
    (first, slots): (usize, usize),
    columns: usize,
) -> (Vec<f32>, Buffer) {
    let rows = case.numbers(positions * columns, 2.0);
    let mut ring = vec![f32::NAN; slots * columns];
    for (position, row) in rows.chunks_exact(columns).enumerate() {
        let slot = (first + position) % slots;
        ring[slot * columns..(slot + 1) * columns].copy_from_slice(row);
    }
    let buffer = case.input(&ring);
    (rows, buffer)
}

/// Ranges of positions: the first and their number.
pub(super) struct Ranges(pub(super) Vec<(usize, usize)>);

impl Ranges {
    /// Random ones among the last `slots` of `positions` positions; the first of them
    /// is all that the ring holds, the second a single row.
    pub(super) fn new(case: &mut Case, number: usize, positions: usize, slots: usize) -> Self {
        let oldest = positions.saturating_sub(slots);
        let ranges = (0..number).map(|i| match i {
            0 => (oldest, positions - oldest),
            1 => (positions - 1, 1),
            _ => {
                let first = oldest + case.below(count(positions - oldest)) as usize;
                let rest = (positions - first).min(11);
                (first, 1 + case.below(count(rest)) as usize)
            }
        });
        Self(ranges.collect())
    }

    /// As the decoder has them, and more beyond the rows of the run.
    pub(super) fn alone(&self) -> Vec<[u32; 2]> {
        let ranges = self
            .0
            .iter()
            .map(|(first, rows)| [*first, *rows].map(count));
        ranges.chain([[0, 1]; 3]).collect()
    }

    /// As the encoder has them: at `place` of two, with others beside them that are
    /// not meant.
    pub(super) fn with_others(&self, place: usize) -> Vec<[u32; 2]> {
        let pair = |range| match place {
            0 => [range, [0, 1]],
            _ => [[0, 1], range],
        };
        self.alone().into_iter().flat_map(pair).collect()
    }
}

/// Rows, columns, slots of the ring: one, odd, beyond a workgroup.
const SHAPES: [(usize, usize, usize); 4] = [(1, 4, 1), (3, 8, 8), (9, 260, 16), (70, 36, 128)];

pub(super) fn ring_store(inputs: &mut Inputs) -> Vec<Case> {
    let case = |(rows, columns, slots)| {
        let mut case = inputs.case();
        let x = case.numbers((rows + 3) * columns, 2.0);
        let (x, ring) = (case.input(&x), case.output(slots * columns, columns));
        let params = RingStoreParams {
            columns4: count(columns / 4),
            slots: count(slots),
        };
        let grid = [Extent::Items(columns / 4), Extent::Rows];
        // The ring wraps within the run.
        case.step_in_ring::<RingStore>((rows, slots - 1), &[x, ring], params, grid);
        case
    };
    SHAPES.map(case).into()
}

pub(super) fn gather_add(inputs: &mut Inputs) -> Vec<Case> {
    let case = |(rows, columns, slots)| {
        let mut case = inputs.case();
        let vectors = case.numbers(slots * columns, 2.0);
        // Patches of the third turn around the ring.
        let seen = |_| count(2 * slots) + case.below(count(slots));
        let seen: Vec<u32> = (0..rows + 3).map(seen).collect();
        let x = case.numbers((rows + 3) * columns, 2.0);
        let buffers = [
            case.input(&seen),
            case.input(&vectors),
            case.in_place(&x, 3 * columns),
        ];
        let params = GatherAddParams {
            columns4: count(columns / 4),
            slots: count(slots),
        };
        let grid = [Extent::Items(columns / 4), Extent::Rows];
        case.step::<GatherAdd>(rows, &buffers, params, grid);
        case
    };
    SHAPES.map(case).into()
}

pub(super) fn pool(inputs: &mut Inputs) -> Vec<Case> {
    // Patches, columns, positions, slots of the ring.
    let shapes = [
        (1, 4, 1, 8),
        (3, 8, 40, 16),
        (9, 260, 70, 64),
        (70, 36, 512, 128),
    ];
    let case = |(patches, columns, positions, slots)| {
        let mut case = inputs.case();
        let (_, ring) = ring(&mut case, positions, (0, slots), columns);
        let ranges = Ranges::new(&mut case, patches, positions, slots);
        let ranges = case.input(&ranges.with_others(1));
        // The three kinds side by side, with a gap before and after.
        let stride = 3 * columns + 8;
        let y = case.output(patches * stride, 3 * stride);
        for kind in 0..3 {
            let params = PoolParams {
                columns4: count(columns / 4),
                slots: count(slots),
                kind: count(kind),
                stride4: count(stride / 4),
                first4: count((4 + kind * columns) / 4),
            };
            let grid = [Extent::Items(columns / 4), Extent::Rows];
            case.step::<Pool>(patches, &[ranges, ring, y], params, grid);
        }
        case
    };
    shapes.map(case).into()
}

pub(super) fn concatenate(inputs: &mut Inputs) -> Vec<Case> {
    // Patches, columns, positions, slots, bytes per patch.
    let shapes = [
        (1, 4, 1, 8, 3),
        (3, 8, 5, 8, 4),
        (9, 260, 60, 64, 1),
        (70, 12, 60, 64, 8),
    ];
    let case = |(patches, columns, positions, slots, bytes)| {
        let mut case = inputs.case();
        let (_, ring) = ring(&mut case, positions, (0, slots), columns);
        let ranges = Ranges::new(&mut case, patches, positions, slots);
        let ranges = case.input(&ranges.with_others(1));
        let y = case.output(patches * bytes * columns, 3 * bytes * columns);
        let params = ConcatenateParams {
            columns4: count(columns / 4),
            slots: count(slots),
            bytes: count(bytes),
        };
        let grid = [Extent::Items(bytes * columns / 4), Extent::Rows];
        case.step::<Concatenate>(patches, &[ranges, ring, y], params, grid);
        case
    };
    shapes.map(case).into()
}
