//! Many texts at once, as columns.

use arrow_array::ArrayRef;
use arrow_array::builder::{
    Float32Builder, Float64Builder, Int32Builder, ListBuilder, UInt64Builder,
};
use blt::Error;
use blt::measure::score;

use super::{Model, read_into};
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
    /// The patches of many texts.
    pub(super) fn patch_all(
        &self,
        texts: &[MaybeText<'_>],
        reading: &Reading,
        entropies: bool,
        signals: &mut Signals,
    ) -> blt::Result<Columns> {
        check_size(texts)?;
        let mut session = self.text_session(reading, entropies, signals)?;
        let mut patches = ListBuilder::new(Int32Builder::new());
        let mut nats = ListBuilder::new(Float32Builder::new());
        let mut records = Vec::new();
        for text in texts {
            let Some(text) = text else {
                patches.append_null();
                nats.append_null();
                continue;
            };
            records.clear();
            session.reset();
            read_into(&mut session, text, &mut records, signals)?;
            let starts: Vec<u32> = starts(&records).collect();
            // At most 2 GiB, as was checked.
            let lengths = lengths(&starts, text.len()).map(u32::cast_signed);
            patches.values().extend(lengths.map(Some));
            patches.append(true);
            if entropies {
                let bytes = records.iter().take(text.len());
                nats.values().extend(bytes.map(|record| record.entropy));
                nats.append(true);
            }
        }
        let mut columns = vec![("lengths", column(patches.finish()))];
        if entropies {
            columns.push(("entropies", column(nats.finish())));
        }
        Ok(columns)
    }

    /// The scores of many texts.
    pub(super) fn score_all(
        &self,
        texts: &[MaybeText<'_>],
        (part, piece): (Part, Option<u64>),
        reading: &Reading,
        signals: &mut Signals,
    ) -> blt::Result<Columns> {
        let mut scorer = self.scorer(part, piece, reading, signals)?;
        let mut scores = Vec::with_capacity(texts.len());
        for text in texts {
            let Some(text) = text else {
                scores.push(None);
                continue;
            };
            let mut score = score::Score::default();
            scorer.reset();
            for bytes in text.chunks(scorer.comfortable_push()) {
                signals.check()?;
                let scored = pollster::block_on(scorer.push(bytes))?;
                scored.iter().for_each(|byte| score.add(byte));
            }
            let scored = pollster::block_on(scorer.finish())?;
            scored.iter().for_each(|byte| score.add(byte));
            scores.push(Some(score));
        }
        Ok(columns(&scores, part == Part::Both))
    }
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
