//! A file that shows: where it is looked at, and what is known of it.

use std::ops::Range;

use super::grid::{Grid, Top};
use super::jumps::{Patch, next_hottest, parse_offset, patch_of};
use super::source::{Source, Trouble};
use crate::window::actions::Jump;
use crate::window::context::Shared;
use crate::window::engine::{FileNews, FileRequest, Known, Overview, Request};
use crate::window::widgets::Finger;

/// A picture of a file up to this size shows all of it known.
const SMALL: u64 = 64 << 10;
/// So many bytes around those that show are asked for too, so that little is missing
/// after a turn of the wheel, and most patches are seen whole.
const AROUND: u64 = 4096;
/// What is asked for begins and ends with a multiple of this.
const STEP: u64 = 1024;

/// A file that shows.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) source: Source,
    /// Why it cannot be shown any more.
    pub(super) trouble: Option<Trouble>,
    pub(super) known: Known,
    pub(super) overview: Option<Overview>,
    pub(super) grid: Grid,
    pub(super) top: Top,
    pub(super) caret: u64,
    pub(super) hovered: Option<u64>,
    /// The bytes that show, of the last frame.
    pub(super) visible: Range<u64>,
    /// Whether the scan goes on by itself.
    pub(super) run: bool,
    /// A jump that was asked for.
    pub(super) jump: Option<Jump>,
    /// What the field for an offset holds.
    pub(super) offset: String,
    pub(super) focus_offset: bool,
    pub(super) focus_rows: bool,
    /// The hottest place that was gone to last.
    pub(super) gone_to: Option<u64>,
    pub(super) notice: Notice,
    pub(super) finger: Finger,
    /// Where the caret was when the pointer was pressed last.
    pub(super) pressed_from: u64,
    /// What the engine was asked to show.
    asked: Option<(Range<u64>, usize)>,
}

/// What is said beside the jumps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Notice {
    Nothing,
    /// Which of the hottest places it is, of how many, and its entropy in nats.
    Hottest(usize, usize, f32),
    /// The longest patch has so many bytes.
    Longest(u64),
    Searching,
    /// All of the file is UTF-8.
    Valid,
    /// What was written is no offset.
    NoOffset,
}

impl Shown {
    pub(super) fn new(source: Source) -> Self {
        Self {
            grid: Grid {
                length: source.len(),
                per_row: 16,
                shown: 1,
            },
            source,
            trouble: None,
            known: Known::default(),
            overview: None,
            top: Top::default(),
            caret: 0,
            hovered: None,
            visible: 0..0,
            run: true,
            jump: None,
            offset: String::new(),
            focus_offset: false,
            focus_rows: true,
            gone_to: None,
            notice: Notice::Nothing,
            finger: Finger::default(),
            pressed_from: 0,
            asked: None,
        }
    }

    /// All numbers have to come again.
    pub(super) fn forget(&mut self) {
        self.known = Known::default();
        self.overview = None;
        self.asked = None;
        self.notice = Notice::Nothing;
        if matches!(self.trouble, Some(Trouble::Scan(_))) {
            self.trouble = None;
        }
    }

