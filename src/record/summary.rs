//! Totals over the records of a text.

use super::ByteRecord;
use crate::bytes::{Piece, Utf8};

/// Running totals over the records of a text or of several, in memory that does
/// not grow with them.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    texts: u64,
    bytes: u64,
    patches: u64,
    boundaries: u64,
    characters: Characters,
    entropy: Mean,
    nll: Mean,
}

/// Patch starts inside characters.
#[derive(Clone, Debug, Default)]
struct Characters {
    utf8: Utf8,
    /// Of each byte of the character that is not complete: does a patch start
    /// there?
    starts: Vec<bool>,
    cut: u64,
}

impl Characters {
    fn add(&mut self, byte: u8, start: bool) {
        self.starts.push(start);
        for piece in self.utf8.push(byte) {
            let count = piece.len_utf8().min(self.starts.len());
            let starts = self.starts.drain(..count).skip(1);
            if let Piece::Char(_) = piece {
                self.cut += starts.filter(|start| *start).count() as u64;
            }
        }
    }

    /// The text ends: what is incomplete is no character.
    fn end(&mut self) {
        self.utf8.finish().for_each(drop);
        self.starts.clear();
    }
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
    /// Counts a record; that of the next byte ends its text and counts for
    /// nothing else.
    pub fn add(&mut self, record: &ByteRecord) {
        let Some(byte) = record.byte else {
            self.texts += 1;
            self.characters.end();
            return;
        };
        self.bytes += 1;
        self.patches += u64::from(record.start);
        self.boundaries += u64::from(record.start && record.index > 0);
        self.characters.add(byte, record.start);
        self.entropy.add(record.entropy);
        self.nll.add(record.nll);
    }

    /// The texts that have ended.
    #[must_use]
    pub const fn texts(&self) -> u64 {
        self.texts
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

    /// The patch starts that have a byte of their text before them.
    #[must_use]
    pub const fn boundaries(&self) -> u64 {
        self.boundaries
    }

    /// Those of the [`boundaries`](Self::boundaries) that lie between two bytes
    /// of one UTF-8 character.
    #[must_use]
    pub const fn boundaries_in_characters(&self) -> u64 {
        self.characters.cut
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

    #[test]
    fn boundaries_inside_characters_are_those_between_their_bytes() {
        let count = |texts: &[(&[u8], &[usize])]| {
            let mut summary = Summary::default();
            for (bytes, cuts) in texts {
                let starts: Vec<bool> = (0..bytes.len() + 2)
                    .map(|at| at < 2 || cuts.contains(&(at - 1)))
                    .collect();
                for record in records(bytes, None, None, &starts).unwrap() {
                    summary.add(&record);
                }
            }
            assert_eq!(summary.texts(), texts.len() as u64);
            (summary.boundaries(), summary.boundaries_in_characters())
        };
        let text = "a한😀é.".as_bytes();
        assert_eq!(text.len(), 11);
        let all: Vec<usize> = (1..11).collect();
        assert_eq!(count(&[(text, &all)]), (10, 6));
        assert_eq!(count(&[(text, &[1, 4, 8, 10])]), (4, 0));
        assert_eq!(count(&[(text, &[2, 3, 4, 9])]), (4, 3));
        // What is no UTF-8 is no character, whether it is wrong or cut off.
        assert_eq!(count(&[(b"\xE2\x82A", &[1, 2])]), (2, 0));
        assert_eq!(count(&[(b"ab\xE2\x82", &[3])]), (1, 0));
        // A text does not complete the character of the one before it.
        assert_eq!(count(&[(b"\xE2\x82", &[1]), (b"\xAC", &[])]), (1, 0));
        // The first byte of a text has none before it.
        assert_eq!(count(&[(text, &[]), (text, &[2]), (b"", &[])]), (1, 1));
    }
}
