//! A patching rule as plain data.

use serde::{Deserialize, Serialize};

use super::{
    Both, Delimiter, DelimiterPredicted, EveryByte, Lookup, LookupTable, MaxLength, Monotonic,
    Patcher, RELEASED_THRESHOLD, Space, Static, Threshold,
};
use crate::{Error, Result};

/// Which scheme decides where patches start; thresholds are in nats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Scheme {
    /// [`Threshold`]: entropy above a global threshold.
    Entropy {
        /// The entropy that starts a patch, strictly above.
        threshold: f32,
    },
    /// [`Monotonic`]: a rise of the entropy.
    Monotonic {
        /// The rise that starts a patch, strictly above.
        threshold: f32,
    },
    /// [`Both`]: an entropy that is high and has risen.
    Both {
        /// The entropy that starts a patch, strictly above.
        threshold: f32,
        /// The rise it must have as well, strictly above.
        threshold_add: f32,
    },
    /// [`Space`]: words.
    Space,
    /// [`Static`]: a fixed number of bytes.
    Static {
        /// Bytes per patch, at least 1.
        size: u32,
    },
    /// [`EveryByte`]: no patching.
    Byte,
    /// [`Delimiter`]: delimiters in the text.
    Delimiter,
    /// [`DelimiterPredicted`]: delimiters that a byte model predicts.
    DelimiterPredicted,
    /// [`Lookup`]: a table over the last two tokens.
    Lookup {
        /// The table.
        table: LookupTable,
    },
}

/// A valid patching rule: a scheme and, on top of it, an optional bound on the
/// length of patches.
///
/// As plain data (serde) it is the scheme's `mode` and parameters and
/// `max_patch_length`, for example `{"mode":"entropy","threshold":1.33}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Plain", into = "Plain")]
pub struct Rule {
    scheme: Scheme,
    max_patch_length: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct Plain {
    #[serde(flatten)]
    scheme: Scheme,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_patch_length: Option<u32>,
}

impl Rule {
    /// The rule of a scheme, without a bound on the length of patches.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a threshold that is not a finite number and for a
    /// static size of 0.
    pub fn new(scheme: Scheme) -> Result<Self> {
        let finite = |name: &str, value: f32| {
            if value.is_finite() {
                Ok(())
            } else {
                Err(Error::Argument(format!(
                    "{name} must be a finite number of nats, not {value}"
                )))
            }
        };
        match scheme {
            Scheme::Entropy { threshold } | Scheme::Monotonic { threshold } => {
                finite("the patching threshold", threshold)?;
            }
            Scheme::Both {
                threshold,
                threshold_add,
            } => {
                finite("the patching threshold", threshold)?;
                finite("the additional patching threshold", threshold_add)?;
            }
            Scheme::Static { size: 0 } => {
                return Err(Error::Argument(
                    "the static patch size must be at least 1, not 0".into(),
                ));
            }
            _ => {}
        }
        Ok(Self {
            scheme,
            max_patch_length: None,
        })
    }

    /// Entropy above a global threshold in nats, the rule of the released
    /// models.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if the threshold is not a finite number.
    pub fn entropy(threshold: f32) -> Result<Self> {
        Self::new(Scheme::Entropy { threshold })
    }

    /// The same rule with patches of at most `max` tokens, or without a bound.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a length of 0.
    pub fn with_max_patch_length(self, max: Option<u32>) -> Result<Self> {
        if max == Some(0) {
            return Err(Error::Argument(
                "the maximum patch length must be at least 1, not 0".into(),
            ));
        }
        Ok(Self {
            max_patch_length: max,
            ..self
        })
    }

    /// The scheme.
    #[must_use]
    pub const fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// The greatest length of a patch, if there is one.
    #[must_use]
    pub const fn max_patch_length(&self) -> Option<u32> {
        self.max_patch_length
    }

    /// The entropy threshold in nats, if the scheme compares entropies (not
    /// their rise) with one: what a plot of the entropies may draw.
    #[must_use]
    pub const fn entropy_threshold(&self) -> Option<f32> {
        match self.scheme {
            Scheme::Entropy { threshold } | Scheme::Both { threshold, .. } => Some(threshold),
            _ => None,
        }
    }

    /// Whether the rule needs the entropies of a byte-level model.
    #[must_use]
    pub fn needs_entropy(&self) -> bool {
        self.patcher().needs_entropy()
    }

