//! Bytes per second of the entropy model, by length of push:
//! `cargo bench --bench entropy [-- MODEL]`.
//!
//! `training/bench_torch.py` measures PyTorch on the same model and cores.
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
use blt::session::{EntropyOptions, EntropySession};

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
        "{} — {}, tier {}\n",
        checkpoint.origin(),
        device.summary().name,
        device.tier()
    );
    println!("| bytes per push | bytes/s | GFLOP/s |\n|---:|---:|---:|");
    let text = include_str!("../src/session/entropy.rs").as_bytes();
    for piece in [1usize, 8, 64, 256, 1024, 4096] {
        let ids = blt::bytes::prompt(&text[..text.len().min(piece.max(600))]);
        let mut session = EntropySession::new(&model, EntropyOptions::default()).unwrap();
        let mut run = || {
            session.reset();
            let start = Instant::now();
            for ids in ids.chunks(piece) {
                pollster::block_on(session.push(ids)).unwrap();
            }
            ids.len() as f64 / start.elapsed().as_secs_f64()
        };
        run();
        let best = (0..5).map(|_| run()).fold(0.0, f64::max);
        let gflops = best * model.flops_per_byte() / 1e9;
        println!("| {piece} | {best:.0} | {gflops:.2} |");
    }
}
