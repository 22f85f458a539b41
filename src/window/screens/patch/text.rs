//! The text of the patch screen and what is known about it: no drawing, no device.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::cutting::Cutting;
use crate::patch::{Statistics, statistics};
use crate::window::document::{difference, to_bytes, to_editor};
use crate::window::engine::AnalysisUpdate;
use crate::window::score::Cells;

/// The most bytes that the editor holds; larger texts are files.
pub(crate) const MOST_BYTES: usize = 256 << 10;

/// A text, its entropies, and its patches.
#[derive(Debug)]
pub(crate) struct Text {
    /// As the editor holds it.
    pub(crate) editor: String,
    bytes: Arc<Vec<u8>>,
    revision: u64,
    /// Of each byte and of the byte to come, in nats, `[N + 1]`.
    entropies: Arc<Vec<f32>>,
    /// -ln p of each byte in nats, `[N]`.
    nlls: Arc<Vec<f32>>,
    stale: Range<usize>,
    cells: Option<Cells>,
    took: Option<Duration>,
    cutting: Cutting,
    starts: Arc<Vec<bool>>,
    statistics: Statistics,
    /// How far an edit can change entropies behind it.
    reach: Option<usize>,
    distribution: Option<Distribution>,
}

/// What could stand in place of a byte.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Distribution {
    pub(crate) at: usize,
    /// ln p of each token id.
    pub(crate) log_p: Vec<f32>,
}

impl Text {
    pub(crate) fn new(bytes: &[u8], cutting: Cutting) -> Self {
        let mut text = Self {
            editor: to_editor(bytes),
            bytes: Arc::new(bytes.to_vec()),
            revision: 1,
            entropies: Arc::new(vec![f32::NAN; bytes.len() + 1]),
            nlls: Arc::new(vec![f32::NAN; bytes.len()]),
            stale: 0..bytes.len() + 1,
            cells: None,
            took: None,
            cutting,
            starts: Arc::default(),
            statistics: Statistics::default(),
            reach: None,
            distribution: None,
        };
        text.cut_again();
        text
    }

    pub(crate) fn bytes(&self) -> &Arc<Vec<u8>> {
        &self.bytes
    }

