//! Places to go to.

use std::ops::Range;

use crate::session::scan::Place;

/// The place after the one that was gone to last, and its number from 1. What is
/// known may have changed since; then it begins with the highest again.
pub(super) fn next_hottest(places: &[Place], last: Option<u64>) -> Option<(usize, u64)> {
    let index = last
        .and_then(|last| places.iter().position(|place| place.at == last))
        .map_or(0, |index| (index + 1) % places.len());
    places.get(index).map(|place| (index + 1, place.at))
}

/// An offset as people write it: `0x1F`, `1Fh`, `31`, `50 %`; with `+` or `-` from
/// where the caret is. Past the end is the last byte.
pub(super) fn parse_offset(text: &str, caret: u64, length: u64) -> Option<u64> {
    let last = length.checked_sub(1)?;
    let text: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '_' | ','))
        .collect();
    if let Some(percent) = text.strip_suffix('%') {
        let share: f64 = percent.parse().ok()?;
        return (0.0..=100.0)
            .contains(&share)
            .then(|| share_of(share / 100.0, length).min(last));
    }
    let number = |digits: &str| {
        let lower = digits.to_ascii_lowercase();
        let (digits, radix) = match (lower.strip_prefix("0x"), lower.strip_suffix('h')) {
            (Some(hex), _) | (None, Some(hex)) => (hex, 16),
            (None, None)
                if lower.contains(|c: char| c.is_ascii_hexdigit() && c.is_alphabetic()) =>
            {
                (lower.as_str(), 16)
            }
            _ => (lower.as_str(), 10),
        };
        // A sign of its own would be a second one.
        match digits.starts_with(['+', '-']) {
            true => None,
            false => u64::from_str_radix(digits, radix).ok(),
        }
    };
    let at = match text.split_at_checked(1) {
        Some(("+", digits)) => caret.saturating_add(number(digits)?),
        Some(("-", digits)) => caret.saturating_sub(number(digits)?),
        _ => number(&text)?,
    };
    Some(at.min(last))
}

/// The byte at a share of a file, from 0 to 1.
pub(super) fn share_of(share: f64, length: u64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates; exact to 8 PiB, and a place on the screen means no single byte"
    )]
    let at = (share.clamp(0.0, 1.0) * length as f64) as u64;
    at.min(length.saturating_sub(1))
}

/// Where a byte is, as a share of a file.
pub(super) fn share_at(byte: u64, length: u64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "a place on the screen")]
    let share = (byte as f64 / length.max(1) as f64) as f32;
    share.clamp(0.0, 1.0)
}

/// The patch that a byte belongs to, as far as its ends are among the known
/// starts of `range`; the file ends with `length`, and what is not `done` is open.
pub(super) fn patch_of(
    starts: &[bool],
    range: &Range<u64>,
    byte: u64,
    (done, length): (u64, u64),
) -> Option<Patch> {
    let at = usize::try_from(byte.checked_sub(range.start)?).ok()?;
    if byte >= done || at >= starts.len() {
        return None;
    }
    let start = starts.get(..=at)?.iter().rposition(|start| *start);
    let known = usize::try_from(done.saturating_sub(range.start))
        .unwrap_or(usize::MAX)
        .min(starts.len());
    let behind = starts.get(at + 1..known.max(at + 1))?;
    let next = behind.iter().position(|start| *start);
    let first = start.map(|start| range.start + start as u64);
    let end = match next {
        Some(next) => Some(byte + 1 + next as u64),
        None if range.end >= length && done >= length => Some(length),
        None => None,
    };
    Some(match (first, end) {
        (Some(first), Some(end)) => Patch::Whole(first..end),
        _ => Patch::AtLeast(end.unwrap_or(range.end.min(done)) - first.unwrap_or(range.start)),
    })
}

/// What is known of a patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Patch {
    /// Its bytes.
    Whole(Range<u64>),
    /// It has so many bytes, or more.
    AtLeast(u64),
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn offsets_are_read_as_people_write_them() {
        let read = |text| parse_offset(text, 100, 1 << 40);
        for (text, at) in [
            ("0x1F", 31),
            ("0X1f", 31),
            ("1Fh", 31),
            ("1f", 31),
            ("31", 31),
            ("1_000", 1000),
            (" 1 000,000 ", 1_000_000),
            ("0x40_0000_0000", 1 << 38),
            ("+0x10", 116),
            ("-1", 99),
            ("-500", 0),
            ("50 %", 1 << 39),
            ("100%", (1 << 40) - 1),
            ("0xFFFFFFFFFFFFFFFF", (1 << 40) - 1),
            ("+0xFFFFFFFFFFFFFFFF", (1 << 40) - 1),
        ] {
            assert_eq!(read(text), Some(at), "{text}");
        }
        for text in [
            "",
            "0x",
            "h",
            "x",
            "12.5",
            "--1",
            "0x-1",
            "101 %",
            "-1 %",
            "nan%",
            "%",
            "1g",
            "0x1FFFFFFFFFFFFFFFF",
            "한",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(parse_offset("0", 0, 0), None);
    }

    #[test]
    fn the_hottest_places_come_round() {
        let places = [40, 7, 99].map(|at| Place { at, entropy: 1.0 });
        let mut last = None;
        let mut seen = Vec::new();
        for _ in 0..4 {
            let (number, at) = next_hottest(&places, last).unwrap();
            seen.push((number, at));
            last = Some(at);
        }
        assert_eq!(seen, [(1, 40), (2, 7), (3, 99), (1, 40)]);
        assert_eq!(next_hottest(&places, Some(41)), Some((1, 40)));
        assert_eq!(next_hottest(&[], Some(41)), None);
    }

    #[test]
    fn shares_and_bytes_agree() {
        assert_eq!(share_of(0.5, 1 << 33), 1 << 32);
        assert_eq!(share_of(1.0, 10), 9);
        assert_eq!(share_of(-3.0, 10), 0);
        assert_eq!(share_of(f64::NAN, 10), 0);
        assert_eq!(share_of(0.5, 0), 0);
        assert_eq!(share_at(1 << 32, 1 << 33), 0.5);
        assert_eq!(share_at(7, 0), 1.0);
        for row in 0_u32..600 {
            let byte = share_of((f64::from(row) + 0.5) / 600.0, 3 << 30);
            let back = f64::from(share_at(byte, 3 << 30)) * 600.0;
            assert!((back - f64::from(row) - 0.5).abs() < 1e-3);
        }
    }

    #[test]
    fn a_patch_is_told_as_far_as_it_is_known() {
        let starts = [false, false, true, false, false, true, false];
        let of = |byte, done, length| patch_of(&starts, &(10..17), byte, (done, length));
        assert_eq!(of(13, 100, 100), Some(Patch::Whole(12..15)));
        assert_eq!(of(12, 100, 100), Some(Patch::Whole(12..15)));
        assert_eq!(of(11, 100, 100), Some(Patch::AtLeast(2)));
        assert_eq!(of(16, 100, 100), Some(Patch::AtLeast(2)));
        assert_eq!(of(16, 17, 17), Some(Patch::Whole(15..17)));
        assert_eq!(of(14, 15, 17), Some(Patch::AtLeast(3)));
        assert_eq!(of(14, 14, 17), None);
        assert_eq!(of(17, 100, 100), None);
        assert_eq!(of(9, 100, 100), None);
    }
}
