//! `blt bench`

mod table;

use std::io::{Write as _, stderr};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use blt::Result;
use blt::checkpoint::Checkpoint;
use blt::device::tuning::LatentStep;
use blt::device::{Device, DeviceClass};
use blt::measure::bench::{Bench, BenchReport, BenchTest, DecodeReads, TEXT};
use blt::measure::peaks::Peaks;
use blt::measure::tune::Subject;
use blt::model::blt::{BltLoad, BltModel, HashTables, WeightBits};
use blt::model::memory::MemoryPlan;
use blt::patch::{Rule, Scheme};
use blt::session::BltOptions;
use blt::session::text::RANDOM_PATCH;
use clap::{Args, ValueEnum};

use super::failure::{Outcome, argument, positive};
use super::global::Global;
use super::input::Input;
use super::interrupt;
use super::model::{AnyModelArgs, blame};
use super::output;
use super::progress::Progress;
use super::table::TableFormat;
use super::whole::needed;
use table::Setting;

const EXAMPLES: &str = "\
Examples:
  blt bench -m models/blt-1b
  blt bench --like blt-1b --hash-tables host
  blt bench -m models/blt-1b -p 256 -n 128 -r 10 -o json | jq '.[].bytes_per_second'
  blt bench -m models/blt-1b -p 1024 --latent-step worst

A test `prefill P` reads P bytes; `decode N @ P` then takes N more, one by one. Each is
repeated, after a first time that does not count; a time ends when the logits are on the host.
bytes/s: mean ± standard deviation. Steps: of the latent model, and bytes per step.
Session: the device's memory beside the weights. Of copy: the bytes that decoding must read
at least (weights, keys and values), as a share of the copy bandwidth measured in the same
run. Of peak: the operations of a prefill, as a share of the measured f32 peak.";

/// Measure how fast a whole model reads and generates on this device
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct BenchCommand {
    #[command(flatten)]
    model: AnyModelArgs,

    /// Bytes to read; 0 only decodes, from an empty text
    #[arg(
        short = 'p',
        long,
        value_name = "P,...",
        value_delimiter = ',',
        default_value = "256,1024"
    )]
    prefill: Vec<usize>,

    /// Bytes to decode after each of them; 0 decodes nothing
    #[arg(short = 'n', long, value_name = "N", default_value_t = 64)]
    decode: usize,

    /// How often each test is repeated
    #[arg(short, long, value_name = "R", default_value_t = 5, value_parser = positive::<usize>)]
    repetitions: usize,

    /// How to write it
    #[arg(short = 'o', long, value_enum, default_value = "md")]
    format: TableFormat,

    /// Read this instead of the built-in text; repeated where it is too short
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,

    /// Decode the bytes that the model holds most likely, not those of the text
    #[arg(long)]
    greedy: bool,

    /// Patches of N bytes [default: the model's own rule; with --like 4]
    #[arg(long, value_name = "BYTES", value_parser = positive::<u32>)]
    patch_size: Option<u32>,

    /// How the latent model's steps are sized [default: what suits the device]
    #[arg(long, value_enum, value_name = "HOW")]
    latent_step: Option<Step>,

    /// Then show the time of each kernel, from one more run of each test
    #[arg(long)]
    profile: bool,

    /// Where the hash tables go: auto, device or host
    #[arg(long, value_name = "PLACE", default_value = "auto")]
    hash_tables: HashTables,

    /// Bits per weight at most: 16 (as the file has them), 8, 4, or auto for the most that fit
    #[arg(long, value_name = "BITS", default_value = "auto")]
    weights: WeightBits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Step {
    /// For the most patches that can close; idle workgroups return at once
    Worst,
    /// The device sizes the grids itself
    Indirect,
    /// The host first reads how many patches closed
    Readback,
}

impl From<Step> for LatentStep {
    fn from(step: Step) -> Self {
        match step {
            Step::Worst => Self::WorstCase,
            Step::Indirect => Self::Indirect,
            Step::Readback => Self::Readback,
        }
    }
}