    /// Counts up with every change of the text.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn entropies(&self) -> &Arc<Vec<f32>> {
        &self.entropies
    }

    /// The entropy of a byte, or of the byte to come, in nats, as far as it is known.
    pub(crate) fn entropy(&self, byte: usize) -> Option<f32> {
        self.entropies.get(byte).copied().filter(|h| !h.is_nan())
    }

    /// -ln p of each byte in nats, `[N]`.
    pub(crate) fn nlls(&self) -> &[f32] {
        &self.nlls
    }

    /// -ln p of a byte in nats, as far as it is known.
    pub(crate) fn nll(&self, byte: usize) -> Option<f32> {
        self.nlls.get(byte).copied().filter(|nll| !nll.is_nan())
    }

    /// Mean -ln p over the text in bits, once all of it is known.
    pub(crate) fn bits_per_byte(&self) -> Option<f64> {
        let sum: f64 = self.nlls.iter().map(|nll| f64::from(*nll)).sum();
        (!self.nlls.is_empty() && sum.is_finite())
            .then(|| sum / self.nlls.len() as f64 / std::f64::consts::LN_2)
    }

    /// Entries of [`entropies`](Self::entropies) that have still to come.
    pub(crate) fn stale(&self) -> Range<usize> {
        self.stale.clone()
    }

    pub(crate) fn is_fresh(&self) -> bool {
        self.stale.is_empty()
    }

    pub(crate) fn cells(&self) -> Option<&Cells> {
        self.cells.as_ref()
    }

    /// From the last change of the text to its last entropy.
    pub(crate) fn took(&self) -> Option<Duration> {
        self.took
    }

    pub(crate) fn cutting(&self) -> &Cutting {
        &self.cutting
    }

    /// For each byte and the byte to come: does a patch start there? `[N + 1]`.
    pub(crate) fn starts(&self) -> &Arc<Vec<bool>> {
        &self.starts
    }

    pub(crate) fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// The bytes of the patch that a byte belongs to.
    pub(crate) fn patch_of(&self, byte: usize) -> Range<usize> {
        let starts = |at: usize| self.starts.get(at).copied().unwrap_or(true);
        let first = (0..=byte).rev().find(|at| starts(*at)).unwrap_or(0);
        let end = (byte + 1..self.bytes.len()).find(|at| starts(*at));
        first..end.unwrap_or(self.bytes.len())
    }

    /// The number of the patch that a byte belongs to, from 0.
    pub(crate) fn patch_index(&self, byte: usize) -> usize {
        let flags = self.starts.iter().take(byte + 1);
        flags.filter(|start| **start).count().saturating_sub(1)
    }

    pub(crate) fn distribution(&self, at: usize) -> Option<&Distribution> {
        self.distribution.as_ref().filter(|found| found.at == at)
    }

    /// Tells how far an edit can change entropies behind it.
    pub(crate) fn set_reach(&mut self, reach: Option<usize>) {
        self.reach = reach;
    }

    /// Says whether the editor's text has changed since the last call, and takes the
    /// change: known numbers move along with their bytes.
    pub(crate) fn take_edit(&mut self) -> bool {
        let bytes = to_bytes(&self.editor);
        if bytes == **self.bytes {
            return false;
        }
        let (gone, came) = difference(&self.bytes, &bytes);
        let fill = |values: &Arc<Vec<f32>>| {
            let mut values = values.to_vec();
            values.splice(gone.clone(), came.clone().map(|_| f32::NAN));
            Arc::new(values)
        };
        self.entropies = fill(&self.entropies);
        self.nlls = fill(&self.nlls);
        let end = bytes.len() + 1;
        let reached = self
            .reach
            .map_or(end, |reach| came.end + reach + 1)
            .min(end);
        self.stale = if self.stale.is_empty() {
            came.start..reached
        } else {
            let moved = (self.stale.end + came.len()).saturating_sub(gone.len());
            self.stale.start.min(came.start)..reached.max(moved).min(end)
        };
        self.bytes = Arc::new(bytes);
        self.revision += 1;
        self.distribution = None;
        self.cut_again();
        true
    }

    /// Another text in place of this one.
    pub(crate) fn replace(&mut self, bytes: &[u8]) -> bool {
        self.editor = to_editor(bytes);
        self.take_edit()
    }

    /// Everything has to come again: another model, another context.
    pub(crate) fn forget(&mut self) {
        self.stale = 0..self.bytes.len() + 1;
        self.distribution = None;
    }

    /// Cuts the text another way; the model has nothing to do with it.
    pub(crate) fn set_cutting(&mut self, cutting: Cutting) {
        if cutting != self.cutting {
            self.cutting = cutting;
            self.cut_again();
        }
    }

    /// Takes what has come.
    pub(crate) fn take(&mut self, update: AnalysisUpdate) {
        match update {
            AnalysisUpdate::Entropies {
                revision,
                entropies,
                nlls,
                stale,
                cells,
                took,
            } => {
                if revision != self.revision {
                    return;
                }
                self.entropies = entropies;
                self.nlls = nlls;
                self.stale = stale;
                self.cells = Some(cells);
                self.took = Some(took);
                self.cut_again();
            }
            AnalysisUpdate::Distribution {
                revision,
                at,
                log_p,
            } => {
                if revision == self.revision {
                    self.distribution = Some(Distribution { at, log_p });
                }
            }
        }
    }

    /// The device is gone, and with it what was on it.
    pub(crate) fn lose_device(&mut self) {
        self.cells = None;
        self.forget();
    }

    fn cut_again(&mut self) {
        self.starts = self.cutting.starts(&self.bytes, &self.entropies);
        let flags: Vec<bool> = std::iter::once(true)
            .chain(self.starts.iter().copied())
            .collect();
        self.statistics = statistics(&flags);
    }
}

#[cfg(test)]
impl Text {
    pub(crate) fn forget_time(&mut self) {
        self.took = None;
    }
}
