//! The work of the file screen: a file on its way through the entropy model, a
//! little at a time, and what of it the screen shows.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use web_time::Instant;

use super::job::{Job, Slice};
use super::portion::Portion;
use super::{Model, Outbox, Update};
use crate::bytes::ByteClass;
use crate::error::{Error, Result};
use crate::model::entropy::EntropyModel;
use crate::patch::Rule;
use crate::session::scan::{Place, Progress, Texel};
use crate::session::{ContextOptions, FileScan, ScanOptions};
use crate::window::error_message::ErrorMessage;

/// What the file screen asks for.
#[derive(Debug)]
pub(crate) enum FileRequest {
    /// Scan this file.
    Open {
        /// Counts up with every file and every model; what comes has it too.
        generation: u64,
        /// The file.
        path: PathBuf,
        /// Whether to begin at once.
        run: bool,
    },
    /// This is what shows.
    View {
        /// The bytes.
        range: Range<u64>,
        /// The rows of the overview.
        texels: usize,
    },
    /// Go on, or wait.
    Run(bool),
    /// Give up the scan, and what has come of it.
    Cancel,
    /// Where is the next invalid UTF-8 behind the run that this byte is in?
    FindInvalid {
        /// The byte.
        from: u64,
    },
}

/// What has come for the file screen.
#[derive(Debug)]
pub(crate) struct FileUpdate {
    /// Of which file.
    pub(crate) generation: u64,
    /// What it is.
    pub(crate) news: FileNews,
}

/// What has come for the file screen.
#[derive(Debug)]
pub(crate) enum FileNews {
    /// The bytes that show.
    Bytes(Known),
    /// The whole file.
    Overview(Overview),
    /// The next invalid UTF-8, if there is any in the file.
    Invalid(Option<u64>),
    /// The scan has ended, and why.
    Failed(ErrorMessage),
}

/// What is known of some bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Known {
    /// The bytes.
    pub(crate) range: Range<u64>,
    /// The bytes of the file that were done then.
    pub(crate) done: u64,
    /// In nats, one for each byte.
    pub(crate) entropies: Vec<Option<f32>>,
    /// Whether a patch starts, one for each byte.
    pub(crate) starts: Vec<bool>,
}

/// What is known of a whole file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Overview {
    pub(crate) progress: Progress,
    /// Rows that share the file evenly.
    pub(crate) texels: Vec<Texel>,
    /// Bytes per second while it runs.
    pub(crate) pace: Option<f64>,
    pub(crate) patches: u64,
    /// Bytes per patch.
    pub(crate) mean_patch: Option<f64>,
    pub(crate) bits_per_byte: Option<f64>,
    pub(crate) longest: Option<Range<u64>>,
    /// The places of highest entropy, the highest first.
    pub(crate) hottest: Vec<Place>,
}

/// What has come is told no more often: where one processor both computes and draws,
/// every frame takes time from the scan.
const TELL: Duration = Duration::from_millis(300);
/// So many hottest places are kept, and they are at least a share of the file and
/// so many bytes apart.
const HOTTEST: usize = 12;
const APART: (u64, u64) = (100, 64);
/// The hottest places are looked for no more often, and take no more than this
/// share of the time.
const HOTTEST_EVERY: Duration = Duration::from_secs(1);
const HOTTEST_SHARE: u32 = 20;
/// The most bytes that are looked through for invalid UTF-8 in a slice.
const SEARCH: u64 = 16 << 20;
/// The most bytes of a run of invalid UTF-8 that are passed in a slice.
const PASS: u64 = 256 << 10;

/// The work of the file screen.
#[derive(Debug, Default)]
pub(super) struct Scan {
    model: Option<Arc<Model>>,
    open: Option<Open>,
}

/// After a failure of other work a scan begins the file again by itself after a step
/// that came to nothing, so it has nothing to give up.
impl Job for Scan {
    /// The screen asks anew, under another generation.
    fn use_model(&mut self, model: &Arc<Model>) -> Result<()> {
        self.model = Some(Arc::clone(model));
        self.open = None;
        Ok(())
    }

    fn is_busy(&self) -> bool {
        self.open.as_ref().is_some_and(Open::is_busy)
    }

    fn slice<'a>(&'a mut self, outbox: &'a Outbox) -> Slice<'a> {
        Box::pin(async {
            let done = match &mut self.open {
                Some(open) => open.slice(outbox).await,
                None => Ok(()),
            };
            self.end_if_failed(done, outbox)
        })
    }
}

