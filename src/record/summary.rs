//! Totals over the records of a text.

use super::ByteRecord;

/// Running totals over records, in memory that does not grow with the text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    bytes: u64,
    patches: u64,
    entropy: Mean,
    nll: Mean,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Mean {
    count: u64,
    sum: f64,
}

impl Mean {
    fn add(&mut self, value: Option<f32>) {
        if let Some(value) = value {
            self.count += 1;
            self.sum += f64::from(value);
        }
    }

    fn get(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

impl Summary {
    /// Counts a record; that of the byte to come counts for nothing.
    pub fn add(&mut self, record: &ByteRecord) {
        if record.byte.is_some() {
            self.bytes += 1;
            self.patches += u64::from(record.start);
            self.entropy.add(record.entropy);
            self.nll.add(record.nll);
        }
    }

    /// The bytes so far.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The patches that start among them.
    #[must_use]
    pub const fn patches(&self) -> u64 {
        self.patches
    }

    /// Bytes per patch; `None` as long as there is no patch.
    #[must_use]
    pub fn mean_patch(&self) -> Option<f64> {
        (self.patches > 0).then(|| self.bytes as f64 / self.patches as f64)
    }

    /// The mean entropy in nats of the predictions of the bytes that have one.
    #[must_use]
    pub fn mean_entropy(&self) -> Option<f64> {
        self.entropy.get()
    }

    /// The mean negative log probability of the bytes that have one, in bits:
    /// what a perfect compressor with this model needs per byte.
    #[must_use]
    pub fn bits_per_byte(&self) -> Option<f64> {
        self.nll.get().map(|nats| nats / std::f64::consts::LN_2)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;
    use crate::record::records;

    #[test]
    fn totals_are_over_the_bytes_alone() {
        let ln2 = std::f32::consts::LN_2;
        let starts = [true, true, false, true, false, true];
        let mut summary = Summary::default();
        assert_eq!(
            (
                summary.mean_patch(),
                summary.mean_entropy(),
                summary.bits_per_byte()
            ),
            (None, None, None)
        );
        for record in records(
            b"abcd",
            Some(&[1.0, 2.0, 3.0, 4.0, 90.0]),
            Some(&[ln2; 4]),
            &starts,
        )
        .unwrap()
        {
            summary.add(&record);
        }
        assert_eq!((summary.bytes(), summary.patches()), (4, 2));
        assert_eq!(summary.mean_patch(), Some(2.0));
        assert_eq!(summary.mean_entropy(), Some(2.5));
        assert!((summary.bits_per_byte().unwrap() - 1.0).abs() < 1e-7);
    }
}
