//! The text of the patch screen and what is known about it: no drawing, no device.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::curve::Curve;
use super::cutting::Cutting;
use super::measures::{characters, cut_characters};
use super::reason::Reason;
use crate::patch::{Statistics, statistics};
use crate::window::document::{Edit, to_bytes, to_editor};
use crate::window::engine::{AnalysisUpdate, Cells};

/// The most bytes that the editor holds; larger texts are files.
pub(crate) const MOST_BYTES: usize = 256 << 10;

/// A text, its entropies, and its patches.
#[derive(Debug)]
pub(crate) struct Text {
    /// As the editor holds it.
    pub(crate) editor: String,
    /// The same as it was taken last.
    taken: String,
    bytes: Arc<Vec<u8>>,
    revision: u64,
    /// Of each byte and of the byte to come, in nats, `[N + 1]`.
    entropies: Arc<Vec<f32>>,
    /// -ln p of each byte in nats, `[N]`.
    nlls: Arc<Vec<f32>>,
    /// The most likely token in place of each byte and of the byte to come, `[N + 1]`;
    /// without entries until the first have come.
    best: Arc<Vec<Option<u32>>>,
    stale: Range<usize>,
    cells: Option<Cells>,
    /// Of which revision the cells are.
    cells_of: u64,
    took: Option<Duration>,
    cutting: Cutting,
    starts: Arc<Vec<bool>>,
    /// The bytes at which patches start.
    firsts: Vec<usize>,
    /// How far an edit can change entropies behind it.
    reach: Option<usize>,
    distribution: Option<Distribution>,
    once: Once,
}

