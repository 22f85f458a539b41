//! Where patches are to start, as people say it: what they leave out is the model's.

use std::path::PathBuf;

use super::cut::{Cut, checkpoint_rule, whole_bytes};
use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::patch::{LookupTable, Mode, RELEASED_THRESHOLD, Rule, Scheme};

/// Bytes per patch where the entropies of random weights mean nothing.
pub const RANDOM_PATCH: u32 = 4;

/// Where patches are to start. What is `None` is taken from the model.
///
/// The names in sentences are those of the command line (`--patch-size`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CutOptions {
    /// The way to cut; `None` is the model's own, with its thresholds and its longest
    /// patch.
    pub mode: Option<Mode>,
    /// The entropy (monotonic: the rise of it) above which a patch starts, in nats.
    pub threshold: Option<f32>,
    /// The rise of the entropy that [`Mode::Both`] asks for as well, in nats.
    pub threshold_add: Option<f32>,
    /// Bytes per patch: the size for [`Mode::Static`]; for the modes with a threshold
    /// and [`Mode::TopK`] the mean to reach on the text, all of which is needed then.
    pub patch_size: Option<f32>,
    /// The most bytes of a patch, whatever the mode.
    pub max_patch_length: Option<u32>,
    /// The file of the table of [`Mode::Lookup`] ([`LookupTable::open`]).
    pub table: Option<PathBuf>,
}

impl CutOptions {
    /// Whether the patches cannot be found without opening the model: its rule
    /// or its entropies are needed.
    #[must_use]
    pub fn opens_model(&self) -> bool {
        self.mode.is_none_or(Mode::needs_model)
    }

    /// Refuses what contradicts itself whatever the model.
    ///
    /// # Errors
    /// [`Error::Argument`] that names it.
    pub fn check(&self) -> Result<()> {
        match self.mode {
            None => Ok(()),
            Some(mode) if mode.needs_model() => self.refuse_strangers(mode),
            Some(_) => self.cut(None).map(drop),
        }
    }

    /// Where patches start, by these options and, for what they do not say, the model.
    ///
    /// # Errors
    /// [`Error::Argument`] for options that contradict each other, and what
    /// [`checkpoint_rule`] and [`LookupTable::open`] say.
    pub fn cut(&self, checkpoint: Option<&Checkpoint>) -> Result<Cut> {
        let base = match checkpoint {
            Some(checkpoint) if checkpoint.is_random() => {
                Rule::new(Scheme::Static { size: RANDOM_PATCH })?
            }
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

    /// Refuses options that mean nothing in a mode.
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
        if let Some((_, option)) = strangers.into_iter().find(|(strange, _)| *strange) {
            let whose = match self.mode {
                Some(_) => "",
                None => ", which is the model's own",
            };
            let remedy = match option {
                "--threshold-add" => "; it goes with --mode both",
                _ => "",
            };
            return Err(Error::Argument(format!(
                "{option} means nothing with --mode {}{whose}{remedy}",
                mode.as_str()
            )));
        }
        match (self.threshold, self.patch_size) {
            (Some(_), Some(_)) if mode.has_threshold() => Err(Error::Argument(
                "--threshold and --patch-size exclude each other: a wanted size has a threshold \
                 of its own"
                    .to_owned(),
            )),
            _ => Ok(()),
        }
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
                    Error::Argument(
                        "--mode both needs --threshold-add, which the model does not name"
                            .to_owned(),
                    )
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
            Mode::TopK => return Err(Error::Argument("top-k is no rule".to_owned())),
        })
    }

    fn needed_size(&self, mode: Mode) -> Result<f32> {
        self.patch_size
            .ok_or_else(|| Error::Argument(format!("--mode {} needs --patch-size", mode.as_str())))
    }

    fn lookup_table(&self) -> Result<LookupTable> {
        let table = self
            .table
            .as_deref()
            .ok_or_else(|| Error::Argument("--mode lookup needs --table FILE".to_owned()))?;
        LookupTable::open(table)
    }
}

/// A size that must be a whole number.
fn whole(size: f32, mode: Mode) -> Result<u32> {
    whole_bytes(size).ok_or_else(|| {
        Error::Argument(format!(
            "--mode {} needs a --patch-size of whole bytes, at most 16777216, not {size}",
            mode.as_str()
        ))
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn what_is_left_out_is_the_models_or_that_of_the_released_models() {
        let cut = |options: &CutOptions| options.cut(None).unwrap();
        let released = Rule::default();
        assert_eq!(cut(&CutOptions::default()), Cut::Rule(released.clone()));
        let mean = CutOptions {
            patch_size: Some(4.5),
            ..CutOptions::default()
        };
        let wanted = Cut::Mean {
            rule: released,
            size: 4.5,
        };
        assert_eq!(cut(&mean), wanted);
        let fixed = CutOptions {
            mode: Some(Mode::Static),
            patch_size: Some(6.0),
            max_patch_length: Some(5),
            ..CutOptions::default()
        };
        let rule = Rule::new(Scheme::Static { size: 6 }).unwrap();
        let rule = rule.with_max_patch_length(Some(5)).unwrap();
        assert_eq!(cut(&fixed), Cut::Rule(rule));
    }

    #[test]
    fn what_contradicts_itself_is_named() {
        let of = |mode| CutOptions {
            mode: Some(mode),
            ..CutOptions::default()
        };
        let cases = [
            (
                CutOptions {
                    threshold: Some(1.0),
                    ..of(Mode::Space)
                },
                "--threshold means nothing with --mode space",
            ),
            (
                CutOptions {
                    threshold_add: Some(1.0),
                    ..CutOptions::default()
                },
                "--threshold-add means nothing with --mode entropy, which is the model's own; it \
                 goes with --mode both",
            ),
            (
                CutOptions {
                    threshold: Some(1.0),
                    patch_size: Some(4.0),
                    ..CutOptions::default()
                },
                "--threshold and --patch-size exclude each other: a wanted size has a threshold \
                 of its own",
            ),
            (of(Mode::TopK), "--mode top-k needs --patch-size"),
            (of(Mode::Lookup), "--mode lookup needs --table FILE"),
        ];
        for (options, sentence) in cases {
            assert_eq!(options.cut(None).unwrap_err().to_string(), sentence);
        }
    }
}
