//! Where two ways to cut the same text agree: patches beside patches of another
//! rule, threshold or model, or beside the tokens of a tokenizer.
//!
//! A way to cut is one flag per byte: *does a patch start here?* It is that of
//! [`ByteRecord::start`](crate::record::ByteRecord::start). The first byte
//! starts a patch in any case, so it is no boundary: boundaries lie between two
//! bytes, and byte i stands for the one before it.

use serde::Serialize;

use crate::patch::{Statistics, statistics};
use crate::{Error, Result};

/// One of the two ways in numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Side {
    /// Its patches: how many, their mean length, spread and histogram;
    /// [`Statistics::variation`] is the spread relative to the mean.
    pub patches: Statistics,
    /// Boundaries between patches: one fewer than patches, 0 for an empty text.
    pub boundaries: u64,
    /// The boundaries that lie between two bytes of one UTF-8 character.
    pub boundaries_in_characters: u64,
}

/// Two ways to cut the same text, boundary by boundary.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// The first way.
    pub first: Side,
    /// The second way.
    pub second: Side,
    /// The bytes at which both start a patch, ascending, without byte 0.
    pub common: Vec<usize>,
    /// The bytes at which only the first starts one, ascending.
    pub only_first: Vec<usize>,
    /// The bytes at which only the second starts one, ascending.
    pub only_second: Vec<usize>,
    /// The share of the second's boundaries that the first has too; `None` if
    /// the second has none.
    pub precision: Option<f64>,
    /// The share of the first's boundaries that the second has too; `None` if
    /// the first has none.
    pub recall: Option<f64>,
    /// Common boundaries relative to the mean of both numbers of boundaries,
    /// which is the harmonic mean of precision and recall where there are both.
    /// 0 if only one of the two has boundaries, `None` if neither has.
    pub f1: Option<f64>,
}

/// Compares where two ways cut a text of N bytes.
///
/// `first` and `second` are flags per byte: N, or N + 1 with the one of the byte
/// to come last, which has no say. What is compared with goes first: precision
/// and recall are those of the second measured by it.
///
/// # Errors
///
/// [`Error::Argument`] if the numbers of flags do not fit the text.
pub fn agreement(text: &[u8], first: &[bool], second: &[bool]) -> Result<Agreement> {
    let (first, second) = (flags(text, first)?, flags(text, second)?);
    let mut common = Vec::new();
    let mut only = [Vec::new(), Vec::new()];
    for (at, pair) in first.iter().zip(second).enumerate().skip(1) {
        match pair {
            (true, true) => common.push(at),
            (true, false) => only[0].push(at),
            (false, true) => only[1].push(at),
            (false, false) => {}
        }
    }
    let [only_first, only_second] = only;
    let share = |of: usize| (of > 0).then(|| common.len() as f64 / of as f64);
    let firsts = common.len() + only_first.len();
    let seconds = common.len() + only_second.len();
    let f1 = (firsts + seconds > 0).then(|| 2.0 * common.len() as f64 / (firsts + seconds) as f64);
    Ok(Agreement {
        first: side(text, first),
        second: side(text, second),
        precision: share(seconds),
        recall: share(firsts),
        f1,
        common,
        only_first,
        only_second,
    })
}

/// How much more surprising the bytes are that start a patch: the mean
/// surprisal of these over that of all bytes (boundary enrichment; 1 where the
/// patches start as if by chance).
///
/// `starts` are flags per byte, N or N + 1 as for [`agreement`]; `nlls` are
/// -ln p per byte in nats, N or N + 1 too, and bytes without one count nowhere.
/// The first byte counts as the start it is. `None` if no start, or no byte,
/// has a surprisal, and if the mean of all is 0.
///
/// # Errors
///
/// [`Error::Argument`] if there are more bytes in one than in the other.
pub fn enrichment(starts: &[bool], nlls: &[Option<f32>]) -> Result<Option<f64>> {
    if starts.len().abs_diff(nlls.len()) > 1 {
        return Err(Error::Argument(format!(
            "the enrichment of starts needs one flag and one surprisal per byte; there are {} and {}",
            starts.len(),
            nlls.len()
        )));
    }
    let mean = |values: &mut dyn Iterator<Item = f32>| {
        let (count, sum) = values.fold((0_u64, 0.0), |(count, sum), value| {
            (count + 1, sum + f64::from(value))
        });
        (count > 0).then(|| sum / count as f64)
    };
    let known = || {
        nlls.iter()
            .zip(starts)
            .enumerate()
            .filter_map(|(at, (nll, start))| nll.map(|nll| (nll, *start || at == 0)))
    };
    let all = mean(&mut known().map(|(nll, _)| nll));
    let at_starts = mean(&mut known().filter(|(_, start)| *start).map(|(nll, _)| nll));
    Ok(at_starts
        .zip(all)
        .filter(|(_, all)| *all > 0.0)
        .map(|(at_starts, all)| at_starts / all))
}

/// The flags of the bytes of a text, without that of the next byte.
fn flags<'a>(text: &[u8], starts: &'a [bool]) -> Result<&'a [bool]> {
    let count = text.len();
    match starts.get(..count) {
        Some(flags) if starts.len() <= count + 1 => Ok(flags),
        _ => Err(Error::Argument(format!(
            "the patches of {count} bytes need {count} or {} start flags, not {}",
            count + 1,
            starts.len()
        ))),
    }
}

