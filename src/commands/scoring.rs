//! What `score` and `eval` have in common: texts through a model to be scored.

use std::sync::Arc;

use blt::checkpoint::Checkpoint;
use blt::device::Device;
use blt::measure::score::{Score, ScoredByte};
use blt::measure::scorer::Scorer;
use blt::session::{BltOptions, BltSession, Cut, TextBatch, TextOptions, TextSession};
use clap::{Args, ValueEnum};

use super::cut::CutArgs;
use super::documents::DocumentArgs;
use super::failure::{Failure, Outcome, argument, positive};
use super::global::Global;
use super::interrupt;
use super::model::{AnyModelArgs, ContextArgs};
use super::whole::{Loaded, WholeArgs};

/// The model that is asked, and how.
#[derive(Debug, Args)]
pub(super) struct AskingArgs {
    #[command(flatten)]
    pub(super) model: AnyModelArgs,

    /// By which part of the model [default: blt; entropy if the model is an entropy model alone]
    #[arg(long, value_enum)]
    model_part: Option<ModelPart>,

    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    whole: WholeArgs,
    #[command(flatten)]
    cut: CutArgs,
}

/// The texts that are scored, and by which model.
#[derive(Debug, Args)]
pub(super) struct ScoringArgs {
    #[command(flatten)]
    pub(super) asking: AskingArgs,

    /// Let the model begin anew after every N bytes [default: when its
    /// positions are used up]
    #[arg(long, value_name = "BYTES", value_parser = positive::<u64>)]
    piece: Option<u64>,

    #[command(flatten)]
    pub(super) documents: DocumentArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ModelPart {
    /// The whole model
    Blt,
    /// The entropy model alone
    Entropy,
    /// The whole model, and its entropy model beside it
    Both,
}

/// A model with what it is to be asked.
pub(super) struct Opened {
    pub(super) checkpoint: Arc<Checkpoint>,
    pub(super) part: ModelPart,
    pub(super) cut: Cut,
}

impl AskingArgs {
    /// Opens the checkpoint and checks the flags against it; no GPU yet.
    ///
    /// # Errors
    /// What the checkpoint and the flags say.
    pub(super) fn open(&self) -> blt::Result<Opened> {
        self.cut.check()?;
        let checkpoint = Arc::new(self.model.open()?);
        let part = match (self.model_part, &checkpoint.config().blt) {
            (Some(part), _) => part,
            (None, Some(_)) => ModelPart::Blt,
            (None, None) => ModelPart::Entropy,
        };
        let cut = self.cut.cut(Some(&checkpoint))?;
        if part == ModelPart::Entropy {
            self.whole.refuse_without_blt()?;
        } else {
            let rule = cut.clone().into_rule()?;
            self.whole.need_entropies(&checkpoint, &rule)?;
        }
        if part == ModelPart::Both && !self.whole.has_entropy_model(&checkpoint) {
            return Err(argument(format!(
                "{} has no entropy model to score by; score by --model-part blt, or give one with \
                 --entropy-model",
                checkpoint.origin()
            )));
        }
        Ok(Opened {
            checkpoint,
            part,
            cut,
        })
    }

    /// Loads the model.
    ///
    /// # Errors
    /// What the device and the weights say.
    pub(super) async fn load(&self, opened: &Opened, global: &Global) -> blt::Result<Loaded> {
        let entropy = opened.part == ModelPart::Entropy;
        self.whole.load(&opened.checkpoint, entropy, global).await
    }

    /// What is asked of the entropy model about a text.
    fn text(&self, opened: &Opened) -> TextOptions {
        TextOptions {
            cut: opened.cut.clone(),
            context: self.context.options(),
            best: 0,
            profile: false,
        }
    }

    /// Names the tensor to blame where the model gave non-finite numbers.
    pub(super) fn blame(&self, failure: Failure, opened: &Opened, global: &Global) -> Failure {
        self.whole.blame(failure, &opened.checkpoint, global)
    }

    /// The options of a session of the whole model.
    pub(super) fn options(&self, opened: &Opened) -> BltOptions {
        BltOptions {
            context: self.context.options(),
            rule: match &opened.cut {
                Cut::Rule(rule) => Some(rule.clone()),
                Cut::Mean { .. } | Cut::Largest { .. } => None,
            },
            ..BltOptions::default()
        }
    }

    /// Where the context of the entropy model is cut.
    pub(super) fn context(&self) -> blt::session::ContextOptions {
        self.context.options()
    }
}

impl ScoringArgs {
    /// As [`AskingArgs::open`].
    ///
    /// # Errors
    /// What the checkpoint and the flags say.
    pub(super) fn open(&self) -> blt::Result<Opened> {
        let opened = self.asking.open()?;
        self.documents.check(&opened.cut)?;
        Ok(opened)
    }

    /// What reads and scores texts by a loaded model.
    ///
    /// # Errors
    /// What the sessions say.
    pub(super) fn scorer(&self, opened: &Opened, loaded: &Loaded) -> blt::Result<Scorer> {
        match loaded {
            Loaded::Entropy(model) => {
                let session = TextSession::new(Some(model), self.asking.text(opened))?;
                Ok(Scorer::of_entropy(session).with_piece(self.piece))
            }
            Loaded::Blt(model, _) => {
                let session = BltSession::new(model, self.asking.options(opened))?;
                let scorer = Scorer::of_blt(session, opened.part == ModelPart::Both)?;
                Ok(scorer.with_piece(self.piece))
            }
        }
    }

    /// What reads and scores many documents at a time, where the flags and the loaded
    /// model let it.
    ///
    /// # Errors
    /// What the sessions say.
    pub(super) fn batch(&self, opened: &Opened, loaded: &Loaded) -> blt::Result<Option<TextBatch>> {
        match loaded {
            Loaded::Entropy(model) if self.documents.several() && self.piece.is_none() => {
                TextBatch::new(model, self.asking.text(opened)).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// The scores of many texts at a time, by the entropy model.
///
/// # Errors
/// What the model says.
pub(super) async fn read_many(
    batch: &mut TextBatch,
    texts: &[Vec<u8>],
) -> blt::Result<Vec<Vec<ScoredByte>>> {
    let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
    let all = batch.records(&texts).await?;
    let scored = all
        .iter()
        .map(|records| records.iter().filter_map(ScoredByte::of));
    Ok(scored.map(Iterator::collect).collect())
}

/// Scores a text from its beginning; each byte goes to `each`.
///
/// # Errors
/// What the model and `each` say, and an interruption.
pub(super) async fn read(
    scorer: &mut Scorer,
    mut next: impl FnMut(usize) -> blt::Result<Option<Vec<u8>>>,
    mut each: impl FnMut(&[ScoredByte]) -> Outcome,
) -> Outcome<Score> {
    scorer.reset();
    let mut score = Score::default();
    let mut take = |scored: &[ScoredByte]| {
        scored.iter().for_each(|byte| score.add(byte));
        each(scored)
    };
    while let Some(bytes) = next(scorer.comfortable_push())? {
        interrupt::check()?;
        take(&scorer.push(&bytes).await?)?;
    }
    take(&scorer.finish().await?)?;
    Ok(score)
}

/// The end of a summary: on what it ran.
pub(super) fn on(device: &Device) -> String {
    format!("on {}", super::summary::adapter(device.summary()))
}
