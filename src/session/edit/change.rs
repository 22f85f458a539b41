//! A change of a text, and how far it reaches.

use std::ops::Range;

use crate::bytes::id_of;
use crate::session::ContextOptions;
use crate::session::context::Context;

/// Bytes that took the place of others. Row `i` of the model stands before byte
/// `i`: it has read BOS and the bytes before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The first byte that is another.
    pub(super) start: usize,
    /// Where the bytes that are gone ended, in the text before.
    pub(super) old_end: usize,
    /// Where the bytes that came end.
    pub(super) new_end: usize,
}

impl Change {
    /// The change without what is the same on both sides.
    pub(super) fn trimmed<'a>(
        bytes: &[u8],
        range: &Range<usize>,
        with: &'a [u8],
    ) -> (Self, &'a [u8]) {
        let old = &bytes[range.clone()];
        let front = same(old.iter().zip(with));
        let (old, with) = (&old[front..], &with[front..]);
        let back = same(old.iter().rev().zip(with.iter().rev()));
        let with = &with[..with.len() - back];
        let start = range.start + front;
        let change = Self {
            start,
            old_end: range.end - back,
            new_end: start + with.len(),
        };
        (change, with)
    }

    /// Is nothing another?
    pub(super) fn is_empty(&self) -> bool {
        self.old_end == self.start && self.new_end == self.start
    }

    /// Where a place behind the change, in the text before, is now.
    pub(super) fn moved(&self, place: usize) -> usize {
        place - self.old_end + self.new_end
    }
}

/// Pairs from the first on whose bytes are the same.
fn same<'a>(pairs: impl Iterator<Item = (&'a u8, &'a u8)>) -> usize {
    pairs.take_while(|(a, b)| a == b).count()
}

/// How far what a text says reaches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    /// Tokens back that a row depends on; `None` for all.
    pub(super) tokens: Option<usize>,
    /// Keys that a row sees in one layer; `None` for all.
    pub(super) window: Option<usize>,
    /// Where the context is cut.
    pub(super) context: ContextOptions,
}

impl Reach {
    /// The first row behind the change that is as it was, or the number of rows.
    pub(super) fn end(&self, old: &[u8], new: &[u8], change: &Change) -> usize {
        let rows = new.len() + 1;
        let Change {
            old_end, new_end, ..
        } = *change;
        let mut end = rows;
        // The first token behind the change is the one after its bytes.
        let label = |bytes: &[u8], end: usize| end + 1 - self.origin(bytes, end + 1);
        let same_labels =
            self.context.reset_every.is_none() || label(old, old_end) == label(new, new_end);
        if let Some(tokens) = self.tokens
            && same_labels
        {
            end = end.min(new_end + 1 + tokens);
        }
        if self.context.reset_at_newline
            && let Some(at) = new[new_end..].iter().position(|byte| *byte == b'\n')
        {
            // The row of the line feed itself is the last to look back.
            end = end.min(new_end + at + 2);
        }
        end
    }

    /// The first token behind a change that reaches to row `end` whose keys are as
    /// they were in all layers.
    pub(super) fn sound_from(&self, end: usize) -> usize {
        end.saturating_sub(self.window.map_or(0, |window| window.saturating_sub(1)))
    }

    /// The last place at or before `row` where the context is cut.
    pub(super) fn origin(&self, bytes: &[u8], row: usize) -> usize {
        let mut origin = 0;
        if self.context.reset_at_newline {
            let before = &bytes[..row.saturating_sub(1).min(bytes.len())];
            let newline = before.iter().rposition(|byte| *byte == b'\n');
            origin = newline.map_or(0, |at| at + 2);
        }
        let every = self.context.reset_every.unwrap_or(0);
        match usize::try_from(every) {
            Ok(every) if every > 0 => origin + (row - origin) / every * every,
            _ => origin,
        }
    }

    /// The most tokens that a model without a window looks back at in a text, its
    /// own included.
    pub(super) fn longest(&self, bytes: &[u8]) -> u64 {
        let mut context = Context::new(self.context, None);
        context.push(crate::bytes::BOS);
        for byte in bytes {
            context.push(id_of(*byte));
        }
        context.longest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(old: &[u8], range: Range<usize>, with: &[u8]) -> (Change, Vec<u8>) {
        let (change, with) = Change::trimmed(old, &range, with);
        let mut new = old.to_vec();
        new.splice(change.start..change.old_end, with.iter().copied());
        (change, new)
    }

    fn end(
        tokens: Option<usize>,
        context: ContextOptions,
        old: &[u8],
        range: Range<usize>,
        with: &[u8],
    ) -> usize {
        let (change, new) = change(old, range, with);
        let window = None;
        let reach = Reach {
            tokens,
            window,
            context,
        };
        reach.end(old, &new, &change)
    }

    #[test]
    fn what_is_the_same_is_no_change() {
        let (of, new) = change(b"hello world", 0..11, b"help world");
        assert_eq!((of.start, of.old_end, of.new_end), (3, 5, 4));
        assert_eq!(new, b"help world");
        assert!(change(b"same", 1..3, b"am").0.is_empty());
        // One of several equal bytes is gone: which, does not matter.
        let (of, new) = change(b"aaa", 0..3, b"aa");
        assert_eq!((of.old_end - of.start, new.len()), (1, 2));
    }

    #[test]
    fn a_window_bounds_the_reach() {
        let plain = ContextOptions::default();
        let old = [b'x'; 100];
        // The byte at 10 is token 11, the last that changed; row 11 + 5 sees it.
        assert_eq!(end(Some(5), plain, &old, 10..11, b"y"), 17);
        assert_eq!(end(Some(5), plain, &old, 97..98, b"y"), 101);
        assert_eq!(end(None, plain, &old, 10..11, b"y"), 101);
    }

    #[test]
    fn a_cut_context_bounds_it_as_well() {
        let lines = ContextOptions {
            reset_at_newline: true,
            reset_every: None,
        };
        let reach = Reach {
            tokens: None,
            window: None,
            context: lines,
        };
        // Tokens: BOS a b \n c d; after the line feed, token 3, row 4 is new.
        assert_eq!(end(None, lines, b"ab\ncd", 0..1, b"x"), 4);
        assert_eq!(end(None, lines, b"ab\ncd", 2..3, b""), 5);
        assert_eq!(reach.origin(b"ab\ncd", 3), 0);
        assert_eq!(reach.origin(b"ab\ncd", 4), 4);
        assert_eq!(reach.longest(b"ab\ncdefg"), 4);

        let every = ContextOptions {
            reset_at_newline: false,
            reset_every: Some(4),
        };
        let old = [b'x'; 20];
        assert_eq!(end(Some(2), every, &old, 9..10, b"y"), 13);
        assert_eq!(end(Some(2), every, &old, 9..9, b"y"), 22);
        assert_eq!(end(Some(2), every, &old, 9..9, b"yyyy"), 16);
        // A line feed that is gone moves the cuts behind it.
        let both = ContextOptions {
            reset_at_newline: true,
            reset_every: Some(4),
        };
        assert_eq!(end(Some(1), both, b"ab\nxxxxxxxx", 2..3, b"z"), 12);
        assert_eq!(end(Some(1), both, b"abc\nxxxxxxxx", 3..4, b"z"), 13);
        assert_eq!(end(Some(1), both, b"ab\nxxxxxxxx", 5..6, b"z"), 8);
    }
}
