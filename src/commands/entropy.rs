//! `blt entropy`

use clap::{Args, ValueEnum};

use super::failure::{Outcome, argument};
use super::global::Global;
use super::sink::Form;
use super::text::TextCommand;

const EXAMPLES: &str = "\
Examples:
  blt entropy 'Daenerys Targaryen' --format csv
  blt entropy -f notes.txt > notes.jsonl
  blt entropy 'The cat sat on the m' --top 3 | tail -n 1

One line per byte: i (its index), byte, entropy (uncertainty about this byte given those
before it, nats), nll (-ln p of this byte, nats), start (does a patch start here), patch (its
index). A last line is about the byte to come: its byte and nll are null (csv: empty).

Exit codes and environment variables: blt --help";

/// Write the entropy of each byte of a text
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Entropy {
    /// How to write it
    #[arg(long, value_enum, default_value = "jsonl")]
    format: EntropyFormat,

    /// Add the K most likely bytes in place of each, with their -ln p (jsonl only)
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(1..=260))]
    top: Option<u16>,

    #[command(flatten)]
    text: TextCommand,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EntropyFormat {
    /// One JSON object per byte
    Jsonl,
    /// The same as columns
    Csv,
}

impl Entropy {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let form = match (self.format, self.top) {
            (EntropyFormat::Jsonl, None) => Form::JsonLines,
            (EntropyFormat::Jsonl, Some(_)) => Form::JsonLinesTop,
            (EntropyFormat::Csv, None) => Form::Csv,
            (EntropyFormat::Csv, Some(_)) => {
                return Err(argument("--top has no place in csv; take --format jsonl").into());
            }
        };
        self.text
            .run(global, form, self.top.map_or(0, usize::from), true)
    }
}
