//! The threshold that gives a wanted mean patch size.

use serde::Serialize;

use super::{Known, Rule, Scheme};
use crate::{Error, Result};

/// The greatest entropy of a byte-level model, ln 260 nats.
const CEILING: f32 = 5.560_682;

/// A threshold and what it does to the text it was found on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Solved {
    /// The rule with the threshold found.
    pub rule: Rule,
    /// The threshold in nats, midway between two neighbouring values of the text.
    pub threshold: f32,
    /// The bytes of the text.
    pub bytes: u64,
    /// The patches among them under the rule.
    pub patches: u64,
    /// Bytes per patch under the rule, the reachable mean nearest to the target.
    pub mean: f64,
}

/// Finds the threshold of `rule` for which the mean patch of a text has about
/// `target` bytes (the paper chooses its thresholds like this).
///
/// `entropies` are those of the whole text: position 0 is BOS, and the last
/// entropy, of the byte not yet known, has no say. The rule gives the scheme
/// and the bound on the length of patches; the threshold it has does not
/// matter (for [`Scheme::Both`] the additional one is kept).
///
/// The mean is a step function of the threshold that changes only at the
/// entropies of the text (at their differences, for the monotonic rule), and
/// never falls as the threshold rises, whatever the bound. So the search over
/// the steps is exact: no threshold comes nearer to the target.
///
/// # Errors
///
/// [`Error::Argument`] if the scheme has no threshold, the text is empty, an
/// entropy is not a finite number, or no threshold reaches the target.
pub fn solve(rule: &Rule, entropies: &[f32], target: f64) -> Result<Solved> {
    let deciding = deciding(entropies)?;
    let (floor, mut values) = match rule.scheme() {
        Scheme::Entropy { .. } | Scheme::Both { .. } => {
            (0.0, deciding.get(1..).unwrap_or_default().to_vec())
        }
        Scheme::Monotonic { .. } => (
            -CEILING,
            deciding
                .windows(2)
                .skip(1)
                .filter_map(|pair| Some(pair.last()? - pair.first()?))
                .collect(),
        ),
        _ => {
            return Err(Error::Argument(
                "only a rule with an entropy threshold can be solved for a mean patch size".into(),
            ));
        }
    };
    values.sort_by(f32::total_cmp);
    values.dedup();
    let bytes = deciding.len() as u64;
    let (step, patches) = nearest(values.len(), bytes, target, |step| {
        let rule = with_threshold(rule, threshold_at(&values, step, floor))?;
        let mut patcher = rule.patcher();
        let starts = deciding
            .iter()
            .filter(|&&h| patcher.next_starts(&Known::of_entropy(0, h)));
        Ok(starts.count() as u64)
    })?;
    let threshold = threshold_at(&values, step, floor);
    Ok(Solved {
        rule: with_threshold(rule, threshold)?,
        threshold,
        bytes,
        patches,
        mean: bytes as f64 / patches as f64,
    })
}

/// The entropies that decide where a byte of the text starts a patch: all but
/// that of the byte not yet known.
pub(super) fn deciding(entropies: &[f32]) -> Result<&[f32]> {
    let Some((_, deciding)) = entropies.split_last().filter(|(_, rest)| !rest.is_empty()) else {
        return Err(Error::Argument(
            "an empty text has no patches to find a threshold for".into(),
        ));
    };
    if let Some(position) = entropies.iter().position(|h| !h.is_finite()) {
        return Err(Error::Argument(format!(
            "the entropy at position {position} is not a finite number"
        )));
    }
    Ok(deciding)
}

/// The step, of 0 to `last`, whose mean patch is nearest to `target` bytes, and
/// the patches there; `patches` gives those of a step and never rises.
pub(super) fn nearest(
    last: usize,
    bytes: u64,
    target: f64,
    mut patches: impl FnMut(usize) -> Result<u64>,
) -> Result<(usize, u64)> {
    let mean = |patches: u64| bytes as f64 / patches as f64;
    let (mut low, mut high) = ((0, patches(0)?), (last, patches(last)?));
    let slack = 1e-9 * bytes as f64;
    if !(mean(low.1) - slack..=mean(high.1) + slack).contains(&target) {
        return Err(Error::Argument(format!(
            "no threshold gives a mean patch of {target} bytes on this text; it can be from {:.3} to {:.3}",
            mean(low.1),
            mean(high.1)
        )));
    }
    // Invariant: mean(low) <= target <= mean(high), one step each.
    while high.0 - low.0 > 1 {
        let middle = low.0 + (high.0 - low.0) / 2;
        let found = patches(middle)?;
        let end = match mean(found) <= target {
            true => &mut low,
            false => &mut high,
        };
        *end = (middle, found);
    }
    let away = |end: (usize, u64)| (mean(end.1) - target).abs();
    Ok(if away(high) < away(low) { high } else { low })
}

