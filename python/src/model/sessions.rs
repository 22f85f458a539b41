//! Sessions of a model. Calls that ask for the same use one after the other; calls at the
//! same time have one each.

use std::any::Any;
use std::sync::Mutex;

use blt::generate::TextModel;
use blt::measure::answers::Answerer;
use blt::measure::score::ScoredByte;
use blt::measure::scorer::Scorer;
use blt::record::ByteRecord;
use blt::session::{
    BltOptions, BltSession, EntropyOptions, EntropySession, TextBatch, TextOptions, TextSession,
};

use super::{Model, lock};
use crate::arguments::{Part, Reading};
use crate::wait::Signals;

/// Sessions that are kept while no call uses them.
const MOST: usize = 4;

/// What a session is made for, beside its type.
#[derive(Clone, PartialEq)]
struct Asked {
    reading: Reading,
    /// What runs, if a model does.
    part: Option<Part>,
    piece: Option<u64>,
}

impl Asked {
    /// Whether the whole model runs, whose sessions are large.
    fn of_whole(&self) -> bool {
        matches!(self.part, Some(Part::Blt | Part::Both))
    }
}

/// Sessions that no call uses, the last one used at the end.
#[derive(Default)]
pub(super) struct AtRest(Mutex<Vec<(Asked, Box<dyn Any + Send>)>>);

impl AtRest {
    fn take<S: Any>(&self, asked: &Asked) -> Option<Box<S>> {
        let mut sessions = lock(&self.0);
        let at = sessions
            .iter()
            .rposition(|(other, session)| other == asked && session.is::<S>())?;
        sessions.remove(at).1.downcast().ok()
    }

    fn put(&self, asked: Asked, session: Box<dyn Any + Send>) {
        // Its file may be another one by the next call.
        if asked.reading.cut.table.is_some() {
            return;
        }
        let mut sessions = lock(&self.0);
        if sessions.len() == MOST {
            sessions.remove(0);
        }
        sessions.push((asked, session));
    }

    /// Makes room for another session of the whole model.
    fn drop_whole(&self) {
        lock(&self.0).retain(|(asked, _)| !asked.of_whole());
    }
}

impl Model {
    /// Does work with a session. One that fails is not used again.
    fn in_session<S: Any + Send, T>(
        &self,
        asked: Asked,
        signals: &mut Signals,
        make: impl FnOnce(&mut Signals) -> blt::Result<S>,
        work: impl FnOnce(&mut S, &mut Signals) -> blt::Result<T>,
    ) -> blt::Result<T> {
        let mut session = match self.at_rest.take(&asked) {
            Some(session) => session,
            None => Box::new(make(signals)?),
        };
        let done = work(&mut session, signals)?;
        self.at_rest.put(asked, session);
        Ok(done)
    }

    /// What is asked of texts, and whether the entropy model must run for it.
    fn text_options(&self, reading: &Reading, entropies: bool) -> blt::Result<(TextOptions, bool)> {
        let options = TextOptions {
            cut: reading.cut.cut(Some(&self.checkpoint))?,
            context: reading.context,
            best: 0,
            profile: false,
        };
        let needed = entropies || options.needs_model();
        Ok((options, needed))
    }

    /// A session for texts, with the entropy model if the cut needs it or `entropies` are
    /// wanted.
    fn text_session(
        &self,
        reading: &Reading,
        entropies: bool,
        signals: &mut Signals,
    ) -> blt::Result<TextSession> {
        let (options, entropies) = self.text_options(reading, entropies)?;
        let model = entropies.then(|| self.entropy(signals)).transpose()?;
        TextSession::new(model.as_ref(), options)
    }

    /// Works with a session for texts.
    pub(super) fn in_texts<T>(
        &self,
        reading: &Reading,
        entropies: bool,
        signals: &mut Signals,
        work: impl FnOnce(&mut TextSession, &mut Signals) -> blt::Result<T>,
    ) -> blt::Result<T> {
        let asked = Asked {
            reading: reading.clone(),
            part: entropies.then_some(Part::Entropy),
            piece: None,
        };
        let make = |signals: &mut Signals| self.text_session(reading, entropies, signals);
        self.in_session(asked, signals, make, work)
    }

    /// Whether many texts are read at a time: if the entropy model reads them, and none
    /// has to be seen as a whole first.
    pub(super) fn reads_batches(&self, reading: &Reading, entropies: bool) -> blt::Result<bool> {
        let (options, needed) = self.text_options(reading, entropies)?;
        Ok(needed && !options.cut.needs_whole_text())
    }

