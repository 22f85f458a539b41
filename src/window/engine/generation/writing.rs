//! What is done to a text: bytes more, bytes back, other bytes, other branches.

use web_time::Instant;

use super::Generation;
use super::asked::{DEFAULT, Doing, GenerateUpdate, Wish};
use super::text::Session;
use crate::error::Result;
use crate::generate::{Continuation, Event, GenerateOptions};
use crate::window::engine::portion::Portion;
use crate::window::engine::{Outbox, Update};

/// When writing ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    Byte,
    Patch,
    Limit,
}

impl Generation {
    /// Until so many bytes are written.
    fn aim(&mut self, goal: Goal) -> Result<()> {
        let settings = self.settings.unwrap_or(DEFAULT);
        let text = self.text()?;
        let length = text.continuation.len();
        text.continuation.set_options(GenerateOptions {
            max_bytes: (goal == Goal::Limit).then(|| length as u64 + settings.limit),
            utf8: settings.utf8(),
            speculate: settings.speculate(),
            ..GenerateOptions::default()
        })?;
        self.goal = Some(goal);
        self.run = Some((Instant::now(), length));
        self.ended = None;
        self.untold.state = true;
        Ok(())
    }

    /// Begins with what was wished.
    pub(super) async fn begin(&mut self, wish: Wish, outbox: &Outbox) -> Result<()> {
        let end = self.text()?.continuation.len();
        self.ended = None;
        let goal = match &wish {
            Wish::Run => Some(Goal::Limit),
            Wish::Byte => Some(Goal::Byte),
            Wish::Patch => Some(Goal::Patch),
            _ => None,
        };
        if let Some(goal) = goal {
            match self.ready(end, outbox)? {
                true => self.aim(goal)?,
                false => self.wishes.push_front(wish),
            }
            return Ok(());
        }
        self.goal = None;
        match wish {
            Wish::Back => {
                self.text()?.continuation.undo();
                self.changed(outbox);
            }
            Wish::Switch(branch) => self.switch(branch, outbox)?,
            Wish::Branch { at, byte, on } => self.branch((at, byte, on), outbox).await?,
            _ => {}
        }
        Ok(())
    }

    async fn branch(&mut self, (at, byte, on): (usize, u8, bool), outbox: &Outbox) -> Result<()> {
        let ready = self.ready(at, outbox)?;
        let mut portion = self.portion;
        let text = self.text()?;
        let there = ready && approach(&mut text.continuation, at, &mut portion, outbox).await?;
        self.portion = portion;
        if !there {
            // Of a text that is read anew all bytes up to this one are given.
            let at = if self.reading.is_some() { 0 } else { at };
            self.wishes.push_front(Wish::Branch { at, byte, on });
            return Ok(());
        }
        let continuation = &mut self.text()?.continuation;
        match at < continuation.len() {
            true => continuation.branch(at, byte).await?,
            false => continuation.choose(byte).await?,
        };
        self.changed(outbox);
        if on {
            self.aim(Goal::Limit)?;
        }
        Ok(())
    }

    /// Goes on with a branch of any text.
    fn switch(&mut self, branch: usize, outbox: &Outbox) -> Result<()> {
        let mut before = 0;
        for at in 0..self.kept.texts.len() {
            let text = &mut self.kept.texts[at];
            let count = text.continuation.branches().len();
            if branch >= before + count {
                before += count;
                continue;
            }
            text.continuation.switch(branch - before)?;
            if at != self.kept.current {
                // One text at a time takes memory.
                self.text()?.release();
                self.kept.current = at;
                self.show(outbox);
            }
            self.use_settings()?;
            break;
        }
        self.changed(outbox);
        Ok(())
    }

    /// One byte more; first the model comes to where the text is.
    pub(super) async fn write(&mut self, goal: Goal, outbox: &Outbox) -> Result<()> {
        let mut portion = self.portion;
        let text = self.text()?;
        if !text.continuation.is_settled() {
            let end = text.continuation.len();
            approach(&mut text.continuation, end, &mut portion, outbox).await?;
            self.portion = portion;
            return Ok(());
        }
        let events = text.continuation.step().await?;
        let mut over = goal == Goal::Byte;
        for event in events {
            match event {
                Event::Boundary { .. } => over |= goal == Goal::Patch,
                Event::Done { reason, .. } => {
                    self.ended = Some(reason);
                    over = true;
                }
                _ => {}
            }
        }
        self.tell_text(outbox);
        self.untold.state = true;
        self.untold.predictions |= self.watched.is_none();
        if over {
            self.rest();
        }
        Ok(())
    }
}

/// Brings the model nearer to a place of the text, for as long as a slice may take;
/// says whether it is there.
pub(super) async fn approach(
    continuation: &mut Continuation<Session>,
    at: usize,
    portion: &mut Portion,
    outbox: &Outbox,
) -> Result<bool> {
    let began = Instant::now();
    let over = continuation.approach(at, portion.bytes()).await?;
    if !over {
        portion.took(began.elapsed());
    }
    let (read, total) = continuation.progress();
    let doing = GenerateUpdate::Doing(Doing::Reading(read, total));
    outbox.put(Update::Generate(doing));
    Ok(over)
}
