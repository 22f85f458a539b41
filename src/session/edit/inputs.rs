//! What goes into the layers of a text that is being edited, row by row.
//!
//! A change reaches one window further with every layer. So of the rows behind it,
//! those of the first window have other inputs from the second layer on, those of the
//! next window from the third on, and so forth: what goes into the layers in front is
//! what it was. Of these only keys and values are wanted, for the rows behind that look
//! back at them, and these take a small part of a layer.
//!
//! Inputs do not depend on where in the text a row stands, so they stay where they are
//! on the device when the text moves: the host knows the slot of each row.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;

use super::change::Change;
use super::stale::Stale;
use crate::device::{Device, Tensor};
use crate::error::Result;
use crate::model::entropy::EntropyModel;
use crate::session::entropy::{InputCopy, KnownRows};

/// Slots that are allocated at a time, at most.
const BLOCK: usize = 256;

/// Fewer rows than these are not worth a run of their own.
const FEWEST: usize = 16;

/// What is kept of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Row {
    /// Where its inputs are.
    slot: Option<usize>,
    /// The layers behind the first one whose inputs there are those of the text: the
    /// first so many. None without a slot.
    known: usize,
}

/// The inputs of all layers but the first, whose input is the embedding.
#[derive(Debug)]
pub(super) struct Inputs {
    device: Arc<Device>,
    layers: usize,
    /// Rows that a change reaches further with each layer.
    step: usize,
    /// Values per row and layer.
    values: usize,
    rows: Vec<Row>,
    slots: Slots,
    /// `[layers - 1, slots, values]` each.
    blocks: Vec<Tensor>,
}

/// Slots that are given to rows.
#[derive(Debug)]
struct Slots {
    /// How many there may be.
    most: usize,
    /// Slots of a block.
    block: usize,
    /// How many there are.
    made: usize,
    free: BinaryHeap<Reverse<usize>>,
}

impl Slots {
    fn within(most: usize) -> Self {
        let block = BLOCK.min(most).max(1);
        Self {
            most: most / block * block,
            block,
            made: 0,
            free: BinaryHeap::new(),
        }
    }

    fn give_back(&mut self, slot: Option<usize>) {
        self.free.extend(slot.map(Reverse));
    }

    /// The first that is free, so that rows in order have slots in order.
    fn take(&mut self) -> Option<usize> {
        if self.free.is_empty() && self.made < self.most {
            self.free
                .extend((self.made..self.made + self.block).map(Reverse));
            self.made += self.block;
        }
        self.free.pop().map(|Reverse(slot)| slot)
    }

    /// The rows that there are slots for: more of those behind the caret, where a
    /// change reaches to.
    fn worth(&self, caret: usize, rows: usize) -> Range<usize> {
        let start = caret.saturating_sub(self.most / 4);
        let end = (start + self.most).min(rows);
        end.saturating_sub(self.most)..end
    }
}

impl Inputs {
    /// Those of the empty text, in at most `bytes` bytes of device memory; `None` where
    /// nothing can be kept, or nothing that helps.
    pub(super) fn new(model: &EntropyModel, bytes: u64) -> Option<Self> {
        let step = model.window()?.saturating_sub(1);
        let layers = model.layers();
        let kept = layers.saturating_sub(1) as u64;
        let most = bytes.checked_div(kept * model.input_bytes())?;
        let slots = Slots::within(usize::try_from(most).unwrap_or(usize::MAX));
        (slots.most > 0 && step > 0).then(|| Self {
            device: Arc::clone(model.device()),
            layers,
            step,
            values: usize::try_from(model.input_bytes() / 4).unwrap_or(usize::MAX),
            rows: vec![Row::default()],
            slots,
            blocks: Vec::new(),
        })
    }

    /// Bytes of device memory.
    pub(super) fn bytes(&self) -> u64 {
        self.blocks.iter().map(Tensor::bytes).sum()
    }

    /// Follows a change: what is kept moves along with its row, and counts no longer
    /// where the change reaches.
    pub(super) fn follow(&mut self, change: &Change) {
        let (first, old_end) = (change.start + 1, change.old_end + 1);
        let came = change.new_end - change.start;
        let mut slots: Vec<Option<usize>> = self.rows[first..old_end]
            .iter()
            .map(|row| row.slot)
            .collect();
        for slot in slots.drain(came.min(slots.len())..) {
            self.slots.give_back(slot);
        }
        slots.resize(came, None);
        let rows = slots.into_iter().map(|slot| Row { slot, known: 0 });
        self.rows.splice(first..old_end, rows);
        let behind = self.rows[first + came..].chunks_mut(self.step);
        for (layer, rows) in behind.take(self.layers - 1).enumerate() {
            for row in rows {
                row.known = row.known.min(layer);
            }
        }
    }

    /// The beginning of `rows` that is best computed as one: how many layers are known
    /// of it, all of them where no row of it is stale nor the last that is wanted, and
    /// how many rows it has.
    pub(super) fn alike(&self, rows: Range<usize>, stale: &Stale, last: usize) -> (usize, usize) {
        let stale = stale.within(&rows);
        let layers: Vec<usize> = rows
            .map(|row| {
                let known = self.rows[row].known;
                let wanted = row == last || stale.iter().any(|range| range.contains(&row));
                match known + 1 == self.layers && !wanted {
                    true => self.layers,
                    false => known,
                }
            })
            .collect();
        first_of(&layers, FEWEST.min(self.step))
    }

