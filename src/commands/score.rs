//! `blt score`

use std::path::PathBuf;
use std::time::Instant;

use blt::measure::score::{Score, ScoredByte};
use blt::session::{Cut, TextBatch, comfortable_batch};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::doubts;
use super::failure::{Outcome, argument};
use super::global::Global;
use super::input::Input;
use super::interrupt;
use super::output::{Output, OutputArgs};
use super::progress::Progress;
use super::requests;
use super::scoring::{ModelPart, Opened, ScoringArgs, on, read, read_many};
use super::summary::{self, Rate};
use super::table::{Cell, Table, TableFormat};

const EXAMPLES: &str = "\
Examples:
  blt score -m models/blt-1b book.txt notes.txt
  blt score -m models/blt-1b --model-part both book.txt --format md
  blt score book.txt --format jsonl > book.jsonl
  blt score stories.txt --separator '\\x1e\\n'
  blt score -m models/blt-1b --requests requests.jsonl > answers.jsonl

bits per byte = nats / (ln 2 · bytes), byte perplexity = e^(nats / bytes), nats = the sum of -ln p.
A line of jsonl and csv is a byte: file, with --separator document (from 0), i (its index), byte,
nll (-ln p, nats), with --model-part both nll_entropy, and patch. Requests are lines {\"context\": ..., \"continuation\":
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
    #[arg(long, value_name = "FILE", conflicts_with_all = ["format", "piece", "separator"])]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<u64>,
    #[serde(flatten)]
    scored: &'a ScoredByte,
}

impl ScoreCommand {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        if let Some(path) = &self.requests {
            return requests::run(path, &self.scoring.asking, &self.output, global);
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
            .map_err(|failure| self.scoring.asking.blame(failure, &opened, global))?;
        output.commit()
    }

    async fn score(
        &self,
        inputs: Vec<Input>,
        opened: &Opened,
        output: &mut Output,
        global: &Global,
    ) -> Outcome {
        let loaded = self.scoring.asking.load(opened, global).await?;
        let mut scorer = self.scoring.scorer(opened, &loaded)?;
        let mut batch = self.scoring.batch(opened, &loaded)?;
        let columns = Columns {
            both: opened.part == ModelPart::Both,
            documents: self.scoring.documents.several(),
        };
        let mut table = columns.table();
        let mut all = Texts::default();
        let count = inputs.len();
        let start = Instant::now();
        if self.format == ScoreFormat::Csv {
            output.write(columns.csv_header().as_bytes())?;
        }
        for input in inputs {
            let name = input.name.clone().unwrap_or_else(|| "-".to_owned());
            let silent = global.quiet || (output.is_terminal() && self.format.rows());
            let mut progress = Progress::new("", input.total, !silent);
            let mut documents = self.scoring.documents.of(input);
            let mut texts = Texts::default();
            let mut held = Vec::new();
            let mut each = |document, scored: &[_]| {
                let document = columns.documents.then_some(document);
                self.write(output, &name, document, scored)
            };
            while documents.begin()? {
                if let Some(batch) = &mut batch {
                    let short = documents.short(comfortable_batch())?;
                    let is_short = short.is_some();
                    if let Some(text) = short {
                        progress.add(text.len() as u64);
                        held.push(text);
                    }
                    let bytes: usize = held.iter().map(|text: &Vec<u8>| text.len() + 1).sum();
                    if !is_short || bytes >= comfortable_batch() {
                        texts.add_all(&mut held, batch, &mut each).await?;
                    }
                    if is_short {
                        continue;
                    }
                }
                let document = texts.count;
                let score = read(
                    &mut scorer,
                    |most| {
                        let bytes = documents.next(most)?;
                        progress.add(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64));
                        Ok(bytes)
                    },
                    |scored| each(document, scored),
                )
                .await?;
                texts.add(&score, scorer.pieces());
            }
            if let Some(batch) = &mut batch {
                texts.add_all(&mut held, batch, &mut each).await?;
            }
            progress.end();
            if let Some(remark) = texts.remark(&name) {
                global.say(&remark);
            }
            columns.add(&mut table, name, &texts);
            all.merge(&texts);
        }
        if count > 1 {
            columns.add(&mut table, "all".to_owned(), &all);
        }
        let total = all.score;
        match self.format {
            ScoreFormat::Text => output.write(table.render(TableFormat::Text).as_bytes())?,
            ScoreFormat::Md => output.write(table.render(TableFormat::Md).as_bytes())?,
            ScoreFormat::Jsonl | ScoreFormat::Csv => {
                global.say(&table.render(TableFormat::Text).trim_end());
            }
        }
        let rate = Rate::new(total.bytes(), start.elapsed());
        let bytes = summary::bytes(total.bytes());
        let by_threshold = matches!(&opened.cut, Cut::Rule(rule) if rule.needs_entropy());
        let mean = total.mean_patch();
        for doubt in doubts::about([&*opened.checkpoint], total.bytes(), by_threshold, mean) {
            global.say(&doubt);
        }
        global.say(&format_args!("{bytes} · {rate} · {}", on(loaded.device())));
        Ok(())
    }

    fn write(
        &self,
        output: &mut Output,
        file: &str,
        document: Option<u64>,
        scored: &[ScoredByte],
    ) -> Outcome {
        let mut text = String::new();
        for scored in scored {
            let row = Row {
                file,
                document,
                scored,
            };
            match self.format {
                ScoreFormat::Text | ScoreFormat::Md => {}
                ScoreFormat::Jsonl => {
                    text += &serde_json::to_string(&row)
                        .map_err(|error| argument(format!("{file}: {error}")))?;
                    text.push('\n');
                }
                ScoreFormat::Csv => text += &csv(&row),
            }
        }
        output.write(text.as_bytes())
    }
}