    /// Works with what reads many texts at a time.
    pub(super) fn in_batch<T>(
        &self,
        reading: &Reading,
        signals: &mut Signals,
        work: impl FnOnce(&mut TextBatch, &mut Signals) -> blt::Result<T>,
    ) -> blt::Result<T> {
        let asked = Asked {
            reading: reading.clone(),
            part: Some(Part::Entropy),
            piece: None,
        };
        let make = |signals: &mut Signals| {
            let (options, _) = self.text_options(reading, true)?;
            TextBatch::new(&self.entropy(signals)?, options)
        };
        self.in_session(asked, signals, make, work)
    }

    /// Works with what scores texts.
    pub(super) fn in_scorer<T>(
        &self,
        (part, piece): (Part, Option<u64>),
        reading: &Reading,
        signals: &mut Signals,
        work: impl FnOnce(&mut Scorer, &mut Signals) -> blt::Result<T>,
    ) -> blt::Result<T> {
        let asked = Asked {
            reading: reading.clone(),
            part: Some(part),
            piece,
        };
        let make = |signals: &mut Signals| {
            let scorer = match part {
                Part::Entropy => Scorer::of_entropy(self.text_session(reading, true, signals)?),
                Part::Blt | Part::Both => {
                    Scorer::of_blt(self.blt_session(reading, signals)?, part == Part::Both)?
                }
            };
            Ok(scorer.with_piece(piece))
        };
        self.in_session(asked, signals, make, work)
    }

    /// Works with what answers requests.
    pub(super) fn in_answerer<T>(
        &self,
        part: Part,
        reading: &Reading,
        signals: &mut Signals,
        work: impl FnOnce(&mut Answerer, &mut Signals) -> blt::Result<T>,
    ) -> blt::Result<T> {
        let asked = Asked {
            reading: reading.clone(),
            part: Some(part),
            piece: None,
        };
        let make = |signals: &mut Signals| match part {
            Part::Entropy => Answerer::of_entropy(&self.entropy(signals)?, reading.context),
            Part::Blt | Part::Both => Ok(Answerer::of_blt(self.blt_session(reading, signals)?)),
        };
        self.in_session(asked, signals, make, work)
    }

    /// What a generation keeps: a session of the whole model, or of an entropy model alone.
    pub(super) fn text_model(
        &self,
        part: Part,
        reading: &Reading,
        signals: &mut Signals,
    ) -> blt::Result<TextModel> {
        Ok(match part {
            Part::Entropy => {
                let options = EntropyOptions {
                    context: reading.context,
                    rule: Some(reading.cut.cut(Some(&self.checkpoint))?.into_rule()?),
                    ..EntropyOptions::default()
                };
                let session = EntropySession::new(&self.entropy(signals)?, options)?;
                TextModel::Entropy(Box::new(session))
            }
            Part::Blt | Part::Both => TextModel::Blt(Box::new(self.blt_session(reading, signals)?)),
        })
    }

    /// A session of the whole model.
    fn blt_session(&self, reading: &Reading, signals: &mut Signals) -> blt::Result<BltSession> {
        let options = BltOptions {
            context: reading.context,
            rule: Some(reading.cut.cut(Some(&self.checkpoint))?.into_rule()?),
            ..BltOptions::default()
        };
        self.at_rest.drop_whole();
        BltSession::new(&self.whole(signals)?, options)
    }
}

/// Reads a text from its beginning to its end, piece by piece.
pub(super) fn read_into(
    session: &mut TextSession,
    text: &[u8],
    records: &mut Vec<ByteRecord>,
    signals: &mut Signals,
) -> blt::Result<()> {
    session.reset();
    for piece in text.chunks(session.comfortable_push()) {
        signals.check()?;
        records.extend(pollster::block_on(session.push(piece))?);
    }
    records.extend(pollster::block_on(session.finish())?);
    Ok(())
}

/// Scores a text from its beginning to its end, piece by piece.
pub(super) fn score_into(
    scorer: &mut Scorer,
    text: &[u8],
    signals: &mut Signals,
    mut take: impl FnMut(&[ScoredByte]),
) -> blt::Result<()> {
    scorer.reset();
    for bytes in text.chunks(scorer.comfortable_push()) {
        signals.check()?;
        take(&pollster::block_on(scorer.push(bytes))?);
    }
    take(&pollster::block_on(scorer.finish())?);
    Ok(())
}
