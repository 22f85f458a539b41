//! `blt patch`

use clap::{Args, ColorChoice, ValueEnum};

use super::failure::{Outcome, argument};
use super::global::Global;
use super::sink::Form;
use super::text::TextCommand;

const EXAMPLES: &str = "\
Examples:
  blt patch 'Daenerys Targaryen is in Game of Thrones'
  blt patch -f book.txt --format jsonl -o book.jsonl
  blt patch -f page.txt --format svg -o page.svg
  blt patch -f page.txt --format markdown -o page.md
  blt patch -f page.txt --format ansi | less -R
  blt patch -f page.txt --patch-size 4.5
  blt patch --mode space < page.txt
  blt patch --sample korean
  blt patch -f stories.txt --separator '\\x1e\\n'

Exit codes and environment variables: blt --help";

/// Cut a text into patches
///
/// The entropy of a byte is how uncertain the model was about that byte, given those before
/// it, in nats. Under the usual rule a patch starts where it is above the threshold.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Patch {
    /// How to write it
    #[arg(long, value_enum, default_value = "brackets")]
    format: PatchFormat,

    #[command(flatten)]
    text: TextCommand,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PatchFormat {
    /// [Daen][erys]; reversible
    Brackets,
    /// Entropy as colour, for a terminal
    Ansi,
    /// One JSON object per byte: i, byte, entropy, nll, start, patch
    Jsonl,
    /// The same as columns
    Csv,
    /// A table of the patches of a short text, for a page or an issue
    Markdown,
    /// A figure of the entropies and patches of a short text
    Svg,
}

impl Patch {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        if self.format == PatchFormat::Ansi && global.color == ColorChoice::Never {
            return Err(argument("--format ansi is colour; leave out --color never").into());
        }
        let form = match self.format {
            PatchFormat::Brackets => Form::Brackets,
            PatchFormat::Ansi => Form::Ansi,
            PatchFormat::Jsonl => Form::JsonLines,
            PatchFormat::Csv => Form::Csv,
            PatchFormat::Markdown => Form::Markdown,
            PatchFormat::Svg => Form::Svg,
        };
        self.text.run(global, form, 0, false)
    }
}
