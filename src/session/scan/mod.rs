//! A file of any size on its way through a model, in steps.
//!
//! The file is read where it is looked at: opening takes no time, and its bytes, their
//! classes and the search for invalid UTF-8 need no model. A scan goes through
//! it once; memory does not grow with the file beyond the 32 MiB of its
//! overview, because what is known of each byte goes into a temporary file of
//! twice its size.

mod open_file;
mod pyramid;
mod search;
mod store;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::{ContextOptions, Cut, TextOptions, TextSession};
use crate::bytes::{ByteClass, classes};
use crate::error::Result;
use crate::model::entropy::EntropyModel;
use crate::patch::{Rule, Scheme};
use crate::record::{ByteRecord, Summary};
use open_file::OpenFile;
use pyramid::Pyramid;
pub use pyramid::Texel;
use store::{Cell, Store};

/// What is asked about a file.
#[derive(Clone, Debug, Default)]
pub struct ScanOptions {
    /// Where its patches start; without one there are none.
    pub rule: Option<Rule>,
    /// Where the model's context is cut.
    pub context: ContextOptions,
}

/// How far a scan has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// The bytes that are done.
    pub bytes: u64,
    /// The bytes of the file.
    pub total: u64,
    /// Whether the scan is at its end; an empty file takes a step too.
    pub finished: bool,
}

/// A place in a file and the entropy of the prediction of its byte, in nats.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Place {
    /// The byte, from 0.
    pub at: u64,
    /// Its entropy in nats, to the precision of a half.
    pub entropy: f32,
}

/// A file of any size on its way through a model.
///
/// Call [`step`](Self::step) until it has finished, or for as long as there is
/// time: between steps everything can be asked about what is done so far, and a
/// scan that is left alone goes on where it was. The file keeps the length it
/// had when it was opened; one that has become shorter is refused by whatever
/// would touch it.
///
/// Entropies are kept as 16-bit floats, with 11 significant bits; patch starts
/// are those of the full precision.
#[derive(Debug)]
pub struct FileScan {
    file: OpenFile,
    session: Option<TextSession>,
    has_rule: bool,
    has_model: bool,
    store: Option<Store>,
    pyramid: Pyramid,
    done: u64,
    finished: bool,
    /// A step was given up halfway, so the session's caches are of no use.
    broken: bool,
    counts: Box<[u64; 256]>,
    summary: Summary,
    to_come: Option<f32>,
    /// The first byte of the open patch.
    open: u64,
    /// The longest patch that is closed.
    longest: Range<u64>,
}

/// The most bytes of a step without a model.
const PIECE_WITHOUT_MODEL: usize = 256 << 10;

impl FileScan {
    /// Opens a file. Nothing is read yet, however large it is.
    ///
    /// With a model there are entropies, and patches by any rule; without one,
    /// patches by a rule that looks at bytes alone, or only what bytes say of
    /// themselves.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the file cannot be opened or there is
    /// no room for temporary files, [`Error::Argument`](crate::Error::Argument)
    /// if it is no file or the rule needs a model and there is none, and the
    /// device's errors.
    pub fn open(
        path: &Path,
        model: Option<&Arc<EntropyModel>>,
        options: ScanOptions,
    ) -> Result<Self> {
        let file = OpenFile::open(path)?;
        let has_rule = options.rule.is_some();
        let session = if has_rule || model.is_some() {
            // A session wants a rule; one without is not asked for its patches.
            let rule = match options.rule {
                Some(rule) => rule,
                None => Rule::new(Scheme::Byte)?,
            };
            let text = TextOptions {
                cut: Cut::Rule(rule),
                context: options.context,
                best: 0,
                profile: false,
            };
            Some(TextSession::new(model, text)?)
        } else {
            None
        };
        let store = session.as_ref().map(|_| Store::new()).transpose()?;
        Ok(Self {
            pyramid: Pyramid::new(file.len()),
            file,
            session,
            has_rule,
            has_model: model.is_some(),
            store,
            done: 0,
            finished: false,
            broken: false,
            counts: Box::new([0; 256]),
            summary: Summary::default(),
            to_come: None,
            open: 0,
            longest: 0..0,
        })
    }

