//! The models behind a continuation: one that goes on, and some that stay where
//! another branch is.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use super::tree::Tree;
use crate::bytes::id_of;
use crate::generate::{Read, RewindModel, Step};
use crate::{Error, Result};

/// Bytes that are worth a copy of the model's caches rather than reading them
/// again. Measured on a software driver (`benches/branches.rs`), a copy takes as
/// long as one or two bytes, and reading eight as long as nine of them; for fewer
/// the memory is worth more than the time.
const WORTH_A_FORK: usize = 8;

/// A model with the bytes generated that are in it, after the prompt.
#[derive(Debug)]
struct Held<M> {
    model: M,
    text: Vec<u8>,
}

/// The model that goes on follows the text when it has to: going back costs
/// nothing until a byte is taken.
#[derive(Debug)]
pub(super) struct Models<M> {
    live: M,
    /// The bytes generated that are in it; `None` while that is not known: during
    /// a call, and after one that failed or was dropped.
    text: Option<Vec<u8>>,
    /// Models of other branches, that used longest ago first.
    forks: VecDeque<Held<M>>,
    most: usize,
}

impl<M: RewindModel> Models<M> {
    pub(super) fn new(live: M, most: usize) -> Self {
        Self {
            live,
            text: None,
            forks: VecDeque::new(),
            most,
        }
    }

    pub(super) fn live(&self) -> &M {
        &self.live
    }

    pub(super) fn into_live(self) -> M {
        self.live
    }

    pub(super) fn forks(&self) -> usize {
        self.forks.len()
    }

    /// Bytes of memory of all of them.
    pub(super) fn bytes(&self) -> u64 {
        let forks = self.forks.iter().map(|held| held.model.bytes());
        self.live.bytes() + forks.sum::<u64>()
    }

    pub(super) fn set_most(&mut self, most: usize) {
        self.most = most;
        let more = self.forks.len().saturating_sub(most);
        self.forks.drain(..more);
    }

    /// Reads a prompt, and forgets all else.
    pub(super) async fn read(
        &mut self,
        prompt: &[u8],
        go_on: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Read> {
        self.forks.clear();
        self.text = None;
        let read = self.live.read(prompt, go_on).await?;
        self.text = Some(Vec::new());
        Ok(read)
    }

    /// Is the live model where the text is?
    pub(super) fn follows(&self, text: &[u8]) -> bool {
        self.text.as_deref() == Some(text)
    }

    /// Brings the live model to a text of the tree.
    pub(super) async fn follow(
        &mut self,
        tree: &Tree,
        wanted: &[u8],
        go_on: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<()> {
        if self.follows(wanted) {
            return Ok(());
        }
        self.take_nearest(tree, wanted);
        let held = self.text.take();
        let mut common = None;
        if let Some(held) = held {
            let kept = common_prefix(&held, wanted);
            let tokens = 1 + tree.prompt.len() + kept;
            if kept < held.len() {
                let dear = held.len() - kept >= WORTH_A_FORK || !self.live.reaches(tokens);
                if dear && tree.has(&held) {
                    self.fork(held)?;
                }
                if self.live.rewind(tokens) {
                    common = Some(kept);
                }
            } else {
                common = Some(kept);
            }
        }
        match common {
            Some(kept) if kept < wanted.len() => {
                self.live.append(&wanted[kept..], go_on).await?;
            }
            Some(_) => {}
            None => {
                let whole = [tree.prompt.as_slice(), wanted].concat();
                self.live.read(&whole, go_on).await?;
            }
        }
        self.text = Some(wanted.to_vec());
        Ok(())
    }

    /// Takes the next byte; the live model must be where the text is.
    pub(super) async fn push(&mut self, byte: u8) -> Result<Step> {
        let Some(mut text) = self.text.take() else {
            return Err(Error::Argument(
                "the model is not where its text is; settle it first".to_owned(),
            ));
        };
        let step = self.live.push(id_of(byte)).await?;
        text.push(byte);
        self.text = Some(text);
        Ok(step)
    }

    /// Makes the model live that has the least to read for a text.
    fn take_nearest(&mut self, tree: &Tree, wanted: &[u8]) {
        let prompt = tree.prompt.len();
        let unread = |model: &M, held: &[u8]| {
            let kept = common_prefix(held, wanted);
            let there = kept == held.len() || model.reaches(1 + prompt + kept);
            wanted.len() - kept + if there { 0 } else { prompt + kept }
        };
        let live = match &self.text {
            Some(held) => unread(&self.live, held),
            None => prompt + wanted.len() + 1,
        };
        let forks = self.forks.iter().enumerate();
        let nearest = forks
            .map(|(at, held)| (unread(&held.model, &held.text), at))
            .min();
        if let Some((unread, at)) = nearest
            && unread < live
            && let Some(fork) = self.forks.remove(at)
        {
            let model = std::mem::replace(&mut self.live, fork.model);
            if let Some(text) = self.text.replace(fork.text)
                && tree.has(&text)
            {
                self.forks.push_back(Held { model, text });
            }
        }
    }

    /// Keeps a copy of the live model, which has this text, if there is memory.
    fn fork(&mut self, text: Vec<u8>) -> Result<()> {
        if self.most == 0 || self.forks.iter().any(|held| held.text == text) {
            return Ok(());
        }
        let more = (self.forks.len() + 1).saturating_sub(self.most);
        self.forks.drain(..more);
        if let Some(model) = self.live.fork(self.bytes())? {
            self.forks.push_back(Held { model, text });
        }
        Ok(())
    }
}

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
