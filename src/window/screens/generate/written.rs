//! A prompt and what the model has made of it, byte by byte.

use std::sync::Arc;

use crate::generate::{GeneratedByte, Utf8State};
use crate::record::ByteRecord;
use crate::session::StageTimes;
use crate::window::document::to_editor;
use crate::window::engine::Cells;
use crate::window::staff::Around;

/// What ran before a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The latent transformer, on the patch that the byte before had closed.
    Latent,
    /// Only the local models.
    Local,
}

/// A text as the screen shows it: what was given, and what was written after it.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// All of it.
    bytes: Vec<u8>,
    /// The first so many are the prompt.
    prompt: usize,
    /// The first so many were given to the model: the prompt, and what another
    /// model or device had written.
    given: usize,
    /// What the model said about the given bytes; empty until it has read them.
    records: Vec<ByteRecord>,
    /// The bytes written after those given.
    written: Vec<Arc<GeneratedByte>>,
    /// Whether a latent model runs at all.
    whole: bool,
    shown: Shown,
    dirty: bool,
}

/// The same, made ready for drawing.
#[derive(Debug, Default)]
struct Shown {
    editor: String,
    entropies: Arc<Vec<f32>>,
    starts: Arc<Vec<bool>>,
}

impl Written {
    /// A prompt, and what has been written after it before.
    pub(crate) fn begin(&mut self, prompt: &[u8], before: &[u8], whole: bool) {
        *self = Self {
            bytes: [prompt, before].concat(),
            prompt: prompt.len(),
            given: prompt.len() + before.len(),
            whole,
            dirty: true,
            ..Self::default()
        };
    }

    /// What the model says about the given bytes.
    pub(crate) fn read(&mut self, records: Vec<ByteRecord>) {
        self.records = records;
        self.dirty = true;
    }

    /// Keeps the first `from` bytes written, and appends.
    pub(crate) fn grow(&mut self, from: usize, more: Vec<Arc<GeneratedByte>>) {
        self.written.truncate(from);
        self.bytes.truncate(self.given + self.written.len());
        self.bytes.extend(more.iter().map(|byte| byte.byte()));
        self.written.extend(more);
        self.dirty = true;
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes the prompt has.
    pub(crate) fn prompt(&self) -> usize {
        self.prompt
    }

    /// How many bytes were given to the model.
    pub(crate) fn given(&self) -> usize {
        self.given
    }

    /// What follows the prompt.
    pub(crate) fn after_prompt(&self) -> &[u8] {
        self.bytes.get(self.prompt..).unwrap_or_default()
    }

    /// The bytes written after those given.
    pub(crate) fn written(&self) -> &[Arc<GeneratedByte>] {
        &self.written
    }

    /// A byte that was written.
    pub(crate) fn fact(&self, at: usize) -> Option<&GeneratedByte> {
        let written = self.written.get(at.checked_sub(self.given)?)?;
        Some(written)
    }

    /// What is known about any byte.
    pub(crate) fn record(&self, at: usize) -> Option<&ByteRecord> {
        match at.checked_sub(self.given) {
            None => self.records.get(at),
            Some(at) => self.written.get(at).map(|byte| &byte.record),
        }
    }

    /// What ran before a byte; `None` where there is no latent model, and where
    /// it is not known.
    pub(crate) fn mark(&self, at: usize) -> Option<Mark> {
        if !self.whole {
            return None;
        }
        let latent = match self.fact(at) {
            Some(byte) => byte.latent_before,
            // While a text is read, it runs on each patch that is closed.
            None => self.records.get(at)?.start,
        };
        Some(match latent {
            true => Mark::Latent,
            false => Mark::Local,
        })
    }

    /// As an editor holds it.
    pub(crate) fn editor(&self) -> &str {
        &self.shown.editor
    }

    /// Makes it ready for drawing, once for all that has come since.
    pub(crate) fn refresh(&mut self) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        let records = || (0..self.bytes.len()).map(|at| self.record(at));
        // New ones: those before may still be on their way to the device.
        self.shown = Shown {
            editor: to_editor(&self.bytes),
            entropies: Arc::new(
                records()
                    .map(|record| record.and_then(|record| record.entropy).unwrap_or(0.0))
                    .collect(),
            ),
            starts: Arc::new(
                records()
                    .map(|record| record.is_some_and(|record| record.start))
                    .collect(),
            ),
        };
    }

    pub(crate) fn around(&self, threshold: Option<f32>) -> Around {
        let end = self.bytes.len();
        let has = !self.records.is_empty() || !self.written.is_empty();
        Around {
            cells: has.then(|| Cells::Values(Arc::clone(&self.shown.entropies))),
            is_behind: false,
            starts: Arc::clone(&self.shown.starts),
            threshold,
            stale: end..end,
        }
    }

    /// How often the latent transformer ran for the bytes written.
    pub(crate) fn latent_steps(&self) -> usize {
        let ran = |byte: &&Arc<GeneratedByte>| byte.latent_after;
        self.written.iter().filter(ran).count()
    }

    /// Bytes after the prompt that are no UTF-8, without those at the end that may
    /// still become a character.
    pub(crate) fn invalid(&self) -> usize {
        let mut at = 0;
        let mut found = 0;
        for chunk in self.bytes.utf8_chunks() {
            at += chunk.valid().len();
            let end = at + chunk.invalid().len();
            let open = end == self.bytes.len() && Utf8State::after(chunk.invalid()).needed() > 0;
            if !open {
                found += end.saturating_sub(at.max(self.prompt));
            }
            at = end;
        }
        found
    }