impl BenchCommand {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let tests = tests(&self.prefill, self.decode)?;
        let text = match &self.text {
            Some(path) => Input::of_path(path)?.whole()?,
            None => TEXT.into(),
        };
        let checkpoint = Arc::new(self.model.open()?);
        let Some(blt) = &checkpoint.config().blt else {
            return Err(argument(format!(
                "{} is an entropy model alone, and a whole BLT is measured; name one with -m, or \
                 take random weights with --like blt-1b",
                checkpoint.origin()
            ))
            .into());
        };
        let bench = Bench {
            options: BltOptions {
                rule: self.static_size(&checkpoint).map(static_rule).transpose()?,
                latent_step: self.latent_step.map(LatentStep::from),
                ..BltOptions::default()
            },
            text,
            repetitions: self.repetitions,
            greedy: self.greedy,
        };
        bench.check(blt, &tests)?;
        interrupt::watch(global.colored())?;
        let measured = self.measure(&checkpoint, &bench, &tests, global);
        let measured = pollster::block_on(measured);
        let (setting, reports) =
            measured.map_err(|error| blame(error.into(), [checkpoint.as_ref()], global))?;
        output::print(&setting.rendered(&reports, self.format))
    }

    /// Bytes per patch, where the rule is a static one.
    fn static_size(&self, checkpoint: &Checkpoint) -> Option<u32> {
        let random = checkpoint.is_random().then_some(RANDOM_PATCH);
        self.patch_size.or(random)
    }

    async fn measure(
        &self,
        checkpoint: &Arc<Checkpoint>,
        bench: &Bench,
        tests: &[BenchTest],
        global: &Global,
    ) -> Result<(Setting, Vec<BenchReport>)> {
        let device = Device::open(&global.device()).await?;
        let load = BltLoad {
            hash_tables: self.hash_tables,
            ..BltLoad::default()
        };
        let (checkpoint, memory) = MemoryPlan::choose(&device, checkpoint, self.weights, &load)?;
        let reads = DecodeReads::of(&checkpoint);
        global.say(&needed(&checkpoint, &device, &memory));
        let peaks = Peaks::measure(&device).await?;
        interrupt::check()?;

        let mut progress =
            Progress::new("loading the model: ", Some(memory.adapter), !global.quiet);
        let model = BltModel::load(&device, &checkpoint, load, |bytes| progress.add(bytes)).await?;
        progress.end();
        interrupt::check()?;

        let model = Arc::new(model);
        super::model::prepare(&Subject::Blt(&model, &checkpoint), global).await?;
        let cost = |test: &BenchTest| (test.context() + test.bytes()) as u64;
        let turns = bench.repetitions as u64 + 1;
        let total = tests.iter().map(cost).sum::<u64>() * turns;
        let mut progress = Progress::new("measuring: ", Some(total), !global.quiet);
        let mut reports = Vec::new();
        for test in tests {
            let done = || {
                progress.add(cost(test));
                match interrupt::check() {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                }
            };
            reports.push(bench.run(&model, *test, done).await?);
        }
        progress.end();
        for test in tests.iter().filter(|_| self.profile) {
            interrupt::check()?;
            let profile = bench.profile(&model, *test).await?;
            let profile = profile.map_or("this device has no timestamps".to_owned(), |p| {
                p.to_string()
            });
            // If standard error is closed there is nobody to tell.
            let _ = writeln!(stderr(), "{test}\n{profile}\n");
        }
        let setting = Setting {
            random: checkpoint.is_random(),
            patch_size: self.static_size(&checkpoint),
            checkpoint,
            adapter: device.summary().name.clone(),
            software: device.summary().class == DeviceClass::Software,
            tier: device.features(),
            latent_step: self.latent_step.map(name),
            memory,
            peaks,
            reads,
        };
        Ok((setting, reports))
    }
}

/// All prefills, then all decodes.
fn tests(contexts: &[usize], decode: usize) -> Result<Vec<BenchTest>> {
    let prefills = contexts.iter().filter(|bytes| **bytes > 0);
    let prefills = prefills.map(|&bytes| BenchTest::Prefill { bytes });
    let decodes = contexts.iter().filter(|_| decode > 0).map(|&context| {
        let bytes = decode;
        BenchTest::Decode { context, bytes }
    });
    let tests: Vec<BenchTest> = prefills.chain(decodes).collect();
    match tests.as_slice() {
        [] => Err(argument(
            "-p 0 and -n 0 leave nothing to measure; give one of them bytes",
        )),
        _ => Ok(tests),
    }
}

/// As the flag has it.
fn name(step: Step) -> String {
    let value = step.to_possible_value();
    value.map_or(String::new(), |value| value.get_name().to_owned())
}

fn static_rule(size: u32) -> Result<Rule> {
    Rule::new(Scheme::Static { size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_length_is_read_and_then_continued() {
        let names = |contexts: &[usize], decode| -> Vec<String> {
            let tests = tests(contexts, decode).unwrap_or_default();
            tests.iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            names(&[256, 1024], 64),
            [
                "prefill 256",
                "prefill 1024",
                "decode 64 @ 256",
                "decode 64 @ 1024"
            ]
        );
        assert_eq!(names(&[0], 8), ["decode 8 @ 0"]);
        assert_eq!(names(&[8], 0), ["prefill 8"]);
        assert!(names(&[0], 0).is_empty());
    }
}