/// A threshold of a step: at or above that many of the ascending `values`, and
/// below the others.
pub(super) fn threshold_at(values: &[f32], step: usize, floor: f32) -> f32 {
    let below = step.checked_sub(1).and_then(|step| values.get(step));
    midway(below.copied(), values.get(step).copied(), floor, CEILING)
}

/// A threshold between two neighbouring values (`below <= t < above`), or on
/// the far side of the outermost one.
fn midway(below: Option<f32>, above: Option<f32>, floor: f32, ceiling: f32) -> f32 {
    let (low, high) = match (below, above) {
        (None, None) => (floor, ceiling),
        (None, Some(above)) => (if floor < above { floor } else { above - 1.0 }, above),
        (Some(below), None) => (
            below,
            if below < ceiling {
                ceiling
            } else {
                below + 1.0
            },
        ),
        (Some(below), Some(above)) => (below, above),
    };
    let middle = low + (high - low) / 2.0;
    // Between neighbouring numbers there is no room, and `>` is strict: the lower one will do.
    if middle < high { middle } else { low }
}

fn with_threshold(rule: &Rule, threshold: f32) -> Result<Rule> {
    let scheme = match *rule.scheme() {
        Scheme::Monotonic { .. } => Scheme::Monotonic { threshold },
        Scheme::Both { threshold_add, .. } => Scheme::Both {
            threshold,
            threshold_add,
        },
        _ => Scheme::Entropy { threshold },
    };
    Rule::new(scheme)?.with_max_patch_length(rule.max_patch_length())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn the_threshold_lies_between_neighbours() {
        // Four bytes; those that matter are H(1..=3).
        let h = [9.0, 1.0, 3.0, 2.0, 7.0];
        let rule = Rule::default();
        for (target, threshold, patches) in [
            (1.0, 0.5, 4),
            (4.0 / 3.0, 1.5, 3),
            (2.0, 2.5, 2),
            (4.0, (3.0 + CEILING) / 2.0, 1),
        ] {
            let found = solve(&rule, &h, target).unwrap();
            assert_eq!(
                (found.threshold, found.patches, found.bytes),
                (threshold, patches, 4)
            );
            assert_eq!(found.mean, 4.0 / patches as f64);
        }
        // Nearest in bytes per patch: 4/3 is nearer to 1.6 than 2 is.
        assert_eq!(solve(&rule, &h, 1.6).unwrap().patches, 3);
    }

    #[test]
    fn what_cannot_be_reached_is_said() {
        let h = [9.0, 1.0, 3.0, 2.0, 7.0];
        let bound = Rule::default().with_max_patch_length(Some(2)).unwrap();
        let error = solve(&bound, &h, 3.0).unwrap_err().to_string();
        assert_eq!(
            error,
            "no threshold gives a mean patch of 3 bytes on this text; it can be from 1.000 to 2.000"
        );
        for target in [0.5, 4.1, f64::NAN, f64::INFINITY] {
            assert!(solve(&Rule::default(), &h, target).is_err());
        }
        assert!(solve(&Rule::default(), &[], 2.0).is_err());
        assert!(solve(&Rule::default(), &[1.0], 2.0).is_err());
        assert!(solve(&Rule::default(), &[1.0, f32::NAN, 1.0], 1.0).is_err());
        assert!(solve(&Rule::new(Scheme::Space).unwrap(), &h, 2.0).is_err());
    }

    #[test]
    fn one_byte_and_neighbouring_numbers() {
        assert_eq!(
            solve(&Rule::default(), &[1.0, 2.0], 1.0).unwrap().patches,
            1
        );
        let next = 1.0_f32.next_up();
        let found = solve(&Rule::default(), &[0.0, next, 1.0, 0.0], 1.5).unwrap();
        assert_eq!((found.threshold, found.patches), (1.0, 2));
        let zero = solve(&Rule::default(), &[0.0; 5], 1.0).unwrap();
        assert_eq!((zero.threshold, zero.patches), (-0.5, 4));
        assert_eq!(CEILING, 260_f32.ln());
    }
}
