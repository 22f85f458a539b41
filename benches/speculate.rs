//! What drafting bytes costs and brings:
//! `cargo bench --bench speculate [-- MODEL | --like NAME]`.
//!
//! With random weights (`--like`) no draft is worth anything, so rounds are measured in
//! which all are kept, and a table says what other shares would bring.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss
)]

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use blt::Result;
use blt::bytes::id_of;
use blt::checkpoint::{Checkpoint, Dtype};
use blt::device::{AdapterChoice, Device, DeviceOptions};
use blt::generate::{
    ByteModel, Event, GenerateOptions, Generator, Given, Sampler, SamplerOptions, Speculate, Step,
    Taken, TextModel,
};
use blt::measure::bench::{DecodeReads, TEXT};
use blt::model::blt::{BltLoad, BltModel, HashTables};
use blt::patch::{Rule, Scheme};
use blt::session::{BltOptions, BltSession};
use pollster::block_on;

const SIZES: [u8; 5] = [2, 4, 8, 16, 32];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let arguments: Vec<&str> = arguments.into_iter().filter(|a| *a != "--bench").collect();
    let checkpoint = Arc::new(match arguments[..] {
        ["--like", name] => Checkpoint::like(name, Dtype::Bf16, 1).unwrap(),
        [name] => Checkpoint::open(name).unwrap(),
        _ => Checkpoint::embedded().unwrap(),
    });
    let options = DeviceOptions {
        choice: AdapterChoice {
            adapter: std::env::var("BLT_ADAPTER").ok(),
            backend: None,
        },
        ..Default::default()
    };
    let device = block_on(Device::open(&options)).unwrap();
    let load = BltLoad {
        hash_tables: match checkpoint.is_random() {
            true => HashTables::Host,
            false => HashTables::Auto,
        },
        ..BltLoad::default()
    };
    let model = Arc::new(block_on(BltModel::load(&device, &checkpoint, load, |_| ())).unwrap());
    println!("{} — {}\n", checkpoint.origin(), device.summary().name);
    if checkpoint.is_random() {
        kept(&model);
    } else {
        written(&model);
    }
}

/// Milliseconds of a round of that many bytes, all of which are kept, and bytes that its
/// kernels read and wrote; the mean of some.
fn round(session: &mut BltSession, text: &[u8], size: usize, rounds: usize) -> (f64, f64) {
    session.reset();
    block_on(session.prefill(&text[..128])).unwrap();
    let mut pieces = text[128..].chunks(size);
    let mut one = |session: &mut BltSession| {
        let ids: Vec<u32> = pieces.next().unwrap().iter().map(|b| id_of(*b)).collect();
        let draft = |so_far: &[u32], _: &[f32]| ids.get(so_far.len()).copied();
        let taken = block_on(session.push_ahead(ids[0], size - 1, draft)).unwrap();
        assert_eq!(taken.len(), size);
    };
    one(session);
    let traffic = session.counters().traffic;
    let start = Instant::now();
    (0..rounds).for_each(|_| one(session));
    let ms = start.elapsed().as_secs_f64() * 1e3 / rounds as f64;
    let traffic = (session.counters().traffic - traffic) / rounds as f64;
    (ms, traffic)
}

/// Rounds of random weights, in patches of four bytes.
fn kept(model: &Arc<BltModel>) {
    let options = BltOptions {
        rule: Some(Rule::new(Scheme::Static { size: 4 }).unwrap()),
        ..BltOptions::default()
    };
    let mut session = BltSession::new(model, options).unwrap();
    let text: Vec<u8> = TEXT.bytes().cycle().take(1024).collect();
    let (byte, traffic) = round(&mut session, &text, 1, 16);
    let shares = [1.0, 0.95, 0.9, 0.8, 0.7, 0.5];
    println!(
        "One at a time: {byte:.1} ms and {:.0} MB a byte.\n",
        traffic / 1e6
    );
    print!("| bytes at a time | ms a round | MB a byte, all kept |");
    shares.iter().for_each(|p| print!(" {:.0} % |", p * 100.0));
    println!("\n|---:|---:|---:|{}", "---:|".repeat(shares.len()));
    for size in SIZES {
        let rounds = 48 / usize::from(size).max(4);
        let (ms, traffic) = round(&mut session, &text, usize::from(size), rounds);
        print!(
            "| {size} | {ms:.1} | {:.0} |",
            traffic / 1e6 / f64::from(size)
        );
        for p in shares {
            // The first is sure, and each draft counts if those before it do.
            let bytes: f64 = (0..size).map(|at| f64::powi(p, i32::from(at))).sum();
            print!(" {:.2} |", bytes * byte / ms);
        }
        println!();
    }
    println!(
        "\nThe last columns: the speed relative to one byte at a time, if that share of the drafts\nis accepted."
    );
}

