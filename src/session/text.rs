//! A text on its way to records: bytes in, in any pieces; one [`ByteRecord`]
//! per byte out, and one for the next byte.

mod cut;
mod options;

use std::sync::Arc;

pub use cut::{Cut, WHOLE_TEXT_MAX, checkpoint_rule};
pub use options::{CutOptions, RANDOM_PATCH};

use super::{ContextOptions, EntropyOptions, EntropyRows, EntropySession};
use crate::bytes::{BOS, byte_of, encode};
use crate::device::Profile;
use crate::error::{Error, Result};
use crate::model::entropy::EntropyModel;
use crate::patch::{Known, Patcher, Rule, Scheme, Solved};
use crate::record::{ByteRecord, Recorder};
use cut::Whole;

/// A token and its log-probability in nats.
pub type Likely = (u32, f32);

/// What is asked about a text.
#[derive(Clone, Debug)]
pub struct TextOptions {
    /// Where its patches start.
    pub cut: Cut,
    /// Where the model's context is cut.
    pub context: ContextOptions,
    /// How many of the most likely tokens in place of each byte are kept.
    pub best: usize,
    /// Time every kernel.
    pub profile: bool,
}

impl TextOptions {
    /// Only patches, by this rule.
    #[must_use]
    pub fn of_rule(rule: Rule) -> Self {
        Self {
            cut: Cut::Rule(rule),
            context: ContextOptions::default(),
            best: 0,
            profile: false,
        }
    }

    /// Whether a model must be there ([`TextSession::new`] refuses its absence).
    #[must_use]
    pub fn needs_model(&self) -> bool {
        self.best > 0 || self.cut.needs_model()
    }
}

/// A text on its way to records.
///
/// With a model, each record has the entropy and the surprise of its byte, and
/// the patch starts come from the device wherever the rule has a kernel. Without
/// one, a rule that looks at bytes alone runs on the CPU and no GPU is touched.
///
/// The records do not depend on how the bytes were cut into pushes. Memory is
/// bounded by the window and the piece pushed, except for a [`Cut`] that must
/// see the whole text, which bounds the text instead ([`WHOLE_TEXT_MAX`]).
#[derive(Debug)]
pub struct TextSession {
    session: Option<EntropySession>,
    /// For rules that the device does not decide.
    patcher: Option<Box<dyn Patcher + Send>>,
    rule: Option<Rule>,
    recorder: Recorder,
    begun: bool,
    ahead: Ahead,
    keep_best: bool,
    best: Vec<Vec<Likely>>,
    whole: Option<Whole>,
}

/// What is known about the next byte.
#[derive(Clone, Debug, Default)]
struct Ahead {
    entropy: Option<f32>,
    start: bool,
    best: Vec<Likely>,
}

/// How many bytes to push at a time where no model is to be waited for.
const PIECE_WITHOUT_MODEL: usize = 16 << 10;

impl TextSession {
    /// A session before its first byte. Give a model to have entropies, even
    /// if the rule could do without.
    ///
    /// # Errors
    /// [`Error::Argument`] when the options need a model and there is none, and
    /// the device's errors.
    pub fn new(model: Option<&Arc<EntropyModel>>, options: TextOptions) -> Result<Self> {
        if model.is_none() && options.needs_model() {
            return Err(Error::Argument(
                "this way to find patches needs an entropy model; choose one that does not \
                 (space, static, byte, delimiter, lookup) or give a model"
                    .to_owned(),
            ));
        }
        let (rule, whole) = match options.cut {
            Cut::Rule(rule) => (Some(rule), None),
            _ if options.best > 0 => {
                return Err(Error::Argument(
                    "the most likely bytes are given while a text streams; \
                     a wanted patch size needs the whole text first"
                        .to_owned(),
                ));
            }
            cut => (None, Some(Whole::new(cut))),
        };
        let predicted = rule
            .as_ref()
            .is_some_and(|rule| rule.patcher().needs_best());
        let session = model
            .map(|model| {
                let options = EntropyOptions {
                    context: options.context,
                    rule: rule.clone().filter(has_kernel),
                    best: options.best.max(usize::from(predicted)),
                    profile: options.profile,
                };
                EntropySession::new(model, options)
            })
            .transpose()?;
        let on_gpu = |rule: &&Rule| session.is_some() && has_kernel(rule);
        Ok(Self {
            patcher: rule
                .as_ref()
                .filter(|rule| !on_gpu(rule))
                .map(Rule::patcher),
            session,
            rule,
            recorder: Recorder::default(),
            begun: false,
            ahead: Ahead::default(),
            keep_best: options.best > 0,
            best: Vec::new(),
            whole,
        })
    }