    /// A patcher of this rule, at position 0.
    #[must_use]
    pub fn patcher(&self) -> Box<dyn Patcher + Send> {
        let patcher: Box<dyn Patcher + Send> = match self.scheme {
            Scheme::Entropy { threshold } => Box::new(Threshold::new(threshold)),
            Scheme::Monotonic { threshold } => Box::new(Monotonic::new(threshold)),
            Scheme::Both {
                threshold,
                threshold_add,
            } => Box::new(Both::new(threshold, threshold_add)),
            Scheme::Space => Box::new(Space::new()),
            Scheme::Static { size } => Box::new(Static::new(size)),
            Scheme::Byte => Box::new(EveryByte),
            Scheme::Delimiter => Box::new(Delimiter::new()),
            Scheme::DelimiterPredicted => Box::new(DelimiterPredicted::new()),
            Scheme::Lookup { ref table } => Box::new(Lookup::new(table.clone())),
        };
        match self.max_patch_length {
            Some(max) => Box::new(MaxLength::new(patcher, max)),
            None => patcher,
        }
    }
}

impl Default for Rule {
    /// The rule of the released models: entropy above [`RELEASED_THRESHOLD`].
    fn default() -> Self {
        Self {
            scheme: Scheme::Entropy {
                threshold: RELEASED_THRESHOLD,
            },
            max_patch_length: None,
        }
    }
}

impl TryFrom<Plain> for Rule {
    type Error = Error;

    fn try_from(plain: Plain) -> Result<Self> {
        Self::new(plain.scheme)?.with_max_patch_length(plain.max_patch_length)
    }
}

impl From<Rule> for Plain {
    fn from(rule: Rule) -> Self {
        Self {
            scheme: rule.scheme,
            max_patch_length: rule.max_patch_length,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn impossible_values_are_named() {
        let cases = [
            (
                Rule::entropy(f32::NAN),
                "the patching threshold must be a finite number of nats, not NaN",
            ),
            (
                Rule::new(Scheme::Both {
                    threshold: 1.0,
                    threshold_add: f32::INFINITY,
                }),
                "the additional patching threshold must be a finite number of nats, not inf",
            ),
            (
                Rule::new(Scheme::Static { size: 0 }),
                "the static patch size must be at least 1, not 0",
            ),
            (
                Rule::default().with_max_patch_length(Some(0)),
                "the maximum patch length must be at least 1, not 0",
            ),
        ];
        for (rule, sentence) in cases {
            let error = rule.unwrap_err();
            assert_eq!(error.to_string(), sentence);
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn rules_are_plain_data() {
        let table = LookupTable::new(1, vec![true]).unwrap();
        let schemes = [
            Scheme::Entropy { threshold: 1.25 },
            Scheme::Monotonic { threshold: 0.1 },
            Scheme::Both {
                threshold: 1.0,
                threshold_add: -0.2,
            },
            Scheme::Space,
            Scheme::Static { size: 4 },
            Scheme::Byte,
            Scheme::Delimiter,
            Scheme::DelimiterPredicted,
            Scheme::Lookup { table },
        ];
        for scheme in schemes {
            for max in [None, Some(7)] {
                let rule = Rule::new(scheme.clone())
                    .unwrap()
                    .with_max_patch_length(max)
                    .unwrap();
                let json = serde_json::to_string(&rule).unwrap();
                assert_eq!(serde_json::from_str::<Rule>(&json).unwrap(), rule, "{json}");
            }
        }
        assert_eq!(
            serde_json::to_string(&Rule::entropy(1.25).unwrap()).unwrap(),
            r#"{"mode":"entropy","threshold":1.25}"#
        );
        for bad in [
            r#"{"mode":"static","size":0}"#,
            r#"{"mode":"space","max_patch_length":0}"#,
        ] {
            assert!(serde_json::from_str::<Rule>(bad).is_err());
        }
    }

    #[test]
    fn the_released_threshold_is_the_one_of_the_checkpoints() {
        assert_eq!(
            "1.335442066192627".parse::<f32>().unwrap(),
            RELEASED_THRESHOLD
        );
        assert_eq!(
            Rule::default().entropy_threshold(),
            Some(RELEASED_THRESHOLD)
        );
    }
}