impl Scan {
    pub(super) fn ask(&mut self, request: FileRequest, outbox: &Outbox) -> Result<()> {
        if let FileRequest::Open {
            generation,
            path,
            run,
        } = request
        {
            // What is there of another file has to go first: it takes memory.
            self.open = None;
            // Without a model the screen asks again when there is one.
            if let Some(model) = &self.model {
                let (entropy, rule) = (Some(&model.entropy), model.rule.clone());
                match Open::new(generation, &path, run, entropy, rule) {
                    Ok(open) => self.open = Some(open),
                    Err(error) => return failed(generation, error, outbox),
                }
            }
            return Ok(());
        }
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let answered = open.ask(request, outbox);
        self.end_if_failed(answered, outbox)
    }

    fn end_if_failed(&mut self, done: Result<()>, outbox: &Outbox) -> Result<()> {
        match (done, &self.open) {
            (Err(error), Some(open)) => {
                let generation = open.generation;
                self.open = None;
                failed(generation, error, outbox)
            }
            (done, _) => done,
        }
    }
}

/// Says why a scan has ended; a lost device is everybody's.
fn failed(generation: u64, error: Error, outbox: &Outbox) -> Result<()> {
    if matches!(error, Error::DeviceLost(_)) {
        return Err(error);
    }
    outbox.put(Update::File(FileUpdate {
        generation,
        news: FileNews::Failed(ErrorMessage::of(&error)),
    }));
    Ok(())
}

/// A file that is open.
#[derive(Debug)]
struct Open {
    generation: u64,
    scan: FileScan,
    run: bool,
    view: Range<u64>,
    texels: usize,
    search: Option<Search>,
    pace: Pace,
    portion: Portion,
    told: Option<Instant>,
    /// The bytes that were done then.
    told_bytes: u64,
    hottest: Vec<Place>,
    /// When they were looked for, and how long it took.
    looked: Option<(Instant, Duration)>,
}

impl Open {
    fn new(
        generation: u64,
        path: &Path,
        run: bool,
        model: Option<&Arc<EntropyModel>>,
        rule: Rule,
    ) -> Result<Self> {
        let options = ScanOptions {
            rule: Some(rule),
            context: ContextOptions::default(),
        };
        Ok(Self {
            generation,
            scan: FileScan::open(path, model, options)?,
            run,
            view: 0..0,
            texels: 0,
            search: None,
            pace: Pace::default(),
            portion: Portion::default(),
            told: None,
            told_bytes: 0,
            hottest: Vec::new(),
            looked: None,
        })
    }

    fn is_busy(&self) -> bool {
        self.search.is_some() || (self.run && !self.scan.progress().finished)
    }

    fn ask(&mut self, request: FileRequest, outbox: &Outbox) -> Result<()> {
        match request {
            FileRequest::Open { .. } => {}
            FileRequest::View { range, texels } => {
                let other = self.texels != texels;
                (self.view, self.texels) = (range, texels);
                self.tell_bytes(outbox)?;
                if other {
                    self.tell_overview(outbox);
                }
            }
            FileRequest::Run(run) => {
                self.run = run;
                self.pace.clear();
                self.tell_overview(outbox);
            }
            FileRequest::Cancel => {
                self.run = false;
                self.pace.clear();
                self.scan.restart();
                self.hottest.clear();
                self.looked = None;
                self.tell_bytes(outbox)?;
                self.tell_overview(outbox);
            }
            FileRequest::FindInvalid { from } => self.search = Some(Search::from(from)),
        }
        Ok(())
    }

    async fn slice(&mut self, outbox: &Outbox) -> Result<()> {
        if let Some(search) = &mut self.search {
            if let Some(found) = search.slice(&self.scan)? {
                self.search = None;
                self.put(outbox, FileNews::Invalid(found));
            }
            return Ok(());
        }
        let before = self.scan.progress().bytes;
        let began = Instant::now();
        self.pace.add(began, before);
        let progress = self.scan.step(self.portion.bytes()).await?;
        let now = Instant::now();
        self.pace.add(now, progress.bytes);
        self.portion.took(now - began);
        let due = |told: Option<Instant>, every| told.is_none_or(|told| now - told >= every);
        let every = |cost: Duration| (cost * HOTTEST_SHARE).max(HOTTEST_EVERY);
        if progress.finished
            || self
                .looked
                .is_none_or(|(looked, cost)| due(Some(looked), every(cost)))
        {
            let apart = (progress.total / APART.0).max(APART.1);
            self.hottest = self.scan.hottest(HOTTEST, apart)?;
            self.looked = Some((now, now.elapsed()));
        }
        let complete = (before..progress.bytes).contains(&(self.view.end.max(1) - 1));
        if progress.finished || complete || due(self.told, TELL) {
            // A step after one that came to nothing is at the beginning of the file again.
            let new = self.told_bytes.min(before).min(progress.bytes)..progress.bytes;
            if new.start < self.view.end && self.view.start < new.end {
                self.tell_bytes(outbox)?;
            }
            self.told_bytes = progress.bytes;
            self.tell_overview(outbox);
        }
        Ok(())
    }

