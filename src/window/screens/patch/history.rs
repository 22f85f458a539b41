//! What was done on the patch screen, in its order, and the way back: to the text,
//! to how it is cut, and to the context of the model.
//!
//! A step holds only what it changed, so a long text is not held once per key.

use std::collections::VecDeque;

use super::cutting::Cutting;
use crate::session::ContextOptions;
use crate::window::document::difference;

/// The most bytes of text that all steps hold together.
const MOST: usize = 8 << 20;
/// What a step takes beside its text, roughly.
const STEP: usize = 256;
/// A pause so long, in seconds, ends a run of keys.
const PAUSE: f64 = 1.0;

/// What the editor has selected, in bytes: where the selection began, and the caret.
pub(super) type Selection = (usize, usize);

/// What a change of the text was made by; changes of one run are one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Run {
    /// Something that is a step of its own: a paste, a sample, a file.
    #[default]
    Alone,
    /// Letters.
    Typing,
    /// Letters that an input method may still take back.
    Composing,
    /// Keys that take letters away.
    Deleting,
}

/// A change of the text by the editor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edit<'a> {
    pub(super) before: &'a [u8],
    pub(super) after: &'a [u8],
    /// The selection before and after it.
    pub(super) selections: [Option<Selection>; 2],
    pub(super) run: Run,
    /// When, in seconds.
    pub(super) time: f64,
}

/// What makes a change of the way to cut part of the one before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Hold {
    /// Nothing: a control is taken.
    Begins,
    /// The control is still held.
    Goes,
    /// A key at a time, in seconds.
    Key(f64),
}

#[derive(Clone, Debug, PartialEq)]
enum Change {
    Text {
        at: usize,
        gone: Vec<u8>,
        came: Vec<u8>,
        before: Option<Selection>,
        after: Option<Selection>,
    },
    Cutting {
        before: Cutting,
        after: Cutting,
    },
    Context {
        before: ContextOptions,
        after: ContextOptions,
    },
}

/// What has to be done to be where a step began, or ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Restore {
    /// From a byte on `held` stands, and `put` is to stand.
    Text {
        at: usize,
        held: Vec<u8>,
        put: Vec<u8>,
        selection: Option<Selection>,
    },
    Cutting(Cutting),
    Context(ContextOptions),
}

/// The run that the last step belongs to, while it may go on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Open {
    Nothing,
    Text {
        run: Run,
        selection: Option<Selection>,
        time: f64,
    },
    Held,
    Keys(f64),
}

/// What was done, and what was undone of it.
#[derive(Debug)]
pub(super) struct History {
    done: VecDeque<Change>,
    undone: Vec<Change>,
    /// What all of them take.
    size: usize,
    most: usize,
    open: Open,
}

impl Default for History {
    fn default() -> Self {
        Self::within(MOST)
    }
}

impl Change {
    fn size(&self) -> usize {
        match self {
            Self::Text { gone, came, .. } => STEP + gone.len() + came.len(),
            _ => STEP,
        }
    }

    fn restore(&self, back: bool) -> Restore {
        match self.clone() {
            Self::Text {
                at,
                gone,
                came,
                before,
                after,
            } => match back {
                true => Restore::Text {
                    at,
                    held: came,
                    put: gone,
                    selection: before,
                },
                false => Restore::Text {
                    at,
                    held: gone,
                    put: came,
                    selection: after,
                },
            },
            Self::Cutting { before, after } => Restore::Cutting(if back { before } else { after }),
            Self::Context { before, after } => Restore::Context(if back { before } else { after }),
        }
    }
}

impl History {
    /// One whose steps hold so many bytes at most.
    fn within(most: usize) -> Self {
        Self {
            done: VecDeque::new(),
            undone: Vec::new(),
            size: 0,
            most,
            open: Open::Nothing,
        }
    }

    pub(super) fn can_undo(&self) -> bool {
        !self.done.is_empty()
    }

    pub(super) fn can_redo(&self) -> bool {
        !self.undone.is_empty()
    }

    /// The text has been changed.
    pub(super) fn text(&mut self, edit: Edit<'_>) {
        let joins = self.joins(&edit);
        let [mut before, selection] = edit.selections;
        // An input method selects what it composes, which nobody has selected.
        let after = match edit.run {
            Run::Composing => selection.map(|(from, to)| (from.max(to), from.max(to))),
            _ => selection,
        };
        let mut begin = None;
        if joins
            && let Some(Change::Text {
                at,
                gone,
                came,
                before: first,
                ..
            }) = self.done.back()
        {
            let end = at + came.len();
            if edit.before.get(*at..end) == Some(came.as_slice()) {
                let mut bytes = edit.before.to_vec();
                bytes.splice(*at..end, gone.iter().copied());
                begin = Some(bytes);
                before = *first;
            }
        }
        if begin.is_some() {
            self.drop_last();
        }
        let begin = begin.as_deref().unwrap_or(edit.before);
        let (gone, came) = difference(begin, edit.after);
        self.undone_is_gone();
        self.open = Open::Nothing;
        if gone.is_empty() && came.is_empty() {
            return;
        }
        self.push(Change::Text {
            at: gone.start,
            gone: begin.get(gone).unwrap_or_default().to_vec(),
            came: edit.after.get(came).unwrap_or_default().to_vec(),
            before,
            after,
        });
        self.open = Open::Text {
            run: edit.run,
            selection,
            time: edit.time,
        };
    }

