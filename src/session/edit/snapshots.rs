//! The snapshots of a text that is being edited: which to keep.

use super::change::Change;
use crate::session::entropy::Snapshot;

/// Snapshots in the order of their places in the text.
#[derive(Debug)]
pub(super) struct Snapshots {
    kept: Vec<Snapshot>,
    /// Those no longer needed, whose memory the next ones take.
    unused: Vec<Snapshot>,
    /// How many there may be.
    most: usize,
    /// Tokens from one to the next, about.
    spacing: usize,
}

fn place(snapshot: &Snapshot) -> usize {
    usize::try_from(snapshot.taken()).unwrap_or(usize::MAX)
}

impl Snapshots {
    pub(super) fn new(most: usize, spacing: usize) -> Self {
        Self {
            kept: Vec::new(),
            unused: Vec::new(),
            most,
            spacing,
        }
    }

    /// May there be any?
    pub(super) fn allowed(&self) -> bool {
        self.most > 0
    }

    /// The memory for the next one, if some is there.
    pub(super) fn unused(&mut self) -> Option<Snapshot> {
        self.unused.pop()
    }

    /// Bytes of device memory.
    pub(super) fn bytes(&self) -> u64 {
        let all = self.kept.iter().chain(&self.unused);
        all.map(Snapshot::bytes).sum()
    }

    /// The last at or before `token`.
    pub(super) fn before(&self, token: usize) -> Option<(usize, &Snapshot)> {
        let snapshot = self.kept.iter().rfind(|kept| place(kept) <= token)?;
        Some((place(snapshot), snapshot))
    }

    /// The logits of the row before `token`, if there is a snapshot that has them.
    pub(super) fn logits(&self, token: usize) -> Option<&[f32]> {
        let (at, snapshot) = self.before(token)?;
        (at == token && !snapshot.last_logits().is_empty()).then(|| snapshot.last_logits())
    }

    /// Is there none in the last stretch before `token`?
    pub(super) fn is_due(&self, token: usize) -> bool {
        let last = self.before(token).map_or(0, |(at, _)| at);
        token - last >= self.spacing
    }

    /// Adds one, in place of one at the same place, and drops those that are needed
    /// least. `wanted` says which places to keep if any.
    pub(super) fn add(&mut self, snapshot: Snapshot, wanted: impl Fn(usize) -> bool) {
        let at = place(&snapshot);
        let index = self.kept.partition_point(|kept| place(kept) < at);
        if self.kept.get(index).is_some_and(|kept| place(kept) == at) {
            let old = std::mem::replace(&mut self.kept[index], snapshot);
            self.unused.push(old);
        } else {
            self.kept.insert(index, snapshot);
        }
        self.thin(wanted);
        self.free();
    }

    /// Drops, one by one, the one without which the stretch to walk is shortest, as
    /// long as it is short or there are too many.
    fn thin(&mut self, wanted: impl Fn(usize) -> bool) {
        loop {
            let at = |index: usize| self.kept.get(index).map(place);
            let stretch = |index: usize| {
                let before = index.checked_sub(1).and_then(at).unwrap_or(0);
                at(index + 1).map_or(usize::MAX, |next| next - before)
            };
            let many = self.kept.len() > self.most;
            let least = (0..self.kept.len())
                .map(|index| (at(index).is_some_and(&wanted), stretch(index), index))
                .min();
            let Some((wanted, stretch, index)) = least else {
                return;
            };
            if !many && (wanted || stretch > self.spacing) {
                return;
            }
            self.unused.push(self.kept.remove(index));
        }
    }

    /// Frees what is beyond the number that there may be.
    fn free(&mut self) {
        let room = self.most.saturating_sub(self.kept.len());
        self.unused.truncate(room);
    }

    /// Follows a change that reaches to row `end`: drops what it reaches, moves what
    /// is behind, where keys are sound from token `sound` on.
    pub(super) fn follow(&mut self, change: &Change, end: usize, sound: usize) {
        let in_front = self
            .kept
            .partition_point(|kept| place(kept) <= change.start + 1);
        let mut behind = self.kept.split_off(in_front);
        let reached = behind.partition_point(|kept| {
            let at = place(kept);
            at <= change.old_end || change.moved(at) <= end
        });
        let has_start = self
            .kept
            .last()
            .is_some_and(|kept| place(kept) >= change.start);
        for mut snapshot in behind.drain(..reached) {
            // The first that still has what precedes the change goes back to there.
            if self.kept.len() == in_front && !has_start && snapshot.truncate(change.start as u64) {
                self.kept.push(snapshot);
            } else {
                self.unused.push(snapshot);
            }
        }
        for mut snapshot in behind {
            snapshot.move_to(change.moved(place(&snapshot)) as u64, sound as u64);
            self.kept.push(snapshot);
        }
        self.free();
    }
}
