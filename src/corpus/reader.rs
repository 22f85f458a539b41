//! Texts through the model, or through a rule that needs none.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::document::Document;
use super::layout::{Layout, META_CONTEXT};
use super::result::TextResult;
use crate::bytes::{EOS, prompt};
use crate::model::entropy::EntropyModel;
use crate::patch::{Rule, Scheme, lengths, starts};
use crate::session::{ContextOptions, Cut, EntropyRows, TextBatch, TextOptions};
use crate::{Error, Result};

/// What reads the texts of a corpus.
#[derive(Debug)]
pub struct Reader {
    kind: Kind,
    layout: Layout,
    pub(super) rule: Rule,
    pub(super) context: ContextOptions,
}

#[derive(Debug)]
enum Kind {
    Model(Box<TextBatch>),
    Rule,
}

impl Reader {
    /// A reader for a layout: by a model, or without one by a rule that looks at bytes
    /// alone. The layout of the reference trainer has a context of its own and no rule.
    ///
    /// # Errors
    /// [`Error::Argument`] if the layout or the rule needs a model and there is none,
    /// or a context is given that the layout does not let; the device's errors.
    pub fn new(
        model: Option<&Arc<EntropyModel>>,
        layout: Layout,
        rule: &Rule,
        context: ContextOptions,
    ) -> Result<Self> {
        let (rule, context) = match layout {
            Layout::Patches { .. } => (rule.clone(), context),
            Layout::Meta if context == ContextOptions::default() => (
                // No patch is asked for.
                Rule::new(Scheme::Byte)?,
                ContextOptions {
                    reset_every: Some(META_CONTEXT),
                    reset_at_newline: false,
                },
            ),
            Layout::Meta => {
                return Err(Error::Argument(format!(
                    "--layout meta begins anew every {META_CONTEXT} tokens, as the reference \
                     trainer expects; leave out --reset-every and --reset-at-newline"
                )));
            }
        };
        let kind = match model {
            Some(model) => {
                let options = TextOptions {
                    context,
                    cut: Cut::Rule(rule.clone()),
                    best: 0,
                    profile: false,
                };
                Kind::Model(Box::new(TextBatch::new(model, options)?))
            }
            None if layout.needs_model() || Cut::Rule(rule.clone()).needs_model() => {
                return Err(Error::Argument(
                    "entropies, and patches by them, need an entropy model".to_owned(),
                ));
            }
            None => Kind::Rule,
        };
        Ok(Self {
            kind,
            layout,
            rule,
            context,
        })
    }

    /// Whether a model runs.
    pub(super) const fn has_model(&self) -> bool {
        matches!(self.kind, Kind::Model(_))
    }

    pub(super) const fn layout(&self) -> Layout {
        self.layout
    }

    /// Reads texts; `go_on` is told the tokens of each run and may stop there.
    ///
    /// # Errors
    /// What the model says, and [`Error::Interrupted`].
    pub(super) async fn read(
        &mut self,
        documents: &[Document],
        mut go_on: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<TextResult>> {
        let eos = self.layout.reads_eos().then_some(EOS);
        let text = |document: &Document| {
            let mut ids = prompt(document.text.as_bytes());
            ids.extend(eos);
            ids
        };
        let ids: Vec<Vec<u32>> = documents.iter().map(text).collect();
        match &mut self.kind {
            Kind::Model(batch) => {
                let texts: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
                let all = batch.rows_while(&texts, go_on).await?;
                let both = documents.iter().zip(all);
                Ok(both
                    .map(|(document, rows)| result_of(document, rows))
                    .collect())
            }
            Kind::Rule => ids
                .iter()
                .map(|ids| {
                    if go_on(ids.len()).is_break() {
                        return Err(Error::Interrupted);
                    }
                    // The first flag is that of BOS, the last of the byte to come.
                    let starts = starts(&self.rule, ids, None)?;
                    Ok(TextResult {
                        lengths: lengths(&starts[1..ids.len()]),
                        ..TextResult::default()
                    })
                })
                .collect(),
        }
    }
}

fn result_of(document: &Document, rows: EntropyRows) -> TextResult {
    let bytes = document.text.len();
    let nlls = rows.nlls.iter().skip(1).take(bytes);
    TextResult {
        nlls: nlls.copied().map(Option::unwrap_or_default).collect(),
        lengths: lengths(&rows.starts[..bytes]),
        entropies: rows.entropies,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::super::layout::{Extras, TableFormat};
    use super::*;

    #[test]
    fn words_need_no_model() {
        let layout = Layout::Patches {
            format: TableFormat::Parquet,
            extras: Extras::default(),
        };
        let rule = Rule::new(Scheme::Space).unwrap();
        let mut reader = Reader::new(None, layout, &rule, ContextOptions::default()).unwrap();
        let documents = ["two words", ""].map(|text| Document {
            id: String::new(),
            text: text.to_owned(),
        });
        let go_on = |_| ControlFlow::Continue(());
        let results = pollster::block_on(reader.read(&documents, go_on)).unwrap();
        assert_eq!(results[0].lengths.iter().sum::<u32>(), 9);
        assert!(results[0].lengths.len() > 1 && results[1].lengths.is_empty());
        for (layout, rule) in [(Layout::Meta, rule), (layout, Rule::entropy(1.0).unwrap())] {
            assert!(Reader::new(None, layout, &rule, ContextOptions::default()).is_err());
        }
    }
}
