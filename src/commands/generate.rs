//! `blt generate`

mod batch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use blt::checkpoint::{BltConfig, Checkpoint};
use blt::generate::{
    Event, GenerateOptions, Generator, Given, Read, Sampler, SamplerOptions, Speculate, StopReason,
    TextModel, Utf8Mode,
};
use blt::patch::Rule;
use blt::session::{BltOptions, BltSession, EntropyOptions, EntropySession};
use clap::{Args, ValueEnum};

use super::cut::CutArgs;
use super::escape::{Bytes, unescaped};
use super::failure::{Failure, Outcome, argument, positive};
use super::global::Global;
use super::interrupt;
use super::model::{AnyModelArgs, ContextArgs};
use super::output::{Output, OutputArgs};
use super::progress::Progress;
use super::prompt::PromptArgs;
use super::requests::go_on;
use super::speech::{Speech, Times};
use super::trace::Trace;
use super::whole::{Loaded, WholeArgs};

const EXAMPLES: &str = "\
Examples:
  blt generate -m models/blt-1b -p 'Daenerys Targaryen is' -n 200
  blt generate -m models/blt-1b -f prompt.txt --temp 0 --trace run.jsonl > text
  blt generate -m models/blt-1b --prompts prompts.txt --stop '\\n' -n 100
  blt generate -p 'The ship had been at anchor for three days ' --seed 7
  blt generate --like blt-1b -p 'Hello' --speculate 8

Standard output gets the exact bytes, without the prompt. The options act in this order:
repetition penalty, temperature, top-k, top-p, min-p. The same seed gives the same text.
A line of the trace is an event: prompt, draft (bytes drafted after the next one, and those of them
that the model chose), byte, boundary (a patch ended), latent_step or done.
Random weights (--like) have patches of 4 bytes unless a flag says otherwise: their entropies
mean nothing.

Exit codes and environment variables: blt --help";

/// Let a model continue a text, byte by byte
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Generate {
    #[command(flatten)]
    prompt: PromptArgs,

    /// The most bytes to generate
    #[arg(short = 'n', long = "bytes", value_name = "N", default_value_t = 256)]
    bytes: u64,

    /// End the text before this string; may be given several times. \n, \t, \r, \\ and \xHH
    /// stand for bytes
    #[arg(long, value_name = "TEXT", value_parser = unescaped)]
    stop: Vec<Bytes>,

    /// Never let the model end the text
    #[arg(long)]
    ignore_eos: bool,

    /// What becomes of bytes that are not UTF-8
    #[arg(long, value_enum, default_value = "raw")]
    utf8: Utf8,

    /// The bytes themselves, or a line of JSON for each prompt
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    /// Draft bytes with encoder and decoder alone and take up to K at a time: 2 to 32, auto or
    /// off. It changes no byte, and pays where reading the latent model's weights takes the time
    #[arg(long, value_name = "K", default_value = "off")]
    speculate: Speculate,

    /// How many prompts to continue at the same time, which reads the weights once for all of
    /// them; the texts are those of one after the other. On the processor only [default: 8, or 1
    /// for small models and where the text goes to a terminal]
    #[arg(long, value_name = "N", value_parser = positive::<usize>)]
    batch: Option<usize>,

    /// Write the prompt too
    #[arg(long)]
    echo: bool,

    /// Write what happens as JSON lines to a file
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,

    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    model: AnyModelArgs,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    sampling: SamplingArgs,
    #[command(flatten)]
    whole: WholeArgs,
    #[command(flatten)]
    cut: CutArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Utf8 {
    /// They are written as they are
    Raw,
    /// U+FFFD is written in their place
    Replace,
    /// They are never chosen
    Constrain,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The exact bytes; with several prompts a line feed after each text
    Text,
    /// {"prompt": 0, "text": "..."}, where text that is not UTF-8 is base64, as "text_base64"
    Jsonl,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Choice of bytes")]
struct SamplingArgs {
    /// Flattens (above 1) or sharpens (below 1) the distribution; 0 takes the likeliest byte
    #[arg(
        long,
        value_name = "T",
        default_value_t = SamplerOptions::TEMPERATURE,
        allow_negative_numbers = true
    )]
    temp: f32,

    /// Only the K likeliest (and those as likely as the last of them); 0: all
    #[arg(long, value_name = "K", default_value_t = 0)]
    top_k: u32,

    /// Only the likeliest that together exceed this probability; 1: all
    #[arg(
        long,
        value_name = "P",
        default_value_t = 1.0,
        allow_negative_numbers = true
    )]
    top_p: f32,

    /// Only those at least this times as likely as the likeliest; 0: all
    #[arg(
        long,
        value_name = "P",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    min_p: f32,

    /// Makes bytes that occurred lately less likely (above 1); 1: off
    #[arg(
        long,
        value_name = "R",
        default_value_t = 1.0,
        allow_negative_numbers = true
    )]
    repetition_penalty: f32,

    /// How many bytes back a byte occurred lately
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = positive::<usize>)]
    repetition_window: usize,

    /// Seed of the random numbers
    #[arg(short, long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl SamplingArgs {
    fn options(&self) -> SamplerOptions {
        SamplerOptions {
            temperature: self.temp,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            repetition_penalty: self.repetition_penalty,
            repetition_window: self.repetition_window,
            seed: self.seed,
        }
    }
}

