//! Why a patch starts at a byte, or does not.

use super::cutting::Cutting;
use crate::bytes::DELIMITER;
use crate::patch::Mode;

/// Why a patch starts at a byte, or does not; values are in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reason {
    /// The first byte always starts one.
    First,
    /// A rule that compares entropies has too few of them so early in a text, and
    /// always decides the same there.
    Early,
    /// Its number has still to come.
    Unknown,
    /// Compared with a threshold.
    Compared {
        /// What was compared: the entropy, or its rise.
        value: f32,
        /// With what.
        threshold: f32,
        /// Whether it was the rise.
        rise: bool,
    },
    /// The patch before had its greatest length.
    Longest,
    /// The rule looks at the bytes alone.
    Bytes,
    /// Chosen among the largest entropies of the text.
    Largest,
    /// The model expects a delimiter, or does not.
    Predicted,
    /// The pair before is in the table, or is not.
    Table,
    /// There is no table to look the pair up in.
    NoTable,
}

/// A difference from the threshold below this many nats depends on rounding: the
/// same model in another precision may decide otherwise.
pub(crate) const FRAGILE: f32 = 0.02;

impl Reason {
    /// Why a patch starts at byte `at`, or does not.
    pub(crate) fn of(
        cutting: &Cutting,
        entropies: &[f32],
        best: &[Option<u32>],
        starts: &[bool],
        at: usize,
    ) -> Self {
        if at == 0 {
            return Self::First;
        }
        let start = starts.get(at).copied().unwrap_or(false);
        let full = || {
            let most = cutting.longest.filter(|_| cutting.mode != Mode::TopK);
            most.and_then(|most| usize::try_from(most).ok())
                .and_then(|most| starts.get(at.checked_sub(most)?..at))
                .is_some_and(|before| {
                    before.first() == Some(&true) && before.iter().skip(1).all(|start| !start)
                })
        };
        match (cutting.mode, at) {
            _ if !cutting.mode.needs_entropy() && start && full() => return Self::Longest,
            (Mode::Both, 2) if start => return Self::Longest,
            (Mode::Monotonic | Mode::Both, 1) | (Mode::Both, 2) => return Self::Early,
            (Mode::BpePatcher, _) => {
                return match best.get(at).copied().flatten() {
                    Some(expected) if start && expected != DELIMITER => Self::Longest,
                    Some(_) => Self::Predicted,
                    None => Self::Unknown,
                };
            }
            (Mode::Lookup, _) if cutting.table.is_none() => return Self::NoTable,
            (Mode::Lookup, _) => return Self::Table,
            _ => {}
        }
        let entropy = |at: usize| entropies.get(at).copied().filter(|h| !h.is_nan());
        let (Some(here), Some(before)) = (entropy(at), at.checked_sub(1).and_then(entropy)) else {
            return match cutting.mode.needs_entropy() {
                true => Self::Unknown,
                false => Self::Bytes,
            };
        };
        let above = Self::Compared {
            value: here,
            threshold: cutting.threshold,
            rise: false,
        };
        let risen = Self::Compared {
            value: here - before,
            threshold: cutting.rise,
            rise: true,
        };
        let decided = match cutting.mode {
            Mode::Entropy => above,
            Mode::Monotonic => risen,
            // The one that says no decides, otherwise the one that was closer.
            Mode::Both => match (above.says_yes(), risen.says_yes()) {
                (false, _) => above,
                (true, false) => risen,
                (true, true) if above.margin() <= risen.margin() => above,
                (true, true) => risen,
            },
            Mode::TopK => Self::Largest,
            _ => Self::Bytes,
        };
        match decided {
            Self::Compared { .. } if start && !decided.says_yes() => Self::Longest,
            _ => decided,
        }
    }

    /// How far a comparison was from being decided otherwise, in nats.
    pub(crate) fn margin(self) -> Option<f32> {
        match self {
            Self::Compared {
                value, threshold, ..
            } => Some((value - threshold).abs()),
            _ => None,
        }
    }

    fn says_yes(self) -> bool {
        matches!(self, Self::Compared { value, threshold, .. } if value > threshold)
    }