    pub(super) fn take(&mut self, news: FileNews) {
        match news {
            FileNews::Bytes(known) => self.known = known,
            FileNews::Overview(overview) => {
                // The scan opened the file later: it may be another one by now.
                let is = overview.progress.total;
                if is != self.source.len() && self.trouble.is_none() {
                    self.trouble = Some(Trouble::Changed);
                }
                self.overview = Some(overview);
            }
            FileNews::Invalid(found) => {
                if self.notice == Notice::Searching {
                    self.notice = match found {
                        Some(_) => Notice::Nothing,
                        None => Notice::Valid,
                    };
                    if let Some(at) = found {
                        self.go_to(at);
                    }
                }
            }
            FileNews::Failed(why) => {
                // What the rows have found themselves is said in more languages.
                self.trouble.get_or_insert(Trouble::Scan(why));
            }
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        let length = self.source.len();
        if length == 0 || self.trouble.is_some() {
            return true;
        }
        let Some(overview) = &self.overview else {
            return false;
        };
        let whole = length > SMALL || overview.progress.finished;
        let end = self.visible.end;
        let covers = self.known.range.start <= self.visible.start && end <= self.known.range.end;
        whole && !self.visible.is_empty() && covers && self.known.done >= end
    }

    /// Bytes of the file that are done.
    pub(super) fn done(&self) -> u64 {
        let overview = self.overview.as_ref();
        overview.map_or(0, |overview| overview.progress.bytes)
    }

    fn index(&self, byte: u64) -> Option<usize> {
        if !self.known.range.contains(&byte) {
            return None;
        }
        usize::try_from(byte - self.known.range.start).ok()
    }

    /// In nats, as far as it is known.
    pub(super) fn entropy(&self, byte: u64) -> Option<f32> {
        self.known.entropies.get(self.index(byte)?).copied()?
    }

    pub(super) fn start(&self, byte: u64) -> bool {
        self.index(byte)
            .and_then(|index| self.known.starts.get(index))
            .copied()
            .unwrap_or(false)
    }

    pub(super) fn patch(&self, byte: u64) -> Option<Patch> {
        let known = &self.known;
        let ends = (known.done, self.source.len());
        patch_of(&known.starts, &known.range, byte, ends)
    }

    /// Puts the caret onto a byte, and it into the middle of the rows.
    pub(super) fn go_to(&mut self, byte: u64) {
        self.caret = byte.min(self.source.len().saturating_sub(1));
        if !self.visible.contains(&self.caret) {
            self.top = self.grid.center(self.caret);
        }
    }

    /// Does what was asked for.
    pub(super) fn take_jump(&mut self, shared: &Shared<'_>) {
        match self.jump.take() {
            None => {}
            Some(Jump::Hottest) => self.go_to_hottest(),
            Some(Jump::Longest) => {
                let overview = self.overview.as_ref();
                if let Some(longest) = overview.and_then(|overview| overview.longest.clone()) {
                    self.notice = Notice::Longest(longest.end - longest.start);
                    self.go_to(longest.start);
                }
            }
            Some(Jump::Invalid) if self.overview.is_some() => {
                self.notice = Notice::Searching;
                let from = self.caret;
                let request = FileRequest::FindInvalid { from };
                shared.engine.ask(Request::File(request));
            }
            Some(Jump::Invalid) => {}
            Some(Jump::Offset) => self.focus_offset = true,
        }
    }

    fn go_to_hottest(&mut self) {
        let places = self.overview.as_ref().map(|overview| &overview.hottest);
        let places = places.map_or(&[][..], Vec::as_slice);
        let Some((number, at)) = next_hottest(places, self.gone_to) else {
            return;
        };
        let entropy = places.get(number - 1).map_or(0.0, |place| place.entropy);
        self.notice = Notice::Hottest(number, places.len(), entropy);
        self.gone_to = Some(at);
        self.go_to(at);
    }

    /// Goes to the offset that is written; says whether it is one.
    pub(super) fn go_to_offset(&mut self) -> bool {
        let found = parse_offset(&self.offset, self.caret, self.source.len());
        self.notice = match found {
            Some(_) => Notice::Nothing,
            None => Notice::NoOffset,
        };
        if let Some(at) = found {
            self.go_to(at);
        }
        found.is_some()
    }

    /// Lets the scan go on or wait.
    pub(super) fn set_run(&mut self, run: bool, shared: &Shared<'_>) {
        self.run = run;
        shared.engine.ask(Request::File(FileRequest::Run(run)));
    }

    /// Gives the scan up, and what has come of it.
    pub(super) fn cancel(&mut self, shared: &Shared<'_>) {
        self.run = false;
        self.gone_to = None;
        self.notice = Notice::Nothing;
        shared.engine.ask(Request::File(FileRequest::Cancel));
    }

    /// Asks for what shows, if that is something else than before.
    pub(super) fn ask(&mut self, texels: usize, shared: &Shared<'_>) {
        if shared.model.is_none() {
            return;
        }
        let start = self.visible.start.saturating_sub(AROUND) / STEP * STEP;
        let end = self.visible.end.saturating_add(AROUND) / STEP * STEP + STEP;
        let wanted = (start..end.min(self.source.len()), texels);
        if self.asked.as_ref() != Some(&wanted) {
            let (range, texels) = wanted.clone();
            self.asked = Some(wanted);
            let request = FileRequest::View { range, texels };
            shared.engine.ask(Request::File(request));
        }
    }
}
