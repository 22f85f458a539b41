//! What each position may look back at, decided on the host.

use crate::bytes::{EOS, id_of};

/// Where the context of a text is cut. Both are off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContextOptions {
    /// Forget everything after a line feed (paper section 4.1: against entropy
    /// drift in repetitive texts).
    pub reset_at_newline: bool,
    /// Forget everything each time this many positions have passed; the
    /// reference implementation does so every 8192.
    pub reset_every: Option<u64>,
}

/// Walks along the token ids and says, for each, its rotary position and how
/// many keys it sees.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    options: ContextOptions,
    window: Option<usize>,
    /// Rotary position of the next token: positions since the last reset.
    position: u64,
    /// Positions since the last reset or end of a document.
    document: u64,
    /// The most keys that any token has seen.
    longest: u64,
}

impl Context {
    pub(crate) fn new(options: ContextOptions, window: Option<usize>) -> Self {
        Self {
            options,
            window,
            position: 0,
            document: 0,
            longest: 0,
        }
    }

    /// Keys that a position sees, its own included; `None` sees all.
    pub(crate) fn window(&self) -> Option<usize> {
        self.window
    }

    /// Keys that the last position saw, if there were no window.
    pub(crate) fn seen(&self) -> u64 {
        self.document
    }

    /// The most keys that any token has seen so far.
    pub(crate) fn longest(&self) -> u64 {
        self.longest
    }

    /// Takes the next token: (rotary position, keys seen, its own included).
    pub(crate) fn push(&mut self, id: u32) -> (u64, u64) {
        if self
            .options
            .reset_every
            .is_some_and(|every| self.position >= every)
        {
            self.begin();
        }
        let seen = self.document + 1;
        let span = self.window.map_or(seen, |window| seen.min(window as u64));
        self.longest = self.longest.max(span);
        let position = self.position;
        self.position += 1;
        self.document += 1;
        if id == EOS {
            // A document ends with its EOS; positions go on (spec section 2).
            self.document = 0;
        }
        if self.options.reset_at_newline && id == id_of(b'\n') {
            self.begin();
        }
        (position, span)
    }

    /// Moves on by `tokens` tokens that cut the context nowhere.
    pub(crate) fn pass_over(&mut self, tokens: u64) {
        self.position += tokens;
        self.document += tokens;
    }

    /// Goes back over the last `tokens` and says whether it could: not where the
    /// context was cut among them.
    pub(crate) fn back(&mut self, tokens: u64) -> bool {
        let uncut = tokens <= self.document;
        if uncut {
            self.position -= tokens;
            self.document -= tokens;
        }
        uncut
    }

    /// What comes next looks back at nothing before it.
    pub(crate) fn begin(&mut self) {
        self.position = 0;
        self.document = 0;
    }
}
