//! The mean patch size as a function of the threshold, for all thresholds at once.

use std::cmp::Ordering;
use std::ops::RangeInclusive;

use serde::Serialize;

use super::solve::{deciding, nearest, threshold_at};
use super::{Rule, Solved};
use crate::Result;

/// The mean patch of a text under every entropy threshold, with or without a
/// longest patch.
///
/// It is made once in O(N log N); after that a threshold costs O(log N), and so
/// does the way back, from a mean to a threshold. So it can be drawn and dragged
/// along while [`solve`](super::solve) would still run its rule over the text.
#[derive(Clone, Debug, PartialEq)]
pub struct SizeCurve {
    max_patch_length: Option<u32>,
    bytes: u64,
    /// The entropies at which the size changes, ascending.
    values: Vec<f32>,
    /// By how many of the values are not above the threshold.
    patches: Vec<u64>,
}

/// A threshold and what it does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SizePoint {
    /// The threshold in nats.
    pub threshold: f32,
    /// The patches of the text.
    pub patches: u64,
    /// Bytes per patch.
    pub mean: f64,
}

impl SizeCurve {
    /// The curve of a text from its entropies in nats, as [`solve`](super::solve)
    /// takes them: position 0 is BOS, so entry i is about byte i, and the last,
    /// of the byte not yet known, has no say.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`](crate::Error::Argument) if the text is empty, an
    /// entropy is not a finite number, or the longest patch is 0.
    pub fn new(entropies: &[f32], max_patch_length: Option<u32>) -> Result<Self> {
        Rule::entropy(0.0)?.with_max_patch_length(max_patch_length)?;
        let deciding = deciding(entropies)?;
        let count = deciding.len();
        let pieces = |bytes: usize| match max_patch_length {
            Some(max) => (bytes as u64).div_ceil(u64::from(max)),
            None => 1,
        };
        // The threshold rises from below all entropies, where every byte starts a patch. What
        // starts none any more joins the stretches before and after it, which only the longest
        // patch still cuts.
        let mut order: Vec<(f32, usize)> = deciding.iter().copied().zip(0..).skip(1).collect();
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut before: Vec<usize> = (0..=count).map(|at| at.saturating_sub(1)).collect();
        let mut after: Vec<usize> = (1..=count + 1).collect();
        let mut now = count as u64;
        let (mut values, mut patches) = (Vec::new(), vec![now]);
        for (value, at) in order {
            let (Some(&left), Some(&right)) = (before.get(at), after.get(at)) else {
                continue;
            };
            now = now + pieces(right - left) - pieces(at - left) - pieces(right - at);
            if let Some(link) = after.get_mut(left) {
                *link = right;
            }
            if let Some(link) = before.get_mut(right) {
                *link = left;
            }
            if values.last() != Some(&value) {
                values.push(value);
                patches.push(now);
            } else if let Some(last) = patches.last_mut() {
                *last = now;
            }
        }
        Ok(Self {
            max_patch_length,
            bytes: count as u64,
            values,
            patches,
        })
    }

    /// The bytes of the text.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The entropies between which the size changes, in nats: the smallest and
    /// the greatest of the text but for its first byte. `None` for a text of one
    /// byte, which is one patch whatever the threshold.
    #[must_use]
    pub fn thresholds(&self) -> Option<RangeInclusive<f32>> {
        Some(*self.values.first()?..=*self.values.last()?)
    }

    /// What a threshold, in nats, does.
    #[must_use]
    pub fn at(&self, threshold: f32) -> SizePoint {
        let step = self
            .values
            .partition_point(|value| value.partial_cmp(&threshold) != Some(Ordering::Greater));
        let patches = self.patches.get(step).copied().unwrap_or(1);
        SizePoint {
            threshold,
            patches,
            mean: self.bytes as f64 / patches as f64,
        }
    }

    /// Points of the curve, evenly spaced over thresholds in nats, both
    /// ends among them (only the first end, if one point is asked for). The mean
    /// never falls from one to the next.
    #[must_use]
    pub fn points(&self, thresholds: RangeInclusive<f32>, count: usize) -> Vec<SizePoint> {
        let (low, high) = thresholds.into_inner();
        let steps = count.saturating_sub(1).max(1) as f64;
        (0..count)
            .map(|i| {
                let share = i as f64 / steps;
                let between = f64::from(low) * (1.0 - share) + f64::from(high) * share;
                #[expect(clippy::cast_possible_truncation, reason = "between two 32-bit floats")]
                self.at(between as f32)
            })
            .collect()
    }