    /// Takes the next bytes of the file, at most `most` of them (at least one)
    /// and no more than are comfortable for the model, which may be fewer.
    ///
    /// A step that is given up halfway (its future dropped, or an error) makes
    /// the next one begin the file again.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if the file has become
    /// shorter, [`Error::Io`](crate::Error::Io) if the temporary file cannot
    /// grow, and what the session says.
    pub async fn step(&mut self, most: usize) -> Result<Progress> {
        self.file.check()?;
        if self.broken {
            self.restart();
        }
        if self.finished {
            return Ok(self.progress());
        }
        let comfortable = match &self.session {
            Some(session) if self.has_model => session.comfortable_push(),
            _ => PIECE_WITHOUT_MODEL,
        };
        let piece = most.clamp(1, comfortable) as u64;
        let end = self.done.saturating_add(piece).min(self.file.len());
        let bytes = self.file.bytes(self.done..end)?;
        self.broken = true;
        let last = end == self.file.len();
        if let Some(session) = &mut self.session {
            let records = session.push(&bytes).await?;
            let to_come = match last {
                true => session.finish().await?,
                false => Vec::new(),
            };
            self.take(&records)?;
            for record in &to_come {
                self.summary.add(record);
                self.to_come = record.entropy;
            }
        }
        for byte in &bytes {
            if let Some(count) = self.counts.get_mut(usize::from(*byte)) {
                *count += 1;
            }
        }
        self.done = end;
        self.finished = last;
        self.broken = false;
        Ok(self.progress())
    }

    /// Goes back to the beginning of the file.
    pub fn restart(&mut self) {
        if let Some(session) = &mut self.session {
            session.reset();
        }
        if let Some(store) = &mut self.store {
            store.clear();
        }
        self.pyramid.clear();
        (self.done, self.finished, self.broken) = (0, false, false);
        self.counts.fill(0);
        self.summary = Summary::default();
        self.to_come = None;
        (self.open, self.longest) = (0, 0..0);
    }

    fn take(&mut self, records: &[ByteRecord]) -> Result<()> {
        let start = |record: &ByteRecord| self.has_rule && record.start;
        let cells: Vec<Cell> = records
            .iter()
            .map(|record| Cell::new(record.entropy, start(record)))
            .collect();
        for record in records {
            if start(record) {
                let closed = self.open..record.index;
                if length(&closed) > length(&self.longest) {
                    self.longest = closed;
                }
                self.open = record.index;
            }
            let start = start(record);
            self.summary.add(&ByteRecord { start, ..*record });
        }
        // The overview is of what is kept, so that both agree.
        let kept = cells.iter().map(|cell| (cell.entropy(), cell.start()));
        self.pyramid.add(kept);
        match &mut self.store {
            Some(store) => store.append(&cells),
            None => Ok(()),
        }
    }

