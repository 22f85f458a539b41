//! What a run says about each byte, and the forms it is written in.
//!
//! A run gives one [`ByteRecord`] per byte and one more for the next byte.
//! A [`RecordWriter`] writes them as they come, in memory that does not grow
//! with the text ([`Svg`] and [`Markdown`] collect what they write and bound the
//! text instead). [`Summary`] keeps the totals.
//!
//! | writer | for |
//! |---|---|
//! | [`Brackets`] | reading patches; [`decode_brackets`] gives the bytes back |
//! | [`Ansi`] | a terminal: entropy as colour |
//! | [`JsonLines`], [`Csv`] | programs |
//! | [`Markdown`] | a report: a table of the patches |
//! | [`Svg`] | a figure: the entropy curve over the text |

mod ansi;
mod brackets;
mod csv;
mod glyph;
mod jsonl;
mod markdown;
mod summary;
mod svg;

use std::io;

use serde::Serialize;

use crate::{Error, Result};

pub use ansi::{Ansi, HEAT, HEAT_TOP};
pub use brackets::{Brackets, decode_brackets};
pub use csv::Csv;
pub use jsonl::JsonLines;
pub use markdown::{MARKDOWN_MAX_BYTES, Markdown, MarkdownOptions};
pub use summary::Summary;
pub use svg::{SVG_MAX_BYTES, Svg, SvgOptions};

/// What a run says about one byte of a text, or about the next byte.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ByteRecord {
    /// The position among the bytes of the text, from 0 (BOS is no byte of it).
    #[serde(rename = "i")]
    pub index: u64,
    /// The byte; `None` in the record after the last byte, about the one to come.
    pub byte: Option<u8>,
    /// The entropy, in nats, of the prediction of *this* byte from those before
    /// it. Under a global threshold, and from index 1 on, a patch starts here
    /// exactly if this is above the threshold.
    pub entropy: Option<f32>,
    /// How surprising this byte was: `-ln p(byte)`, in nats.
    pub nll: Option<f32>,
    /// Whether a patch starts at this byte.
    pub start: bool,
    /// The patch of this byte, from 0; that of BOS does not count.
    pub patch: u64,
}

/// Numbers the bytes and patches of a text while it arrives.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    bytes: u64,
    patches: u64,
}

impl Recorder {
    /// The record of the next byte, with the entropy of its prediction and its
    /// negative log probability in nats, and whether it starts a patch.
    pub fn byte(
        &mut self,
        byte: u8,
        entropy: Option<f32>,
        nll: Option<f32>,
        start: bool,
    ) -> ByteRecord {
        let record = ByteRecord {
            byte: Some(byte),
            nll,
            ..self.to_come(entropy, start)
        };
        self.bytes += 1;
        self.patches += u64::from(start);
        record
    }

    /// The record of the next byte, for the end of a text.
    #[must_use]
    pub fn to_come(&self, entropy: Option<f32>, start: bool) -> ByteRecord {
        let patch = (self.patches + u64::from(start)).saturating_sub(1);
        ByteRecord {
            index: self.bytes,
            byte: None,
            entropy,
            nll: None,
            start,
            patch,
        }
    }
}

/// The records of a whole text of N bytes that followed BOS, the one of the
/// next byte last: N + 1 of them.
///
/// `entropies` are by position, BOS first: N + 1, in nats. `nlls` are by byte:
/// N, in nats. `starts` are the N + 2 flags of
/// [`patch::starts`](crate::patch::starts).
///
/// # Errors
///
/// [`Error::Argument`] if the numbers do not fit each other.
pub fn records<'a>(
    bytes: &'a [u8],
    entropies: Option<&'a [f32]>,
    nlls: Option<&'a [f32]>,
    starts: &'a [bool],
) -> Result<impl Iterator<Item = ByteRecord> + 'a> {
    let count = bytes.len();
    let check = |what: &str, has: usize, needs: usize| {
        if has == needs {
            return Ok(());
        }
        Err(Error::Argument(format!(
            "the records of {count} bytes need {needs} {what}, not {has}"
        )))
    };
    check("start flags", starts.len(), count + 2)?;
    check(
        "entropies",
        entropies.map_or(count + 1, <[f32]>::len),
        count + 1,
    )?;
    check("log probabilities", nlls.map_or(count, <[f32]>::len), count)?;
    let mut recorder = Recorder::default();
    // Flag 0 is BOS's own; entropy 0 is of the byte after it, the first.
    Ok(starts.iter().skip(1).enumerate().map(move |(i, &start)| {
        let of = |values: Option<&[f32]>| values.and_then(|values| values.get(i)).copied();
        match bytes.get(i) {
            Some(&byte) => recorder.byte(byte, of(entropies), of(nlls), start),
            None => recorder.to_come(of(entropies), start),
        }
    }))
}

/// Writes records in one of the output forms.
pub trait RecordWriter {
    /// Writes the next record.
    ///
    /// # Errors
    ///
    /// What the sink says, or that the text is too long for the form.
    fn write(&mut self, record: &ByteRecord) -> io::Result<()>;

    /// Writes what is still held back and whatever ends the form, and flushes
    /// the sink. To be called once, after the last record.
    ///
    /// # Errors
    ///
    /// What the sink says.
    fn finish(&mut self) -> io::Result<()>;
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn records_number_bytes_and_patches() {
        let starts = [true, true, false, true, true];
        let got: Vec<ByteRecord> = records(
            b"abc",
            Some(&[3.0, 0.5, 2.0, 4.0]),
            Some(&[1.0, 2.0, 3.0]),
            &starts,
        )
        .unwrap()
        .collect();
        assert_eq!(
            got.iter().map(|r| r.index).collect::<Vec<_>>(),
            [0, 1, 2, 3]
        );
        assert_eq!(
            got.iter().map(|r| r.patch).collect::<Vec<_>>(),
            [0, 0, 1, 2]
        );
        assert_eq!(
            got.iter().map(|r| r.byte).collect::<Vec<_>>(),
            [Some(b'a'), Some(b'b'), Some(b'c'), None]
        );
        assert_eq!(got[1].entropy, Some(0.5));
        assert_eq!((got[3].entropy, got[3].nll), (Some(4.0), None));
    }

    #[test]
    fn an_empty_text_has_one_record_and_numbers_must_fit() {
        let got: Vec<ByteRecord> = records(b"", None, None, &[true, true]).unwrap().collect();
        assert_eq!(
            got,
            [ByteRecord {
                index: 0,
                byte: None,
                entropy: None,
                nll: None,
                start: true,
                patch: 0
            }]
        );
        let error = records(b"ab", None, None, &[true])
            .err()
            .unwrap()
            .to_string();
        assert_eq!(error, "the records of 2 bytes need 4 start flags, not 1");
        assert!(records(b"", Some(&[]), None, &[true, true]).is_err());
        assert!(records(b"a", None, Some(&[]), &[true, true, false]).is_err());
    }
}
