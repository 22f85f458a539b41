//! Many texts in the runs of one session.

use std::ops::ControlFlow;

use super::{EntropyRows, EntropySession};
use crate::bytes::BOS;
use crate::error::{Error, Result};

impl EntropySession {
    /// Reads texts one behind the other, each from its own beginning, and gives what
    /// the model says about the tokens of each. A run may hold the end of a text and
    /// the beginnings of others: a row looks back at its own text only, so that no row
    /// is spent on padding, however short the texts are, but for a few in the last run.
    ///
    /// `go_on` is told the tokens of each run once it is under way, and may stop there.
    /// Whatever the session has read before is forgotten, and so are these texts.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if `go_on` stops, [`Error::Argument`] in a session that
    /// finds patches on the device and for a text that a model without a window has no
    /// room for, [`Error::NonFinite`], and the device's errors.
    pub(crate) async fn read_texts(
        &mut self,
        texts: &[&[u32]],
        go_on: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<EntropyRows>> {
        if self.options.rule.is_some() {
            return Err(Error::Argument(
                "a session that finds patches on the device reads one text at a time".to_owned(),
            ));
        }
        self.reset();
        let mut ids = texts.concat();
        let mut begins = Vec::with_capacity(texts.len());
        let mut end = 0;
        for text in texts.iter().filter(|text| !text.is_empty()) {
            begins.push(end);
            end += text.len();
        }
        let heaviest = self.model.heaviest_step();
        let size = (self.model.device()).rows_at_once(heaviest, self.chunk);
        // Texts of one token, whose rows nobody asks for, so that what is said of a text
        // depends on no other, to the bit.
        let (last, least) = (end % size, self.model.device().least_rows_alike().min(size));
        if (1..least).contains(&last) {
            begins.extend(end..end - last + least);
            ids.resize(end - last + least, BOS);
        }
        self.begin(ids.len())?;
        let mut all = EntropyRows {
            entropies: Vec::with_capacity(ids.len()),
            nlls: Vec::with_capacity(ids.len() + 1),
            ..EntropyRows::default()
        };
        // Each row judges the token after it.
        all.nlls.push(None);
        self.flow((&ids, size), &begins, &mut all, go_on).await?;
        self.settled = None;
        self.reset();
        Ok(split(texts, &all))
    }
}

/// The rows of each text; no row of another text predicts its first token.
fn split(texts: &[&[u32]], all: &EntropyRows) -> Vec<EntropyRows> {
    let mut end = 0;
    let own = texts.iter().map(|text| {
        let rows = end..end + text.len();
        end = rows.end;
        let mut nlls = all.nlls[rows.clone()].to_vec();
        if let Some(first) = nlls.first_mut() {
            *first = None;
        }
        EntropyRows {
            entropies: all.entropies[rows.clone()].to_vec(),
            nlls,
            starts: Vec::new(),
            best: all.best.get(rows).map(<[_]>::to_vec).unwrap_or_default(),
        }
    });
    own.collect()
}
