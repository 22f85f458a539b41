//! What the generate screen asks for, and what comes for it.

use std::sync::Arc;

use super::text::Kept;
use crate::generate::{
    Branch, Drafts, GeneratedByte, Prediction, SamplerOptions, Speculate, StopReason, Utf8Mode,
};
use crate::model::memory::MemoryPlan;
use crate::record::ByteRecord;
use crate::window::error_message::ErrorMessage;

/// How bytes are chosen, and how many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct GenerateSettings {
    /// How each is chosen.
    pub(crate) sampler: SamplerOptions,
    /// A run ends after so many.
    pub(crate) limit: u64,
    /// Only bytes that keep the text well-formed UTF-8.
    pub(crate) constrain: bool,
    /// Draft bytes, as many at a time as are fastest.
    pub(crate) draft: bool,
    /// Time the parts of the model, from the next reading on.
    pub(crate) stage_times: bool,
}

/// What the generate screen asks for; the number comes back when it is done.
#[derive(Debug)]
pub(crate) struct GenerateRequest {
    /// Counts up.
    pub(crate) ticket: u64,
    pub(crate) wish: Wish,
}

/// What the generate screen asks for.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Read this; what comes after it is written. The text before is forgotten.
    Read {
        /// All of it.
        given: Vec<u8>,
        /// So many bytes of it are the prompt.
        prompt: usize,
    },
    /// Go on with what a lost device has left.
    Restore(Kept),
    /// From the next byte on.
    Settings(GenerateSettings),
    /// Show what could stand at this byte of those written; `None` for the one to
    /// come.
    Watch(Option<usize>),
    /// Write until the limit.
    Run,
    /// Write no more.
    Pause,
    /// One byte.
    Byte,
    /// Up to the end of a patch.
    Patch,
    /// Take the last byte back.
    Back,
    /// This byte at this place of those written, in a new branch unless it is the
    /// one to come; with `on` the text goes on from there.
    Branch { at: usize, byte: u8, on: bool },
    /// Go on with another branch.
    Switch(usize),
}

/// What has come for the generate screen.
#[derive(Debug)]
pub(crate) enum GenerateUpdate {
    /// What loading the model will take.
    Memory(MemoryPlan),
    /// What is done right now.
    Doing(Doing),
    /// Another text is at hand: its first bytes were given to the model, and so many of
    /// them are the prompt. What the model says of them follows where it is known.
    Text {
        given: Vec<u8>,
        prompt: usize,
        records: Vec<ByteRecord>,
    },
    /// The text is read; nothing is written yet.
    Read(Vec<ByteRecord>),
    /// Of the bytes written the first `from` stay; then come these.
    Written {
        from: usize,
        bytes: Vec<Arc<GeneratedByte>>,
    },
    /// How things stand.
    State(State),
    /// All branches.
    Branches(Vec<BranchLine>),
    /// What could stand at a byte of those written, or come next.
    Predictions { at: usize, all: Vec<Prediction> },
    /// The device is lost, and these are the texts, for the next one.
    Kept(Kept),
    /// Something could not be done, and why.
    Failed(ErrorMessage),
}

/// What is done right now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Doing {
    #[default]
    Nothing,
    /// So many bytes of so many of the model.
    Loading(u64, u64),
    /// So many bytes of so many of the text.
    Reading(usize, usize),
    Writing,
}

/// How things stand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct State {
    /// All requests up to this one are done or under way.
    pub(crate) ticket: u64,
    pub(crate) doing: Doing,
    /// Why the last run ended, if it was not paused.
    pub(crate) ended: Option<StopReason>,
    /// What is known about the byte to come.
    pub(crate) to_come: Option<ByteRecord>,
    /// Bytes of the device's memory, without the weights.
    pub(crate) memory: u64,
    /// Bytes per second of the run, drawing and everything else included.
    pub(crate) rate: Option<f64>,
    /// Bytes of the text at hand that were drafted, and those of them that stayed.
    pub(crate) drafts: Drafts,
}

/// A branch, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BranchLine {
    pub(crate) id: usize,
    /// The byte of the text at which it left another; 0 where it left none.
    pub(crate) at: usize,
    /// Its own bytes.
    pub(crate) length: usize,
    /// What it begins with.
    pub(crate) words: String,
    pub(crate) current: bool,
}

/// So many characters of a branch are listed.
const WORDS: usize = 28;

impl BranchLine {
    /// The line of a branch of a text of which so many bytes were given.
    pub(super) fn of(branch: &Branch, given: usize) -> Self {
        let begin = &branch.bytes[..branch.bytes.len().min(4 * WORDS)];
        let words = String::from_utf8_lossy(begin)
            .chars()
            .map(|character| match character {
                character if character.is_whitespace() => ' ',
                character if character.is_control() => '·',
                character => character,
            })
            .take(WORDS)
            .collect::<String>();
        Self {
            id: branch.id,
            at: if branch.at > 0 { given + branch.at } else { 0 },
            length: branch.bytes.len(),
            words: words.trim().to_owned(),
            current: branch.current,
        }
    }
}

/// Before the window has said how.
pub(super) const DEFAULT: GenerateSettings = GenerateSettings {
    sampler: SamplerOptions {
        temperature: SamplerOptions::TEMPERATURE,
        top_k: 0,
        top_p: 1.0,
        min_p: 0.0,
        repetition_penalty: 1.0,
        repetition_window: 64,
        seed: 1,
    },
    limit: 96,
    constrain: false,
    draft: false,
    stage_times: false,
};

impl Default for GenerateSettings {
    fn default() -> Self {
        DEFAULT
    }
}

impl GenerateSettings {
    pub(super) fn speculate(self) -> Speculate {
        match self.draft {
            true => Speculate::Auto,
            false => Speculate::Off,
        }
    }

    pub(super) fn utf8(self) -> Utf8Mode {
        match self.constrain {
            true => Utf8Mode::Constrain,
            false => Utf8Mode::Raw,
        }
    }
}