/// What was done to write a text.
#[derive(Clone, Copy, Default)]
struct Work {
    runs: f64,
    drafted: f64,
    accepted: f64,
    bytes: f64,
    /// Runs that closed a patch.
    steps: f64,
    seconds: f64,
}

/// A model that counts.
struct Counting<'a>(&'a mut TextModel, &'a mut Work);

impl Counting<'_> {
    fn steps(&self) -> u64 {
        match &*self.0 {
            TextModel::Blt(session) => session.counters().latent_steps,
            TextModel::Entropy(_) => 0,
        }
    }
}

impl ByteModel for Counting<'_> {
    fn logits(&self) -> &[f32] {
        self.0.logits()
    }
    async fn push(&mut self, id: u32) -> Result<Step> {
        let step = self.0.push(id).await?;
        self.1.runs += 1.0;
        self.1.steps += f64::from(u8::from(step.latent));
        Ok(step)
    }
    fn most_drafted(&self) -> usize {
        self.0.most_drafted()
    }
    async fn push_ahead(
        &mut self,
        id: u32,
        most: usize,
        draft: impl FnMut(&[u32], &[f32]) -> Option<u32>,
    ) -> Result<Vec<Taken>> {
        let before = self.steps();
        let taken = self.0.push_ahead(id, most, draft).await?;
        self.1.runs += 1.0;
        self.1.drafted += (taken.len() - 1) as f64;
        self.1.steps += f64::from(u8::from(self.steps() > before));
        Ok(taken)
    }
    async fn keep(&mut self, kept: usize) -> Result<()> {
        self.0.keep(kept).await
    }
}

const BYTES: u64 = 256;

fn write(model: &mut TextModel, prompt: &[u8], temperature: f32, speculate: Speculate) -> Work {
    let on = |_| ControlFlow::Continue(());
    let read = block_on(model.read(prompt, on)).unwrap();
    let given = Given {
        text: prompt,
        starts: &read.starts,
        entropy: read.entropy,
    };
    let sampler = SamplerOptions {
        temperature,
        ..SamplerOptions::default()
    };
    let options = GenerateOptions {
        max_bytes: Some(BYTES),
        ignore_end: true,
        speculate,
        ..GenerateOptions::default()
    };
    let mut work = Work::default();
    let counting = Counting(model, &mut work);
    let sampler = Sampler::new(sampler).unwrap();
    let mut generator = Generator::new(counting, &given, sampler, options).unwrap();
    let (start, mut accepted) = (Instant::now(), 0.0);
    while let Some(event) = block_on(generator.next()).unwrap() {
        if let Event::Draft { accepted: kept, .. } = event {
            accepted += kept as f64;
        }
    }
    drop(generator);
    Work {
        bytes: BYTES as f64,
        seconds: start.elapsed().as_secs_f64(),
        accepted,
        ..work
    }
}

/// Texts of the model itself.
fn written(model: &Arc<BltModel>) {
    let session = BltSession::new(model, BltOptions::default()).unwrap();
    let mut session = TextModel::Blt(Box::new(session));
    let prompts: Vec<&[u8]> = TEXT.as_bytes().chunks(96).take(6).collect();
    let like = |name| {
        let checkpoint = Checkpoint::like(name, Dtype::Bf16, 1).unwrap();
        DecodeReads::of(&checkpoint)
    };
    let (one, seven) = (like("blt-1b"), like("blt-7b"));
    println!(
        "| temperature | at a time | bytes/s | accepted | bytes a run | latent runs a byte | MB a byte, like blt-1b | like blt-7b |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|");
    let sizes = SIZES.map(Speculate::Bytes);
    for temperature in [0.0, 0.8] {
        for speculate in [&[Speculate::Off], &sizes[..], &[Speculate::Auto]].concat() {
            let mut sum = Work::default();
            write(&mut session, prompts[0], temperature, speculate);
            for prompt in &prompts {
                let own = write(&mut session, prompt, temperature, speculate);
                sum.runs += own.runs;
                sum.drafted += own.drafted;
                sum.accepted += own.accepted;
                sum.bytes += own.bytes;
                sum.steps += own.steps;
                sum.seconds += own.seconds;
            }
            let reads = |of: &DecodeReads| {
                let context = 256.0;
                let runs = sum.runs * (of.entropy(context) + of.local(context));
                let drafts = sum.drafted * of.local(context);
                let all = runs + drafts + sum.steps * of.step(context / 4.5);
                all / sum.bytes / 1e6
            };
            println!(
                "| {temperature} | {speculate} | {:.0} | {:.0} % | {:.2} | {:.3} | {:.0} | {:.0} |",
                sum.bytes / sum.seconds,
                100.0 * sum.accepted / sum.drafted.max(1.0),
                sum.bytes / sum.runs,
                sum.steps / sum.bytes,
                reads(&one),
                reads(&seven),
            );
        }
    }
}
