//! Runs that end before their end: every text is there once after the next one.

#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{content, corpus, lines, rows, shown, texts};
use crate::{blt, good, model, program};

fn start(arguments: &[&str]) -> Child {
    Command::new(program())
        .args(arguments)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Some thousand texts in two inputs, with bad lines among them.
fn texts_in(folder: &Path) {
    fs::create_dir(folder).unwrap();
    let all = texts(7000);
    let (one, two) = all.split_at(4200);
    let mut json = lines(one, 0);
    json.extend(b"{\"text\": torn\n");
    fs::write(folder.join("a.jsonl"), json).unwrap();
    fs::write(folder.join("b.jsonl"), lines(two, one.len())).unwrap();
}

/// Random moments, the same in every run of the tests.
fn moments(count: u32) -> impl Iterator<Item = f64> {
    let mut state = 99u64;
    (0..count).map(move |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        f64::from(u32::try_from(state >> 32).unwrap()) / f64::from(u32::MAX)
    })
}

/// How often the test below kills; more are for an afternoon.
fn kills() -> u32 {
    let named = std::env::var("BLT_TEST_KILLS").ok();
    named.map_or(20, |count| count.parse().unwrap())
}

/// A run is killed again and again, at random moments, until it ends. Then the results
/// are to the byte those of a run that nobody killed.
#[test]
fn kills_lose_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    texts_in(&data);
    let model = model();
    let (mut killed, mut ended) = (0, 0);
    for (layout, more) in [("meta", &[][..]), ("patches", &["--text", "--nll"])] {
        let whole = folder.path().join(format!("whole-{layout}"));
        let more = [&["-m", &model, "--layout", layout], more].concat();
        let run = |out: &Path| start(&corpus(&data, out, &more));
        let begun = Instant::now();
        assert!(run(&whole).wait().unwrap().success());
        let time = begun.elapsed();
        let want = content(&whole);
        let mut out = folder.path().join(format!("{layout}-0"));
        for (at, moment) in moments(kills() / 2).enumerate() {
            let mut child = run(&out);
            // Longer than a whole run now and then, so that ends are met too.
            std::thread::sleep(time.mul_f64(moment * 1.1) + Duration::from_micros(50));
            child.kill().unwrap();
            killed += u32::from(!child.wait().unwrap().success());
            let all_there = content(&out).len() == want.len();
            if all_there && at % 2 == 0 || at % 7 == 6 {
                // What was killed several times is ended, and another begun.
                assert!(run(&out).wait().unwrap().success(), "{layout}, kill {at}");
                assert!(content(&out) == want, "{layout}, kill {at}");
                fs::remove_dir_all(&out).unwrap();
                out = folder.path().join(format!("{layout}-{}", at + 1));
                ended += 1;
            }
        }
        assert!(run(&out).wait().unwrap().success());
        assert!(content(&out) == want, "{layout}, after all kills");
    }
    assert!(killed >= kills() / 2, "{killed} of {} were killed", kills());
    assert!(ended > 0);
}

/// What is finished is not done again: a run that goes on reads less than one that begins.
#[test]
fn finished_batches_are_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    texts_in(&data);
    let model = model();
    let arguments = ["corpus", "-m", &model, shown(&data), "-o", shown(&out)];
    let batches = out.join(".blt-corpus/a.parquet.batches");
    let rows_of = |folder: &Path| {
        let files = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .map(Result::unwrap);
        let rows = files.filter(|file| file.path().extension().is_some_and(|end| end == "arrow"));
        rows.filter(|file| !file.file_name().to_str().unwrap().starts_with('.'))
            .count()
    };
    let mut child = start(&arguments);
    let begun = Instant::now();
    while rows_of(&batches) < 2 && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // The batch under way may have been finished meanwhile.
    let kept = rows_of(&batches);
    assert!((2..5).contains(&kept), "{kept}");
    let before: Vec<_> = (0..kept)
        .map(|batch| fs::metadata(batches.join(format!("{batch:08}.arrow"))).unwrap())
        .map(|facts| facts.modified().unwrap())
        .collect();
    assert_eq!(before.len(), kept);
    let ran = crate::Ran::of(&mut blt(&arguments));
    assert_eq!(ran.code, 0, "{}", ran.err);
    let earlier = format!("{} of the texts by earlier runs", kept * 1000);
    assert!(ran.err.contains(&earlier), "{}", ran.err);
    assert!(!batches.exists());
    assert_eq!(rows(&out.join("a.parquet")).len(), 4200);
}

/// Ctrl-C ends a run with 130, and the next one goes on.
#[test]
fn ctrl_c_leaves_what_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    texts_in(&data);
    let model = model();
    let arguments = corpus(&data, &out, &["-m", &model]);
    let mut child = start(&arguments);
    let begun = Instant::now();
    while !out
        .join(".blt-corpus/a.parquet.batches/00000000.arrow")
        .exists()
    {
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(2));
    }
    let asked = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(asked.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    good(&arguments, b"");
    assert_eq!(rows(&out.join("a.parquet")).len(), 4200);
    assert_eq!(rows(&out.join("b.parquet")).len(), 2800);
}

/// A limit on the size of files stands for a full disk.
#[test]
fn a_full_disk_leaves_what_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    texts_in(&data);
    let whole = folder.path().join("whole");
    let out = |blocks: u64| folder.path().join(format!("out-{blocks}"));
    let run = |limit: u64, out: &Path| {
        let ended = Command::new("sh")
            .args(["-c", "trap '' XFSZ; ulimit -f $0; exec \"$@\""])
            .arg(limit.to_string())
            .arg(program())
            .args(corpus(&data, out, &["--mode", "space", "--text"]))
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let err = String::from_utf8_lossy(&ended.stderr).into_owned();
        (ended.status.code(), err)
    };
    assert_eq!(run(1 << 20, &whole).0, Some(0));
    let want = content(&whole);
    let largest = want.values().map(Vec::len).max().unwrap() as u64 / 512;
    let mut refused = 0;
    for limit in (0..=2 * largest).step_by(usize::try_from(largest / 6).unwrap()) {
        let out = out(limit);
        let (code, err) = run(limit, &out);
        if code == Some(0) {
            assert!(content(&out) == want, "{limit}");
            continue;
        }
        refused += 1;
        assert_eq!((code, err.lines().count()), (Some(1), 1), "{limit}: {err}");
        assert!(err.contains("out-"), "{limit}: {err}");
        // There is room again.
        let (code, err) = run(1 << 20, &out);
        assert_eq!(code, Some(0), "{limit}: {err}");
        assert!(content(&out) == want, "{limit}");
    }
    assert!(refused > 2, "{refused}");
}
