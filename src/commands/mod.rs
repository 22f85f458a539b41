//! The command line: arguments in, session calls, output.
//!
//! One file per command; what several share has a file of its own. Data goes
//! to standard output, everything else to standard error.

mod bench;
mod completions;
mod convert;
#[cfg(feature = "corpus")]
mod corpus;
mod cut;
mod devices;
mod documents;
mod doubts;
mod entropy;
mod escape;
mod eval;
mod failure;
mod flops;
mod generate;
mod global;
mod input;
mod inspect;
mod interrupt;
mod model;
mod output;
mod patch;
mod progress;
mod prompt;
mod requests;
mod score;
mod scoring;
mod sink;
mod speech;
mod stream;
mod summary;
mod table;
mod text;
mod trace;
mod usage;
mod verify;
#[cfg(feature = "window")]
mod view;
mod whole;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use failure::{Failure, Outcome};
use global::Global;

const AFTER_HELP: &str = "\
Examples:
  blt patch 'Daenerys Targaryen is in Game of Thrones'
  blt entropy -f notes.txt > notes.jsonl
  blt generate -m models/blt-1b -p 'Daenerys Targaryen is'
  blt score -m models/blt-1b book.txt
  blt devices

Environment (a flag wins over its variable):
  BLT_MODEL      what -m names
  BLT_ADAPTER    what --adapter names
  WGPU_BACKEND   what --backend names
  HF_HUB_CACHE, HF_HOME   where downloaded models are (org/name); nothing is ever downloaded
  NO_COLOR       no colours in messages
  RUST_LOG       what to log on standard error, e.g. blt=debug

Exit codes:
  0 done   1 failed while running   2 wrong usage   3 no usable device
  4 model missing or unusable   5 `blt verify` found a difference   130 interrupted";

/// The Byte Latent Transformer on any GPU or processor: bytes in, bytes out, and no tokenizer
///
/// Entropies and thresholds are in nats. The entropy of a byte is the uncertainty about
/// that byte given those before it.
#[derive(Debug, Parser)]
#[command(name = "blt", version, max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(feature = "window")]
    View(Box<view::View>),
    Patch(patch::Patch),
    Entropy(entropy::Entropy),
    Generate(generate::Generate),
    Score(score::ScoreCommand),
    Eval(eval::Eval),
    #[cfg(feature = "corpus")]
    Corpus(Box<corpus::CorpusCommand>),
    Devices(devices::Devices),
    Inspect(inspect::Inspect),
    Convert(convert::Convert),
    Flops(flops::FlopsCommand),
    Bench(bench::BenchCommand),
    Verify(verify::Verify),
    Completions(completions::Completions),
}

/// Runs the command line of this process.
pub(crate) fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let color = global::color_of(&arguments);
    let mut command = Cli::command().color(color);
    let parsed = command
        .try_get_matches_from_mut(&arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return usage::exit(&error, &command, &arguments),
    };
    cli.global.start_log();
    match run(&cli, &mut command) {
        Ok(()) | Err(Failure::Closed) => ExitCode::SUCCESS,
        Err(Failure::Error(error)) => {
            global::complain(&error, cli.global.colored());
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(cli: &Cli, parser: &mut clap::Command) -> Outcome {
    let global = &cli.global;
    match &cli.command {
        #[cfg(feature = "window")]
        None => view::View::plain().run(global),
        #[cfg(not(feature = "window"))]
        None => usage::help(parser),
        #[cfg(feature = "window")]
        Some(Command::View(command)) => command.run(global),
        Some(Command::Patch(command)) => command.run(global),
        Some(Command::Entropy(command)) => command.run(global),
        Some(Command::Generate(command)) => command.run(global),
        Some(Command::Score(command)) => command.run(global),
        Some(Command::Eval(command)) => command.run(global),
        #[cfg(feature = "corpus")]
        Some(Command::Corpus(command)) => command.run(global),
        Some(Command::Devices(command)) => command.run(global),
        Some(Command::Inspect(command)) => command.run(),
        Some(Command::Convert(command)) => command.run(global),
        Some(Command::Flops(command)) => command.run(global),
        Some(Command::Bench(command)) => command.run(global),
        Some(Command::Verify(command)) => command.run(global),
        Some(Command::Completions(command)) => command.run(parser),
    }
}