    /// Forgets the text.
    pub fn reset(&mut self) {
        if let Some(session) = &mut self.session {
            session.reset();
        }
        if let Some(patcher) = &mut self.patcher {
            patcher.reset();
        }
        if let Some(whole) = &mut self.whole {
            whole.reset();
            self.rule = None;
        }
        self.recorder = Recorder::default();
        self.begun = false;
        self.ahead = Ahead::default();
        self.best.clear();
    }

    /// How many bytes to push at a time at most, so that a caller can show
    /// progress and stop.
    #[must_use]
    pub fn comfortable_push(&self) -> usize {
        self.session
            .as_ref()
            .map_or(PIECE_WITHOUT_MODEL, EntropySession::comfortable_push)
    }

    /// The rule in effect; for a [`Cut`] over the whole text, known only after
    /// [`finish`](Self::finish), and never for [`Cut::Largest`].
    #[must_use]
    pub fn rule(&self) -> Option<&Rule> {
        self.rule.as_ref()
    }

    /// The threshold found for [`Cut::Mean`], after [`finish`](Self::finish).
    #[must_use]
    pub fn solved(&self) -> Option<&Solved> {
        self.whole.as_ref().and_then(Whole::solved)
    }

    /// With [`TextOptions::best`]: for each record of the last call, the most
    /// likely tokens in place of its byte.
    #[must_use]
    pub fn best(&self) -> &[Vec<Likely>] {
        &self.best
    }

    /// Time per kernel so far; `None` without a model.
    #[must_use]
    pub fn profile(&self) -> Option<&Profile> {
        self.session.as_ref().map(EntropySession::profile)
    }

    /// Pushes bytes and gives their records: one each, or none as long as the
    /// whole text must be seen first.
    ///
    /// # Errors
    /// [`Error::Argument`] when the text grows beyond what the cut or a model
    /// without a window can hold, and the device's errors; after one the
    /// session is unusable until [`reset`](Self::reset).
    pub async fn push(&mut self, bytes: &[u8]) -> Result<Vec<ByteRecord>> {
        self.best.clear();
        if bytes.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(whole) = &self.whole {
            whole.check_room(bytes.len())?;
        }
        let records = self.advance(bytes).await?;
        Ok(match &mut self.whole {
            None => records,
            Some(whole) => {
                whole.add(&records);
                Vec::new()
            }
        })
    }

    /// The records still to come: that of the next byte, and before it, if
    /// the whole text had to be seen, all others. Pushing may go on after it
    /// where the cut is a rule.
    ///
    /// # Errors
    /// What the cut says about the whole text, and the device's errors.
    pub async fn finish(&mut self) -> Result<Vec<ByteRecord>> {
        self.best.clear();
        if !self.begun {
            self.advance(&[]).await?;
        }
        if self.keep_best {
            self.best.push(self.ahead.best.clone());
        }
        let to_come = self.recorder.to_come(self.ahead.entropy, self.ahead.start);
        match &mut self.whole {
            None => Ok(vec![to_come]),
            Some(whole) => {
                let (records, rule) = whole.finish(&to_come)?;
                self.rule = rule;
                Ok(records)
            }
        }
    }

    /// Takes tokens, BOS before the first byte.
    async fn advance(&mut self, bytes: &[u8]) -> Result<Vec<ByteRecord>> {
        let mut ids = Vec::with_capacity(bytes.len() + 1);
        if !self.begun {
            ids.push(BOS);
        }
        ids.extend(encode(bytes));
        self.begun = true;
        let mut rows = match &mut self.session {
            Some(session) => session.push(&ids).await?,
            None => EntropyRows::default(),
        };
        let mut records = Vec::with_capacity(bytes.len());
        for (row, id) in ids.iter().enumerate() {
            if let Some(byte) = byte_of(*id) {
                let nll = rows.nlls.get(row).copied().flatten();
                let Ahead { entropy, start, .. } = self.ahead;
                records.push(self.recorder.byte(byte, entropy, nll, start));
                if self.keep_best {
                    self.best.push(std::mem::take(&mut self.ahead.best));
                }
            }
            self.look_ahead(*id, row, &mut rows);
        }
        Ok(records)
    }

    /// What the token of a row says about the byte after it.
    fn look_ahead(&mut self, id: u32, row: usize, rows: &mut EntropyRows) {
        let entropy = rows.entropies.get(row).copied();
        let best = rows
            .best
            .get_mut(row)
            .map(std::mem::take)
            .unwrap_or_default();
        let start = match &mut self.patcher {
            Some(patcher) => patcher.next_starts(&Known {
                id,
                entropy,
                best: best.first().map(|(id, _)| *id),
            }),
            None => rows.starts.get(row).copied().unwrap_or(id == BOS),
        };
        self.ahead = Ahead {
            entropy,
            start,
            best,
        };
    }
}

/// Whether the device can decide by this rule.
fn has_kernel(rule: &Rule) -> bool {
    !matches!(
        rule.scheme(),
        Scheme::DelimiterPredicted | Scheme::Lookup { .. }
    )
}
