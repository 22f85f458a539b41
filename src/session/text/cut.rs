//! Where the patches of a text start: by a rule, or by a choice that only the
//! whole text can settle.

use crate::bytes::{BOS, encode};
use crate::checkpoint::{PatchingConfig, PatchingMode};
use crate::error::{Error, Result};
use crate::patch::{self, RELEASED_THRESHOLD, Rule, Scheme, Solved, solve, top_k};
use crate::record::{self, ByteRecord};

/// The most bytes of a text whose cut needs the whole of it: 4 MiB.
pub const WHOLE_TEXT_MAX: usize = 4 << 20;

/// Where the patches of a text start.
#[derive(Clone, Debug, PartialEq)]
pub enum Cut {
    /// By a rule, from the past alone; texts of any size stream.
    Rule(Rule),
    /// By the rule with the threshold that gives a mean patch of about `size`
    /// bytes on this text ([`solve`]). Needs the whole text.
    Mean {
        /// The scheme and the longest patch; its threshold does not matter.
        rule: Rule,
        /// The wanted bytes per patch.
        size: f64,
    },
    /// At the largest entropies, as many as give patches of about `size`
    /// ([`top_k`]). Needs the whole text, and is no rule of the past.
    Largest {
        /// The wanted bytes per patch.
        size: u32,
    },
}

impl Cut {
    /// Whether it needs what a model says.
    #[must_use]
    pub fn needs_model(&self) -> bool {
        match self {
            Self::Rule(rule) => rule.needs_entropy() || rule.patcher().needs_best(),
            Self::Mean { .. } | Self::Largest { .. } => true,
        }
    }

    /// The rule, for those who cannot wait for the end of a text.
    ///
    /// # Errors
    /// [`Error::Argument`] where the whole text must be seen first.
    pub fn into_rule(self) -> Result<Rule> {
        match self {
            Self::Rule(rule) => Ok(rule),
            Self::Mean { .. } | Self::Largest { .. } => Err(Error::Argument(
                "--patch-size asks for the whole text before its first patch, and here a patch is \
                 needed as soon as its bytes are there; find the threshold with `blt patch` and \
                 give it as --threshold"
                    .to_owned(),
            )),
        }
    }

    /// Whether it must see the whole text before its first patch.
    #[must_use]
    pub const fn needs_whole_text(&self) -> bool {
        !matches!(self, Self::Rule(_))
    }
}

/// The rule that a checkpoint was trained with; a threshold that it does not
/// name is that of the released models.
///
/// # Errors
/// [`Error::Checkpoint`] for a static patch size that is no whole number, and
/// what [`Rule::new`] refuses.
pub fn checkpoint_rule(config: &PatchingConfig) -> Result<Rule> {
    let threshold = config.threshold.unwrap_or(RELEASED_THRESHOLD);
    let scheme = match config.mode {
        PatchingMode::Entropy => match (config.monotonic, config.threshold_add) {
            (_, Some(threshold_add)) => Scheme::Both {
                threshold,
                threshold_add,
            },
            (true, None) => Scheme::Monotonic { threshold },
            (false, None) => Scheme::Entropy { threshold },
        },
        PatchingMode::Static => Scheme::Static {
            size: whole_size(config.patch_size)?,
        },
        PatchingMode::Space => Scheme::Space,
        PatchingMode::Byte => Scheme::Byte,
        PatchingMode::Bpe => Scheme::Delimiter,
        PatchingMode::BpePatcher => Scheme::DelimiterPredicted,
    };
    Rule::new(scheme)?.with_max_patch_length(config.max_patch_length)
}

fn whole_size(size: f32) -> Result<u32> {
    whole_bytes(size).ok_or_else(|| {
        Error::Checkpoint(format!(
            "the checkpoint asks for static patches of {size} bytes; that must be a whole number"
        ))
    })
}

/// A size in bytes that is a whole number, at least 1, and of those that `f32` counts in ones.
pub(super) fn whole_bytes(size: f32) -> Option<u32> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be whole and in range"
    )]
    (size.fract() == 0.0 && (1.0..=16_777_216.0).contains(&size)).then_some(size as u32)
}

/// A text collected until its cut can be decided.
#[derive(Debug)]
pub(super) struct Whole {
    cut: Cut,
    bytes: Vec<u8>,
    entropies: Vec<f32>,
    nlls: Vec<f32>,
    solved: Option<Solved>,
}

impl Whole {
    pub(super) fn new(cut: Cut) -> Self {
        Self {
            cut,
            bytes: Vec::new(),
            entropies: Vec::new(),
            nlls: Vec::new(),
            solved: None,
        }
    }

    pub(super) fn reset(&mut self) {
        *self = Self::new(self.cut.clone());
    }

    pub(super) fn solved(&self) -> Option<&Solved> {
        self.solved.as_ref()
    }

    /// Is there room for that many more bytes?
    pub(super) fn check_room(&self, more: usize) -> Result<()> {
        if self.bytes.len() + more <= WHOLE_TEXT_MAX {
            return Ok(());
        }
        Err(Error::Argument(format!(
            "patches of a wanted size need the whole text at once, at most {} MiB of it; \
             find the threshold on a part and give it as --threshold",
            WHOLE_TEXT_MAX >> 20
        )))
    }

    pub(super) fn add(&mut self, records: &[ByteRecord]) {
        for record in records {
            self.bytes.extend(record.byte);
            self.entropies.extend(record.entropy);
            self.nlls.extend(record.nll);
        }
    }

    /// The records of the whole text, and the rule that cut it, if one did.
    pub(super) fn finish(
        &mut self,
        to_come: &ByteRecord,
    ) -> Result<(Vec<ByteRecord>, Option<Rule>)> {
        self.entropies.extend(to_come.entropy);
        let (starts, rule) = match &self.cut {
            // An empty text has no patches to choose a threshold for.
            Cut::Mean { rule, .. } if self.bytes.is_empty() => {
                (vec![true, true], Some(rule.clone()))
            }
            Cut::Mean { rule, size } => {
                let solved = solve(rule, &self.entropies, *size)?;
                let starts = self.starts(&solved.rule)?;
                let rule = solved.rule.clone();
                self.solved = Some(solved);
                (starts, Some(rule))
            }
            Cut::Largest { size } => (top_k(&self.entropies, *size)?, None),
            Cut::Rule(rule) => (self.starts(rule)?, Some(rule.clone())),
        };
        let records = record::records(
            &self.bytes,
            Some(&self.entropies),
            Some(&self.nlls),
            &starts,
        )?
        .collect();
        Ok((records, rule))
    }

    fn starts(&self, rule: &Rule) -> Result<Vec<bool>> {
        let ids: Vec<u32> = std::iter::once(BOS).chain(encode(&self.bytes)).collect();
        patch::starts(rule, &ids, Some(&self.entropies))
    }
}
