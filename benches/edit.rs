//! What a key costs in a text that is being edited, against computing the whole
//! text again: `cargo bench --bench edit [-- MODEL] [--keep-best]`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss
)]

use std::sync::Arc;
use std::time::Instant;

use blt::checkpoint::Checkpoint;
use blt::device::{AdapterChoice, Device, DeviceOptions};
use blt::model::entropy::EntropyModel;
use blt::session::{EditOptions, EditSession, EntropyOptions, EntropySession};

const TEXT: usize = 4096;
const TIMES: usize = 5;

/// Seconds by the clock, and of all threads of this process: those of a software
/// driver are among them.
#[derive(Clone, Copy)]
struct Time {
    clock: f64,
    cpu: Option<f64>,
}

/// Nanoseconds that the threads have run, on Linux.
fn cpu() -> Option<u64> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    let of = |thread: std::fs::DirEntry| {
        let line = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        line.split(' ').next()?.parse::<u64>().ok()
    };
    Some(threads.flatten().filter_map(of).sum())
}

/// The machine may do other things as well.
fn best(times: &[Time]) -> Time {
    let least = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);
    let cpu = least(&mut times.iter().filter_map(|time| time.cpu));
    Time {
        clock: least(&mut times.iter().map(|time| time.clock)),
        cpu: cpu.is_finite().then_some(cpu),
    }
}

fn timed(run: impl FnOnce()) -> Time {
    let (start, before) = (Instant::now(), cpu());
    run();
    let clock = start.elapsed().as_secs_f64();
    let passed = |(before, after): (u64, u64)| (after - before) as f64 * 1e-9;
    Time {
        clock,
        cpu: before.zip(cpu()).map(passed),
    }
}

/// The times of a key: until its first number is there, and until all are.
fn key(edited: &mut EditSession, at: usize) -> (Time, Time) {
    let mut first = None;
    let all = timed(|| {
        first = Some(timed(|| {
            edited.edit(at..at, b"k").unwrap();
            pollster::block_on(edited.step()).unwrap();
        }));
        finish(edited);
    });
    (first.unwrap(), all)
}

/// A share, where both are known.
fn share(of: Option<f64>, whole: Option<f64>) -> String {
    let share = of.zip(whole).map(|(of, whole)| of / whole);
    share.map_or_else(|| "-".to_owned(), |share| format!("{share:.3}"))
}

fn finish(edited: &mut EditSession) {
    while pollster::block_on(edited.step()).unwrap() {}
}

fn main() {
    let model = std::env::args().skip(1).find(|a| !a.starts_with("--"));
    let checkpoint = match model {
        Some(name) => Checkpoint::open(&name).unwrap(),
        None => Checkpoint::embedded().unwrap(),
    };
    let choice = AdapterChoice {
        adapter: std::env::var("BLT_ADAPTER").ok(),
        backend: None,
    };
    let options = DeviceOptions {
        choice,
        ..Default::default()
    };
    let device = pollster::block_on(Device::open(&options)).unwrap();
    let weights = checkpoint.entropy_weights().unwrap();
    let model =
        Arc::new(pollster::block_on(EntropyModel::load(&device, &weights, |_| ())).unwrap());
    println!(
        "{} — {}, tier {}; {TEXT} bytes, reach {:?}\n",
        checkpoint.origin(),
        device.summary().name,
        device.tier(),
        model.reach()
    );

    let source = include_str!("../assets/samples/english.txt").as_bytes();
    let text: Vec<u8> = source.iter().copied().cycle().take(TEXT).collect();
    let ids = blt::bytes::prompt(&text);
    let mut session = EntropySession::new(&model, EntropyOptions::default()).unwrap();
    let mut whole = || {
        session.reset();
        timed(|| drop(pollster::block_on(session.push(&ids)).unwrap()))
    };
    whole();
    let whole = best(&(0..TIMES).map(|_| whole()).collect::<Vec<_>>());

    println!(
        "| one key | rows | of each layer | first number, ms | all, ms | of the whole text | \
         in CPU time |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|");
    println!(
        "| (the whole text) | {} | | | {:.1} | 1 | 1 |",
        TEXT + 1,
        whole.clock * 1e3
    );
    let options = EditOptions {
        keep_best: std::env::args().any(|a| a == "--keep-best"),
        ..EditOptions::default()
    };
    let mut edited = EditSession::new(&model, options).unwrap();
    edited.replace(&text).unwrap();
    finish(&mut edited);
    let places = [
        ("at the end", TEXT, true),
        ("at 3/4", TEXT * 3 / 4, true),
        ("at 3/4, not prepared", TEXT * 3 / 4, false),
        ("in the middle", TEXT / 2, true),
        ("in the middle, not prepared", TEXT / 2, false),
        ("at 1/4", TEXT / 4, true),
        ("at 1/4, not prepared", TEXT / 4, false),
        ("at the start", 0, true),
    ];
    for (name, at, prepared) in places {
        let (mut first, mut all) = (Vec::new(), Vec::new());
        let mut rows = Vec::new();
        for turn in 0..TIMES {
            // Without preparation every key is in another place.
            let at = at + if prepared { turn } else { 37 * turn };
            if prepared {
                pollster::block_on(edited.prepare(at)).unwrap();
            }
            let before = edited.layer_rows_computed().to_vec();
            let (one, rest) = key(&mut edited, at);
            first.push(one);
            all.push(rest);
            let after = edited.layer_rows_computed().iter().zip(before);
            rows = rows.max(after.map(|(after, before)| after - before).collect());
        }
        edited.replace(&text).unwrap();
        finish(&mut edited);
        let (first, all) = (best(&first), best(&all));
        println!(
            "| {name} | {} | {rows:?} | {:.1} | {:.1} | {:.3} | {} |",
            rows.last().unwrap(),
            first.clock * 1e3,
            all.clock * 1e3,
            all.clock / whole.clock,
            share(all.cpu, whole.cpu)
        );
    }
    println!(
        "\n{:.1} MiB of GPU memory",
        edited.gpu_bytes() as f64 / f64::from(1 << 20)
    );
}