fn side(text: &[u8], starts: &[bool]) -> Side {
    // Those of a text with BOS before it and the next byte after it.
    let around: Vec<bool> = [true]
        .iter()
        .chain(starts)
        .chain(&[true])
        .copied()
        .collect();
    Side {
        patches: statistics(&around),
        boundaries: count(starts.get(1..).unwrap_or_default()),
        boundaries_in_characters: in_characters(text, starts),
    }
}

fn count(starts: &[bool]) -> u64 {
    starts.iter().filter(|start| **start).count() as u64
}

/// The patch starts between two bytes of one character.
fn in_characters(text: &[u8], starts: &[bool]) -> u64 {
    let mut found = 0;
    let mut rest = starts;
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            let (own, after) = rest.split_at(character.len_utf8().min(rest.len()));
            found += count(own.get(1..).unwrap_or_default());
            rest = after;
        }
        rest = rest.get(chunk.invalid().len()..).unwrap_or_default();
    }
    found
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    /// Flags of a text of `length` bytes that is cut before these.
    fn cut(bytes: usize, at: &[usize]) -> Vec<bool> {
        (0..bytes).map(|i| i == 0 || at.contains(&i)).collect()
    }

    #[test]
    fn boundaries_are_counted_on_both_sides() {
        let text = b"abcdefghij";
        let found = agreement(text, &cut(10, &[2, 4, 8]), &cut(10, &[1, 4, 8, 9])).unwrap();
        assert_eq!(found.common, [4, 8]);
        assert_eq!(found.only_first, [2]);
        assert_eq!(found.only_second, [1, 9]);
        assert_eq!(found.precision, Some(0.5));
        assert_eq!(found.recall, Some(2.0 / 3.0));
        assert_eq!(found.f1, Some(4.0 / 7.0));
        let harmonic = 2.0 / (2.0 + 3.0 / 2.0);
        assert!((found.f1.unwrap() - harmonic).abs() < 1e-12);
        // 2 2 4 2: mean 2.5, deviations -.5 -.5 1.5 -.5.
        let Side {
            patches,
            boundaries,
            ..
        } = &found.first;
        assert_eq!((patches.patches, patches.mean, *boundaries), (4, 2.5, 3));
        assert!((patches.variation().unwrap() - 0.75_f64.sqrt() / 2.5).abs() < 1e-12);
        assert_eq!(found.second.patches.patches, 5);
    }

    #[test]
    fn a_way_agrees_with_itself_whatever_its_first_flag() {
        let text = "한a é!".as_bytes();
        let mut flags = cut(text.len(), &[1, 3, 6]);
        let same = agreement(text, &flags, &flags).unwrap();
        assert_eq!(
            (same.precision, same.recall, same.f1),
            (Some(1.0), Some(1.0), Some(1.0))
        );
        assert_eq!(same.common, [1, 3, 6]);
        // Byte 1 lies in 한, byte 6 in é.
        assert_eq!(same.first.boundaries_in_characters, 2);
        assert_eq!(same.second, same.first);
        let with_first = flags.clone();
        flags[0] = false;
        // The flag of the next byte has no say.
        flags.push(true);
        let other = agreement(text, &with_first, &flags).unwrap();
        assert_eq!(other.common, same.common);
        assert_eq!(other.second, same.first);
    }

    #[test]
    fn what_has_no_boundaries_has_no_shares() {
        let (none, some) = (cut(3, &[]), cut(3, &[2]));
        let found = agreement(b"abc", &none, &some).unwrap();
        assert_eq!(
            (found.precision, found.recall, found.f1),
            (Some(0.0), None, Some(0.0))
        );
        let found = agreement(b"abc", &some, &none).unwrap();
        assert_eq!(
            (found.precision, found.recall, found.f1),
            (None, Some(0.0), Some(0.0))
        );
        for (text, flags) in [(&b""[..], &[][..]), (b"", &[true]), (b"a", &[true])] {
            let found = agreement(text, flags, flags).unwrap();
            assert_eq!(
                (found.precision, found.recall, found.f1),
                (None, None, None)
            );
            assert_eq!(found.first.patches.patches, text.len() as u64);
            assert_eq!(found.first.boundaries, 0);
            assert_eq!(found.first.patches.variation().is_some(), !text.is_empty());
        }
    }

    #[test]
    fn flags_must_fit_the_text() {
        let error = agreement(b"abc", &[true; 3], &[true; 5]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the patches of 3 bytes need 3 or 4 start flags, not 5"
        );
        assert!(agreement(b"abc", &[true; 2], &[true; 3]).is_err());
    }

    #[test]
    fn starts_are_enriched_by_what_is_surprising() {
        let starts = [true, false, true, false];
        let nlls = [Some(3.0), Some(1.0), Some(5.0), Some(1.0)];
        assert_eq!(enrichment(&starts, &nlls).unwrap(), Some(1.6));
        // The first byte is a start, and the next byte has no surprisal.
        let flags = [false, false, true, false, true];
        let with_next = [nlls.as_slice(), &[None]].concat();
        assert_eq!(enrichment(&flags, &with_next).unwrap(), Some(1.6));
        // Only what is known counts.
        let some = [None, Some(1.0), Some(5.0), None];
        assert_eq!(enrichment(&starts, &some).unwrap(), Some(5.0 / 3.0));
        assert_eq!(enrichment(&starts, &[None; 4]).unwrap(), None);
        assert_eq!(enrichment(&starts, &[Some(0.0); 4]).unwrap(), None);
        assert_eq!(enrichment(&[], &[]).unwrap(), None);
        assert!(enrichment(&starts, &[None; 2]).is_err());
    }
}