    /// The threshold for a mean patch of about `target` bytes: what
    /// [`solve`](super::solve) finds.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`](crate::Error::Argument) if no threshold reaches the
    /// target.
    pub fn solve(&self, target: f64) -> Result<Solved> {
        let (step, patches) = nearest(self.values.len(), self.bytes, target, |step| {
            Ok(self.patches.get(step).copied().unwrap_or(1))
        })?;
        let threshold = threshold_at(&self.values, step, 0.0);
        Ok(Solved {
            rule: Rule::entropy(threshold)?.with_max_patch_length(self.max_patch_length)?,
            threshold,
            bytes: self.bytes,
            patches,
            mean: self.bytes as f64 / patches as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::bytes::prompt;
    use crate::patch::{solve, starts, statistics};

    /// Entropies of a text, some of them equal.
    fn entropies(bytes: usize, seed: u64) -> Vec<f32> {
        let mut rng = StdRng::seed_from_u64(seed);
        (0..=bytes)
            .map(|_| f32::from(rng.random_range(0_u8..40)) / 8.0)
            .collect()
    }

    #[test]
    fn the_curve_is_what_the_rule_does() {
        for (bytes, seed) in [(1, 1), (2, 2), (3, 3), (50, 4), (301, 5)] {
            let h = entropies(bytes, seed);
            for max in [None, Some(1), Some(2), Some(5), Some(1000)] {
                let curve = SizeCurve::new(&h, max).unwrap();
                assert_eq!(curve.bytes(), bytes as u64);
                let mut last = 0.0;
                for point in curve.points(-0.5..=5.5, 97) {
                    let rule = Rule::entropy(point.threshold).unwrap();
                    let rule = rule.with_max_patch_length(max).unwrap();
                    let flags = starts(&rule, &prompt(&vec![b'a'; bytes]), Some(&h)).unwrap();
                    let found = statistics(&flags);
                    assert_eq!(
                        (point.patches, point.mean),
                        (found.patches, found.mean),
                        "{bytes} {max:?} {}",
                        point.threshold
                    );
                    assert!(point.mean >= last);
                    last = point.mean;
                }
            }
        }
    }

    #[test]
    fn the_way_back_is_that_of_solve() {
        let h = entropies(400, 6);
        for max in [None, Some(3), Some(9)] {
            let curve = SizeCurve::new(&h, max).unwrap();
            let rule = Rule::default().with_max_patch_length(max).unwrap();
            for target in [1.0, 1.3, 2.0, 2.71, 4.5, 8.0, 100.0, 400.0, 401.0, f64::NAN] {
                let (mine, other) = (curve.solve(target), solve(&rule, &h, target));
                match (mine, other) {
                    (Ok(mine), Ok(other)) => {
                        assert_eq!(mine, other);
                        assert_eq!(curve.at(mine.threshold).mean, mine.mean);
                    }
                    (Err(mine), Err(other)) => assert_eq!(mine.to_string(), other.to_string()),
                    (mine, other) => assert!(mine.is_ok() == other.is_ok(), "{max:?} {target}"),
                }
            }
        }
    }

    #[test]
    fn points_are_evenly_spaced_and_thresholds_those_of_the_text() {
        let curve = SizeCurve::new(&[9.0, 1.0, 3.0, 2.0, 7.0], None).unwrap();
        assert_eq!(curve.thresholds(), Some(1.0..=3.0));
        let points = curve.points(0.0..=4.0, 5);
        let found: Vec<(f32, u64)> = points.iter().map(|p| (p.threshold, p.patches)).collect();
        assert_eq!(found, [(0.0, 4), (1.0, 3), (2.0, 2), (3.0, 1), (4.0, 1)]);
        assert_eq!(curve.points(2.0..=9.0, 1).len(), 1);
        assert_eq!(curve.points(2.0..=9.0, 1)[0].patches, 2);
        assert!(curve.points(0.0..=1.0, 0).is_empty());
        let one = SizeCurve::new(&[1.0, 2.0], None).unwrap();
        assert_eq!((one.thresholds(), one.at(0.0).patches), (None, 1));
    }

    #[test]
    fn what_has_no_curve_is_said() {
        for h in [&[][..], &[1.0], &[1.0, f32::NAN, 1.0]] {
            assert!(SizeCurve::new(h, None).is_err());
        }
        assert!(SizeCurve::new(&[1.0, 2.0], Some(0)).is_err());
    }
}
