//! What going back and branching cost: `cargo bench --bench branches [-- MODEL]`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss
)]

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use blt::checkpoint::Checkpoint;
use blt::device::{AdapterChoice, Device, DeviceOptions};
use blt::generate::{Continuation, GenerateOptions, SamplerOptions, TextModel};
use blt::measure::bench::TEXT;
use blt::model::blt::{BltLoad, BltModel};
use blt::session::{BltOptions, BltSession};
use pollster::block_on;

/// The median of some repetitions, in milliseconds.
fn median(times: usize, mut run: impl FnMut() -> f64) -> f64 {
    run();
    let mut all: Vec<f64> = (0..times).map(|_| run()).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn timed<T>(run: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64() * 1e3
}

fn main() {
    let model = std::env::args().skip(1).find(|a| !a.starts_with("--"));
    let checkpoint = Arc::new(match model {
        Some(name) => Checkpoint::open(&name).unwrap(),
        None => Checkpoint::embedded().unwrap(),
    });
    let choice = AdapterChoice {
        adapter: std::env::var("BLT_ADAPTER").ok(),
        backend: None,
    };
    let options = DeviceOptions {
        choice,
        ..Default::default()
    };
    let device = block_on(Device::open(&options)).unwrap();
    let load = BltLoad::default();
    let model = Arc::new(block_on(BltModel::load(&device, &checkpoint, load, |_| ())).unwrap());
    println!("{} — {}\n", checkpoint.origin(), device.summary().name);
    println!("| what | ms |\n|---|---:|");
    let row = |what: &str, ms: f64| println!("| {what} | {ms:.2} |");
    let text: Vec<u8> = TEXT.bytes().cycle().take(1024).collect();

    let mut session = BltSession::new(&model, BltOptions::default()).unwrap();
    block_on(session.prefill(&text)).unwrap();
    let bytes = session.bytes() as f64 / f64::from(1 << 20);
    row(&format!("copy a session ({bytes:.0} MiB)"), {
        median(9, || {
            let ms = timed(|| {
                let fork = session.fork().unwrap();
                block_on(device.idle()).unwrap();
                drop(fork);
            });
            block_on(device.idle()).unwrap();
            ms
        })
    });
    for back in [1, 4, 8, 16, 64, 256] {
        let tokens = text.len() + 1;
        let tail = &text[text.len() - back..];
        row(&format!("go back {back} bytes without logits"), {
            median(9, || {
                let ms = timed(|| {
                    assert!(session.rewind(tokens - back));
                    block_on(device.idle()).unwrap();
                });
                block_on(session.prefill(tail)).unwrap();
                ms
            })
        });
        row(&format!("go back {back} bytes with logits"), {
            median(9, || {
                let ms = timed(|| block_on(session.truncate(tokens - back)).unwrap());
                block_on(session.prefill(tail)).unwrap();
                ms
            })
        });
        row(&format!("read {back} bytes after going back"), {
            median(9, || {
                assert!(session.rewind(tokens - back));
                timed(|| block_on(session.prefill(tail)).unwrap())
            })
        });
    }
    row("read all 1024 bytes", {
        median(5, || {
            session.reset();
            timed(|| block_on(session.prefill(&text)).unwrap())
        })
    });

    let on = |_| ControlFlow::Continue(());
    for stage_times in [false, true] {
        let options = BltOptions {
            stage_times,
            ..BltOptions::default()
        };
        let session = BltSession::new(&model, options).unwrap();
        let model = TextModel::Blt(Box::new(session));
        let greedy = SamplerOptions::default();
        let mut own = Continuation::new(model, greedy, GenerateOptions::default()).unwrap();
        block_on(own.read(&text[..512], on)).unwrap();
        let timing = if stage_times { ", stages timed" } else { "" };
        row(&format!("a byte{timing}"), {
            median(400, || timed(|| block_on(own.step()).unwrap()))
        });
        if let Some(stages) = own.bytes().last().and_then(|byte| byte.times.stages) {
            println!("\n{stages:.2?}");
            continue;
        }
        for (at, size) in [(380, "21"), (300, "101")] {
            row(&format!("a branch {size} bytes back"), {
                median(9, || {
                    own.switch(0).unwrap();
                    block_on(own.settle(on)).unwrap();
                    own.set_most_forks(0);
                    own.set_most_forks(4);
                    timed(|| block_on(own.branch(at, b'x')).unwrap())
                })
            });
            for forks in [0, 4] {
                row(&format!("back to it and a byte, {forks} copies at most"), {
                    median(9, || {
                        own.switch(0).unwrap();
                        own.set_most_forks(forks);
                        block_on(own.settle(on)).unwrap();
                        block_on(own.branch(at, b'x')).unwrap();
                        own.switch(0).unwrap();
                        let ms = timed(|| block_on(own.step()).unwrap());
                        own.undo();
                        ms
                    })
                });
            }
        }
    }
}
