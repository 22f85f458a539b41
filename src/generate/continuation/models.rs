//! The models behind a continuation: one that goes on, and some that stay where
//! another branch is.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use super::tree::Tree;
use crate::bytes::id_of;
use crate::generate::{Read, RewindModel, Taken};
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

/// What is in the model that goes on.
#[derive(Debug)]
enum There {
    /// Nobody knows: during a call, and after one that failed or was dropped.
    Unknown,
    /// Bytes of the prompt, but not all.
    Prompt(usize),
    /// The prompt, and these bytes generated.
    Text(Vec<u8>),
}

impl There {
    /// The first `bytes` of a prompt and what follows it.
    fn of(bytes: usize, prompt: &[u8], wanted: &[u8]) -> Self {
        match bytes.checked_sub(prompt.len()) {
            Some(text) => Self::Text(wanted[..text].to_vec()),
            None => Self::Prompt(bytes),
        }
    }

    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Unknown)
    }

    fn text(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The model that goes on follows the text when it has to: going back costs
/// nothing until a byte is taken.
#[derive(Debug)]
pub(super) struct Models<M> {
    live: M,
    there: There,
    /// Tokens that the live model has taken beyond that, as they were drafted.
    ahead: VecDeque<Taken>,
    /// Models of other branches, that used longest ago first.
    forks: VecDeque<Held<M>>,
    most: usize,
}

impl<M: RewindModel> Models<M> {
    pub(super) fn new(live: M, most: usize) -> Self {
        Self {
            live,
            there: There::Unknown,
            ahead: VecDeque::new(),
            forks: VecDeque::new(),
            most,
        }
    }

    pub(super) fn live(&self) -> &M {
        &self.live
    }

    /// Another model in place of all of them; the one that went on comes back.
    pub(super) fn replace(&mut self, live: M) -> M {
        self.forget();
        std::mem::replace(&mut self.live, live)
    }

    pub(super) fn into_live(mut self, prompt: usize) -> M {
        self.set_back(prompt);
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
        self.forget();
        let read = self.live.read(prompt, go_on).await?;
        self.there = There::Text(Vec::new());
        Ok(read)
    }

    /// Forgets every text.
    pub(super) fn forget(&mut self) {
        self.forks.clear();
        self.ahead.clear();
        self.there = There::Unknown;
    }

    /// Takes the live model back to where the text after a prompt is.
    fn set_back(&mut self, prompt: usize) {
        if self.ahead.is_empty() {
            return;
        }
        self.ahead.clear();
        if let There::Text(text) = self.there.take()
            && self.live.rewind(1 + prompt + text.len())
        {
            self.there = There::Text(text);
        }
    }

    /// Reads at most that many more bytes of a prompt and of what follows it, from
    /// the beginning where nothing of it is in the model.
    pub(super) async fn read_piece(
        &mut self,
        prompt: &[u8],
        wanted: &[u8],
        most: usize,
    ) -> Result<Read> {
        let (begun, done) = match self.there.take() {
            There::Unknown => (false, 0),
            There::Prompt(done) => (true, done),
            There::Text(text) => (true, prompt.len() + text.len()),
        };
        let end = (done + most.max(1)).min(prompt.len() + wanted.len());
        let on = |_| ControlFlow::Continue(());
        let piece: Vec<u8> = prompt
            .iter()
            .chain(wanted)
            .copied()
            .take(end)
            .skip(done)
            .collect();
        let read = match begun {
            false => self.live.read(&piece, on).await?,
            true => self.live.append(&piece, on).await?,
        };
        self.there = There::of(end, prompt, wanted);
        Ok(read)
    }

    /// Bytes of a text that are in the model, from the beginning.
    pub(super) fn done(&self, prompt: &[u8], wanted: &[u8]) -> usize {
        match &self.there {
            There::Unknown => 0,
            There::Prompt(done) => *done,
            There::Text(text) => prompt.len() + common_prefix(text, wanted),
        }
    }

    /// Is the live model where the text is?
    pub(super) fn follows(&self, text: &[u8]) -> bool {
        self.there.text() == Some(text)
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
        self.turn(tree, wanted)?;
        match self.there.take() {
            There::Text(held) if held.len() == wanted.len() => {}
            There::Text(held) => {
                self.live.append(&wanted[held.len()..], go_on).await?;
            }
            There::Unknown | There::Prompt(_) => {
                let whole = [tree.prompt.as_slice(), wanted].concat();
                self.live.read(&whole, go_on).await?;
            }
        }
        self.there = There::Text(wanted.to_vec());
        Ok(())
    }

    /// The same, by at most that many bytes; says whether it is there.
    pub(super) async fn approach(
        &mut self,
        tree: &Tree,
        wanted: &[u8],
        most: usize,
    ) -> Result<bool> {
        if !self.follows(wanted) {
            self.turn(tree, wanted)?;
        }
        if !self.follows(wanted) {
            self.read_piece(&tree.prompt, wanted, most).await?;
        }
        Ok(self.follows(wanted))
    }

    /// Makes the live model one that has nothing but the beginning of a text of the
    /// tree, if there is one.
    fn turn(&mut self, tree: &Tree, wanted: &[u8]) -> Result<()> {
        self.set_back(tree.prompt.len());
        self.take_nearest(tree, wanted);
        if !matches!(self.there, There::Text(_)) {
            return Ok(());
        }
        if let There::Text(held) = self.there.take() {
            let kept = common_prefix(&held, wanted);
            let tokens = 1 + tree.prompt.len() + kept;
            if kept < held.len() {
                let dear = held.len() - kept >= WORTH_A_FORK || !self.live.reaches(tokens);
                if dear && tree.has(&held) {
                    self.fork(held)?;
                }
                if self.live.rewind(tokens) {
                    self.there = There::Text(wanted[..kept].to_vec());
                }
            } else {
                self.there = There::Text(held);
            }
        }
        Ok(())
    }

    /// The next draft, if it is this byte.
    pub(super) fn drafted(&mut self, byte: u8) -> Option<Taken> {
        let There::Text(text) = &mut self.there else {
            return None;
        };
        let taken = self.ahead.pop_front_if(|taken| taken.id == id_of(byte))?;
        text.push(byte);
        Some(taken)
    }

    /// Takes the next byte, and with it up to `most` drafts; gives what there is to
    /// say of the byte, and the number of drafts. The live model must be where the
    /// text is.
    pub(super) async fn push(
        &mut self,
        prompt: usize,
        byte: u8,
        (most, draft): (usize, impl FnMut(&[u32], &[f32]) -> Option<u32>),
    ) -> Result<(Taken, usize)> {
        self.set_back(prompt);
        let There::Text(mut text) = self.there.take() else {
            return Err(Error::Argument(
                "the model is not where its text is; settle it first".to_owned(),
            ));
        };
        let taken = self.live.push_ahead(id_of(byte), most, draft).await?;
        let mut taken = VecDeque::from(taken);
        let first = taken.pop_front().unwrap_or_default();
        text.push(byte);
        self.there = There::Text(text);
        self.ahead = taken;
        Ok((first, self.ahead.len()))
    }

    /// Makes the model live that has the least to read for a text.
    fn take_nearest(&mut self, tree: &Tree, wanted: &[u8]) {
        let prompt = tree.prompt.len();
        let unread = |model: &M, held: &[u8]| {
            let kept = common_prefix(held, wanted);
            let there = kept == held.len() || model.reaches(1 + prompt + kept);
            wanted.len() - kept + if there { 0 } else { prompt + kept }
        };
        let live = match &self.there {
            There::Text(held) => unread(&self.live, held),
            There::Prompt(done) => prompt - done + wanted.len(),
            There::Unknown => prompt + wanted.len() + 1,
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
            let there = std::mem::replace(&mut self.there, There::Text(fork.text));
            if let There::Text(text) = there
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
