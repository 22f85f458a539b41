//! How the text of the patch screen is cut, as its controls say it.

use std::sync::Arc;

use crate::bytes::{BOS, id_of};
use crate::error::Result;
use crate::patch::{Known, Rule, Scheme, solve, top_k};

/// The ways to cut a text that the controls offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Entropy,
    Monotonic,
    Both,
    Space,
    Static,
    Byte,
    Delimiter,
    /// As many patches as give the wanted mean, at the largest entropies.
    TopK,
}

impl Mode {
    pub(crate) const ALL: [Self; 8] = [
        Self::Entropy,
        Self::Monotonic,
        Self::Both,
        Self::Space,
        Self::Static,
        Self::Byte,
        Self::Delimiter,
        Self::TopK,
    ];

    /// Whether it looks at entropies.
    pub(crate) fn needs_entropy(self) -> bool {
        matches!(
            self,
            Self::Entropy | Self::Monotonic | Self::Both | Self::TopK
        )
    }
}

/// Everything that the controls say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cutting {
    pub(crate) mode: Mode,
    /// Of the entropy, in nats: for `Entropy` and `Both`.
    pub(crate) threshold: f32,
    /// Of the rise, in nats: for `Monotonic` and `Both`.
    pub(crate) rise: f32,
    /// Bytes per patch, for `Static` and `TopK`.
    pub(crate) size: u32,
    /// The longest patch in bytes.
    pub(crate) longest: Option<u32>,
}

/// The least and the greatest threshold that a control offers, in nats.
pub(crate) const THRESHOLDS: std::ops::RangeInclusive<f32> = 0.0..=5.6;

impl Cutting {
    /// The rule that a model was trained with.
    pub(crate) fn of_rule(rule: &Rule) -> Self {
        let mut cutting = Self {
            mode: Mode::Entropy,
            threshold: crate::patch::RELEASED_THRESHOLD,
            rise: 0.2,
            size: 4,
            longest: rule.max_patch_length(),
        };
        match *rule.scheme() {
            Scheme::Entropy { threshold } => cutting.threshold = threshold,
            Scheme::Monotonic { threshold } => {
                cutting.mode = Mode::Monotonic;
                cutting.rise = threshold;
            }
            Scheme::Both {
                threshold,
                threshold_add,
            } => {
                cutting.mode = Mode::Both;
                cutting.threshold = threshold;
                cutting.rise = threshold_add;
            }
            Scheme::Space => cutting.mode = Mode::Space,
            Scheme::Static { size } => {
                cutting.mode = Mode::Static;
                cutting.size = size;
            }
            Scheme::Byte => cutting.mode = Mode::Byte,
            _ => cutting.mode = Mode::Delimiter,
        }
        cutting
    }

    /// The rule, for all modes but `TopK`, which is none.
    pub(crate) fn rule(&self) -> Option<Rule> {
        let scheme = match self.mode {
            Mode::Entropy => Scheme::Entropy {
                threshold: self.threshold,
            },
            Mode::Monotonic => Scheme::Monotonic {
                threshold: self.rise,
            },
            Mode::Both => Scheme::Both {
                threshold: self.threshold,
                threshold_add: self.rise,
            },
            Mode::Space => Scheme::Space,
            Mode::Static => Scheme::Static {
                size: self.size.max(1),
            },
            Mode::Byte => Scheme::Byte,
            Mode::Delimiter => Scheme::Delimiter,
            Mode::TopK => return None,
        };
        Rule::new(scheme)
            .and_then(|rule| rule.with_max_patch_length(self.longest.filter(|most| *most > 0)))
            .ok()
    }

    /// The threshold that entropies are compared with, in nats.
    pub(crate) fn line(&self) -> Option<f32> {
        matches!(self.mode, Mode::Entropy | Mode::Both).then_some(self.threshold)
    }

    /// For each byte and the byte to come: does a patch start there? `[N + 1]`.
    /// Entropies that are no numbers yet start none.
    pub(crate) fn starts(&self, bytes: &[u8], entropies: &[f32]) -> Arc<Vec<bool>> {
        let mut starts = Vec::with_capacity(bytes.len() + 1);
        match self.rule() {
            Some(rule) => {
                let mut patcher = rule.patcher();
                let ids = std::iter::once(BOS).chain(bytes.iter().map(|byte| id_of(*byte)));
                for (position, id) in ids.enumerate() {
                    let entropy = entropies.get(position).copied();
                    starts.push(patcher.next_starts(&Known {
                        id,
                        entropy: entropy.filter(|entropy| !entropy.is_nan()),
                        best: None,
                    }));
                }
            }
            None => {
                let known = entropies.get(..=bytes.len()).unwrap_or_default();
                match top_k(known, self.size.max(1)) {
                    Ok(flags) => starts.extend(flags.into_iter().skip(1)),
                    Err(_) => starts.push(true),
                }
                starts.resize(bytes.len() + 1, false);
            }
        }
        Arc::new(starts)
    }

    /// Sets the threshold that gives patches of `size` bytes on average.
    ///
    /// # Errors
    /// What [`solve`] says.
    pub(crate) fn solve(&mut self, entropies: &[f32], size: f64) -> Result<()> {
        let Some(rule) = self.rule() else {
            return Ok(());
        };
        let solved = solve(&rule, entropies, size)?;
        match self.mode {
            Mode::Monotonic => self.rise = solved.threshold,
            _ => self.threshold = solved.threshold,
        }
        Ok(())
    }
}
