//! Stop strings over a stream of bytes.

use std::collections::VecDeque;

use crate::{Error, Result};

/// What a byte decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// How many of the bytes held back, the oldest, belong to no stop string.
    Release(usize),
    /// A stop string has come: the bytes before it are released, those of it
    /// dropped.
    Stop {
        /// How many of the bytes held back come before it.
        before: usize,
        /// Which stop string, from 0.
        stop: usize,
    },
}

/// Finds the first of several stop strings in a stream of bytes. Bytes that
/// may begin one are held back until that is decided.
///
/// If several end at the same byte, the longest counts.
#[derive(Clone, Debug, Default)]
pub struct StopMatcher {
    stops: Vec<Vec<u8>>,
    held: VecDeque<u8>,
}

impl StopMatcher {
    /// A matcher of these strings; of none, which holds nothing back.
    ///
    /// # Errors
    /// [`Error::Argument`] for an empty one, which would stop before the first
    /// byte.
    pub fn new(stops: Vec<Vec<u8>>) -> Result<Self> {
        if stops.iter().any(Vec::is_empty) {
            return Err(Error::Argument(
                "a stop string must have a byte at least".to_owned(),
            ));
        }
        Ok(Self {
            stops,
            held: VecDeque::new(),
        })
    }

    /// Takes the next byte, which is held back with those before it until the
    /// verdict releases it. After [`Verdict::Stop`] nothing is held back.
    pub fn push(&mut self, byte: u8) -> Verdict {
        self.held.push_back(byte);
        if let Some((stop, length)) = ended_by(&self.stops, |stop| self.ends_with(stop)) {
            let before = self.held.len() - length;
            self.held.clear();
            return Verdict::Stop { before, stop };
        }
        let keep = (1..=self.held.len()).rev().find(|keep| {
            let begins = |stop: &Vec<u8>| stop.get(..*keep).is_some_and(|s| self.ends_with(s));
            self.stops.iter().any(begins)
        });
        let release = self.held.len() - keep.unwrap_or(0);
        self.held.drain(..release);
        Verdict::Release(release)
    }

    /// Gives up what is held back: the number of bytes, none of which will
    /// become a stop string.
    pub fn finish(&mut self) -> usize {
        std::mem::take(&mut self.held).len()
    }

    fn ends_with(&self, text: &[u8]) -> bool {
        let Some(skip) = self.held.len().checked_sub(text.len()) else {
            return false;
        };
        self.held.iter().skip(skip).eq(text)
    }
}

/// The longest stop string that a text ends with, the first of equals, and its
/// length.
pub(super) fn ended_by(
    stops: &[Vec<u8>],
    ends_with: impl Fn(&[u8]) -> bool,
) -> Option<(usize, usize)> {
    let ended = stops.iter().enumerate().filter(|(_, stop)| ends_with(stop));
    let ended = ended.map(|(at, stop)| (at, stop.len()));
    ended.rev().max_by_key(|(_, length)| *length)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    /// What comes out of a text, and which string ended it.
    fn run(stops: &[&str], text: &str) -> (String, Option<usize>) {
        let stops = stops.iter().map(|stop| stop.as_bytes().to_vec()).collect();
        let mut matcher = StopMatcher::new(stops).unwrap();
        let (mut held, mut out) = (VecDeque::new(), Vec::new());
        for byte in text.bytes() {
            held.push_back(byte);
            match matcher.push(byte) {
                Verdict::Release(count) => out.extend(held.drain(..count)),
                Verdict::Stop { before, stop } => {
                    out.extend(held.drain(..before));
                    return (String::from_utf8(out).unwrap(), Some(stop));
                }
            }
        }
        assert_eq!(matcher.finish(), held.len());
        out.extend(held);
        (String::from_utf8(out).unwrap(), None)
    }

    #[test]
    fn text_before_the_first_stop_string_comes_out() {
        assert_eq!(run(&[], "abc"), ("abc".into(), None));
        assert_eq!(run(&["x"], "abc"), ("abc".into(), None));
        assert_eq!(run(&["\n\n"], "a\nb\n\nc"), ("a\nb".into(), Some(0)));
        assert_eq!(run(&["END", "\n"], "text\nEND"), ("text".into(), Some(1)));
        assert_eq!(run(&["abc"], "ab"), ("ab".into(), None));
        assert_eq!(run(&["다"], "가나다"), ("가나".into(), Some(0)));
    }

    #[test]
    fn a_failed_beginning_may_hide_another() {
        assert_eq!(run(&["aab"], "aaab"), ("a".into(), Some(0)));
        assert_eq!(run(&["abac"], "ababac"), ("ab".into(), Some(0)));
        // "bcd" fails, but "c" within it is there.
        assert_eq!(run(&["bcd", "cx"], "abcx"), ("ab".into(), Some(1)));
    }

    #[test]
    fn of_those_that_end_together_the_longest_counts() {
        assert_eq!(run(&["c", "abc", "bc"], "xabc"), ("x".into(), Some(1)));
        // The first to end wins over one that began before.
        assert_eq!(run(&["abcd", "b"], "abcd"), ("a".into(), Some(1)));
        assert_eq!(run(&["b", "b"], "ab"), ("a".into(), Some(0)));
    }

    #[test]
    fn only_what_may_begin_a_match_is_held_back() {
        let mut matcher = StopMatcher::new(vec![b"abcd".to_vec()]).unwrap();
        let verdicts: Vec<Verdict> = b"xabcxab".iter().map(|b| matcher.push(*b)).collect();
        let expected = [1, 0, 0, 0, 4, 0, 0].map(Verdict::Release);
        assert_eq!(verdicts, expected);
        assert_eq!(matcher.finish(), 2);
        assert!(StopMatcher::new(vec![Vec::new()]).is_err());
    }

    #[test]
    fn it_agrees_with_a_search() {
        use rand::{RngExt, SeedableRng};
        let mut rng = rand::rngs::StdRng::seed_from_u64(5);
        let mut word = |most: usize| -> String {
            let len = rng.random_range(1..=most);
            (0..len)
                .map(|_| if rng.random() { 'a' } else { 'b' })
                .collect()
        };
        for _ in 0..5000 {
            let (stops, text) = ([word(4), word(5), word(6)], word(30));
            let ends = |end: usize| {
                let ended = stops.iter().filter(|stop| text[..end].ends_with(*stop));
                ended.map(String::len).max().map(|longest| end - longest)
            };
            let cut = (0..=text.len()).find_map(ends);
            let (out, _) = run(&stops.each_ref().map(String::as_str), &text);
            assert_eq!(
                out,
                text[..cut.unwrap_or(text.len())],
                "{stops:?} in {text}"
            );
        }
    }
}