    /// Mean milliseconds of a byte written: all of it, the choice, and the parts of
    /// the model where they were timed.
    pub(crate) fn times(&self) -> Option<Times> {
        let count = self.written.len();
        if count == 0 {
            return None;
        }
        let mut sum = Times::default();
        for byte in &self.written {
            sum.total += byte.times.total;
            sum.sampling += byte.times.sampling;
            if let Some(stages) = byte.times.stages {
                let held = sum.stages.get_or_insert_default();
                held.entropy += stages.entropy;
                held.encoder += stages.encoder;
                held.latent += stages.latent;
                held.decoder += stages.decoder;
                held.readback += stages.readback;
                sum.timed += 1;
            }
        }
        sum.total /= count as f64;
        sum.sampling /= count as f64;
        if let Some(stages) = &mut sum.stages {
            let timed = sum.timed as f64;
            stages.entropy /= timed;
            stages.encoder /= timed;
            stages.latent /= timed;
            stages.decoder /= timed;
            stages.readback /= timed;
        }
        Some(sum)
    }
}

/// Where the time of a byte goes, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Times {
    pub(crate) total: f64,
    pub(crate) sampling: f64,
    pub(crate) stages: Option<StageTimes>,
    /// Of so many bytes are the stages.
    timed: usize,
}

#[cfg(test)]
pub(super) mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;
    use crate::generate::StepTimes;

    pub(crate) fn record(byte: u8, index: u64, start: bool) -> ByteRecord {
        ByteRecord {
            index,
            byte: Some(byte),
            entropy: Some(index as f32 / 4.0),
            nll: Some(1.0),
            start,
            patch: 0,
        }
    }

    pub(crate) fn byte(byte: u8, latent: bool) -> Arc<GeneratedByte> {
        Arc::new(GeneratedByte {
            record: record(byte, 3, latent),
            by_hand: false,
            drafted: false,
            rank: 0,
            sampler_p: 1.0,
            alternatives: Vec::new(),
            latent_before: latent,
            closed: latent,
            latent_after: latent,
            times: StepTimes {
                total: 2.0,
                sampling: 0.5,
                stages: None,
            },
        })
    }

    fn given(prompt: &[u8], before: &[u8], whole: bool) -> Written {
        let mut written = Written::default();
        written.begin(prompt, before, whole);
        let records = written.bytes.iter().zip(0..);
        let records = records.map(|(byte, at)| record(*byte, at, at == 0));
        let records = records.collect();
        written.read(records);
        written
    }

    #[test]
    fn bytes_are_appended_and_taken_back() {
        let mut written = given(b"ab", b"", true);
        written.grow(0, vec![byte(b'c', true), byte(b'd', false)]);
        assert_eq!(written.bytes(), b"abcd");
        written.grow(1, vec![byte(b'e', false)]);
        assert_eq!(written.bytes(), b"abce");
        assert_eq!(written.after_prompt(), b"ce");
        written.grow(1, Vec::new());
        assert_eq!(written.bytes(), b"abc");
        written.refresh();
        assert_eq!(written.editor(), "abc");
        assert_eq!(written.shown.starts.as_slice(), [true, false, true]);
        assert_eq!(written.shown.entropies.as_slice(), [0.0, 0.25, 0.75]);
    }

    #[test]
    fn marks_say_what_ran_before_each_byte() {
        let mut written = given(b"ab", b"", true);
        written.grow(0, vec![byte(b'c', true), byte(b'd', false)]);
        let marks: Vec<_> = (0..5).map(|at| written.mark(at)).collect();
        let (latent, local) = (Some(Mark::Latent), Some(Mark::Local));
        assert_eq!(marks, [latent, local, latent, local, None]);
        assert_eq!(written.latent_steps(), 1);
        // An entropy model alone has no latent model to run.
        let mut alone = given(b"ab", b"", false);
        alone.grow(0, vec![byte(b'c', false)]);
        assert!((0..3).all(|at| alone.mark(at).is_none()));
    }

    #[test]
    fn what_came_before_counts_as_given_but_not_as_the_prompt() {
        let mut written = given(b"ab", b"cd", true);
        written.grow(0, vec![byte(b'e', true)]);
        assert_eq!((written.prompt(), written.given()), (2, 4));
        assert_eq!(written.after_prompt(), b"cde");
        assert!(written.fact(3).is_none());
        assert_eq!(written.fact(4).unwrap().byte(), b'e');
        assert_eq!(written.record(3).unwrap().byte, Some(b'd'));
    }

    #[test]
    fn bytes_that_may_become_a_character_are_not_wrong_yet() {
        let mut written = given(b"\xFFa", b"", true);
        let bytes = |text: &[u8]| text.iter().map(|b| byte(*b, false)).collect();
        written.grow(0, bytes(b"\xFFb\xED\x95"));
        assert_eq!(written.invalid(), 1);
        written.grow(0, bytes(b"\xFFb\xED\x95\x9C"));
        assert_eq!(written.invalid(), 1);
        written.grow(0, bytes(b"\xFFb\xED\x95!"));
        assert_eq!(written.invalid(), 3);
    }

    #[test]
    fn times_are_means() {
        let mut written = given(b"a", b"", true);
        assert_eq!(written.times(), None);
        written.grow(0, vec![byte(b'c', true), byte(b'd', false)]);
        let times = written.times().unwrap();
        assert_eq!((times.total, times.sampling), (2.0, 0.5));
        assert_eq!(times.stages, None);
    }
}