    fn put(&self, outbox: &Outbox, news: FileNews) {
        let generation = self.generation;
        outbox.put(Update::File(FileUpdate { generation, news }));
    }

    fn tell_bytes(&self, outbox: &Outbox) -> Result<()> {
        let end = self.view.end.min(self.scan.len());
        let range = self.view.start.min(end)..end;
        let known = Known {
            entropies: self.scan.entropies(range.clone())?,
            starts: self.scan.starts(range.clone())?,
            done: self.scan.progress().bytes,
            range,
        };
        self.put(outbox, FileNews::Bytes(known));
        Ok(())
    }

    fn tell_overview(&mut self, outbox: &Outbox) {
        let now = Instant::now();
        self.told = Some(now);
        let summary = self.scan.summary();
        let progress = self.scan.progress();
        let overview = Overview {
            progress,
            texels: self.scan.minimap(self.texels),
            pace: self.pace.per_second().filter(|_| !progress.finished),
            patches: summary.patches(),
            mean_patch: summary.mean_patch(),
            bits_per_byte: summary.bits_per_byte(),
            longest: self.scan.longest_patch(),
            hottest: self.hottest.clone(),
        };
        self.put(outbox, FileNews::Overview(overview));
    }
}

/// How fast a scan has been of late.
#[derive(Debug, Default)]
struct Pace {
    marks: VecDeque<(Instant, u64)>,
}

impl Pace {
    /// So long a time counts.
    const SPAN: Duration = Duration::from_secs(8);

    fn clear(&mut self) {
        self.marks.clear();
    }

    fn add(&mut self, now: Instant, bytes: u64) {
        if self.marks.back().is_some_and(|(_, last)| *last > bytes) {
            self.clear();
        }
        self.marks.push_back((now, bytes));
        while self.marks.len() > 2
            && self
                .marks
                .get(1)
                .is_some_and(|(time, _)| now - *time > Self::SPAN)
        {
            self.marks.pop_front();
        }
    }

    fn per_second(&self) -> Option<f64> {
        let (first, last) = (self.marks.front()?, self.marks.back()?);
        let seconds = (last.0 - first.0).as_secs_f64();
        (seconds > 0.0 && last.1 > first.1).then(|| (last.1 - first.1) as f64 / seconds)
    }
}

/// A search for invalid UTF-8, which goes on from the beginning at the end.
#[derive(Debug)]
struct Search {
    from: u64,
    at: u64,
    /// Still in the run of invalid bytes that the search began in.
    passing: bool,
    wrapped: bool,
}

impl Search {
    fn from(from: u64) -> Self {
        Self {
            from,
            at: from,
            passing: true,
            wrapped: false,
        }
    }

    /// Looks at some more; gives the outcome when there is one.
    fn slice(&mut self, scan: &FileScan) -> Result<Option<Option<u64>>> {
        let length = scan.len();
        if self.passing {
            let end = self.at.saturating_add(PASS).min(length);
            let classes = scan.classes(self.at..end)?;
            match classes
                .iter()
                .position(|class| *class != ByteClass::Invalid)
            {
                Some(valid) => {
                    self.at += valid as u64;
                    self.passing = false;
                }
                None => {
                    self.at = end;
                    self.passing = end < length;
                }
            }
            return Ok(None);
        }
        let limit = match self.wrapped {
            false => length,
            true => self.from.saturating_add(1).min(length),
        };
        if self.at >= limit {
            if self.wrapped {
                return Ok(Some(None));
            }
            (self.wrapped, self.at) = (true, 0);
            return Ok(None);
        }
        let end = self.at.saturating_add(SEARCH).min(limit);
        let found = scan.invalid_utf8_within(self.at..end)?;
        self.at = end;
        Ok(found.map(Some))
    }
}

#[cfg(test)]
mod tests;
