//! How the text of the patch screen is cut, as its controls say it.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use super::table::Table;
use crate::bytes::{BOS, id_of};
use crate::error::Result;
use crate::patch::{Known, Mode, Rule, Scheme, solve, top_k};

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
    /// For `Lookup`; without one all of a text is one patch.
    pub(crate) table: Option<Arc<Table>>,
}

/// The least and the greatest threshold that a control offers, in nats.
pub(crate) const THRESHOLDS: RangeInclusive<f32> = 0.0..=5.6;
/// The same for a rise, which can be a fall.
pub(crate) const RISES: RangeInclusive<f32> = -5.6..=5.6;

impl Cutting {
    /// The rule that a model was trained with.
    pub(crate) fn of_rule(rule: &Rule) -> Self {
        let mut cutting = Self {
            mode: Mode::of(rule.scheme()),
            threshold: crate::patch::RELEASED_THRESHOLD,
            rise: 0.2,
            size: 4,
            longest: rule.max_patch_length(),
            table: None,
        };
        match *rule.scheme() {
            Scheme::Entropy { threshold } => cutting.threshold = threshold,
            Scheme::Monotonic { threshold } => cutting.rise = threshold,
            Scheme::Both {
                threshold,
                threshold_add,
            } => (cutting.threshold, cutting.rise) = (threshold, threshold_add),
            Scheme::Static { size } => cutting.size = size,
            Scheme::Lookup { ref table } => {
                cutting.table = Some(Arc::new(Table {
                    path: PathBuf::new(),
                    pairs: table.clone(),
                }));
            }
            Scheme::Space | Scheme::Byte | Scheme::Delimiter | Scheme::DelimiterPredicted => {}
        }
        cutting
    }

    /// That of a rule, with what belongs to no model: the table.
    pub(crate) fn back_to(&self, rule: &Rule) -> Self {
        let cutting = Self::of_rule(rule);
        Self {
            table: cutting.table.or_else(|| self.table.clone()),
            ..cutting
        }
    }

    /// The rule, for all modes but `TopK`, which is none, and `Lookup` without a table.
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
            Mode::BpePatcher => Scheme::DelimiterPredicted,
            Mode::Lookup => Scheme::Lookup {
                table: self.table.as_ref()?.pairs.clone(),
            },
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

    /// Whether it cuts by a table that has still to be chosen.
    pub(crate) fn lacks_table(&self) -> bool {
        self.mode == Mode::Lookup && self.table.is_none()
    }

    /// The threshold that can be solved for, in nats: that of the entropy where
    /// there is one, otherwise that of its rise.
    pub(crate) fn threshold(&self) -> Option<f32> {
        match self.mode {
            Mode::Monotonic => Some(self.rise),
            _ => self.line(),
        }
    }

    /// The thresholds that can be set, in nats.
    pub(crate) fn thresholds(&self) -> RangeInclusive<f32> {
        match self.mode {
            Mode::Monotonic => RISES,
            _ => THRESHOLDS,
        }
    }

    /// Sets the threshold that can be solved for.
    pub(crate) fn set_threshold(&mut self, threshold: f32) {
        match self.mode {
            Mode::Monotonic => self.rise = threshold,
            _ => self.threshold = threshold,
        }
    }

    /// Whether both cut every text the same.
    pub(crate) fn cuts_as(&self, other: &Self) -> bool {
        self.mode == other.mode
            && self.rule() == other.rule()
            && (self.mode != Mode::TopK || self.size == other.size)
    }

    /// Whether both have the same sizes under each threshold.
    pub(crate) fn has_curve_of(&self, other: &Self) -> bool {
        self.mode == other.mode
            && self.longest == other.longest
            && (self.mode != Mode::Both || self.rise == other.rise)
    }

