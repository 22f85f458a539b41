//! What reading many short texts at a time brings: `cargo bench --bench batches [-- MODEL]`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss
)]

use std::sync::Arc;
use std::time::Instant;

use blt::bytes::prompt;
use blt::checkpoint::Checkpoint;
use blt::device::{AdapterChoice, Device, DeviceOptions};
use blt::model::entropy::EntropyModel;
use blt::patch::{Rule, Scheme};
use blt::session::{EntropyOptions, EntropySession, TextBatch, TextOptions};

/// Bytes of all texts of a length together.
const BYTES: usize = 64 << 10;

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
    println!("{} — {}\n", checkpoint.origin(), device.summary().name);
    println!("| bytes per text | one by one, bytes/s | in batches, bytes/s | ratio |");
    println!("|---:|---:|---:|---:|");
    let source: Vec<u8> = [
        include_str!("../src/session/entropy.rs"),
        include_str!("../README.md"),
    ]
    .concat()
    .into_bytes();
    let mut session = EntropySession::new(&model, EntropyOptions::default()).unwrap();
    let options = TextOptions::of_rule(Rule::new(Scheme::Space).unwrap());
    let mut batch = TextBatch::new(&model, options).unwrap();
    for length in [50usize, 200, 1000, 4000, BYTES] {
        let bytes: Vec<u8> = source.iter().copied().cycle().take(BYTES).collect();
        let texts: Vec<Vec<u32>> = bytes.chunks(length).map(prompt).collect();
        let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let (mut alone, mut packed) = (Vec::new(), Vec::new());
        // In turn, so that whatever else the machine does meets both.
        for _ in 0..3 {
            let start = Instant::now();
            for text in &texts {
                session.reset();
                pollster::block_on(session.push(text)).unwrap();
            }
            alone.push(BYTES as f64 / start.elapsed().as_secs_f64());
            let start = Instant::now();
            pollster::block_on(batch.rows(&texts)).unwrap();
            packed.push(BYTES as f64 / start.elapsed().as_secs_f64());
        }
        alone.sort_by(f64::total_cmp);
        packed.sort_by(f64::total_cmp);
        let ratio = packed[1] / alone[1];
        println!(
            "| {length} | {:.0} | {:.0} | {ratio:.2} |",
            alone[1], packed[1]
        );
    }
}
