//! `blt score`

use std::io::{Write as _, stderr};
use std::path::PathBuf;
use std::time::Instant;

use blt::measure::score::{Score, ScoredByte};
use blt::measure::scorer::Scorer;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::failure::{Outcome, argument};
use super::global::Global;
use super::input::Input;
use super::interrupt;
use super::output::{Output, OutputArgs};
use super::progress::Progress;
use super::requests;
use super::scoring::{ModelPart, Opened, ScoringArgs, on, read};
use super::summary::{self, Rate};
use super::table::{Cell, Table, TableFormat};

const EXAMPLES: &str = "\
Examples:
  blt score -m models/blt-1b book.txt notes.txt
  blt score -m models/blt-1b --model-part both book.txt --format md
  blt score book.txt --format jsonl > book.jsonl
  blt score -m models/blt-1b --requests requests.jsonl > answers.jsonl

bits per byte = nats / (ln 2 · bytes), byte perplexity = e^(nats / bytes), nats = the sum of -ln p.
A line of jsonl and csv is a byte: file, i (its index), byte, nll (-ln p, nats), with
--model-part both nll_entropy, and patch. Requests are lines {\"context\": ..., \"continuation\":
...}; each answer is a line {\"logprob\": (nats), \"is_greedy\": ..., \"bytes\": ...}.
Random weights (--like) have patches of 4 bytes unless a flag says otherwise: their entropies
mean nothing.";

/// Say how well a model predicts texts, in bits per byte
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ScoreCommand {
    /// The texts; `-`, or nothing in a pipe, reads standard input
    #[arg(value_name = "FILE", conflicts_with = "requests")]
    files: Vec<PathBuf>,

    /// Answer questions about continuations, one JSON object per line; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["format", "piece"])]
    requests: Option<PathBuf>,

    /// How to write it
    #[arg(long, value_enum, default_value = "text")]
    format: ScoreFormat,

    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    scoring: ScoringArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ScoreFormat {
    /// A line per file, and one for all
    Text,
    /// One JSON object per byte
    Jsonl,
    /// The same as columns
    Csv,
    /// The lines of text as a Markdown table
    Md,
}

impl ScoreFormat {
    fn rows(self) -> bool {
        matches!(self, Self::Jsonl | Self::Csv)
    }
}

/// A byte and its file.
#[derive(Serialize)]
struct Row<'a> {
    file: &'a str,
    #[serde(flatten)]
    scored: &'a ScoredByte,
}

impl ScoreCommand {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        if let Some(path) = &self.requests {
            return requests::run(path, &self.scoring, &self.output, global);
        }
        let mut inputs = Vec::new();
        match self.files.as_slice() {
            [] => inputs.push(Input::of_pipe("no text; name files, or pipe one in")?),
            files => {
                for file in files {
                    inputs.push(Input::of_path(file)?);
                }
            }
        }
        let opened = self.scoring.open()?;
        interrupt::watch(global.colored())?;
        let mut output = Output::open(&self.output)?;
        pollster::block_on(self.score(inputs, &opened, &mut output, global))
            .map_err(|failure| self.scoring.blame(failure, &opened, global))?;
        output.commit()
    }

    async fn score(
        &self,
        inputs: Vec<Input>,
        opened: &Opened,
        output: &mut Output,
        global: &Global,
    ) -> Outcome {
        let loaded = self.scoring.load(opened, global).await?;
        let mut scorer = self.scoring.scorer(opened, &loaded)?;
        let both = opened.part == ModelPart::Both;
        let mut table = table(both);
        let mut total = Score::default();
        let count = inputs.len();
        let start = Instant::now();
        if self.format == ScoreFormat::Csv {
            let more = if both { ",nll_entropy" } else { "" };
            output.write(format!("file,i,byte,nll{more},patch\n").as_bytes())?;
        }
        for mut input in inputs {
            let name = input.name.clone().unwrap_or_else(|| "-".to_owned());
            let silent = global.quiet || (output.is_terminal() && self.format.rows());
            let mut progress = Progress::new("", input.total, !silent);
            let score = read(
                &mut scorer,
                |most| {
                    let bytes = input.next(most)?.map(<[u8]>::to_vec);
                    progress.add(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64));
                    Ok(bytes)
                },
                |scored| self.write(output, &name, scored),
            )
            .await?;
            progress.end();
            self.remark(&scorer, &name, global);
            add(&mut table, name, &score, both);
            total.merge(&score);
        }
        if count > 1 {
            add(&mut table, "all".to_owned(), &total, both);
        }
        match self.format {
            ScoreFormat::Text => output.write(table.render(TableFormat::Text).as_bytes())?,
            ScoreFormat::Md => output.write(table.render(TableFormat::Md).as_bytes())?,
            ScoreFormat::Jsonl | ScoreFormat::Csv if !global.quiet => {
                // If standard error is gone there is nobody to tell.
                let _ = stderr().write_all(table.render(TableFormat::Text).as_bytes());
            }
            ScoreFormat::Jsonl | ScoreFormat::Csv => {}
        }
        if !global.quiet {
            let rate = Rate::new(total.bytes(), start.elapsed());
            let bytes = summary::bytes(total.bytes());
            let _ = writeln!(stderr(), "{bytes} · {rate} · {}", on(loaded.gpu()));
        }
        Ok(())
    }

    fn write(&self, output: &mut Output, file: &str, scored: &[ScoredByte]) -> Outcome {
        let mut text = String::new();
        for scored in scored {
            match self.format {
                ScoreFormat::Text | ScoreFormat::Md => {}
                ScoreFormat::Jsonl => {
                    let row = Row { file, scored };
                    text += &serde_json::to_string(&row)
                        .map_err(|error| argument(format!("{file}: {error}")))?;
                    text.push('\n');
                }
                ScoreFormat::Csv => text += &csv(file, scored),
            }
        }
        output.write(text.as_bytes())
    }

    fn remark(&self, scorer: &Scorer, name: &str, global: &Global) {
        if scorer.pieces() > 1 && !global.quiet {
            let _ = writeln!(
                stderr(),
                "{name} was read in {} pieces, each from its own beginning",
                scorer.pieces()
            );
        }
    }
}

fn csv(file: &str, scored: &ScoredByte) -> String {
    let ScoredByte {
        index,
        byte,
        nll,
        nll_entropy,
        patch,
    } = scored;
    let file = super::table::csv_text(file);
    // The shortest digits that read back the same, as in the JSON lines.
    let more = nll_entropy.map_or_else(String::new, |nll| format!(",{nll:?}"));
    format!("{file},{index},{byte},{nll:?}{more},{patch}\n")
}

fn table(both: bool) -> Table {
    let mut columns = vec![
        ("file", "file"),
        ("bytes", "bytes"),
        ("patches", "patches"),
        ("mean patch", "mean_patch"),
        ("bits per byte", "bits_per_byte"),
        ("byte perplexity", "byte_perplexity"),
    ];
    if both {
        columns.push(("entropy model", "entropy_bits_per_byte"));
    }
    Table::new(&columns)
}

fn add(table: &mut Table, name: String, score: &Score, both: bool) {
    let mut row = vec![
        Cell::word(name),
        Cell::count(score.bytes()),
        Cell::count(score.patches()),
        Cell::maybe(score.mean_patch(), 3),
        Cell::maybe(score.bits_per_byte(), 4),
        Cell::maybe(score.byte_perplexity(), 4),
    ];
    if both {
        row.push(Cell::maybe(score.entropy_bits_per_byte(), 4));
    }
    table.add(row);
}
