//! Rows that need not go through all layers again.

use std::ops::Range;

use super::EditSession;
use super::inputs::Inputs;
use crate::error::Result;
use crate::session::entropy::KnownRows;

/// Rows with numbers that a step passes over for each one that it may compute.
const PASSED: usize = 4;

impl EditSession {
    /// The beginning of `rows` that is best computed as one, none of it from `end` on:
    /// layers that are known of it, and rows. The last row before `end` is computed in
    /// any case.
    pub(super) fn alike(&self, rows: Range<usize>, end: usize) -> (usize, usize) {
        match &self.inputs {
            Some(inputs) => inputs.alike(rows, &self.stale, end - 1),
            None => (0, rows.len()),
        }
    }

    /// Where to begin so that the keys and values of known rows are all that `row`
    /// looks back at, if there is such a place.
    pub(super) fn known_before(&self, row: usize) -> Option<usize> {
        let inputs = self.inputs.as_ref()?;
        let seen = self.reach.window?.saturating_sub(1);
        let start = row.checked_sub(seen)?;
        inputs.all_known(start..row).then_some(start)
    }

    /// Stands at the end of some rows, of which all is known and which are all that
    /// the next one looks back at.
    pub(super) fn stand_within(&mut self, rows: Range<usize>) -> Result<()> {
        self.session.begin_within(rows.start as u64);
        let most = self.session.most_rows();
        while self.taken() < rows.end {
            let start = self.taken();
            self.pass(start..rows.end.min(start + most))?;
        }
        Ok(())
    }

    /// Computes keys and values of the next rows, of which all is known.
    fn pass(&mut self, rows: Range<usize>) -> Result<()> {
        let ids: Vec<u32> = rows.clone().map(|index| self.token(index)).collect();
        let known = of_run(self.inputs.as_ref(), &rows, self.layer_rows.len());
        self.session.pass_over(&ids, &known)
    }

    /// Goes on over rows whose numbers stay as they are, without computing more of
    /// them than keys and values, and says whether the next row before `end` is one to
    /// compute.
    pub(super) fn pass_over(&mut self, end: usize) -> Result<bool> {
        if self.inputs.is_none() {
            return Ok(true);
        }
        let mut left = self.rows_per_step.saturating_mul(PASSED);
        loop {
            let start = self.taken();
            let most = self.session.most_rows().min(end - start);
            let (layers, rows) = self.alike(start..start + most, end);
            if layers < self.layer_rows.len() {
                return Ok(true);
            }
            if left == 0 {
                return Ok(false);
            }
            let stop = start + self.session.rows_at_once(rows).min(rows).min(left);
            left -= stop - start;
            self.pass(start..stop)?;
            if self.snapshots.is_due(stop) {
                self.keep()?;
            }
        }
    }

    /// Takes down that rows have been computed, from layer `layers` on.
    pub(super) fn learn(&mut self, rows: Range<usize>, layers: usize) {
        self.rows += rows.len() as u64;
        for computed in &mut self.layer_rows[layers..] {
            *computed += rows.len() as u64;
        }
        if let Some(inputs) = &mut self.inputs {
            inputs.know(rows);
        }
    }
}

/// What a run over `rows` with so many layers known is given and keeps.
pub(super) fn of_run<'a>(
    inputs: Option<&'a Inputs>,
    rows: &Range<usize>,
    layers: usize,
) -> KnownRows<'a> {
    inputs.map_or_else(KnownRows::default, |inputs| inputs.of_run(rows, layers))
}