    /// For each byte and the byte to come: does a patch start there? `[N + 1]`.
    /// Entropies that are still NaN start none, nor do most likely tokens (`best`)
    /// that are not known yet.
    pub(crate) fn starts(
        &self,
        bytes: &[u8],
        entropies: &[f32],
        best: &[Option<u32>],
    ) -> Arc<Vec<bool>> {
        let mut starts = Vec::with_capacity(bytes.len() + 1);
        if let Some(rule) = self.rule() {
            let mut patcher = rule.patcher();
            let ids = std::iter::once(BOS).chain(bytes.iter().map(|byte| id_of(*byte)));
            for (position, id) in ids.enumerate() {
                let entropy = entropies.get(position).copied();
                starts.push(patcher.next_starts(&Known {
                    id,
                    entropy: entropy.filter(|entropy| !entropy.is_nan()),
                    best: best.get(position).copied().flatten(),
                }));
            }
        } else {
            let known = entropies.get(..=bytes.len()).unwrap_or_default();
            match (self.mode, top_k(known, self.size.max(1))) {
                (Mode::TopK, Ok(flags)) => starts.extend(flags.into_iter().skip(1)),
                _ => starts.push(true),
            }
            starts.resize(bytes.len() + 1, false);
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
        self.set_threshold(solved.threshold);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use serde_json::Value;

    use super::*;
    use crate::bytes::{DELIMITER, byte_of, prompt};
    use crate::patch::{LookupTable, lengths, starts_known, statistics};

    fn golden() -> Value {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/oracle/patching_golden.json"
        );
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    fn numbers<T: serde::de::DeserializeOwned>(value: &Value) -> Vec<T> {
        serde_json::from_value(value.clone()).unwrap()
    }

    /// The flags of all positions, that of BOS among them.
    fn flags(cutting: &Cutting, bytes: &[u8], entropies: &[f32]) -> Vec<bool> {
        let mut flags = vec![true];
        flags.extend(cutting.starts(bytes, entropies, &[]).iter());
        flags
    }

    #[test]
    fn entropy_modes_agree_with_the_published_code() {
        let golden = golden();
        for case in golden["entropy"].as_array().unwrap() {
            let entropies: Vec<f32> = numbers(&case["entropies"]);
            let threshold: f32 = numbers::<f32>(&Value::Array(vec![case["threshold"].clone()]))[0];
            let scheme = match (&case["monotonicity"], &case["threshold_add"]) {
                (Value::Bool(true), _) => Scheme::Monotonic { threshold },
                (_, Value::Number(add)) => Scheme::Both {
                    threshold,
                    threshold_add: serde_json::from_value(Value::Number(add.clone())).unwrap(),
                },
                _ => Scheme::Entropy { threshold },
            };
            let most = case["max_patch_length"].as_u64();
            let rule = Rule::new(scheme)
                .and_then(|rule| {
                    rule.with_max_patch_length(most.map(|most| u32::try_from(most).unwrap()))
                })
                .unwrap();
            let cutting = Cutting::of_rule(&rule);
            assert_eq!(cutting.rule(), Some(rule));
            let found = flags(&cutting, &vec![b'B'; entropies.len() - 1], &entropies);
            let wanted: Vec<u32> = numbers(&case["lengths"]);
            assert_eq!(lengths(&found), wanted, "{case}");
        }
    }

    #[test]
    fn byte_modes_agree_with_the_published_code() {
        let golden = golden();
        let mut compared = 0;
        for case in golden["tokens"].as_array().unwrap() {
            let ids: Vec<u32> = numbers(&case["ids"]);
            let bytes: Option<Vec<u8>> = ids[1..].iter().map(|id| byte_of(*id)).collect();
            let mode = match case["mode"].as_str() {
                Some("space") => Mode::Space,
                Some("byte") => Mode::Byte,
                _ => continue,
            };
            let Some(bytes) = bytes.filter(|_| ids[0] == BOS) else {
                continue;
            };
            let cutting = Cutting {
                mode,
                ..Cutting::of_rule(&Rule::default())
            };
            let found = flags(&cutting, &bytes, &[]);
            let wanted: Vec<u32> = numbers(&case["lengths"]);
            assert_eq!(lengths(&found), wanted, "{case}");
            compared += 1;
        }
        assert!(compared >= 10, "only {compared} cases are texts of bytes");
    }

    #[test]
    fn every_mode_is_its_rule() {
        let bytes = "The 글 of 7\n\n bytes; and \u{1F642}!".as_bytes();
        let entropies: Vec<f32> = (0..=bytes.len())
            .map(|at| (at * 29 % 37) as f32 / 9.0)
            .collect();
        let best: Vec<Option<u32>> = (0..=bytes.len())
            .map(|at| Some(if at % 5 == 2 { DELIMITER } else { 70 }))
            .collect();
        let known: Vec<Known> = (prompt(bytes).iter().zip(&entropies).zip(&best))
            .map(|((id, entropy), best)| Known {
                id: *id,
                entropy: Some(*entropy),
                best: *best,
            })
            .collect();
        for mode in Mode::ALL {
            for longest in [None, Some(3)] {
                let cutting = Cutting {
                    mode,
                    longest,
                    table: Some(table(&[(b'h', b'e'), (b' ', b'o')])),
                    ..Cutting::of_rule(&Rule::default())
                };
                let found = cutting.starts(bytes, &entropies, &best);
                let wanted = match cutting.rule() {
                    Some(rule) => starts_known(&rule, &known),
                    None => top_k(&entropies, cutting.size),
                };
                assert_eq!(found[..], wanted.unwrap()[1..], "{mode:?} {longest:?}");
                let begins = found.iter().filter(|start| **start).count();
                let is_one = mode == Mode::Delimiter && longest.is_none();
                assert_eq!(begins == 1, is_one, "{mode:?} {longest:?}");
                if let Some(rule) = cutting.rule() {
                    assert_eq!(Cutting::of_rule(&rule).mode, mode);
                    assert_eq!(Cutting::of_rule(&rule).rule(), Some(rule));
                }
            }
        }
    }

    /// A table with these pairs of bytes.
    fn table(pairs: &[(u8, u8)]) -> Arc<Table> {
        let mut flags = vec![false; 260 * 260];
        for (previous, byte) in pairs {
            flags[(id_of(*previous) * 260 + id_of(*byte)) as usize] = true;
        }
        Arc::new(Table {
            path: "pairs.json".into(),
            pairs: LookupTable::new(260, flags).unwrap(),
        })
    }

    #[test]
    fn without_a_table_a_text_is_one_patch_and_with_it_the_table_stays() {
        let mut cutting = Cutting {
            mode: Mode::Lookup,
            ..Cutting::of_rule(&Rule::default())
        };
        assert!(cutting.lacks_table() && cutting.rule().is_none());
        assert_eq!(
            *cutting.starts(b"the", &[9.0; 4], &[]),
            [true, false, false, false]
        );
        let without = cutting.clone();
        cutting.table = Some(table(&[(b't', b'h')]));
        assert!(!cutting.lacks_table() && !cutting.cuts_as(&without));
        assert_eq!(
            *cutting.starts(b"the", &[], &[]),
            [true, false, true, false]
        );
        let back = cutting.back_to(&Rule::default());
        assert_eq!((back.mode, &back.table), (Mode::Entropy, &cutting.table));
        assert!(back.cuts_as(&Cutting::of_rule(&Rule::default())));
    }

    #[test]
    fn what_the_model_has_not_said_yet_starts_no_patch() {
        let cutting = Cutting {
            mode: Mode::BpePatcher,
            ..Cutting::of_rule(&Rule::default())
        };
        let best = [None, Some(DELIMITER), None, Some(7)];
        assert_eq!(
            *cutting.starts(b"abc", &[], &best),
            [true, true, false, false]
        );
        assert_eq!(
            *cutting.starts(b"abc", &[], &[]),
            [true, false, false, false]
        );
    }

    #[test]
    fn a_solved_threshold_gives_the_wanted_mean() {
        let entropies: Vec<f32> = (0..=400_u16)
            .map(|at| (u32::from(at).pow(2) * 7 % 401) as f32 / 90.0)
            .collect();
        let bytes = vec![b'a'; 400];
        for mode in [Mode::Entropy, Mode::Monotonic, Mode::Both] {
            let mut cutting = Cutting {
                mode,
                rise: 0.0,
                ..Cutting::of_rule(&Rule::default())
            };
            cutting.solve(&entropies, 4.0).unwrap();
            let mean = statistics(&flags(&cutting, &bytes, &entropies)).mean;
            assert!((mean - 4.0).abs() < 0.1, "{mode:?}: {mean}");
            assert!(cutting.solve(&entropies, 0.5).is_err());
        }
    }

    #[test]
    fn what_a_mode_does_not_use_makes_no_difference() {
        let cutting = Cutting::of_rule(&Rule::default());
        let other = Cutting {
            size: 9,
            rise: 1.0,
            ..cutting.clone()
        };
        assert!(cutting.cuts_as(&other) && cutting.has_curve_of(&other));
        let mode = Mode::TopK;
        assert!(!Cutting { mode, ..cutting }.cuts_as(&Cutting { mode, ..other }));
    }
}
