//! `blt inspect`

use blt::Error;
use clap::Args;

use super::failure::Outcome;
use super::model::AnyModelArgs;
use super::output;

const EXAMPLES: &str = "\
Examples:
  blt inspect
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
}

impl Inspect {
    pub(super) fn run(&self) -> Outcome {
        let mut inspection = self.model.open()?.inspect();
        if !self.json {
            return output::print(&if self.tensors {
                format!("{inspection:#}")
            } else {
                inspection.to_string()
            });
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