    /// The file, as it was named.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// How far the scan has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            bytes: self.done,
            total: self.file.len(),
            finished: self.finished,
        }
    }

    /// The bytes of the file when it was opened.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.file.len()
    }

    /// Whether the file is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of a range, as far as the file goes; at once, whatever is done.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if the file has become shorter, and
    /// [`Error::Io`](crate::Error::Io) if it cannot be read.
    pub fn bytes(&self, range: Range<u64>) -> Result<Vec<u8>> {
        self.file.bytes(range)
    }

    /// The class of each byte of a range, as far as the file goes; at once,
    /// whatever is done. A character that the range cuts is seen whole.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if the file has become shorter.
    pub fn classes(&self, range: Range<u64>) -> Result<Vec<ByteClass>> {
        let range = self.within(range);
        let from = search::piece_start(&self.file, range.start)?;
        let around = self.file.bytes(from..range.end.saturating_add(3))?;
        let (skip, count) = (range.start - from, length(&range));
        let classes = classes(&around).into_iter();
        Ok(classes.skip(index(skip)).take(index(count)).collect())
    }

    /// The entropy in nats of the prediction of each byte of a range, as far as
    /// the file goes; `None` for those that are not done and without a model.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the temporary file cannot be read.
    pub fn entropies(&self, range: Range<u64>) -> Result<Vec<Option<f32>>> {
        self.of_cells(range, Cell::entropy)
    }

    /// For each byte of a range, as far as the file goes, whether a patch starts
    /// there; false for those that are not done and without a rule.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the temporary file cannot be read.
    pub fn starts(&self, range: Range<u64>) -> Result<Vec<bool>> {
        self.of_cells(range, Cell::start)
    }

    fn of_cells<T: Clone + Default>(
        &self,
        range: Range<u64>,
        of: impl Fn(Cell) -> T,
    ) -> Result<Vec<T>> {
        let range = self.within(range);
        let mut values = Vec::new();
        if let Some(store) = &self.store {
            let done = range.start..range.end.min(self.done);
            values.extend(store.read(done)?.into_iter().map(of));
        }
        values.resize(index(length(&range)), T::default());
        Ok(values)
    }

    /// The whole file in `rows` rows of about the same number of bytes: the
    /// greatest and the mean entropy of each, and its mean patch.
    ///
    /// A row is made of whole blocks, of 64 bytes in files up to 64 MiB, so it
    /// may take in a little of its neighbours. It costs about two blocks per
    /// row, for files as small or as large as they come.
    #[must_use]
    pub fn minimap(&self, rows: usize) -> Vec<Texel> {
        self.overview(0..self.len(), rows)
    }

    /// A range of the file in `rows` rows, as [`minimap`](Self::minimap) has
    /// them.
    #[must_use]
    pub fn overview(&self, range: Range<u64>, rows: usize) -> Vec<Texel> {
        self.pyramid.rows(&self.within(range), rows)
    }

    /// The bytes of highest entropy so far, at most `count` of them and at least
    /// `apart` bytes from each other, the highest first; of equal ones the
    /// earlier.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the temporary file cannot be read.
    pub fn hottest(&self, count: usize, apart: u64) -> Result<Vec<Place>> {
        let Some(store) = self.store.as_ref().filter(|_| count > 0) else {
            return Ok(Vec::new());
        };
        // No entropy is negative, so its bits are in its order.
        let entry =
            |block: Range<u64>, nats: f32| (nats.to_bits(), Reverse(block.start), block.end);
        let mut blocks: BinaryHeap<_> = self
            .pyramid
            .greatest()
            .map(|(block, nats)| entry(block, nats))
            .collect();
        let mut places: Vec<Place> = Vec::new();
        while let Some((bits, Reverse(start), end)) = blocks.pop() {
            let near = |place: &Place, at: u64| place.at.abs_diff(at) < apart.max(1);
            if places
                .iter()
                .any(|place| near(place, start) && near(place, end.saturating_sub(1)))
            {
                continue;
            }
            let free = |at: u64| !places.iter().any(|place| near(place, at));
            let best = (start..end)
                .zip(store.read(start..end)?)
                .filter(|(at, _)| free(*at))
                .filter_map(|(at, cell)| Some((at, cell.entropy()?)))
                .reduce(|best, next| if next.1 > best.1 { next } else { best });
            match best {
                Some((at, entropy)) if entropy.to_bits() == bits => {
                    places.push(Place { at, entropy });
                    if places.len() == count {
                        break;
                    }
                    // The block may have another, far enough away.
                    blocks.push((bits, Reverse(start), end));
                }
                // Its greatest is too near to a place: it waits for its turn with what is left.
                Some((_, entropy)) => blocks.push(entry(start..end, entropy)),
                None => {}
            }
        }
        Ok(places)
    }

    /// The longest patch so far, the open one included; the first of several.
    /// `None` without a rule and before the first byte.
    #[must_use]
    pub fn longest_patch(&self) -> Option<Range<u64>> {
        let open = self.open..self.done;
        let longest = match length(&open) > length(&self.longest) {
            true => open,
            false => self.longest.clone(),
        };
        Some(longest).filter(|longest| self.has_rule && !longest.is_empty())
    }

    /// The first byte from `from` on that is part of no valid UTF-8. It looks at
    /// the file itself, whatever is done, and may have to go through all of it;
    /// [`invalid_utf8_within`](Self::invalid_utf8_within) looks at a part.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if the file has become shorter.
    pub fn first_invalid_utf8(&self, from: u64) -> Result<Option<u64>> {
        self.invalid_utf8_within(from..self.len())
    }

    /// The first byte of a range that is part of no valid UTF-8.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if the file has become shorter.
    pub fn invalid_utf8_within(&self, range: Range<u64>) -> Result<Option<u64>> {
        search::invalid_utf8(&self.file, self.within(range))
    }

    /// How often each byte has occurred so far.
    #[must_use]
    pub const fn byte_counts(&self) -> &[u64; 256] {
        &self.counts
    }

    /// The totals so far: bytes, patches, entropy, bits per byte. Without a rule
    /// no patch counts, and without rule and model nothing does.
    #[must_use]
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The entropy in nats of the byte that would follow the file; `None` before
    /// the end and without a model.
    #[must_use]
    pub const fn entropy_to_come(&self) -> Option<f32> {
        self.to_come
    }

    /// The part of a range that is in the file.
    fn within(&self, range: Range<u64>) -> Range<u64> {
        let end = range.end.min(self.len());
        range.start.min(end)..end
    }
}

const fn length(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

fn index(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
