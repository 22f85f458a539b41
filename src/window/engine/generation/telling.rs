//! What the window is told of a text.

use std::sync::Arc;

use super::Generation;
use super::asked::{BranchLine, Doing, GenerateUpdate, State};
use crate::generate::Continuation;
use crate::window::engine::{Outbox, Update};

impl Generation {
    /// The text is another one.
    pub(super) fn changed(&mut self, outbox: &Outbox) {
        self.run = None;
        self.tell_text(outbox);
        self.untold.state = true;
        self.untold.predictions = true;
        self.untold.branches = true;
    }

    /// Shows the text at hand, which the window does not know.
    pub(super) fn show(&mut self, outbox: &Outbox) {
        let Ok(text) = self.text() else {
            return;
        };
        text.told.clear();
        outbox.put(Update::Generate(GenerateUpdate::Text {
            given: text.given.clone(),
            prompt: text.prompt,
            records: text.continuation.prompt_records().to_vec(),
        }));
        self.changed(outbox);
    }

    /// Says how the text differs from what the window knows.
    pub(super) fn tell_text(&mut self, outbox: &Outbox) {
        let current = self.kept.current;
        let Some(text) = self.kept.texts.get_mut(current) else {
            return;
        };
        let bytes = text.continuation.bytes();
        let same = bytes.iter().zip(&text.told);
        let from = same.take_while(|(a, b)| Arc::ptr_eq(a, b)).count();
        // Its list need not follow at every byte.
        self.untold.branches |= bytes.len().is_multiple_of(16);
        text.told.truncate(from);
        text.told.extend_from_slice(&bytes[from..]);
        outbox.put(Update::Generate(GenerateUpdate::Written {
            from,
            bytes: bytes[from..].to_vec(),
        }));
    }

    pub(super) fn tell(&mut self, outbox: &Outbox) {
        let put = |update| outbox.put(Update::Generate(update));
        let untold = std::mem::take(&mut self.untold);
        if untold.branches {
            put(GenerateUpdate::Branches(self.branches()));
        }
        let continuation = self.continuation();
        if let Some(continuation) = continuation.filter(|_| untold.predictions) {
            let end = continuation.len();
            let at = self.watched.map_or(end, |at| at.min(end));
            if let Ok(all) = continuation.predictions_at(at) {
                put(GenerateUpdate::Predictions { at, all });
            }
        }
        if untold.state {
            let loads = self.loader.progress();
            let waits = self.given.is_some() && self.model.is_some();
            let works = self.goal.is_some() || !self.wishes.is_empty();
            let (read, total) = match (&self.given, self.kept.texts.get(self.kept.current)) {
                (Some((given, _)), _) => (0, given.len()),
                (None, text) => text.map_or((0, 0), |text| text.continuation.progress()),
            };
            let rate = self.run.zip(continuation).and_then(|((since, from), now)| {
                let bytes = now.len().saturating_sub(from);
                let seconds = since.elapsed().as_secs_f64();
                (bytes > 1 && seconds > 0.0).then(|| bytes as f64 / seconds)
            });
            put(GenerateUpdate::State(State {
                ticket: self.ticket,
                doing: match (loads, works) {
                    (Some((done, total)), _) => Doing::Loading(done, total),
                    _ if waits || self.reading.is_some() => Doing::Reading(read, total),
                    (_, true) => Doing::Writing,
                    _ => Doing::Nothing,
                },
                ended: self.ended,
                to_come: continuation.and_then(Continuation::to_come),
                memory: self.memory(),
                rate,
                drafts: continuation.map(Continuation::drafts).unwrap_or_default(),
            }));
        }
    }

    /// The branches of all texts.
    fn branches(&self) -> Vec<BranchLine> {
        let mut lines = Vec::new();
        for (at, text) in self.kept.texts.iter().enumerate() {
            let before = lines.len();
            let branches = text.continuation.branches();
            lines.extend(branches.iter().map(|branch| {
                let line = BranchLine::of(branch, text.given.len());
                BranchLine {
                    id: before + line.id,
                    current: line.current && at == self.kept.current,
                    ..line
                }
            }));
        }
        lines
    }
}
