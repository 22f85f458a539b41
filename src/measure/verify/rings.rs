//! Rows kept in a ring, and taken out of one.

use super::{Check, some};
use crate::device::kernels::{GatherAdd, GatherAddParams, RingStore, RingStoreParams};
use crate::device::plan::Extent;
use crate::error::Result;
use crate::model::part::count;
use crate::reference;

/// Rows, columns, slots of the ring: one, odd, beyond a workgroup.
const SHAPES: [(usize, usize, usize); 4] = [(1, 4, 1), (3, 8, 8), (9, 260, 16), (70, 36, 128)];

pub(super) async fn ring_store(check: &mut Check<'_>) -> Result<f64> {
    for (rows, columns, slots) in SHAPES {
        let x = check.values((rows + 3) * columns, 2.0);
        // The ring wraps within the run.
        let first_slot = slots - 1;
        let (x_in, ring) = (check.tensor(&x), check.poisoned((slots + 1) * columns));
        let state = check.state(rows, first_slot);
        let kernel = RingStore {
            state: state.all(),
            x: x_in.all(),
            ring: ring.all(),
        };
        let params = RingStoreParams {
            columns4: count(columns / 4),
            slots: count(slots),
        };
        let grid = [Extent::Items(columns / 4), Extent::Rows];
        check.run(&kernel, params, grid, rows).await?;
        let mut want = vec![None; (slots + 1) * columns];
        let kept = some(&x[..rows * columns]);
        reference::ring_store(&mut want[..slots * columns], &kept, first_slot, columns);
        check.floats(&ring, want).await?;
    }
    Ok(0.0)
}

pub(super) async fn gather_add(check: &mut Check<'_>) -> Result<f64> {
    for (rows, columns, slots) in SHAPES {
        // Patches up to three times around the ring, which holds the last of them.
        let patches = 3 * slots;
        let vectors = check.values(patches * columns, 2.0);
        let ring = &vectors[(patches - slots) * columns..];
        let seen: Vec<u32> = (0..rows)
            .map(|_| count(patches - slots) + check.below(count(slots)))
            .collect();
        let x = check.values((rows + 3) * columns, 2.0);
        let (x_in, ring_in) = (check.tensor(&x), check.tensor(ring));
        let seen_in = check.tensor(&[&seen[..], &[0; 3]].concat());
        let state = check.state(rows, 0);
        let kernel = GatherAdd {
            state: state.all(),
            patches: seen_in.all(),
            vectors: ring_in.all(),
            x: x_in.all(),
        };
        let params = GatherAddParams {
            columns4: count(columns / 4),
            slots: count(slots),
        };
        let grid = [Extent::Items(columns / 4), Extent::Rows];
        check.run(&kernel, params, grid, rows).await?;
        let mut want = x;
        reference::gather_add(&mut want[..rows * columns], &vectors, &seen, columns);
        check.floats(&x_in, some(&want)).await?;
    }
    Ok(0.0)
}
