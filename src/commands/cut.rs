//! Flags that say where patches start.

use std::path::PathBuf;

use blt::Result;
use blt::checkpoint::Checkpoint;
use blt::patch::Mode;
use blt::session::{Cut, CutOptions};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::failure::positive;

#[derive(Debug, Args)]
#[command(next_help_heading = "Where patches start")]
pub(super) struct CutArgs {
    /// The rule [default: the model's own, with its thresholds and its longest patch]
    #[arg(long, value_parser = mode())]
    mode: Option<Mode>,

    /// Entropy (monotonic: rise of it) above which a patch starts, in nats
    /// [default: the model's, else 1.335442]
    #[arg(
        long,
        value_name = "NATS",
        allow_negative_numbers = true,
        value_parser = finite,
        conflicts_with = "patch_size"
    )]
    threshold: Option<f32>,

    /// Rise of the entropy that --mode both asks for as well, in nats [default: the model's]
    #[arg(long, value_name = "NATS", allow_negative_numbers = true, value_parser = finite)]
    threshold_add: Option<f32>,

    /// Bytes per patch: the size for static; for the entropy rules and top-k the mean to
    /// reach on this text (of at most 4 MiB: the whole of it is needed)
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true, value_parser = size)]
    patch_size: Option<f32>,

    /// Cut longer patches, whatever the rule
    #[arg(long, value_name = "BYTES", value_parser = positive::<u32>)]
    max_patch_length: Option<u32>,

    /// The table of --mode lookup: {"side": 260, "pairs": [[previous id, id], ...]}
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
}

/// The modes as `--help` lists them.
const MODES: [(Mode, &str); 10] = [
    (Mode::Entropy, "Entropy above a threshold"),
    (Mode::Monotonic, "Entropy risen by more than a threshold"),
    (Mode::Both, "Entropy above a threshold and risen by another"),
    (
        Mode::TopK,
        "The largest entropies of the whole text, for a mean of --patch-size",
    ),
    (Mode::Space, "Words (no model)"),
    (Mode::Static, "--patch-size bytes each (no model)"),
    (Mode::Byte, "Each byte (no model)"),
    (
        Mode::Delimiter,
        "Delimiter tokens, which plain bytes do not hold (no model)",
    ),
    (
        Mode::BpePatcher,
        "Where the model expects a delimiter token",
    ),
    (
        Mode::Lookup,
        "By the last two bytes, from --table (no model)",
    ),
];

fn mode() -> impl TypedValueParser<Value = Mode> {
    let value = |(mode, help): (Mode, &'static str)| PossibleValue::new(mode.as_str()).help(help);
    PossibleValuesParser::new(MODES.map(value)).try_map(|name| name.parse::<Mode>())
}

fn finite(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err("a number of nats is wanted, such as 1.33".into()),
    }
}

fn size(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if value >= 1.0 && value.is_finite() => Ok(value),
        _ => Err("a number of bytes from 1 on is wanted, such as 4.5".into()),
    }
}

impl CutArgs {
    /// Whether the patches cannot be found without opening the model: its rule
    /// or its entropies are needed.
    pub(super) fn opens_model(&self) -> bool {
        self.options().opens_model()
    }

    /// The mode, if it was given and needs no model.
    pub(super) fn mode_without_model(&self) -> Option<&'static str> {
        self.mode
            .filter(|mode| !mode.needs_model())
            .map(Mode::as_str)
    }

    /// Refuses flags that contradict each other whatever the model.
    ///
    /// # Errors
    /// [`blt::Error::Argument`] that names them.
    pub(super) fn check(&self) -> Result<()> {
        self.options().check()
    }

    /// Where patches start, from the flags and, for what they do not say, the
    /// model.
    ///
    /// # Errors
    /// [`blt::Error::Argument`] for flags that contradict each other.
    pub(super) fn cut(&self, checkpoint: Option<&Checkpoint>) -> Result<Cut> {
        self.options().cut(checkpoint)
    }

    fn options(&self) -> CutOptions {
        CutOptions {
            mode: self.mode,
            threshold: self.threshold,
            threshold_add: self.threshold_add,
            patch_size: self.patch_size,
            max_patch_length: self.max_patch_length,
            table: self.table.clone(),
        }
    }
}
