//! Bytes per patch against the threshold of a rule.

use std::ops::RangeInclusive;

use super::cutting::Cutting;
use crate::patch::Mode;
use crate::patch::SizeCurve;
use crate::window::theme;

/// Bytes per patch under each threshold of an axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Curve {
    /// Threshold in nats and mean patch in bytes, from the least threshold to the
    /// greatest.
    pub(crate) points: Vec<(f32, f64)>,
    /// The least and the greatest mean patch that any threshold gives.
    pub(crate) means: RangeInclusive<f64>,
}

/// The thresholds that the axis of a mode spans, in nats.
pub(crate) fn axis(mode: Mode) -> RangeInclusive<f32> {
    match mode {
        // Entropies also fall.
        Mode::Monotonic => -2.0..=theme::MOST,
        _ => 0.0..=theme::MOST,
    }
}

/// Points of a curve, a few pixels apart.
const POINTS: usize = 97;
/// Stands for a number above every threshold, and for one above none.
const ALWAYS: f32 = f32::MAX;
const NEVER: f32 = f32::MIN;
/// The threshold between all numbers and [`ALWAYS`].
const HIGHEST: f32 = 1e30;

impl Curve {
    /// The curve of a text of so many bytes; `entropies` are those of each byte, in
    /// nats, and one that is no number yet starts no patch. `None` for a rule without
    /// a threshold and for no text.
    pub(crate) fn of(cutting: &Cutting, entropies: &[f32], bytes: usize) -> Option<Self> {
        let mut values = deciding(cutting, entropies.get(..bytes)?)?;
        // That of the byte to come, which has no say.
        values.push(NEVER);
        let curve = SizeCurve::new(&values, cutting.longest.filter(|most| *most > 0)).ok()?;
        let points = curve.points(axis(cutting.mode), POINTS).into_iter();
        Some(Self {
            points: points.map(|point| (point.threshold, point.mean)).collect(),
            means: curve.at(NEVER).mean..=curve.at(HIGHEST).mean,
        })
    }
}

/// For each byte the number that starts a patch there if it is above the threshold.
fn deciding(cutting: &Cutting, entropies: &[f32]) -> Option<Vec<f32>> {
    let rises = entropies.windows(2).map(|pair| match pair {
        [before, here] => here - before,
        _ => f32::NAN,
    });
    let known = |value: f32| if value.is_nan() { NEVER } else { value };
    let mut values: Vec<f32> = match cutting.mode {
        Mode::Entropy => entropies.iter().copied().map(known).collect(),
        Mode::Monotonic => {
            let mut values = vec![ALWAYS];
            values.extend(rises.map(known));
            values
        }
        Mode::Both => {
            let mut values = vec![ALWAYS];
            let risen = rises.zip(entropies.iter().skip(1));
            values.extend(risen.map(|(rise, here)| match rise > cutting.rise {
                true => known(*here),
                false => NEVER,
            }));
            values
        }
        _ => return None,
    };
    values.truncate(entropies.len());
    if let Some(first) = values.get_mut(0) {
        *first = ALWAYS;
    }
    // What the rules do as long as they have too few entropies.
    if cutting.mode != Mode::Entropy
        && let Some(second) = values.get_mut(1)
    {
        *second = ALWAYS;
    }
    if cutting.mode == Mode::Both
        && let Some(third) = values.get_mut(2)
    {
        *third = NEVER;
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;
    use crate::patch::{Rule, statistics};

    #[test]
    fn each_point_is_what_the_rule_gives() {
        // Values that repeat, rise and fall; the last is that of the byte to come.
        let entropies: Vec<f32> = (0..90_u16)
            .map(|at| f32::from(at * 37 % 41) / 10.0)
            .collect();
        let bytes = vec![b'a'; entropies.len() - 1];
        for mode in [Mode::Entropy, Mode::Monotonic, Mode::Both] {
            for longest in [None, Some(1), Some(3)] {
                let cutting = Cutting {
                    mode,
                    longest,
                    ..Cutting::of_rule(&Rule::default())
                };
                let curve = Curve::of(&cutting, &entropies, bytes.len()).unwrap();
                for (threshold, mean) in &curve.points {
                    let mut cutting = cutting.clone();
                    cutting.set_threshold(*threshold);
                    let mut flags = vec![true];
                    flags.extend(cutting.starts(&bytes, &entropies, &[]).iter());
                    let found = statistics(&flags).mean;
                    assert_eq!(*mean, found, "{mode:?} {longest:?} {threshold}");
                    assert!(curve.means.contains(mean));
                }
                assert!(curve.points.is_sorted_by(|a, b| a.1 <= b.1));
            }
        }
    }

    #[test]
    fn where_there_is_no_threshold_there_is_no_curve() {
        let mut cutting = Cutting::of_rule(&Rule::default());
        assert_eq!(Curve::of(&cutting, &[1.0], 0), None);
        assert!(Curve::of(&cutting, &[f32::NAN, 1.0], 1).is_some());
        cutting.mode = Mode::Space;
        assert_eq!(Curve::of(&cutting, &[1.0, 1.0], 1), None);
    }
}
