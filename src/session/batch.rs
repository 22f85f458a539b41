//! Many texts at a time through the entropy model.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::{Cut, EntropyOptions, EntropyRows, EntropySession, TextOptions};
use crate::bytes::prompt;
use crate::error::{Error, Result};
use crate::model::entropy::EntropyModel;
use crate::patch::{Known, Patcher};
use crate::record::{ByteRecord, records};

/// How many bytes of short texts to read at a time: enough that what the last run of a
/// batch leaves empty does not count, and few enough to show progress and stop.
#[must_use]
pub const fn comfortable_batch() -> usize {
    16 << 10
}

/// Many texts at a time through the entropy model, each from its own beginning.
///
/// What the model says about a text does not depend on the others, on the processor to
/// the bit: texts follow each other in the rows of a run, and each row looks back at its
/// own text only. So the order of the texts does not matter for the speed. Memory is bounded by the window and by the results of one call.
#[derive(Debug)]
pub struct TextBatch {
    session: EntropySession,
    /// On the host: patches of many texts in one run are no sequence.
    patcher: Box<dyn Patcher + Send>,
    keep_best: bool,
}

impl TextBatch {
    /// A reader of batches.
    ///
    /// # Errors
    /// [`Error::Argument`] for a cut that must see a whole text first, and the
    /// device's errors.
    pub fn new(model: &Arc<EntropyModel>, options: TextOptions) -> Result<Self> {
        let Cut::Rule(rule) = options.cut else {
            return Err(Error::Argument(
                "patches of a wanted size are found over one text; find the threshold on a part \
                 of the texts and read all by that"
                    .to_owned(),
            ));
        };
        let patcher = rule.patcher();
        let session = EntropySession::new(
            model,
            EntropyOptions {
                context: options.context,
                rule: None,
                best: options.best.max(usize::from(patcher.needs_best())),
                profile: options.profile,
            },
        )?;
        Ok(Self {
            session,
            patcher,
            keep_best: options.best > 0,
        })
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Arc<EntropyModel> {
        self.session.model()
    }

    /// What the model says about the tokens of each text: begin them with
    /// [`BOS`](crate::bytes::BOS), and end them with [`EOS`](crate::bytes::EOS) where
    /// the entropy after the end is wanted. Each is what [`EntropySession::push`] gives
    /// for that text alone.
    ///
    /// # Errors
    /// [`Error::Argument`] for a text that a model without a window has no room for,
    /// [`Error::NonFinite`], and the device's errors.
    pub async fn rows(&mut self, texts: &[&[u32]]) -> Result<Vec<EntropyRows>> {
        self.rows_while(texts, |_| ControlFlow::Continue(())).await
    }

    /// Like [`TextBatch::rows`]; `go_on` is told the tokens of each run and may stop
    /// there, which is [`Error::Interrupted`].
    ///
    /// # Errors
    /// As for [`TextBatch::rows`], and [`Error::Interrupted`].
    pub async fn rows_while(
        &mut self,
        texts: &[&[u32]],
        go_on: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<EntropyRows>> {
        let mut all = self.session.read_texts(texts, go_on).await?;
        for (text, rows) in texts.iter().zip(&mut all) {
            self.patcher.reset();
            let patcher = &mut self.patcher;
            let tokens = text.iter().zip(&rows.entropies).enumerate();
            let starts = tokens.map(|(row, (id, entropy))| {
                let best = rows.best.get(row).and_then(|best| best.first());
                patcher.next_starts(&Known {
                    id: *id,
                    entropy: Some(*entropy),
                    best: best.map(|(id, _)| *id),
                })
            });
            rows.starts = starts.collect();
            if !self.keep_best {
                rows.best = Vec::new();
            }
        }
        Ok(all)
    }

    /// The records of each text, the one of the byte to come last: what
    /// [`TextSession`](super::TextSession) gives for that text alone.
    ///
    /// # Errors
    /// As for [`TextBatch::rows`].
    pub async fn records(&mut self, texts: &[&[u8]]) -> Result<Vec<Vec<ByteRecord>>> {
        self.records_while(texts, |_| ControlFlow::Continue(()))
            .await
    }

    /// Like [`TextBatch::records`], and stops as [`TextBatch::rows_while`] does.
    ///
    /// # Errors
    /// As for [`TextBatch::rows_while`].
    pub async fn records_while(
        &mut self,
        texts: &[&[u8]],
        go_on: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Vec<ByteRecord>>> {
        let ids: Vec<Vec<u32>> = texts.iter().map(|text| prompt(text)).collect();
        let ids: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
        let all = self.rows_while(&ids, go_on).await?;
        texts.iter().zip(all).map(of_rows).collect()
    }
}

fn of_rows((bytes, rows): (&&[u8], EntropyRows)) -> Result<Vec<ByteRecord>> {
    // Nothing predicts BOS, and its own patch is not among the starts after tokens.
    let nlls: Vec<f32> = rows.nlls.iter().skip(1).copied().flatten().collect();
    let starts: Vec<bool> = std::iter::once(true).chain(rows.starts).collect();
    Ok(records(bytes, Some(&rows.entropies), Some(&nlls), &starts)?.collect())
}
