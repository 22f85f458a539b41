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
use blt::gpu::{AdapterChoice, Gpu, GpuOptions};
use blt::model::entropy::EntropyModel;
use blt::session::{EditOptions, EditSession, EntropyOptions, EntropySession};

const TEXT: usize = 4096;
const TIMES: usize = 5;

/// The machine may do other things as well.
fn best(seconds: &[f64]) -> f64 {
    seconds.iter().copied().fold(f64::INFINITY, f64::min)
}

fn timed(run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64()
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
    let options = GpuOptions {
        choice,
        ..Default::default()
    };
    let gpu = pollster::block_on(Gpu::open(&options)).unwrap();
    let weights = checkpoint.entropy_weights().unwrap();
    let model = Arc::new(pollster::block_on(EntropyModel::load(&gpu, &weights, |_| ())).unwrap());
    println!(
        "{} — {}, tier {}; {TEXT} bytes, reach {:?}\n",
        checkpoint.origin(),
        gpu.summary().name,
        gpu.tier(),
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

    println!("| one key | rows at most | first number, ms | all, ms | of the whole text |");
    println!("|---|---:|---:|---:|---:|");
    println!(
        "| (the whole text) | {} | | {:.1} | 1 |",
        TEXT + 1,
        whole * 1e3
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
        ("at the start", 0, true),
    ];
    for (name, at, prepared) in places {
        let (mut first, mut all, mut rows) = (Vec::new(), Vec::new(), 0);
        for key in 0..TIMES {
            // Without preparation every key is in another place.
            let at = at + if prepared { key } else { 37 * key };
            if prepared {
                pollster::block_on(edited.prepare(at)).unwrap();
            }
            let before = edited.rows_computed();
            let start = Instant::now();
            edited.edit(at..at, b"k").unwrap();
            pollster::block_on(edited.step()).unwrap();
            first.push(start.elapsed().as_secs_f64());
            finish(&mut edited);
            all.push(start.elapsed().as_secs_f64());
            rows = rows.max(edited.rows_computed() - before);
        }
        edited.replace(&text).unwrap();
        finish(&mut edited);
        let (first, all) = (best(&first), best(&all));
        println!(
            "| {name} | {rows} | {:.1} | {:.1} | {:.3} |",
            first * 1e3,
            all * 1e3,
            all / whole
        );
    }
}