/// The documents of a file, or of all files.
#[derive(Default)]
struct Texts {
    score: Score,
    count: u64,
    /// Those that were read in several pieces, and the pieces of the last one.
    cut: u64,
    pieces: u64,
}

impl Texts {
    fn add(&mut self, score: &Score, pieces: u64) {
        self.score.merge(score);
        self.count += 1;
        if pieces > 1 {
            self.cut += 1;
            self.pieces = pieces;
        }
    }

    /// Adds the texts that are held, many at a time.
    async fn add_all(
        &mut self,
        held: &mut Vec<Vec<u8>>,
        batch: &mut TextBatch,
        mut each: impl FnMut(u64, &[ScoredByte]) -> Outcome,
    ) -> Outcome {
        interrupt::check()?;
        for scored in read_many(batch, held).await? {
            let mut score = Score::default();
            scored.iter().for_each(|byte| score.add(byte));
            each(self.count, &scored)?;
            self.add(&score, 1);
        }
        held.clear();
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.score.merge(&other.score);
        self.count += other.count;
    }

    fn remark(&self, name: &str) -> Option<String> {
        match (self.cut, self.count) {
            (0, _) => None,
            (_, 1) => Some(format!(
                "{name} was read in {} pieces, each from its own beginning",
                self.pieces
            )),
            (cut, count) => Some(format!(
                "{cut} of the {count} documents of {name} were read in several pieces, each from its \
                 own beginning"
            )),
        }
    }
}

/// Which columns there are beside those that are always there.
#[derive(Clone, Copy)]
struct Columns {
    both: bool,
    documents: bool,
}

impl Columns {
    fn csv_header(self) -> String {
        let document = if self.documents { ",document" } else { "" };
        let entropy = if self.both { ",nll_entropy" } else { "" };
        format!("file{document},i,byte,nll{entropy},patch\n")
    }

    fn table(self) -> Table {
        let columns = [
            ("file", "file"),
            ("documents", "documents"),
            ("bytes", "bytes"),
            ("patches", "patches"),
            ("mean patch", "mean_patch"),
            ("bits per byte", "bits_per_byte"),
            ("byte perplexity", "byte_perplexity"),
            ("entropy model", "entropy_bits_per_byte"),
        ];
        let here = columns.into_iter().filter(|(_, key)| match *key {
            "documents" => self.documents,
            "entropy_bits_per_byte" => self.both,
            _ => true,
        });
        Table::new(&here.collect::<Vec<_>>())
    }

    fn add(self, table: &mut Table, name: String, texts: &Texts) {
        let score = &texts.score;
        let mut row = vec![Cell::word(name)];
        if self.documents {
            row.push(Cell::count(texts.count));
        }
        row.extend([
            Cell::count(score.bytes()),
            Cell::count(score.patches()),
            Cell::maybe(score.mean_patch(), 3),
            Cell::maybe(score.bits_per_byte(), 4),
            Cell::maybe(score.byte_perplexity(), 4),
        ]);
        if self.both {
            row.push(Cell::maybe(score.entropy_bits_per_byte(), 4));
        }
        table.add(row);
    }
}

fn csv(row: &Row<'_>) -> String {
    let ScoredByte {
        index,
        byte,
        nll,
        nll_entropy,
        patch,
    } = row.scored;
    let file = super::table::csv_text(row.file);
    let maybe = |value: Option<String>| value.map_or_else(String::new, |text| format!(",{text}"));
    let document = maybe(row.document.map(|document| document.to_string()));
    // The shortest digits that read back the same, as in the JSON lines.
    let more = maybe(nll_entropy.map(|nll| format!("{nll:?}")));
    format!("{file}{document},{index},{byte},{nll:?}{more},{patch}\n")
}
