//! `blt inspect`

use blt::checkpoint::Checkpoint;
use blt::{Error, Result};
use clap::Args;

use super::failure::{Outcome, argument};
use super::model::AnyModelArgs;
use super::output;

const EXAMPLES: &str = "\
Examples:
  blt inspect
  blt inspect --card | less
  blt inspect -m models/blt-1b --tensors
  blt inspect -m org/name --json | jq .total
  blt inspect --like blt-7b

No GPU is needed, and no weight is read.";

/// Say what is in a model: parts, shapes, dtypes, parameters, memory
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Inspect {
    #[command(flatten)]
    model: AnyModelArgs,

    /// One JSON object
    #[arg(long)]
    json: bool,

    /// Every tensor too
    #[arg(long)]
    tensors: bool,

    /// The card of the embedded model instead: training, figures, limits, licences, attributions
    #[arg(long, conflicts_with_all = ["json", "tensors"])]
    card: bool,
}

impl Inspect {
    pub(super) fn run(&self) -> Outcome {
        let checkpoint = self.model.open()?;
        if self.card {
            return output::print(card(&checkpoint)?);
        }
        let mut inspection = checkpoint.inspect();
        if !self.json {
            let mut text = match self.tensors {
                true => format!("{inspection:#}"),
                false => inspection.to_string(),
            };
            if checkpoint.card().is_some() {
                text += "card, with licences and attributions: blt inspect --card\n";
            }
            return output::print(&text);
        }
        if !self.tensors {
            inspection.tensors.clear();
        }
        let json = serde_json::to_string_pretty(&inspection).map_err(|source| Error::Io {
            action: "write",
            path: "standard output".into(),
            source: source.into(),
        })?;
        output::print(&json)
    }
}

fn card(checkpoint: &Checkpoint) -> Result<&'static str> {
    checkpoint.card().ok_or_else(|| {
        argument(format!(
            "{} has no card inside the program, only the embedded model has; look for a README.md \
             beside its weights",
            checkpoint.origin()
        ))
    })
}