impl Generate {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        // What is wrong with the flags need not wait for prompt and model.
        Sampler::new(self.sampling.options())?;
        self.cut.check()?;
        let prompts = self.prompt.read()?;
        let checkpoint = Arc::new(self.model.open()?);
        let rule = self.cut.cut(Some(&checkpoint))?.into_rule()?;
        match &checkpoint.config().blt {
            Some(blt) => {
                fit(&prompts, blt)?;
                self.whole.need_entropies(&checkpoint, &rule)?;
            }
            None => {
                self.whole.refuse_without_blt()?;
                if self.speculate != Speculate::Off {
                    return Err(argument(
                        "--speculate drafts with a part of a whole BLT, and only an entropy model \
                         runs here; leave it out",
                    )
                    .into());
                }
            }
        }
        interrupt::watch(global.colored())?;
        let mut trace = Trace::open(self.trace.as_deref())?;
        let mut output = Output::open(&self.output)?;
        let generating =
            self.generate(&prompts, &checkpoint, rule, &mut output, &mut trace, global);
        pollster::block_on(generating)
            .map_err(|failure| self.whole.blame(failure, &checkpoint, global))?;
        trace.commit()?;
        output.commit()
    }

    async fn generate(
        &self,
        prompts: &[Vec<u8>],
        checkpoint: &Arc<Checkpoint>,
        rule: Rule,
        output: &mut Output,
        trace: &mut Trace,
        global: &Global,
    ) -> Outcome {
        let alone = checkpoint.config().blt.is_none();
        let loaded = self.whole.load(checkpoint, alone, global).await?;
        let mut model = self.model(&loaded, rule.clone())?;
        let mut times = Times::default();
        let mut over = Ok(());
        let at_once = self.at_once(prompts.len(), output, &loaded);
        if at_once > 1 {
            let models = self.models(model, at_once, || self.model(&loaded, rule.clone()))?;
            let texts = batch::Texts {
                prompts,
                origin: checkpoint.origin(),
                output,
                trace,
                times: &mut times,
            };
            let (model, over) = self.together(models, &loaded, texts, global).await?;
            if let Some(model) = model.filter(|_| was_stopped_or_done(&over)) {
                global.say(&times.line(&loaded, &model));
            }
            return over;
        }
        for (index, prompt) in prompts.iter().enumerate() {
            let options = self.sampling.options();
            trace.prompt(index, prompt, checkpoint.origin(), &options, self.speculate)?;
            over = self
                .one(
                    (index, prompt),
                    &mut model,
                    output,
                    trace,
                    &mut times,
                    global,
                )
                .await;
            if over.is_err() {
                break;
            }
            self.end_text(prompts.len(), output)?;
        }
        if was_stopped_or_done(&over) {
            global.say(&times.line(&loaded, &model));
        }
        over
    }

    fn model(&self, loaded: &Loaded, rule: Rule) -> blt::Result<TextModel> {
        let (context, rule) = (self.context.options(), Some(rule));
        Ok(match loaded {
            Loaded::Blt(model, _) => {
                let options = BltOptions {
                    context,
                    rule,
                    ..BltOptions::default()
                };
                TextModel::Blt(Box::new(BltSession::new(model, options)?))
            }
            Loaded::Entropy(model) => {
                let options = EntropyOptions {
                    context,
                    rule,
                    ..EntropyOptions::default()
                };
                TextModel::Entropy(Box::new(EntropySession::new(model, options)?))
            }
        })
    }

    fn utf8(&self) -> Utf8Mode {
        match self.utf8 {
            Utf8::Raw => Utf8Mode::Raw,
            Utf8::Replace => Utf8Mode::Replace,
            Utf8::Constrain => Utf8Mode::Constrain,
        }
    }

    /// The way out for the text of a prompt.
    fn speech<'o>(
        &self,
        (index, prompt): (usize, &[u8]),
        output: &'o mut Output,
    ) -> Result<Speech<'o>, Failure> {
        let line = (self.format == Format::Jsonl).then_some(index);
        let mut speech = Speech::new(self.utf8(), line, output);
        if self.echo {
            speech.say(prompt)?;
        }
        Ok(speech)
    }

    /// A line feed after each of several texts, and before a terminal's next prompt.
    fn end_text(&self, texts: usize, output: &mut Output) -> Outcome {
        if self.format == Format::Text && (texts > 1 || output.is_terminal()) {
            output.write(b"\n")?;
        }
        Ok(())
    }

    /// Goes on from a prompt that is in the model.
    fn generator<'m>(
        &self,
        model: &'m mut TextModel,
        prompt: &[u8],
        read: &Read,
    ) -> blt::Result<Generator<&'m mut TextModel>> {
        let given = Given {
            text: prompt,
            starts: &read.starts,
            entropy: read.entropy,
        };
        let options = GenerateOptions {
            max_bytes: Some(self.bytes),
            stops: self.stop.iter().map(|stop| stop.0.clone()).collect(),
            utf8: self.utf8(),
            ignore_end: self.ignore_eos,
            speculate: self.speculate,
        };
        let sampler = Sampler::new(self.sampling.options())?;
        Generator::new(model, &given, sampler, options)
    }

    /// Continues one prompt.
    async fn one(
        &self,
        (index, prompt): (usize, &[u8]),
        model: &mut TextModel,
        output: &mut Output,
        trace: &mut Trace,
        times: &mut Times,
        global: &Global,
    ) -> Outcome {
        // On a terminal the text itself shows how far it is.
        let shown = output.is_terminal() && self.format == Format::Text;
        let silent = global.quiet || shown;
        let start = Instant::now();
        let total = prompt.len() as u64;
        let mut progress = Progress::new("reading the prompt: ", Some(total), !global.quiet);
        let mut read_so_far = 0;
        let read = model.read(prompt, |bytes| {
            progress.add(bytes as u64 - read_so_far);
            read_so_far = bytes as u64;
            go_on()
        });
        let read = read.await?;
        drop(progress);
        times.read(prompt.len(), start.elapsed());
        let mut speech = self.speech((index, prompt), output)?;
        let mut generator = self.generator(model, prompt, &read)?;
        let mut progress = Progress::new("", Some(self.bytes), !silent);
        let start = Instant::now();
        let mut written = Duration::ZERO;
        let result = loop {
            if let Err(error) = interrupt::check() {
                break Err(error.into());
            }
            match generator.next().await {
                Ok(None) => break Ok(()),
                Err(error) => break Err(error.into()),
                Ok(Some(event)) => {
                    let begun = Instant::now();
                    progress.add(u64::from(matches!(event, Event::Byte(_))));
                    told(&event, &mut speech, trace, times)?;
                    written += begun.elapsed();
                }
            }
        };
        times.wrote(start.elapsed().saturating_sub(written));
        drop(progress);
        speech.finish()?;
        result
    }
}