    /// Is known what goes into all layers of these rows?
    pub(super) fn all_known(&self, rows: Range<usize>) -> bool {
        let mut rows = self.rows[rows].iter();
        rows.all(|row| row.known + 1 == self.layers)
    }

    /// Gives slots to rows that are about to be computed, as far as there are any;
    /// those far from the caret give theirs up.
    ///
    /// # Errors
    /// The device's errors.
    pub(super) fn make_room(&mut self, rows: Range<usize>, caret: usize) -> Result<()> {
        let worth = self.slots.worth(caret, self.rows.len());
        let mut given_up = false;
        for row in rows.start.max(worth.start)..rows.end.min(worth.end) {
            if self.rows[row].slot.is_some() {
                continue;
            }
            let mut slot = self.slots.take();
            if slot.is_none() && !given_up {
                self.give_up_without(&worth);
                given_up = true;
                slot = self.slots.take();
            }
            self.rows[row].slot = slot;
        }
        while self.blocks.len() * self.slots.block < self.slots.made {
            let values = (self.layers - 1) * self.slots.block * self.values;
            self.blocks
                .push(Tensor::new(&self.device, "inputs of rows", values));
        }
        self.device.check()
    }

    /// Takes the slots of all rows but some.
    fn give_up_without(&mut self, worth: &Range<usize>) {
        let (front, rest) = self.rows.split_at_mut(worth.start);
        let (_, behind) = rest.split_at_mut(worth.len());
        for row in front.iter_mut().chain(behind) {
            self.slots.give_back(row.slot);
            *row = Row::default();
        }
    }

    /// What a run over `rows` with so many layers known is given, and what of it is
    /// kept.
    pub(super) fn of_run(&self, rows: &Range<usize>, layers: usize) -> KnownRows<'_> {
        let last = layers.min(self.layers - 1);
        KnownRows {
            layers,
            given: self.copies(rows, 1..last + 1),
            kept: self.copies(rows, last + 1..self.layers),
        }
    }

    /// Where the inputs of some rows are, as far as they have slots: a copy for each
    /// stretch of slots in order, and each layer.
    fn copies(&self, rows: &Range<usize>, layers: Range<usize>) -> Vec<InputCopy<'_>> {
        let block = self.slots.block;
        let mut stretches: Vec<(usize, usize, usize)> = Vec::new();
        for (at, row) in self.rows[rows.clone()].iter().enumerate() {
            let Some(slot) = row.slot else {
                continue;
            };
            match stretches.last_mut() {
                Some((first, from, count))
                    if *first + *count == at
                        && *from + *count == slot
                        && !slot.is_multiple_of(block) =>
                {
                    *count += 1;
                }
                _ => stretches.push((at, slot, 1)),
            }
        }
        let of_layer = |layer: usize| {
            stretches.iter().map(move |(first, slot, count)| InputCopy {
                layer,
                rows: (*first, *count),
                copy: &self.blocks[slot / block],
                at: (layer - 1) * block + slot % block,
            })
        };
        layers.flat_map(of_layer).collect()
    }

    /// The inputs of these rows are those of the text now, where they have slots.
    pub(super) fn know(&mut self, rows: Range<usize>) {
        for row in &mut self.rows[rows] {
            if row.slot.is_some() {
                row.known = self.layers - 1;
            }
        }
    }
}

/// The least number of layers known of the first rows, and how many rows these are; no
/// fewer than `fewest` where there are as many, and no more where of so many more layers
/// are known.
fn first_of(layers: &[usize], fewest: usize) -> (usize, usize) {
    let mut least = layers.first().copied().unwrap_or(0);
    for (row, known) in layers.iter().enumerate() {
        if *known < least {
            if row >= fewest {
                return (least, row);
            }
            least = *known;
        }
        let ahead = &layers[row..layers.len().min(row + fewest)];
        if ahead.len() == fewest && ahead.iter().all(|known| *known > least) {
            return (least, row);
        }
    }
    (least, layers.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_computed_as_one_that_are_alike() {
        assert_eq!(first_of(&[2, 2, 2, 3, 3, 3, 3], 3), (2, 3));
        assert_eq!(first_of(&[3, 3, 3, 1, 1], 3), (3, 3));
        // A few rows are not worth a run of their own.
        assert_eq!(first_of(&[3, 0, 0, 0, 2, 2, 0, 1, 1, 1], 3), (0, 7));
        assert_eq!(first_of(&[0, 0, 1, 1], 3), (0, 4));
        assert_eq!(first_of(&[1], 3), (1, 1));
    }

    #[test]
    fn slots_are_taken_in_order_and_given_back() {
        let mut slots = Slots::within(3);
        let taken: Vec<_> = (0..4).map(|_| slots.take()).collect();
        assert_eq!(taken, [Some(0), Some(1), Some(2), None]);
        slots.give_back(Some(2));
        slots.give_back(Some(0));
        assert_eq!(
            [slots.take(), slots.take(), slots.take()],
            [Some(0), Some(2), None]
        );
        // Whole blocks.
        assert_eq!(Slots::within(2 * BLOCK + 7).most, 2 * BLOCK);
        assert_eq!(Slots::within(0).take(), None);
    }

    #[test]
    fn rows_about_the_caret_have_them() {
        let slots = Slots::within(100);
        assert_eq!(slots.worth(1000, 5000), 975..1075);
        assert_eq!(slots.worth(10, 5000), 0..100);
        assert_eq!(slots.worth(5000, 5000), 4900..5000);
        assert_eq!(slots.worth(20, 60), 0..60);
    }
}