/// What takes a look at every byte, and is computed when somebody asks and then kept
/// until something that it depends on changes.
#[derive(Debug, Default)]
struct Once {
    /// Of the bytes.
    characters: OnceCell<usize>,
    /// Of the numbers of the model.
    bits_per_byte: OnceCell<Option<f64>>,
    /// Of the numbers, and what [`Cutting::has_curve_of`] says.
    curve: OnceCell<Option<Curve>>,
    /// Of where patches start.
    statistics: OnceCell<Statistics>,
    /// Of where patches start.
    cut_characters: OnceCell<usize>,
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
        let editor = to_editor(bytes);
        let mut text = Self {
            taken: editor.clone(),
            editor,
            bytes: Arc::new(bytes.to_vec()),
            revision: 1,
            entropies: Arc::new(vec![f32::NAN; bytes.len() + 1]),
            nlls: Arc::new(vec![f32::NAN; bytes.len()]),
            best: Arc::default(),
            stale: 0..bytes.len() + 1,
            cells: None,
            cells_of: 0,
            took: None,
            cutting,
            starts: Arc::default(),
            firsts: Vec::new(),
            reach: None,
            distribution: None,
            once: Once::default(),
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

    /// The most likely token in place of each byte and of the byte to come, as far as
    /// they are known.
    pub(crate) fn best(&self) -> &Arc<Vec<Option<u32>>> {
        &self.best
    }

    /// Mean -ln p over the text in bits, once all of it is known.
    pub(crate) fn bits_per_byte(&self) -> Option<f64> {
        *self.once.bits_per_byte.get_or_init(|| {
            let sum: f64 = self.nlls.iter().map(|nll| f64::from(*nll)).sum();
            (!self.nlls.is_empty() && sum.is_finite())
                .then(|| sum / self.nlls.len() as f64 / std::f64::consts::LN_2)
        })
    }

    /// Its characters; a byte that belongs to none counts as one.
    pub(crate) fn characters(&self) -> usize {
        let count = || characters(&self.bytes);
        *self.once.characters.get_or_init(count)
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

    /// Whether the cells are still those of the text before.
    pub(crate) fn is_behind(&self) -> bool {
        self.cells_of != self.revision
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

    /// The patches in numbers.
    pub(crate) fn statistics(&self) -> &Statistics {
        self.once.statistics.get_or_init(|| {
            let mut flags = Vec::with_capacity(self.starts.len() + 1);
            flags.push(true);
            flags.extend_from_slice(&self.starts);
            statistics(&flags)
        })
    }

    /// Patches that start between two bytes of one character.
    pub(crate) fn cut_characters(&self) -> usize {
        let count = || cut_characters(&self.bytes, &self.firsts);
        *self.once.cut_characters.get_or_init(count)
    }

    /// Bytes per patch against the threshold; `None` for a rule without one, and for
    /// no text.
    pub(crate) fn curve(&self) -> Option<&Curve> {
        let draw = || Curve::of(&self.cutting, &self.entropies, self.bytes.len());
        self.once.curve.get_or_init(draw).as_ref()
    }

    /// The bytes of the patch that a byte belongs to.
    pub(crate) fn patch_of(&self, byte: usize) -> Range<usize> {
        let next = self.firsts.partition_point(|first| *first <= byte);
        let first = next.checked_sub(1).and_then(|at| self.firsts.get(at));
        let end = self.firsts.get(next).copied();
        first.copied().unwrap_or(0)..end.unwrap_or(self.bytes.len())
    }

    /// The number of the patch that a byte belongs to, from 0.
    pub(crate) fn patch_index(&self, byte: usize) -> usize {
        let next = self.firsts.partition_point(|first| *first <= byte);
        next.saturating_sub(1)
    }

    /// Why a patch starts at a byte, or does not.
    pub(crate) fn reason(&self, at: usize) -> Reason {
        Reason::of(&self.cutting, &self.entropies, &self.best, &self.starts, at)
    }

    pub(crate) fn distribution(&self, at: usize) -> Option<&Distribution> {
        self.distribution.as_ref().filter(|found| found.at == at)
    }

    /// Tells how far an edit can change entropies behind it.
    pub(crate) fn set_reach(&mut self, reach: Option<usize>) {
        self.reach = reach;
    }

    /// Takes what has changed in the editor since the last call: known numbers move
    /// along with their bytes.
    pub(crate) fn take_edit(&mut self) -> Option<Edit> {
        if self.editor == self.taken {
            return None;
        }
        self.taken.clone_from(&self.editor);
        let bytes = to_bytes(&self.editor);
        let edit = Edit::between(&self.bytes, &bytes)?;
        let (gone, came) = (edit.gone(), edit.came());
        self.entropies = follow(&self.entropies, &gone, &came, f32::NAN);
        self.nlls = follow(&self.nlls, &gone, &came, f32::NAN);
        if !self.best.is_empty() {
            self.best = follow(&self.best, &gone, &came, None);
        }
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
        self.once = Once::default();
        self.cut_again();
        Some(edit)
    }

    /// Another text in place of this one.
    pub(crate) fn replace(&mut self, bytes: &[u8]) -> Option<Edit> {
        self.editor = to_editor(bytes);
        self.take_edit()
    }

    /// Everything has to come again: another model, another context. What is still
    /// on its way no longer counts.
    pub(crate) fn forget(&mut self) {
        self.revision += 1;
        self.stale = 0..self.bytes.len() + 1;
        self.distribution = None;
    }

    /// Cuts the text another way; the model has nothing to do with it.
    pub(crate) fn set_cutting(&mut self, cutting: Cutting) {
        if cutting != self.cutting {
            if !cutting.has_curve_of(&self.cutting) {
                self.once.curve.take();
            }
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
                best,
                stale,
                cells,
                took,
            } => {
                if revision != self.revision {
                    return;
                }
                self.entropies = entropies;
                self.nlls = nlls;
                self.best = best;
                self.stale = stale;
                self.cells = Some(cells);
                self.cells_of = revision;
                self.took = Some(took);
                self.once.bits_per_byte.take();
                self.once.curve.take();
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
        self.starts = self
            .cutting
            .starts(&self.bytes, &self.entropies, &self.best);
        let flags = self.starts.iter().take(self.bytes.len()).enumerate();
        self.firsts.clear();
        self.firsts
            .extend(flags.filter(|(_, start)| **start).map(|(at, _)| at));
        self.once.statistics.take();
        self.once.cut_characters.take();
    }
}

/// Values of which some have given way to unknown ones.
fn follow<T: Copy>(
    values: &[T],
    gone: &Range<usize>,
    came: &Range<usize>,
    unknown: T,
) -> Arc<Vec<T>> {
    let mut values = values.to_vec();
    values.splice(gone.clone(), came.clone().map(|_| unknown));
    Arc::new(values)
}

#[cfg(test)]
impl Text {
    /// Numbers as if they had come from the model.
    pub(crate) fn know(&mut self, entropies: Vec<f32>, nlls: Vec<f32>) {
        self.entropies = Arc::new(entropies);
        self.nlls = Arc::new(nlls);
        let end = self.bytes.len() + 1;
        self.stale = end..end;
        self.once = Once::default();
        self.cut_again();
    }
}

#[cfg(test)]
impl Text {
    pub(crate) fn forget_time(&mut self) {
        self.took = None;
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;
    use crate::patch::Mode;
    use crate::patch::Rule;

    fn known(text: &str) -> Text {
        let mut text = Text::new(text.as_bytes(), Cutting::of_rule(&Rule::default()));
        let count = text.bytes().len();
        let entropies = (0..=count).map(|at| at as f32 / 4.0).collect();
        let nlls = (0..count).map(|at| at as f32 / 2.0).collect();
        text.know(entropies, nlls);
        text
    }

    fn edit(text: &mut Text, to: &str) -> bool {
        to.clone_into(&mut text.editor);
        text.take_edit().is_some()
    }

    #[test]
    fn numbers_move_along_with_their_bytes() {
        let mut text = known("abcdef");
        text.set_reach(Some(2));
        let revision = text.revision();
        assert!(text.take_edit().is_none());
        assert!(edit(&mut text, "abXYdef"));
        assert_eq!(text.revision(), revision + 1);
        let entropies: Vec<Option<f32>> = (0..=7).map(|at| text.entropy(at)).collect();
        let moved = [0, 1].map(|at| Some(at as f32 / 4.0));
        assert_eq!(entropies[..2], moved);
        assert_eq!(entropies[2..4], [None, None]);
        assert_eq!(entropies[4..], [3, 4, 5, 6].map(|at| Some(at as f32 / 4.0)));
        assert_eq!(
            (text.nll(1), text.nll(2), text.nll(4)),
            (Some(0.5), None, Some(1.5))
        );
        // The bytes that came, and as many behind them as they reach.
        assert_eq!(text.stale(), 2..7);
        assert!(!text.is_fresh() && text.bits_per_byte().is_none());
    }

    #[test]
    fn without_an_end_of_reach_everything_behind_is_stale() {
        let mut text = known("abcdef");
        assert!(edit(&mut text, "abcdf"));
        assert_eq!(text.stale(), 4..6);
        assert_eq!(text.entropies().len(), 6);
    }

    #[test]
    fn stale_ranges_grow_together() {
        let mut text = known("abcdefghij");
        text.set_reach(Some(1));
        assert!(edit(&mut text, "abcdefghXij"));
        assert_eq!(text.stale(), 8..11);
        // An edit before: what was stale has moved.
        assert!(edit(&mut text, "aZZbcdefghXij"));
        assert_eq!(text.stale(), 1..13);
        // And one behind, with what it removes.
        assert!(edit(&mut text, "aZZbcdefghX"));
        assert_eq!(text.stale(), 1..12);
    }

    #[test]
    fn an_edit_that_comes_back_is_none_and_all_of_a_text_can_go() {
        let mut text = known("abc");
        assert!(!edit(&mut text, "abc"));
        assert!(edit(&mut text, ""));
        assert_eq!((text.bytes().len(), text.entropies().len()), (0, 1));
        assert_eq!(text.patch_of(0), 0..0);
        assert_eq!(text.curve(), None);
        assert_eq!(text.characters(), 0);
        assert!(text.replace(b"\xFFx").is_some());
        assert_eq!(**text.bytes(), b"\xFFx");
        assert_eq!(text.characters(), 2);
    }

    #[test]
    fn every_byte_is_in_the_patch_that_its_flags_say() {
        let mut text = known("The quick brown fox.");
        for mode in [Mode::Space, Mode::Static, Mode::Byte, Mode::Delimiter] {
            text.set_cutting(Cutting {
                mode,
                ..text.cutting().clone()
            });
            let starts = Arc::clone(text.starts());
            let mut index = 0;
            for at in 0..text.bytes().len() {
                index += usize::from(starts[at]);
                assert_eq!(text.patch_index(at) + 1, index, "{mode:?} {at}");
                let patch = text.patch_of(at);
                assert!(patch.contains(&at) && starts[patch.start]);
                assert!(!starts[patch.start + 1..patch.end].contains(&true));
                assert!(patch.end == text.bytes().len() || starts[patch.end]);
            }
            assert_eq!(text.statistics().patches, index as u64);
        }
    }

    #[test]
    fn what_is_kept_is_renewed_when_it_must_be() {
        let mut text = known("가나다");
        text.set_cutting(Cutting {
            threshold: 100.0,
            ..text.cutting().clone()
        });
        let before = text.curve().unwrap().clone();
        assert_eq!((text.statistics().patches, text.cut_characters()), (1, 0));
        assert!((text.bits_per_byte().unwrap() - 2.0 / std::f64::consts::LN_2).abs() < 1e-6);
        // The threshold leaves the curve as it is, and nothing else.
        text.set_cutting(Cutting {
            threshold: 1.9,
            ..text.cutting().clone()
        });
        assert_eq!(text.curve(), Some(&before));
        assert_eq!((text.statistics().patches, text.cut_characters()), (2, 1));
        text.set_cutting(Cutting {
            longest: Some(2),
            ..text.cutting().clone()
        });
        assert_ne!(text.curve(), Some(&before));
        // And so does new text, which has fewer numbers.
        assert!(edit(&mut text, "가나다라"));
        assert_eq!(text.characters(), 4);
        assert_eq!(text.bits_per_byte(), None);
    }

    #[test]
    fn what_is_forgotten_must_come_again() {
        let mut text = known("abc");
        let revision = text.revision();
        text.forget();
        assert_eq!(text.stale(), 0..4);
        assert!(text.revision() > revision);
    }
}