    /// Whether an edit goes on with the run of the last step.
    fn joins(&self, edit: &Edit<'_>) -> bool {
        let Open::Text {
            run,
            selection,
            time,
        } = self.open
        else {
            return false;
        };
        let letters = matches!(edit.run, Run::Typing | Run::Composing);
        match run {
            Run::Composing => letters,
            Run::Typing | Run::Deleting => {
                let same = match run {
                    Run::Typing => letters && !begins_word(edit),
                    _ => edit.run == Run::Deleting,
                };
                same && edit.selections[0] == selection && edit.time - time <= PAUSE
            }
            Run::Alone => false,
        }
    }

    /// The editor has changed nothing; it is composing or not, and this is selected.
    pub(super) fn rest(&mut self, composing: bool, selection: Option<Selection>) {
        let Open::Text {
            run,
            selection: last,
            ..
        } = &mut self.open
        else {
            return;
        };
        match (&run, composing) {
            // An input method moves the caret in what it composes.
            (Run::Composing, true) => *last = selection,
            // What it has settled on was there already.
            (Run::Composing, false) => {
                *run = Run::Typing;
                *last = selection;
            }
            _ if *last != selection => self.open = Open::Nothing,
            _ => {}
        }
    }

    /// The text is cut another way.
    pub(super) fn cutting(&mut self, before: &Cutting, after: &Cutting, hold: Hold) {
        let joins = match (self.open, hold) {
            (Open::Held, Hold::Goes) => true,
            (Open::Keys(last), Hold::Key(now)) => now - last <= PAUSE,
            _ => false,
        };
        self.open = Open::Nothing;
        let mut begin = before.clone();
        if joins && let Some(Change::Cutting { before, .. }) = self.done.back() {
            begin = before.clone();
            self.drop_last();
        }
        if before != after {
            self.undone_is_gone();
        }
        if begin == *after {
            return;
        }
        self.push(Change::Cutting {
            before: begin,
            after: after.clone(),
        });
        self.open = match hold {
            Hold::Begins | Hold::Goes => Open::Held,
            Hold::Key(now) => Open::Keys(now),
        };
    }

    /// The context of the model is cut another way.
    pub(super) fn context(&mut self, before: ContextOptions, after: ContextOptions) {
        self.open = Open::Nothing;
        if before != after {
            self.undone_is_gone();
            self.push(Change::Context { before, after });
        }
    }

    /// What an earlier way to cut the text meant is gone with its model.
    pub(super) fn forget_cutting(&mut self) {
        let other = |change: &Change| !matches!(change, Change::Cutting { .. });
        self.done.retain(other);
        self.undone.retain(other);
        self.size = self.done.iter().chain(&self.undone).map(Change::size).sum();
        self.open = Open::Nothing;
    }

    pub(super) fn undo(&mut self) -> Option<Restore> {
        self.open = Open::Nothing;
        let change = self.done.pop_back()?;
        let restore = change.restore(true);
        self.undone.push(change);
        Some(restore)
    }

    pub(super) fn redo(&mut self) -> Option<Restore> {
        self.open = Open::Nothing;
        let change = self.undone.pop()?;
        let restore = change.restore(false);
        self.done.push_back(change);
        Some(restore)
    }

    fn push(&mut self, change: Change) {
        self.size += change.size();
        self.done.push_back(change);
        while self.size > self.most && self.done.len() > 1 {
            let oldest = self.done.pop_front();
            self.size -= oldest.as_ref().map_or(0, Change::size);
        }
    }

    fn drop_last(&mut self) {
        let last = self.done.pop_back();
        self.size -= last.as_ref().map_or(0, Change::size);
    }

    fn undone_is_gone(&mut self) {
        for change in self.undone.drain(..) {
            self.size -= change.size();
        }
    }
}

/// Whether an edit begins a word behind a space: words are undone one by one.
fn begins_word(edit: &Edit<'_>) -> bool {
    let Some((_, caret)) = edit.selections[0] else {
        return true;
    };
    let space = |bytes: &[u8], at: usize| bytes.get(at).is_some_and(u8::is_ascii_whitespace);
    caret
        .checked_sub(1)
        .is_some_and(|last| space(edit.before, last))
        && !space(edit.after, caret)
}

#[cfg(test)]
impl History {
    /// How many steps can be undone.
    pub(super) fn len(&self) -> usize {
        self.done.len()
    }
}

#[cfg(test)]
mod tests;