/// Whether all texts were written, or the user interrupted the run.
fn was_stopped_or_done(over: &Outcome) -> bool {
    matches!(over, Ok(()) | Err(Failure::Error(blt::Error::Interrupted)))
}

/// Passes on what has happened.
fn told(event: &Event, speech: &mut Speech<'_>, trace: &mut Trace, times: &mut Times) -> Outcome {
    trace.event(event)?;
    match event {
        Event::Byte(record) => {
            times.byte();
            speech.say(record.byte.as_slice())?;
        }
        Event::LatentStep { .. } => times.latent_step(),
        Event::Draft { drafted, accepted } => times.draft(*drafted, *accepted),
        Event::Done {
            reason: StopReason::Full,
            ..
        } => times.full(),
        _ => {}
    }
    Ok(())
}

/// Refuses prompts that have more positions than the model, before anything runs.
fn fit(prompts: &[Vec<u8>], blt: &BltConfig) -> blt::Result<()> {
    let longest = prompts.iter().map(Vec::len).max().unwrap_or(0);
    match blt.max_positions() {
        Some(most) if longest as u64 >= u64::from(most) => Err(argument(format!(
            "a prompt has {longest} bytes, and this model has positions for {}; shorten it",
            most.saturating_sub(1)
        ))),
        _ => Ok(()),
    }
}
