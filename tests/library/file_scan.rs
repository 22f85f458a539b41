//! A file scanned in steps against a text session that takes it at once.
use std::io::Write;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use blt::model::entropy::EntropyModel;
use blt::patch::{Rule, Scheme};
use blt::record::ByteRecord;
use blt::samples::sample;
use blt::session::{FileScan, ScanOptions, TextOptions, TextSession};

fn model() -> Arc<EntropyModel> {
    pollster::block_on(async {
        let device = crate::common::device();
        let checkpoint = crate::common::open("k2_base");
        let weights = checkpoint.entropy_weights().unwrap();
        Arc::new(EntropyModel::load(&device, &weights, |_| ()).await.unwrap())
    })
}

fn records(model: &Arc<EntropyModel>, rule: &Rule, text: &[u8]) -> Vec<ByteRecord> {
    pollster::block_on(async {
        let mut session =
            TextSession::new(Some(model), TextOptions::of_rule(rule.clone())).unwrap();
        let mut records = session.push(text).await.unwrap();
        records.extend(session.finish().await.unwrap());
        records
    })
}

/// The threshold of a rule that gives patches of some bytes with random weights.
fn rule_for(model: &Arc<EntropyModel>, text: &[u8]) -> Rule {
    let byte = Rule::new(Scheme::Byte).unwrap();
    let mut entropies: Vec<f32> = records(model, &byte, text)
        .iter()
        .filter_map(|record| record.entropy)
        .collect();
    entropies.sort_by(f32::total_cmp);
    // Between two neighbours that are not close: rounding must not decide.
    let at = (entropies.len() / 2..entropies.len() - 1)
        .find(|at| entropies[at + 1] - entropies[*at] > 1e-4)
        .unwrap();
    let rule = Rule::entropy(f32::midpoint(entropies[at], entropies[at + 1])).unwrap();
    rule.with_max_patch_length(Some(9)).unwrap()
}

#[test]
fn a_scan_gives_what_a_text_session_gives() {
    let model = model();
    let korean = sample("korean").unwrap().bytes;
    let broken = [0xFF; 300];
    for (case, text) in [korean, &broken, b"x", b""].into_iter().enumerate() {
        let rule = match case {
            0 => rule_for(&model, text),
            _ => Rule::entropy(1.0).unwrap(),
        };
        let records = records(&model, &rule, text);
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        let options = ScanOptions {
            rule: Some(rule),
            ..ScanOptions::default()
        };
        let mut scan = FileScan::open(file.path(), Some(&model), options).unwrap();

        // A few steps, one that is given up in the middle, and all of it again.
        if case == 0 {
            pollster::block_on(scan.step(50)).unwrap();
            let progress = pollster::block_on(scan.step(70)).unwrap();
            assert_eq!((progress.bytes, progress.total), (120, text.len() as u64));
            check(&scan, &records, 120);
            let mut context = Context::from_waker(Waker::noop());
            let given_up = pin!(scan.step(100)).as_mut().poll(&mut context);
            assert!(matches!(given_up, Poll::Pending | Poll::Ready(Ok(_))));
        }
        while !pollster::block_on(scan.step(333)).unwrap().finished {}
        check(&scan, &records, text.len());
        let last = records.last().unwrap();
        let to_come = scan.entropy_to_come().unwrap();
        assert!((to_come - last.entropy.unwrap()).abs() < 1e-4);
        assert_eq!(scan.summary().bytes(), text.len() as u64);
        assert_eq!(scan.summary().texts(), 1);
    }
}

fn check(scan: &FileScan, records: &[ByteRecord], done: usize) {
    let entropies = scan.entropies(0..u64::MAX).unwrap();
    let starts = scan.starts(0..u64::MAX).unwrap();
    assert_eq!(entropies.len() as u64, scan.len());
    for (i, record) in records.iter().take(done).enumerate() {
        let (got, want) = (entropies[i].unwrap(), record.entropy.unwrap());
        assert!(
            (got - want).abs() <= want / 2048.0 + 1e-4,
            "{i}: {got} {want}"
        );
        assert_eq!(starts[i], record.start, "{i}");
    }
    assert!(entropies[done..].iter().all(Option::is_none));
    assert!(!starts[done..].contains(&true));

    let hottest = scan.hottest(5, 30).unwrap();
    let mut left: Vec<usize> = (0..done).collect();
    for place in &hottest {
        let greatest = left
            .iter()
            .copied()
            .reduce(|a, b| if entropies[b] > entropies[a] { b } else { a });
        assert_eq!(Some(place.at), greatest.map(|at| at as u64));
        assert_eq!(Some(place.entropy), entropies[greatest.unwrap()]);
        left.retain(|at| (*at as u64).abs_diff(place.at) >= 30);
    }
    assert!(hottest.len() == 5 || left.is_empty());

    let known: Vec<f32> = entropies.iter().flatten().copied().collect();
    let all = scan.minimap(1)[0];
    assert_eq!(all.max, known.iter().copied().reduce(f32::max));
    if let Some(mean) = all.mean {
        assert!((mean - known.iter().sum::<f32>() / known.len() as f32).abs() < 1e-3);
    }
}
