//! Scans without a model; with one they are in `tests/file_scan.rs`.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::io::Write;

use super::*;
use crate::Error;
use crate::patch::statistics;
use crate::samples::sample;

fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn open(file: &tempfile::NamedTempFile, scheme: Option<Scheme>) -> FileScan {
    let rule = scheme.map(|scheme| Rule::new(scheme).unwrap());
    let options = ScanOptions {
        rule,
        ..ScanOptions::default()
    };
    FileScan::open(file.path(), None, options).unwrap()
}

fn run(scan: &mut FileScan, most: usize) -> u32 {
    let mut steps = 1;
    while !pollster::block_on(scan.step(most)).unwrap().finished {
        steps += 1;
    }
    steps
}

#[test]
fn an_empty_file_and_one_of_a_byte() {
    let empty = file(b"");
    let mut scan = open(&empty, Some(Scheme::Byte));
    assert!(scan.is_empty() && !scan.progress().finished);
    assert_eq!(run(&mut scan, 100), 1);
    assert_eq!(
        scan.progress(),
        Progress {
            bytes: 0,
            total: 0,
            finished: true
        }
    );
    assert!(scan.bytes(0..9).unwrap().is_empty());
    assert!(scan.classes(0..9).unwrap().is_empty());
    assert!(scan.starts(0..9).unwrap().is_empty());
    assert_eq!(scan.minimap(3), [Texel::default(); 3]);
    assert_eq!(scan.longest_patch(), None);
    assert_eq!(scan.first_invalid_utf8(0).unwrap(), None);
    assert!(scan.hottest(3, 1).unwrap().is_empty());

    let one = file(b"x");
    let mut scan = open(&one, Some(Scheme::Byte));
    assert_eq!(scan.longest_patch(), None);
    assert_eq!(run(&mut scan, 100), 1);
    assert_eq!(scan.starts(0..9).unwrap(), [true]);
    assert_eq!(scan.entropies(0..9).unwrap(), [None]);
    assert_eq!(scan.longest_patch(), Some(0..1));
    assert_eq!(scan.byte_counts()[usize::from(b'x')], 1);
    assert_eq!(scan.minimap(1)[0].mean_patch, Some(1.0));
}

#[test]
fn patches_without_a_model_are_those_of_the_rule() {
    let text = sample("korean").unwrap().bytes.repeat(40);
    let ids = crate::bytes::prompt(&text);
    let rule = Rule::new(Scheme::Space).unwrap();
    let flags = crate::patch::starts(&rule, &ids, None).unwrap();
    let lengths = statistics(&flags);
    let text_file = file(&text);
    for most in [777, 16_384, usize::MAX] {
        let mut scan = open(&text_file, Some(Scheme::Space));
        let half = loop {
            let progress = pollster::block_on(scan.step(most)).unwrap();
            if progress.bytes * 2 > progress.total {
                break progress.bytes;
            }
        };
        // Left alone in the middle, everything can be asked, and it goes on after that.
        let starts = scan.starts(0..scan.len()).unwrap();
        let (done, rest) = starts.split_at(index(half));
        assert_eq!(done, &flags[1..=done.len()]);
        assert!(rest.iter().all(|start| !start));
        run(&mut scan, most);
        let starts = scan.starts(0..u64::MAX).unwrap();
        assert_eq!(starts, flags[1..=text.len()]);
        assert_eq!(scan.starts(500..700).unwrap(), flags[501..701]);
        let longest = scan.longest_patch().unwrap();
        assert_eq!(length(&longest), lengths.longest());
        assert!(starts[index(longest.start)]);
        assert_eq!(scan.summary().patches(), lengths.patches);
        assert_eq!(scan.summary().texts(), 1);
        assert!(scan.entropies(0..99).unwrap().iter().all(Option::is_none));
        let all = scan.minimap(1)[0];
        assert!((f64::from(all.mean_patch.unwrap()) - lengths.mean).abs() < 1e-3);
        scan.restart();
        assert_eq!(scan.progress().bytes, 0);
        assert_eq!(scan.longest_patch(), None);
        run(&mut scan, most);
        assert_eq!(scan.summary().patches(), lengths.patches);
    }
}

