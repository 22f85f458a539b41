//! What was done on the patch screen, in its order, and the way back: to the text,
//! to how it is cut, and to the context of the model.
//!
//! A step holds only what it changed, so a long text is not held once per key.

use std::collections::VecDeque;

use super::cutting::Cutting;
use crate::session::ContextOptions;
use crate::window::document::Edit;

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

/// How the editor came to change the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made {
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
        edit: Edit,
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
    Text {
        edit: Edit,
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
            Self::Text { edit, .. } => STEP + edit.gone.len() + edit.came.len(),
            _ => STEP,
        }
    }

    fn restore(&self, back: bool) -> Restore {
        match self.clone() {
            Self::Text {
                edit,
                before,
                after,
            } => match back {
                true => Restore::Text {
                    edit: edit.reversed(),
                    selection: before,
                },
                false => Restore::Text {
                    edit,
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

    /// The text has been changed by an edit, into `text`.
    pub(super) fn text(&mut self, edit: Edit, text: &[u8], made: Made) {
        let joins = self.joins(&edit, text, made);
        let [mut before, selection] = made.selections;
        // An input method selects what it composes, which nobody has selected.
        let after = match made.run {
            Run::Composing => selection.map(|(from, to)| (from.max(to), from.max(to))),
            _ => selection,
        };
        self.undone_is_gone();
        self.open = Open::Nothing;
        let last = self
            .done
            .pop_back_if(|last| joins && matches!(last, Change::Text { .. }));
        let whole = match last {
            Some(Change::Text {
                edit: first,
                before: begin,
                ..
            }) => {
                self.size -= STEP + first.gone.len() + first.came.len();
                before = begin;
                first.then(&edit, text)
            }
            _ => Some(edit),
        };
        let Some(edit) = whole else {
            return;
        };
        self.push(Change::Text {
            edit,
            before,
            after,
        });
        self.open = Open::Text {
            run: made.run,
            selection,
            time: made.time,
        };
    }

    /// Whether an edit goes on with the run of the last step.
    fn joins(&self, edit: &Edit, text: &[u8], made: Made) -> bool {
        let Open::Text {
            run,
            selection,
            time,
        } = self.open
        else {
            return false;
        };
        let letters = matches!(made.run, Run::Typing | Run::Composing);
        match run {
            Run::Composing => letters,
            Run::Typing | Run::Deleting => {
                let same = match run {
                    Run::Typing => letters && !begins_word(edit, text, made),
                    _ => made.run == Run::Deleting,
                };
                same && made.selections[0] == selection && made.time - time <= PAUSE
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
fn begins_word(edit: &Edit, text: &[u8], made: Made) -> bool {
    let Some((_, caret)) = made.selections[0] else {
        return true;
    };
    let space = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_whitespace());
    caret
        .checked_sub(1)
        .is_some_and(|last| space(edit.byte_before(text, last)))
        && !space(text.get(caret).copied())
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
