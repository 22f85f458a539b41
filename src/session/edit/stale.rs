//! Which rows have still to be computed.

use std::ops::Range;

use super::change::Change;

/// Ranges of rows in order, none empty, none touching another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stale(Vec<Range<usize>>);

impl Stale {
    pub(super) fn ranges(&self) -> &[Range<usize>] {
        &self.0
    }

    /// From the first to the last.
    pub(super) fn hull(&self) -> Option<Range<usize>> {
        let (first, last) = (self.0.first()?, self.0.last()?);
        Some(first.start..last.end)
    }

    /// The range to compute first: where the caret is, or the last before it.
    pub(super) fn nearest(&self, caret: usize) -> Option<Range<usize>> {
        let before = self.0.iter().rev().find(|range| range.start <= caret);
        before.or(self.0.first()).cloned()
    }

    /// Those of `rows`.
    pub(super) fn within(&self, rows: &Range<usize>) -> Vec<Range<usize>> {
        self.0
            .iter()
            .map(|range| range.start.max(rows.start)..range.end.min(rows.end))
            .filter(|range| !range.is_empty())
            .collect()
    }

    pub(super) fn add(&mut self, rows: Range<usize>) {
        if rows.is_empty() {
            return;
        }
        let (mut start, mut end) = (rows.start, rows.end);
        self.0.retain(|range| {
            let touches = range.start <= end && start <= range.end;
            if touches {
                start = start.min(range.start);
                end = end.max(range.end);
            }
            !touches
        });
        let at = self.0.partition_point(|range| range.start < start);
        self.0.insert(at, start..end);
    }

    pub(super) fn remove(&mut self, rows: &Range<usize>) {
        self.0 = self
            .0
            .iter()
            .flat_map(|range| {
                let before = range.start..range.end.min(rows.start);
                let after = range.start.max(rows.end)..range.end;
                [before, after]
            })
            .filter(|range| !range.is_empty())
            .collect();
    }

    /// Follows a change of the text: rows go with it that are gone. The rows that it
    /// makes stale are not added.
    pub(super) fn follow(&mut self, change: &Change) {
        let (first_gone, first_behind) = (change.start + 1, change.old_end + 1);
        for range in std::mem::take(&mut self.0) {
            let start = match range.start {
                start if start < first_gone => start,
                start => change.moved(start.max(first_behind)),
            };
            let end = match range.end {
                end if end > first_behind => change.moved(end),
                end => end.min(first_gone),
            };
            self.add(start..end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ranges: &[Range<usize>]) -> Stale {
        let mut stale = Stale::default();
        for range in ranges {
            stale.add(range.clone());
        }
        stale
    }

    #[test]
    fn ranges_join_and_part() {
        let mut stale = of(&[8..9, 1..3, 3..5]);
        assert_eq!(stale.ranges(), [1..5, 8..9]);
        assert_eq!(stale.hull(), Some(1..9));
        assert_eq!(stale.within(&(4..20)), [4..5, 8..9]);
        stale.add(4..8);
        assert_eq!(stale.ranges(), [1..9]);
        stale.remove(&(2..4));
        assert_eq!(stale.ranges(), [1..2, 4..9]);
        assert_eq!(stale.nearest(3), Some(1..2));
        assert_eq!(stale.nearest(0), Some(1..2));
        assert_eq!(stale.nearest(7), Some(4..9));
        stale.remove(&(0..10));
        assert_eq!((stale.hull(), stale.nearest(0)), (None, None));
    }

    #[test]
    fn they_move_with_their_bytes() {
        // Bytes 4 and 5 become one: row 7 is row 6 now.
        let change = Change {
            start: 4,
            old_end: 6,
            new_end: 5,
        };
        let follow = |range: Range<usize>| {
            let mut stale = of(&[range]);
            stale.follow(&change);
            stale.0
        };
        assert_eq!(follow(0..4), [0..4]);
        assert_eq!(follow(2..5), [2..5]);
        assert_eq!(follow(7..9), [6..8]);
        assert_eq!(follow(1..9), [1..8]);
        assert_eq!(follow(5..7), [] as [Range<usize>; 0]);
        assert_eq!(follow(6..8), [6..7]);
        assert_eq!(follow(4..7), [4..5]);
    }
}
