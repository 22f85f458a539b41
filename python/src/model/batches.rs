//! Many texts at once, as columns.

use arrow_array::ArrayRef;
use arrow_array::builder::{
    Float32Builder, Float64Builder, Int32Builder, ListBuilder, UInt64Builder,
};
use blt::Error;
use blt::measure::score::{self, ScoredByte};
use blt::record::ByteRecord;
use blt::session::comfortable_batch;

use super::Model;
use super::sessions::{read_into, score_into};
use crate::arguments::{Part, Reading};
use crate::arrow::column;
use crate::patches::{lengths, starts};
use crate::wait::Signals;

/// A text, if there is one.
type MaybeText<'a> = Option<&'a [u8]>;
/// The columns of a batch.
type Columns = Vec<(&'static str, ArrayRef)>;

/// Refuses more bytes than the offsets of a list column reach.
fn check_size(texts: &[MaybeText<'_>]) -> blt::Result<()> {
    let bytes: usize = texts.iter().flatten().map(|text| text.len()).sum();
    match i32::try_from(bytes) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::Argument(format!(
            "a batch holds at most 2 GiB of text, and these texts have {bytes} bytes; give fewer \
             at a time"
        ))),
    }
}

impl Model {
    /// The records of each text, in order, to `take`; the entropy model reads many texts
    /// at a time.
    fn read_all(
        &self,
        texts: &[MaybeText<'_>],
        reading: &Reading,
        entropies: bool,
        signals: &mut Signals,
        mut take: impl FnMut(MaybeText<'_>, &[ByteRecord]),
    ) -> blt::Result<()> {
        if !self.reads_batches(reading, entropies)? {
            return self.in_texts(reading, entropies, signals, |session, signals| {
                let mut records = Vec::new();
                for text in texts {
                    records.clear();
                    if let Some(text) = text {
                        read_into(session, text, &mut records, signals)?;
                    }
                    take(*text, &records);
                }
                Ok(())
            });
        }
        self.in_batch(reading, signals, |batch, signals| {
            for some in pieces(texts) {
                let present: Vec<&[u8]> = some.iter().copied().flatten().collect();
                let read = batch.records_while(&present, |_| signals.go_on());
                let mut read = pollster::block_on(read)?.into_iter();
                for text in some {
                    let records = text.and_then(|_| read.next()).unwrap_or_default();
                    take(*text, &records);
                }
            }
            Ok(())
        })
    }

    /// The patches of many texts, and what else is wanted of their bytes.
    pub(super) fn patch_all(
        &self,
        texts: &[MaybeText<'_>],
        reading: &Reading,
        (entropies, nll): (bool, bool),
        signals: &mut Signals,
    ) -> blt::Result<Columns> {
        check_size(texts)?;
        let mut patches = ListBuilder::new(Int32Builder::new());
        let (mut entropies_of, mut nll_of) = (entropies.then(floats), nll.then(floats));
        self.read_all(
            texts,
            reading,
            entropies || nll,
            signals,
            |text, records| {
                let bytes = text.map_or(0, <[u8]>::len);
                let starts: Vec<u32> = starts(records).collect();
                // At most 2 GiB, as was checked.
                let lengths = lengths(&starts, bytes).map(u32::cast_signed);
                patches.values().extend(lengths.map(Some));
                patches.append(text.is_some());
                let of_bytes = &records[..bytes.min(records.len())];
                if let Some(column) = &mut entropies_of {
                    let entropies = of_bytes.iter().map(|record| record.entropy);
                    column.values().extend(entropies);
                    column.append(text.is_some());
                }
                if let Some(column) = &mut nll_of {
                    column
                        .values()
                        .extend(of_bytes.iter().map(|record| record.nll));
                    column.append(text.is_some());
                }
            },
        )?;
        let wanted = [
            Some(("patch_lengths", column(patches.finish()))),
            entropies_of.map(|mut of| ("entropies", column(of.finish()))),
            nll_of.map(|mut of| ("nll", column(of.finish()))),
        ];
        Ok(wanted.into_iter().flatten().collect())
    }

    /// The scores of many texts.
    pub(super) fn score_all(
        &self,
        texts: &[MaybeText<'_>],
        (part, piece): (Part, Option<u64>),
        reading: &Reading,
        signals: &mut Signals,
    ) -> blt::Result<Columns> {
        let mut scores = Vec::with_capacity(texts.len());
        if part == Part::Entropy && piece.is_none() {
            self.read_all(texts, reading, true, signals, |text, records| {
                scores.push(text.map(|_| {
                    let mut score = score::Score::default();
                    let scored = records.iter().filter_map(ScoredByte::of);
                    scored.for_each(|byte| score.add(&byte));
                    score
                }));
            })?;
            return Ok(columns(&scores, false));
        }
        self.in_scorer((part, piece), reading, signals, |scorer, signals| {
            for text in texts {
                let score = text.map(|text| {
                    let mut score = score::Score::default();
                    score_into(scorer, text, signals, |scored| {
                        scored.iter().for_each(|byte| score.add(byte));
                    })?;
                    blt::Result::Ok(score)
                });
                scores.push(score.transpose()?);
            }
            Ok(())
        })?;
        Ok(columns(&scores, part == Part::Both))
    }
}

/// A column of lists.
fn floats() -> ListBuilder<Float32Builder> {
    ListBuilder::new(Float32Builder::new())
}

/// Texts in pieces of about what is read at a time.
fn pieces<'a, 'b>(mut texts: &'a [MaybeText<'b>]) -> impl Iterator<Item = &'a [MaybeText<'b>]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let full = texts.iter().position(|text| {
            bytes += text.map_or(0, <[u8]>::len) + 1;
            bytes >= comfortable_batch()
        });
        let (some, rest) = texts.split_at(full.map_or(texts.len(), |last| last + 1));
        texts = rest;
        (!some.is_empty()).then_some(some)
    })
}

fn columns(scores: &[Option<score::Score>], both: bool) -> Columns {
    let counts = |of: fn(&score::Score) -> u64| {
        let mut counts = UInt64Builder::with_capacity(scores.len());
        counts.extend(scores.iter().map(|score| score.as_ref().map(of)));
        column(counts.finish())
    };
    let numbers = |of: fn(&score::Score) -> Option<f64>| {
        let mut numbers = Float64Builder::with_capacity(scores.len());
        numbers.extend(scores.iter().map(|score| score.as_ref().and_then(of)));
        column(numbers.finish())
    };
    let mut columns = vec![
        ("bytes", counts(score::Score::bytes)),
        ("patches", counts(score::Score::patches)),
        ("nll", numbers(|score| Some(score.nats()))),
        ("bits_per_byte", numbers(score::Score::bits_per_byte)),
    ];
    if both {
        let entropy = numbers(score::Score::entropy_bits_per_byte);
        columns.push(("entropy_bits_per_byte", entropy));
    }
    columns
}
