//! Entropies and log-probabilities of a text, on the host and on the device.

use std::ops::Range;
use std::sync::Arc;

use super::change::Change;
use crate::device::{Device, Tensor};
use crate::error::{Error, Result};
use crate::session::logits::surprise;

/// What a cell holds of which nothing was ever known: no entropy is negative, and no
/// ln p positive. A shader cannot tell NaN.
pub(super) const UNKNOWN: [f32; 2] = [-1.0, 1.0];

/// Cells of a new session.
const FIRST_CELLS: usize = 1024;

/// Numbers per row, and the same on the device.
#[derive(Debug)]
pub(super) struct Numbers {
    device: Arc<Device>,
    /// Per row, in nats; NaN where never known.
    entropies: Vec<f32>,
    /// Per byte, in nats; NaN where never known.
    nlls: Vec<f32>,
    /// Per row, the most likely token; without entries where nobody wants them.
    best: Vec<Option<u32>>,
    /// Pairs (entropy, ln p of the byte), per row.
    cells: Tensor,
    /// For moving cells: a copy within one buffer is not allowed.
    aside: Tensor,
}

fn cells_of(device: &Device, cells: usize) -> (Tensor, Tensor) {
    (
        Tensor::new(device, "cells", cells * 2),
        Tensor::new(device, "cells aside", cells * 2),
    )
}

/// Lets what is known per row follow a change. The row in front of the change is what
/// it was, whatever comes after it.
fn follow_rows<T: Copy>(rows: &mut Vec<T>, change: &Change, unknown: T) {
    let came = change.new_end - change.start;
    let front = rows[change.start];
    let behind = rows.split_off(change.old_end);
    rows.truncate(change.start);
    rows.push(front);
    rows.extend(std::iter::repeat_n(unknown, came.saturating_sub(1)));
    rows.extend(&behind[usize::from(came == 0)..]);
}

/// Bytes of `cells` cells.
fn bytes(cells: usize) -> u64 {
    cells as u64 * 8
}

impl Numbers {
    /// Those of the empty text; with `keep_best` also the most likely tokens.
    pub(super) fn new(device: &Arc<Device>, keep_best: bool) -> Self {
        let (cells, aside) = cells_of(device, FIRST_CELLS);
        cells.write(device, &[UNKNOWN]);
        Self {
            device: Arc::clone(device),
            entropies: vec![f32::NAN],
            nlls: Vec::new(),
            best: vec![None; usize::from(keep_best)],
            cells,
            aside,
        }
    }

    pub(super) fn entropies(&self) -> &[f32] {
        &self.entropies
    }

    pub(super) fn nlls(&self) -> &[f32] {
        &self.nlls
    }

    pub(super) fn best(&self) -> &[Option<u32>] {
        &self.best
    }

    pub(super) fn cells(&self) -> &Tensor {
        &self.cells
    }

    /// Refuses a text whose cells one binding cannot hold.
    pub(super) fn check_room(&self, text: usize) -> Result<()> {
        let most = self.device.binding_bytes();
        if bytes(text + 1) <= most {
            return Ok(());
        }
        Err(Error::Argument(format!(
            "a text of {text} bytes is longer than this device shows at once ({}); take a part \
             of it",
            most / bytes(1) - 1
        )))
    }

    /// Follows a change: what is known moves along with its byte. `nll` is that of
    /// the first byte of the change, if it is known already.
    pub(super) fn follow(&mut self, change: &Change, nll: Option<f32>) -> Result<()> {
        let Change {
            start,
            old_end,
            new_end,
        } = *change;
        let behind = old_end..self.entropies.len();
        self.move_cells(behind, new_end)?;
        let came = new_end - start;
        follow_rows(&mut self.entropies, change, f32::NAN);
        if !self.best.is_empty() {
            follow_rows(&mut self.best, change, None);
        }
        let unknown = std::iter::repeat_n(f32::NAN, came);
        self.nlls.splice(start..old_end, unknown);
        if let (Some(nll), Some(known)) = (nll, self.nlls.get_mut(start)) {
            *known = nll;
        }
        self.show(start..new_end.max(start + 1));
        Ok(())
    }

    /// Takes the pairs of some rows, which are in their cells already, and their most
    /// likely tokens, if they are kept.
    pub(super) fn take(&mut self, first: usize, pairs: &[[f32; 2]], best: &[u32]) {
        for (row, best) in (first..).zip(best) {
            self.best[row] = Some(*best);
        }
        for (row, pair) in (first..).zip(pairs) {
            self.entropies[row] = pair[0];
            if let (Some(nll), Some(known)) = (surprise(pair), self.nlls.get_mut(row)) {
                *known = nll;
            }
        }
    }

    /// Writes what the host knows of some rows into their cells.
    fn show(&self, rows: Range<usize>) {
        let known = |value: f32, unknown: f32| if value.is_nan() { unknown } else { value };
        let cells: Vec<[f32; 2]> = rows
            .clone()
            .map(|row| {
                let entropy = known(self.entropies[row], UNKNOWN[0]);
                // Nothing follows the last row yet: the kernel gives 0 there.
                let log_p = self
                    .nlls
                    .get(row)
                    .map_or(0.0, |nll| known(0.0 - nll, UNKNOWN[1]));
                [entropy, log_p]
            })
            .collect();
        self.cells.write_at(&self.device, rows.start * 2, &cells);
    }

    /// Moves cells so that the first is at `to`; grows the buffer where needed.
    fn move_cells(&mut self, rows: Range<usize>, to: usize) -> Result<()> {
        let needed = to + rows.len();
        let count = bytes(rows.len());
        if bytes(needed) > self.cells.bytes() {
            let most =
                usize::try_from(self.device.binding_bytes() / bytes(1)).unwrap_or(usize::MAX);
            let room = needed.next_power_of_two().min(most);
            let (cells, aside) = cells_of(&self.device, room);
            self.device.check()?;
            self.device.submit(|recorder| {
                // The first row of the change stays where it is.
                let before = bytes(rows.start.min(to) + 1).min(self.cells.bytes());
                self.cells.copy_to(&cells, recorder, 0, 0, before);
                self.cells
                    .copy_to(&cells, recorder, bytes(rows.start), bytes(to), count);
            });
            (self.cells, self.aside) = (cells, aside);
        } else if to != rows.start {
            self.device.submit(|recorder| {
                let from = bytes(rows.start);
                self.cells.copy_to(&self.aside, recorder, from, 0, count);
                self.aside
                    .copy_to(&self.cells, recorder, 0, bytes(to), count);
            });
        }
        self.device.check()
    }
}