    /// Whether rounding could have decided it.
    pub(crate) fn is_fragile(self) -> bool {
        self.margin().is_some_and(|margin| margin < FRAGILE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::Rule;

    fn cutting(mode: Mode) -> Cutting {
        Cutting {
            mode,
            threshold: 2.0,
            rise: 0.5,
            ..Cutting::of_rule(&Rule::default())
        }
    }

    #[test]
    fn a_reason_agrees_with_the_rule() {
        let bytes = b"abcdefgh";
        let entropies = [3.0, 1.0, 2.61, 2.4, 1.9, 4.0, 1.0, 1.2, 3.0];
        for mode in [Mode::Entropy, Mode::Monotonic, Mode::Both] {
            for longest in [None, Some(2)] {
                let cutting = Cutting {
                    longest,
                    ..cutting(mode)
                };
                let starts = cutting.starts(bytes, &entropies, &[]);
                for (at, start) in starts.iter().enumerate().skip(1) {
                    let reason = Reason::of(&cutting, &entropies, &[], &starts, at);
                    if reason == Reason::Early {
                        assert!(at < 3 && mode != Mode::Entropy);
                        continue;
                    }
                    let yes = reason == Reason::Longest || reason.says_yes();
                    assert_eq!(yes, *start, "{mode:?} {longest:?} {at}: {reason:?}");
                }
            }
        }
        let entropy = cutting(Mode::Entropy);
        let entropies = [3.0, 1.0, 2.01, 2.4, 1.9, 4.0, 1.0, 1.2, 3.0];
        let starts = entropy.starts(bytes, &entropies, &[]);
        assert!(Reason::of(&entropy, &entropies, &[], &starts, 2).is_fragile());
        assert!(!Reason::of(&entropy, &entropies, &[], &starts, 3).is_fragile());
        assert_eq!(
            Reason::of(&entropy, &entropies, &[], &starts, 0),
            Reason::First
        );
    }

    #[test]
    fn a_full_patch_is_the_reason_where_it_decides() {
        let space = Cutting {
            longest: Some(3),
            ..cutting(Mode::Space)
        };
        let starts = space.starts(b"abcdef gh", &[], &[]);
        let reasons: Vec<Reason> = (0..starts.len())
            .map(|at| Reason::of(&space, &[], &[], &starts, at))
            .collect();
        // abc|def| gh and what comes
        assert_eq!(reasons[3], Reason::Longest);
        assert_eq!(reasons[6], Reason::Longest);
        assert_eq!([reasons[2], reasons[8]], [Reason::Bytes; 2]);
    }

    #[test]
    fn what_the_model_expects_and_a_table_are_reasons_too() {
        let predicted = Cutting {
            longest: Some(2),
            ..cutting(Mode::BpePatcher)
        };
        let best = [Some(7), Some(DELIMITER), Some(7), Some(7), None];
        let starts = predicted.starts(b"abcd", &[], &best);
        assert_eq!(*starts, [true, true, false, true, false]);
        let reasons: Vec<Reason> = (0..starts.len())
            .map(|at| Reason::of(&predicted, &[], &best, &starts, at))
            .collect();
        let wanted = [
            Reason::First,
            Reason::Predicted,
            Reason::Predicted,
            Reason::Longest,
            Reason::Unknown,
        ];
        assert_eq!(reasons, wanted);
        let lookup = cutting(Mode::Lookup);
        let starts = lookup.starts(b"ab", &[], &[]);
        let reason = Reason::of(&lookup, &[], &[], &starts, 1);
        assert_eq!(reason, Reason::NoTable);
    }

    #[test]
    fn what_is_not_known_has_no_reason() {
        let entropy = cutting(Mode::Entropy);
        let entropies = [1.0, f32::NAN];
        let starts = entropy.starts(b"a", &entropies, &[]);
        let reason = Reason::of(&entropy, &entropies, &[], &starts, 1);
        assert_eq!(reason, Reason::Unknown);
        let space = cutting(Mode::Space);
        assert_eq!(
            Reason::of(&space, &entropies, &[], &starts, 1),
            Reason::Bytes
        );
    }
}
