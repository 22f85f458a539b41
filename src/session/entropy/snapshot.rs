//! Going back: by a few tokens in the ring, or to a copy of it.

use std::sync::Arc;

use super::{EntropySession, Place};
use crate::device::Tensor;
use crate::device::kernels::PatchStartsCarry;
use crate::device::tensor::Allocator;
use crate::error::{Error, Result};
use crate::model::block::KeyValues;
use crate::model::entropy::EntropyModel;

/// Tokens that a snapshot can itself go back by, beyond the window.
const SLACK: usize = 64;

/// A place in a text with all that the tokens after it look back at: a copy of
/// that part of the session's keys and values on the device.
#[derive(Debug)]
pub struct Snapshot {
    model: Arc<EntropyModel>,
    place: Place,
    /// Slots of the ring that was copied.
    slots: usize,
    /// The latest keys and values, the oldest first.
    caches: Vec<KeyValues>,
    /// The row of the oldest that the place still holds.
    first: usize,
    carry: Tensor,
}

impl Snapshot {
    /// Tokens of the text before it.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.place.taken
    }

    /// Logits over the vocabulary after the last of them; empty where the session
    /// had none, and after [`Snapshot::truncate`].
    #[must_use]
    pub fn last_logits(&self) -> &[f32] {
        &self.place.logits
    }

    /// Bytes of device memory.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.caches.iter().map(KeyValues::bytes).sum()
    }

    /// Like [`EntropySession::truncate`]: goes back to the first `to` tokens.
    pub fn truncate(&mut self, to: u64) -> bool {
        self.place.back(to, self.slots)
    }

    /// Follows a change of the text before: `taken` tokens come before this place
    /// now. Keys and values are sound from token `sound` on.
    pub(crate) fn move_to(&mut self, taken: u64, sound: u64) {
        let held = self.place.held;
        self.place.move_to(taken, sound);
        self.first += held - self.place.held;
    }
}

impl EntropySession {
    /// Where the text stands.
    pub(super) fn place(&self) -> &Place {
        self.settled.as_ref().unwrap_or(&self.place)
    }

    fn place_mut(&mut self) -> &mut Place {
        self.settled.as_mut().unwrap_or(&mut self.place)
    }

    /// Tokens pushed so far.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.place().taken
    }

    /// Bytes of device memory of a [`Snapshot`] of a text that is longer than the
    /// window.
    #[must_use]
    pub fn snapshot_bytes(&self) -> u64 {
        let rows = self.snapshot_rows(usize::MAX);
        let bytes: u64 = self.buffers.caches.iter().map(KeyValues::bytes).sum();
        bytes / self.slots as u64 * rows as u64
    }

    fn snapshot_rows(&self, held: usize) -> usize {
        let window = self.model.window().unwrap_or(self.slots);
        held.min(window + SLACK).min(self.slots)
    }

    /// Copies all that the tokens to come look back at. `reused` is a snapshot that
    /// is no longer needed, whose memory is taken if it fits.
    ///
    /// # Errors
    /// The device's errors.
    pub fn snapshot(&self, reused: Option<Snapshot>) -> Result<Snapshot> {
        let device = self.model.device();
        let mut place = self.place().clone();
        place.held = self.snapshot_rows(place.held);
        let fits = |old: &Snapshot| {
            Arc::ptr_eq(&old.model, &self.model)
                && old.caches.iter().all(|cache| cache.slots() >= place.held)
        };
        let (caches, carry) = match reused.filter(fits) {
            Some(old) => (old.caches, old.carry),
            None => {
                let rows = match self.model.window() {
                    Some(_) => self.snapshot_rows(usize::MAX),
                    None => place.held,
                };
                let carry = Tensor::from(device, "carry", &[PatchStartsCarry::default()]);
                (
                    self.model.sizes().caches(&Allocator::on(device), rows),
                    carry,
                )
            }
        };
        device.submit(|recorder| {
            for (ring, copy) in self.buffers.caches.iter().zip(&caches) {
                for (ring, copy) in ring.tensors().into_iter().zip(copy.tensors()) {
                    let stride = ring.bytes() / self.slots as u64;
                    for (slot, row, rows) in pieces(&place, self.slots) {
                        let at = |index: usize| index as u64 * stride;
                        ring.copy_to(copy, recorder, at(slot), at(row), at(rows));
                    }
                }
            }
            let own = &self.buffers.carry;
            own.copy_to(&carry, recorder, 0, 0, own.bytes());
        });
        device.check()?;
        Ok(Snapshot {
            model: Arc::clone(&self.model),
            place,
            slots: self.slots,
            caches,
            first: 0,
            carry,
        })
    }

    /// Goes on from a snapshot of a session of the same model and options.
    ///
    /// # Errors
    /// [`Error::Argument`] for a snapshot of another model, and the device's errors.
    pub fn restore(&mut self, snapshot: &Snapshot) -> Result<()> {
        if !Arc::ptr_eq(&self.model, &snapshot.model) || self.slots != snapshot.slots {
            return Err(Error::Argument(
                "the snapshot is of another model than the session; take one of this session"
                    .to_owned(),
            ));
        }
        let device = self.model.device();
        let place = &snapshot.place;
        device.submit(|recorder| {
            for (ring, copy) in self.buffers.caches.iter().zip(&snapshot.caches) {
                for (ring, copy) in ring.tensors().into_iter().zip(copy.tensors()) {
                    let stride = ring.bytes() / self.slots as u64;
                    for (slot, row, rows) in pieces(place, self.slots) {
                        let at = |index: usize| index as u64 * stride;
                        let row = snapshot.first + row;
                        copy.copy_to(ring, recorder, at(row), at(slot), at(rows));
                    }
                }
            }
            let own = &self.buffers.carry;
            snapshot.carry.copy_to(own, recorder, 0, 0, own.bytes());
        });
        device.check()?;
        self.land();
        self.place = snapshot.place.clone();
        Ok(())
    }

    /// Goes back to the first `to` tokens, without computing anything, and says
    /// whether it could. It cannot where the ring of keys has lost what the next
    /// token looks back at (about a chunk back), over a cut of the context, and
    /// with a rule, whose patches it does not take back; nothing happens then.
    /// The logits after the last token are not known afterwards, nor is the `nll`
    /// of the next one.
    pub fn truncate(&mut self, to: u64) -> bool {
        let slots = self.slots;
        let could = self.options.rule.is_none() || to == self.taken();
        could && self.place_mut().back(to, slots)
    }

    /// Like [`Snapshot::move_to`].
    pub(crate) fn move_to(&mut self, taken: u64, sound: u64) {
        self.place_mut().move_to(taken, sound);
    }
}

/// The held rows of a place as (ring slot, row of a copy, number), in pieces that
/// do not wrap.
fn pieces(place: &Place, slots: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    let first = (place.slot + slots - place.held) & (slots - 1);
    let before_wrap = place.held.min(slots - first);
    let pieces = [
        (first, 0, before_wrap),
        (0, before_wrap, place.held - before_wrap),
    ];
    pieces.into_iter().filter(|(_, _, rows)| *rows > 0)
}
