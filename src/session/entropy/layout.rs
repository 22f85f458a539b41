//! What comes back from a run.

use std::ops::Range;

/// Where the results of a run lie in its staging buffer.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) result: Range<u64>,
    pub(super) starts: Range<u64>,
    pub(super) best_ids: Range<u64>,
    pub(super) best_log_p: Range<u64>,
    pub(super) logits: Range<u64>,
    pub(super) bytes: u64,
}

impl Layout {
    pub(super) fn new(rows: usize, best: usize, vocabulary: usize) -> Self {
        let mut end = 0;
        let mut next = |values: usize| {
            let start = end;
            end += values as u64 * 4;
            start..end
        };
        let result = next(rows * 2);
        let starts = next(rows);
        let best_ids = next(rows * best);
        let best_log_p = next(rows * best);
        let logits = next(vocabulary);
        // Mapped ranges end at a multiple of 8.
        let bytes = logits.end.next_multiple_of(8);
        Self {
            result,
            starts,
            best_ids,
            best_log_p,
            logits,
            bytes,
        }
    }

    pub(super) fn read<T: bytemuck::Pod>(&self, bytes: &[u8], range: &Range<u64>) -> Vec<T> {
        let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        bytemuck::pod_collect_to_vec(&bytes[index(range.start)..index(range.end)])
    }
}
