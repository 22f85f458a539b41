//! Counts over a whole text.

/// The characters of a text; a byte that belongs to none counts as one.
pub(crate) fn characters(bytes: &[u8]) -> usize {
    bytes
        .utf8_chunks()
        .map(|chunk| chunk.valid().chars().count() + chunk.invalid().len())
        .sum()
}

/// How many of the patches that start at the bytes `firsts`, which ascend, start
/// between two bytes of one character.
pub(crate) fn cut_characters(bytes: &[u8], firsts: &[usize]) -> usize {
    let mut count = 0;
    let mut begin = 0;
    let mut rest = firsts;
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid();
        let (here, after) =
            rest.split_at(rest.partition_point(|first| *first < begin + valid.len()));
        // Those in the invalid bytes before `begin` are inside no character.
        let inside = here.iter().filter_map(|first| first.checked_sub(begin));
        count += inside.filter(|at| !valid.is_char_boundary(*at)).count();
        begin += valid.len() + chunk.invalid().len();
        rest = after;
    }
    count
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use proptest::prelude::*;

    use super::*;
    use crate::record::{Summary, records};

    proptest! {
        #[test]
        fn counts_are_those_of_the_records(
            pieces in proptest::collection::vec(
                proptest::sample::select(vec![
                    &b"a"[..], b"\xED\x95\x9C", b"\xF0\x9F\x99\x82", b"\xFF", b"\xED\x95", b"\x80",
                ]),
                0..8,
            ),
            flags in proptest::collection::vec(any::<bool>(), 40),
        ) {
            let bytes = pieces.concat();
            let mut starts = flags[..bytes.len() + 2].to_vec();
            starts[0] = true;
            starts[1] = true;
            let mut summary = Summary::default();
            for record in records(&bytes, None, None, &starts).unwrap() {
                summary.add(&record);
            }
            let firsts: Vec<usize> = (0..bytes.len()).filter(|at| starts[at + 1]).collect();
            let cut = cut_characters(&bytes, &firsts) as u64;
            prop_assert_eq!(cut, summary.boundaries_in_characters());
        }
    }

    #[test]
    fn a_byte_of_no_character_is_one() {
        assert_eq!(characters(b""), 0);
        assert_eq!(characters("한글!".as_bytes()), 3);
        assert_eq!(characters(b"a\xFF\xED\x95"), 4);
    }
}
