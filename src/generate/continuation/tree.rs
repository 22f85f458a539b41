//! The branches of a text: what was chosen, and what was known at each place.

use std::sync::Arc;

use super::place::{GeneratedByte, Place};

/// The most bytes of a label.
const LABEL: usize = 24;

/// One of the continuations of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Its number, from 0, in the order in which they began.
    pub id: usize,
    /// The branch that it left; `None` for the first.
    pub parent: Option<usize>,
    /// The place where it left its parent: that many bytes of the continuation are
    /// the parent's.
    pub at: usize,
    /// Its own bytes, from there on.
    pub bytes: Vec<u8>,
    /// Its first word, to show; no more than 24 bytes, and empty where it has
    /// nothing but white space.
    pub label: String,
    /// Whether it is the one that goes on.
    pub current: bool,
}

/// A prompt, its continuation, and those that left it. Each has all of its bytes
/// from the prompt on, shared with the one it left, so that nothing that happens
/// to one touches another.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) prompt: Vec<u8>,
    texts: Vec<Text>,
    current: usize,
}

#[derive(Debug)]
struct Text {
    parent: Option<usize>,
    at: usize,
    bytes: Vec<Arc<GeneratedByte>>,
    /// One more than bytes; the last is that of the next byte.
    places: Vec<Arc<Place>>,
}

impl Tree {
    /// A prompt, with what is known about the byte after it.
    pub(super) fn new(prompt: &[u8], first: Place) -> Self {
        Self {
            prompt: prompt.to_vec(),
            texts: vec![Text {
                parent: None,
                at: 0,
                bytes: Vec::new(),
                places: vec![Arc::new(first)],
            }],
            current: 0,
        }
    }

    pub(super) fn current(&self) -> usize {
        self.current
    }

    /// The bytes generated.
    pub(super) fn bytes(&self) -> &[Arc<GeneratedByte>] {
        &self.texts[self.current].bytes
    }

    /// What is known before byte `at`, up to that of the next byte.
    pub(super) fn place(&self, at: usize) -> Option<&Arc<Place>> {
        self.texts[self.current].places.get(at)
    }

    pub(super) fn last_place(&self) -> Arc<Place> {
        Arc::clone(&self.texts[self.current].places[self.bytes().len()])
    }

    /// The bytes generated, as text.
    pub(super) fn text(&self) -> Vec<u8> {
        self.bytes().iter().map(|byte| byte.byte()).collect()
    }

    pub(super) fn push(&mut self, byte: GeneratedByte, next: Place) {
        let text = &mut self.texts[self.current];
        text.bytes.push(Arc::new(byte));
        text.places.push(Arc::new(next));
    }

    /// Keeps the first `to` bytes.
    pub(super) fn truncate(&mut self, to: usize) {
        let text = &mut self.texts[self.current];
        text.bytes.truncate(to);
        text.places.truncate(to + 1);
        text.at = text.at.min(text.bytes.len());
    }

    /// Makes the first `at` bytes a branch of their own, which goes on from there.
    pub(super) fn branch(&mut self, at: usize) {
        // It left the branch whose own byte was there.
        let mut parent = self.current;
        while let (true, Some(before)) = (self.texts[parent].at >= at, self.texts[parent].parent) {
            parent = before;
        }
        let from = &self.texts[self.current];
        let text = Text {
            parent: Some(parent),
            at,
            bytes: from.bytes[..at].to_vec(),
            places: from.places[..=at].to_vec(),
        };
        self.current = self.texts.len();
        self.texts.push(text);
    }

    /// Goes on with a branch; says whether there is one of that number.
    pub(super) fn switch(&mut self, branch: usize) -> bool {
        let there = branch < self.texts.len();
        if there {
            self.current = branch;
        }
        there
    }

    pub(super) fn count(&self) -> usize {
        self.texts.len()
    }

    /// Does a branch begin with these bytes?
    pub(super) fn has(&self, bytes: &[u8]) -> bool {
        self.texts.iter().any(|text| {
            text.bytes.len() >= bytes.len()
                && text.bytes.iter().zip(bytes).all(|(a, b)| a.byte() == *b)
        })
    }

    pub(super) fn branches(&self) -> Vec<Branch> {
        let branch = |(id, text): (usize, &Text)| {
            let whole: Vec<u8> = text.bytes.iter().map(|byte| byte.byte()).collect();
            Branch {
                id,
                parent: text.parent,
                at: text.at,
                label: label(&whole, text.at),
                bytes: whole[text.at..].to_vec(),
                current: id == self.current,
            }
        };
        self.texts.iter().enumerate().map(branch).collect()
    }
}

/// The first word from `at` on, and from the beginning of the character there.
fn label(text: &[u8], at: usize) -> String {
    let inside = |at: usize| text.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
    let begin = (at.saturating_sub(3)..=at).rfind(|begin| !inside(*begin));
    let rest = &text[begin.unwrap_or(at)..];
    let rest = &rest[..rest.len().min(4 * LABEL)];
    let rest = String::from_utf8_lossy(rest);
    let mut word = rest.split_whitespace().next().unwrap_or("");
    while word.len() > LABEL {
        let mut chars = word.chars();
        chars.next_back();
        word = chars.as_str();
    }
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_the_first_word() {
        assert_eq!(label(b"one two three", 3), "two");
        assert_eq!(label(b"one two three", 5), "wo");
        assert_eq!(label(b"one  \n", 3), "");
        assert_eq!(label(b"", 0), "");
        // A character that another byte has changed is shown whole.
        let text = "서울 부산".as_bytes();
        assert_eq!(label(text, 2), "서울");
        assert_eq!(label(text, 4), "울");
        assert_eq!(label(b"\x80\x80\x80\x80x", 4), "x");
        assert_eq!(label(&[b'a'; 99], 0).len(), 24);
        assert_eq!(label("한".repeat(40).as_bytes(), 0).chars().count(), 8);
    }
}