#[test]
fn a_rule_that_needs_a_model_is_refused_without_one() {
    let text = file(b"abc");
    let options = ScanOptions {
        rule: Some(Rule::default()),
        ..ScanOptions::default()
    };
    let error = FileScan::open(text.path(), None, options).unwrap_err();
    assert!(error.to_string().contains("needs an entropy model"));
    let mut scan = open(&text, None);
    run(&mut scan, 2);
    assert_eq!(scan.starts(0..3).unwrap(), [false; 3]);
    assert_eq!(scan.longest_patch(), None);
    let counted: u64 = scan.byte_counts().iter().sum();
    assert_eq!(counted, 3);
}

#[test]
fn what_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = FileScan::open(folder.path(), None, ScanOptions::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("is not a file; a scan needs one with a length")
    );
    let missing = folder.path().join("nothing");
    let error = FileScan::open(&missing, None, ScanOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Io { action: "read", .. }));
}

#[test]
fn a_file_that_becomes_shorter_is_refused() {
    let text = file(&[b'a'; 100_000]);
    let mut scan = open(&text, Some(Scheme::Space));
    pollster::block_on(scan.step(1000)).unwrap();
    text.as_file().set_len(500).unwrap();
    let sentence = pollster::block_on(scan.step(1000)).unwrap_err().to_string();
    assert!(
        sentence.ends_with("from 100000 to 500 bytes; open it again"),
        "{sentence}"
    );
    assert!(scan.bytes(0..10).is_err() && scan.classes(0..10).is_err());
    assert!(scan.first_invalid_utf8(0).is_err());
    // What was found stays.
    assert_eq!(scan.starts(0..10).unwrap().len(), 10);
    assert_eq!(scan.progress().bytes, 1000);
}

#[test]
fn invalid_bytes_are_found_wherever_the_search_begins() {
    let text = b"a\xed\x95\x9cb\xff\x80\xed\x95\xe2\x82\xacc\xf0\x9f\x98";
    let found = open(&file(text), None);
    let all = classes(text);
    for from in 0..=text.len() {
        let expected = (from..text.len()).find(|at| all[*at] == ByteClass::Invalid);
        let got = found.first_invalid_utf8(from as u64).unwrap();
        assert_eq!(got, expected.map(|at| at as u64), "{from}");
        for end in from..=text.len() {
            let range = from as u64..end as u64;
            assert_eq!(found.classes(range.clone()).unwrap(), all[from..end]);
            let got = found.invalid_utf8_within(range).unwrap();
            assert_eq!(got, expected.filter(|at| *at < end).map(|at| at as u64));
        }
    }
    let only = open(&file(&[0x80; 5000]), None);
    assert_eq!(only.first_invalid_utf8(4321).unwrap(), Some(4321));
    assert_eq!(only.first_invalid_utf8(5000).unwrap(), None);
    assert_eq!(only.classes(17..19).unwrap(), [ByteClass::Invalid; 2]);
}

#[test]
fn the_search_goes_over_the_ends_of_its_pieces() {
    let mut text = "한".as_bytes().repeat(800_000);
    let found = open(&file(&text), None);
    assert_eq!(found.first_invalid_utf8(0).unwrap(), None);
    let at = text.len() - 3;
    text[at] = b'!';
    let found = open(&file(&text), None);
    assert_eq!(found.first_invalid_utf8(5).unwrap(), Some(at as u64 + 1));
}

#[test]
fn a_gigabyte_opens_at_once_and_a_step_is_a_step() {
    let sparse = tempfile::NamedTempFile::new().unwrap();
    sparse.as_file().set_len(1 << 30).unwrap();
    for scheme in [None, Some(Scheme::Byte)] {
        let mut scan = open(&sparse, scheme);
        assert_eq!(scan.len(), 1 << 30);
        assert_eq!(
            scan.classes(1 << 29..(1 << 29) + 2).unwrap(),
            [ByteClass::Null; 2]
        );
        assert_eq!(scan.bytes((1 << 30) - 2..u64::MAX).unwrap(), [0; 2]);
        let progress = pollster::block_on(scan.step(usize::MAX)).unwrap();
        assert_eq!(progress.bytes, PIECE_WITHOUT_MODEL as u64);
        assert!(!progress.finished);
        assert_eq!(scan.byte_counts()[0], PIECE_WITHOUT_MODEL as u64);
        assert_eq!(scan.minimap(900).len(), 900);
        assert_eq!(scan.invalid_utf8_within(0..1 << 22).unwrap(), None);
    }
}
