//! How long the patches of a text are.

use std::collections::BTreeMap;

use serde::Serialize;

/// The patches of a text in numbers: over its bytes, so that neither the patch
/// of BOS nor the byte not yet known counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Statistics {
    /// The bytes of the text.
    pub bytes: u64,
    /// The patches among them; one may be cut off by the end of the text.
    pub patches: u64,
    /// Bytes per patch: `bytes / patches`, 0 for an empty text.
    pub mean: f64,
    /// The standard deviation of the lengths, in bytes, 0 for an empty text.
    pub spread: f64,
    /// How many patches have each length in bytes.
    pub histogram: BTreeMap<u64, u64>,
}

impl Statistics {
    /// The length of the longest patch in bytes, 0 for an empty text.
    #[must_use]
    pub fn longest(&self) -> u64 {
        self.histogram.keys().next_back().copied().unwrap_or(0)
    }

    /// The coefficient of variation of the lengths, their spread relative to
    /// their mean; `None` for an empty text.
    #[must_use]
    pub fn variation(&self) -> Option<f64> {
        (self.patches > 0).then(|| self.spread / self.mean)
    }
}

/// The statistics of the patches of a text, from the flags that
/// [`starts`](super::starts) gives (BOS first, the byte not yet known last).
#[must_use]
pub fn statistics(starts: &[bool]) -> Statistics {
    let bytes = starts
        .get(1..starts.len().saturating_sub(1))
        .unwrap_or_default();
    let mut histogram = BTreeMap::new();
    let (mut patches, mut squares) = (0_u64, 0.0);
    for length in super::lengths(bytes) {
        *histogram.entry(u64::from(length)).or_insert(0) += 1;
        patches += 1;
        squares += f64::from(length).powi(2);
    }
    let bytes = bytes.len() as u64;
    if patches == 0 {
        return Statistics::default();
    }
    let mean = bytes as f64 / patches as f64;
    let spread = (squares / patches as f64 - mean * mean).max(0.0).sqrt();
    Statistics {
        bytes,
        patches,
        mean,
        spread,
        histogram,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_bos_nor_the_byte_to_come_counts() {
        // BOS | b b | b b b b | (to come)
        let found = statistics(&[true, true, false, true, false, false, false, true]);
        assert_eq!((found.bytes, found.patches), (6, 2));
        assert_eq!((found.mean, found.spread), (3.0, 1.0));
        assert_eq!(found.histogram, BTreeMap::from([(2, 1), (4, 1)]));
        assert_eq!(found.longest(), 4);
        assert_eq!(found.variation(), Some(1.0 / 3.0));
    }

    #[test]
    fn an_empty_text_has_no_patches() {
        for flags in [&[][..], &[true], &[true, true]] {
            assert_eq!(statistics(flags), Statistics::default());
            assert_eq!(statistics(flags).variation(), None);
        }
        assert_eq!(statistics(&[true, true, false]).mean, 1.0);
    }
}
