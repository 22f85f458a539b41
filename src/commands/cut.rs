//! Flags that say where patches start.

use std::path::PathBuf;

use blt::Result;
use blt::checkpoint::Checkpoint;
use blt::patch::{LookupTable, Mode, RELEASED_THRESHOLD, Rule, Scheme};
use blt::session::Cut;
use blt::session::text::checkpoint_rule;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::failure::{argument, positive};

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
    let named = |name: String| Mode::ALL.into_iter().find(|mode| mode.as_str() == name);
    PossibleValuesParser::new(MODES.map(value)).try_map(move |name| named(name).ok_or("no mode"))
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
        self.mode.is_none_or(Mode::needs_model)
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
        match self.mode {
            None => Ok(()),
            Some(mode) if mode.needs_model() => self.refuse_strangers(mode),
            Some(_) => self.cut(None).map(drop),
        }
    }

    /// Where patches start, from the flags and, for what they do not say, the
    /// model.
    ///
    /// # Errors
    /// [`blt::Error::Argument`] for flags that contradict each other.
    pub(super) fn cut(&self, checkpoint: Option<&Checkpoint>) -> Result<Cut> {
        let base = match checkpoint {
            Some(checkpoint) if checkpoint.is_random() => random_rule()?,
            Some(checkpoint) => checkpoint_rule(checkpoint.patching())?,
            None => Rule::default(),
        };
        let mode = self.mode.unwrap_or(Mode::of(base.scheme()));
        self.refuse_strangers(mode)?;
        let longest = match self.mode {
            None => self.max_patch_length.or(base.max_patch_length()),
            Some(_) => self.max_patch_length,
        };
        if mode == Mode::TopK {
            return Ok(Cut::Largest {
                size: whole(self.needed_size(mode)?, mode)?,
            });
        }
        let rule =
            Rule::new(self.scheme(mode, checkpoint, &base)?)?.with_max_patch_length(longest)?;
        Ok(match self.patch_size {
            Some(size) if mode.has_threshold() => Cut::Mean {
                rule,
                size: size.into(),
            },
            _ => Cut::Rule(rule),
        })
    }

    /// Refuses flags that mean nothing in a mode.
    fn refuse_strangers(&self, mode: Mode) -> Result<()> {
        let sized = mode.has_threshold() || mode.has_size();
        let strangers = [
            (
                self.threshold.is_some() && !mode.has_threshold(),
                "--threshold",
            ),
            (
                self.threshold_add.is_some() && mode != Mode::Both,
                "--threshold-add",
            ),
            (self.patch_size.is_some() && !sized, "--patch-size"),
            (
                self.max_patch_length.is_some() && mode == Mode::TopK,
                "--max-patch-length",
            ),
            (self.table.is_some() && mode != Mode::Lookup, "--table"),
        ];
        let Some((_, flag)) = strangers.into_iter().find(|(strange, _)| *strange) else {
            return Ok(());
        };
        let whose = if self.mode.is_some() {
            ""
        } else {
            ", which is the model's own"
        };
        let remedy = match flag {
            "--threshold-add" => "; it goes with --mode both",
            _ => "",
        };
        Err(argument(format!(
            "{flag} means nothing with --mode {}{whose}{remedy}",
            mode.as_str()
        )))
    }

    fn scheme(&self, mode: Mode, checkpoint: Option<&Checkpoint>, base: &Rule) -> Result<Scheme> {
        let patching = checkpoint.map(Checkpoint::patching);
        let threshold = self
            .threshold
            .or(patching.and_then(|patching| patching.threshold))
            .unwrap_or(RELEASED_THRESHOLD);
        let threshold_add = self
            .threshold_add
            .or(patching.and_then(|p| p.threshold_add));
        Ok(match mode {
            Mode::Entropy => Scheme::Entropy { threshold },
            Mode::Monotonic => Scheme::Monotonic { threshold },
            Mode::Both => Scheme::Both {
                threshold,
                threshold_add: threshold_add.ok_or_else(|| {
                    argument("--mode both needs --threshold-add, which the model does not name")
                })?,
            },
            Mode::Static => match (self.mode, self.patch_size, base.scheme()) {
                (None, None, own @ Scheme::Static { .. }) => own.clone(),
                _ => Scheme::Static {
                    size: whole(self.needed_size(mode)?, mode)?,
                },
            },
            Mode::Space => Scheme::Space,
            Mode::Byte => Scheme::Byte,
            Mode::Delimiter => Scheme::Delimiter,
            Mode::BpePatcher => Scheme::DelimiterPredicted,
            Mode::Lookup => Scheme::Lookup {
                table: self.lookup_table()?,
            },
            Mode::TopK => return Err(argument("top-k is no rule")),
        })
    }

    fn needed_size(&self, mode: Mode) -> Result<f32> {
        self.patch_size
            .ok_or_else(|| argument(format!("--mode {} needs --patch-size", mode.as_str())))
    }

    fn lookup_table(&self) -> Result<LookupTable> {
        let path = self
            .table
            .as_ref()
            .ok_or_else(|| argument("--mode lookup needs --table FILE"))?;
        LookupTable::open(path)
    }
}

/// Bytes per patch where the entropies of random weights mean nothing.
pub(super) const RANDOM_PATCH: u32 = 4;

/// The rule of random weights.
fn random_rule() -> Result<Rule> {
    Rule::new(Scheme::Static { size: RANDOM_PATCH })
}

/// A size that must be a whole number.
fn whole(size: f32, mode: Mode) -> Result<u32> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be whole and in range"
    )]
    if size.fract() == 0.0 && (1.0..=16_777_216.0).contains(&size) {
        Ok(size as u32)
    } else {
        Err(argument(format!(
            "--mode {} needs a --patch-size of whole bytes, at most 16777216, not {size}",
            mode.as_str()
        )))
    }
}
