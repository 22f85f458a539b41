//! Real scans of real files, with a rule that needs no device.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::io::Write;
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::patch::Scheme;
use crate::samples::sample;

fn open(bytes: &[u8]) -> (tempfile::NamedTempFile, Scan, Outbox, Receiver<Update>) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let rule = Rule::new(Scheme::Space).unwrap();
    let open = Open::new(7, file.path(), true, None, rule).unwrap();
    let (updates, come) = channel();
    let wake: super::super::Wake = Arc::new(|| ());
    (
        file,
        Scan {
            open: Some(open),
            ..Scan::default()
        },
        Outbox::new(updates, wake),
        come,
    )
}

fn ask(scan: &mut Scan, outbox: &Outbox, request: FileRequest) {
    scan.ask(request, outbox).unwrap();
}

/// Works until there is nothing to do; gives the slices it took.
fn finish(scan: &mut Scan, outbox: &Outbox) -> u32 {
    let mut slices = 0;
    while scan.is_busy() {
        pollster::block_on(scan.slice(outbox)).unwrap();
        slices += 1;
    }
    slices
}

fn news(come: &Receiver<Update>) -> Vec<FileNews> {
    come.try_iter()
        .map(|update| match update {
            Update::File(update) => {
                assert_eq!(update.generation, 7);
                update.news
            }
            other => unreachable!("{other:?}"),
        })
        .collect()
}

fn last_overview(news: &[FileNews]) -> &Overview {
    let mut overviews = news.iter().filter_map(|news| match news {
        FileNews::Overview(overview) => Some(overview),
        _ => None,
    });
    overviews.next_back().unwrap()
}

fn last_bytes(news: &[FileNews]) -> &Known {
    let mut bytes = news.iter().filter_map(|news| match news {
        FileNews::Bytes(known) => Some(known),
        _ => None,
    });
    bytes.next_back().unwrap()
}

#[test]
fn a_sample_arrives_as_it_is_cut() {
    let text = sample("english").unwrap().bytes.repeat(30);
    let (_file, mut scan, outbox, come) = open(&text);
    let view = FileRequest::View {
        range: 100..300,
        texels: 50,
    };
    ask(&mut scan, &outbox, view);
    let first = news(&come);
    assert_eq!(last_bytes(&first).done, 0);
    assert_eq!(last_bytes(&first).range, 100..300);
    assert_eq!(last_overview(&first).progress.bytes, 0);
    assert!(finish(&mut scan, &outbox) > 2);
    let later = news(&come);
    let ids = crate::bytes::prompt(&text);
    let rule = Rule::new(Scheme::Space).unwrap();
    // The first flag is that of the token before the text.
    let flags = crate::patch::starts(&rule, &ids, None).unwrap();
    let known = last_bytes(&later);
    assert_eq!(known.starts, flags[101..301]);
    assert!(known.done >= 300);
    let overview = last_overview(&later);
    assert!(overview.progress.finished);
    assert_eq!(overview.texels.len(), 50);
    assert!(
        overview
            .texels
            .iter()
            .all(|texel| texel.mean_patch.is_some())
    );
    let longest = overview.longest.clone().unwrap();
    assert!(longest.end - longest.start > 5);
    assert_eq!(overview.pace, None);
    // What shows now is told at once, without any work.
    let view = FileRequest::View {
        range: text.len() as u64 - 5..text.len() as u64 + 900,
        texels: 50,
    };
    ask(&mut scan, &outbox, view);
    let known = last_bytes(&news(&come)).clone();
    assert_eq!(known.range.end, text.len() as u64);
    assert_eq!(known.starts.len(), 5);
    assert!(!scan.is_busy());
}

#[test]
fn a_scan_waits_goes_on_and_is_given_up() {
    let (_file, mut scan, outbox, come) = open(&vec![b'x'; 200_000]);
    pollster::block_on(scan.slice(&outbox)).unwrap();
    ask(&mut scan, &outbox, FileRequest::Run(false));
    assert!(!scan.is_busy());
    let done = last_overview(&news(&come)).progress.bytes;
    assert!(done > 0 && done < 200_000);
    ask(&mut scan, &outbox, FileRequest::Run(true));
    pollster::block_on(scan.slice(&outbox)).unwrap();
    ask(&mut scan, &outbox, FileRequest::Cancel);
    assert!(!scan.is_busy());
    let given_up = news(&come);
    assert_eq!(last_overview(&given_up).progress.bytes, 0);
    assert_eq!(last_overview(&given_up).longest, None);
    ask(&mut scan, &outbox, FileRequest::Run(true));
    finish(&mut scan, &outbox);
    assert!(last_overview(&news(&come)).progress.finished);
}

#[test]
fn invalid_bytes_come_run_by_run_and_round() {
    let mut text = vec![b'a'; 600_000];
    text[1000..1003].fill(0xFF);
    text[500_000] = 0x80;
    let (_file, mut scan, outbox, come) = open(&text);
    let mut find = |from| {
        ask(&mut scan, &outbox, FileRequest::FindInvalid { from });
        finish(&mut scan, &outbox);
        let found = news(&come).into_iter().find_map(|news| match news {
            FileNews::Invalid(found) => Some(found),
            _ => None,
        });
        found.unwrap()
    };
    assert_eq!(find(0), Some(1000));
    assert_eq!(find(1000), Some(500_000));
    assert_eq!(find(1002), Some(500_000));
    assert_eq!(find(500_000), Some(1000));
    assert_eq!(find(599_999), Some(1000));
    assert_eq!(find(u64::MAX), Some(1000));
}

#[test]
fn a_file_of_nothing_but_invalid_bytes_and_one_without() {
    for (text, found) in [(vec![0xFF; 600_000], Some(0)), (vec![b'a'; 99], None)] {
        let (_file, mut scan, outbox, come) = open(&text);
        ask(&mut scan, &outbox, FileRequest::FindInvalid { from: 50 });
        finish(&mut scan, &outbox);
        let told = news(&come).into_iter().any(|news| match news {
            FileNews::Invalid(told) => told == found,
            _ => false,
        });
        assert!(told, "{found:?}");
    }
}

#[test]
fn a_file_that_becomes_shorter_ends_in_a_sentence() {
    let (file, mut scan, outbox, come) = open(&vec![b'x'; 200_000]);
    pollster::block_on(scan.slice(&outbox)).unwrap();
    file.as_file().set_len(10).unwrap();
    finish(&mut scan, &outbox);
    let why = news(&come).into_iter().find_map(|news| match news {
        FileNews::Failed(why) => Some(why),
        _ => None,
    });
    assert!(why.unwrap().to_string().contains("shorter"));
    // Later requests find nothing to answer.
    ask(&mut scan, &outbox, FileRequest::FindInvalid { from: 0 });
    assert!(!scan.is_busy());
}

#[test]
fn the_pace_is_of_late() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut pace = Pace::default();
    assert_eq!(pace.per_second(), None);
    pace.add(at(0), 0);
    assert_eq!(pace.per_second(), None);
    for second in 1..=60 {
        let bytes = if second <= 30 {
            second * 1000
        } else {
            second * 100 + 27_000
        };
        pace.add(at(second), bytes);
    }
    let found = pace.per_second().unwrap();
    assert!((found - 100.0).abs() < 1.0, "{found}");
    assert!(pace.marks.len() < 12);
    // Begun anew.
    pace.add(at(61), 5);
    assert_eq!(pace.per_second(), None);
}
