//! `blt corpus`

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use blt::checkpoint::Checkpoint;
use blt::corpus::{
    Columns, Corpus, CorpusOptions, Done, Extras, Layout, ModelId, Progress as State, Reader,
    Shard, TableFormat,
};
use blt::patch::Rule;
use blt::session::Cut;
use clap::{Args, ValueEnum};

use super::cut::CutArgs;
use super::failure::{Failure, Outcome, argument};
use super::global::Global;
use super::interrupt;
use super::model::{self, ContextArgs, ModelArgs};
use super::progress::Progress;
use super::requests::go_on;
use super::summary::{Rate, adapter, bytes, counted};

const EXAMPLES: &str = "\
Examples:
  blt corpus data/ -o patches
  blt corpus 'data/**/*.jsonl.zst' -o patches --entropies --text --format arrow
  blt corpus data/*.parquet -o words --mode space --text-column body
  blt corpus data/ -o preprocessed --layout meta -m models/blt-1b
  blt corpus data/ -o patches --shard $SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT

Inputs are JSON lines (.jsonl, .jsonl.gz, .jsonl.zst), Parquet and Arrow files, and folders and
patterns of them. A run that ended before its end, whatever ended it, is begun again by the same
command: it goes on where it was. OUT/manifest.json says what the results are of; lines that hold
no text are in OUT/bad.";

/// Find the entropies and patches of all texts of a data set
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CorpusCommand {
    /// Files, folders and patterns of them
    #[arg(value_name = "IN", required = true)]
    inputs: Vec<PathBuf>,

    /// The folder of the results
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,

    /// What the results look like
    #[arg(long, value_enum, default_value = "patches")]
    layout: LayoutName,

    /// The files of --layout patches [default: parquet]
    #[arg(long, value_enum)]
    format: Option<FormatName>,

    /// Add the entropy of each byte, in nats, to --layout patches
    #[arg(long)]
    entropies: bool,

    /// Add -ln p of each byte, in nats, to --layout patches
    #[arg(long)]
    nll: bool,

    /// Add the text to --layout patches
    #[arg(long)]
    text: bool,

    /// The column of the text [default: text, else content]
    #[arg(long, value_name = "NAME")]
    text_column: Option<String>,

    /// The column of the name [default: the first there is of sample_id, title, qid, paper_id,
    /// path, url and id, else file and line]
    #[arg(long, value_name = "NAME")]
    id_column: Option<String>,

    /// What --layout meta calls the data set [default: the name of the folder or file]
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,

    /// What --layout meta and the manifest call the model [default: its own name]
    #[arg(long, value_name = "NAME")]
    model_name: Option<String>,

    /// Which share of the work is done: the I-th of N, from 0 on; each of N runs takes another,
    /// into one folder
    #[arg(
        long,
        value_name = "I/N",
        default_value = "0/1",
        hide_default_value = true
    )]
    shard: Shard,

    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    cut: CutArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LayoutName {
    /// Patch lengths in bytes, by any rule
    Patches,
    /// What the reference trainer reads: entropies of every token, as halves
    Meta,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatName {
    /// Parquet, compressed
    Parquet,
    /// Arrow IPC files
    Arrow,
}

impl CorpusCommand {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let layout = self.layout()?;
        self.cut.check()?;
        let needs_model = layout.needs_model() || self.cut.opens_model();
        if let (false, Some(flag)) = (needs_model, self.context.flag()) {
            return Err(argument(format!(
                "{flag} is about the entropy model, which runs neither for this rule nor for \
                 these columns"
            ))
            .into());
        }
        let checkpoint = needs_model.then(|| self.model.open()).transpose()?;
        let rule = match self.cut.cut(checkpoint.as_ref())? {
            Cut::Rule(rule) => rule,
            Cut::Mean { .. } | Cut::Largest { .. } => {
                return Err(argument(
                    "patches of a wanted size are found over one text; find the threshold on a \
                     part of the corpus with `blt patch` and give it as --threshold",
                )
                .into());
            }
        };
        interrupt::watch(global.colored())?;
        let run = self.read(layout, &rule, checkpoint.as_ref(), global);
        pollster::block_on(run)
            .map_err(|failure| model::blame(failure, checkpoint.as_ref(), global))
    }

    fn layout(&self) -> blt::Result<Layout> {
        let extras = Extras {
            entropies: self.entropies,
            nll: self.nll,
            text: self.text,
        };
        let of_patches = [
            (self.format.is_some(), "--format"),
            (self.entropies, "--entropies"),
            (self.nll, "--nll"),
            (self.text, "--text"),
        ];
        let of_meta = [(self.dataset.is_some(), "--dataset")];
        let (strangers, other): (&[_], _) = match self.layout {
            LayoutName::Meta => (&of_patches, "patches"),
            LayoutName::Patches => (&of_meta, "meta"),
        };
        if let Some((_, flag)) = strangers.iter().find(|(given, _)| *given) {
            return Err(argument(format!("{flag} goes with --layout {other}")));
        }
        let format = match self.format {
            Some(FormatName::Arrow) => TableFormat::Arrow,
            Some(FormatName::Parquet) | None => TableFormat::Parquet,
        };
        Ok(match self.layout {
            LayoutName::Meta => Layout::Meta,
            LayoutName::Patches => Layout::Patches { format, extras },
        })
    }

    async fn read(
        &self,
        layout: Layout,
        rule: &Rule,
        checkpoint: Option<&Checkpoint>,
        global: &Global,
    ) -> Outcome {
        let runs = layout.needs_model() || Cut::Rule(rule.clone()).needs_model();
        let checkpoint = checkpoint.filter(|_| runs);
        let (model, id) = match checkpoint {
            Some(checkpoint) => {
                let model = model::load(checkpoint, global).await?;
                let name = self.model_name.clone();
                let name = name.unwrap_or_else(|| short_name(checkpoint.origin()));
                let id = ModelId::new(&name, &checkpoint.entropy_weights()?)?;
                (Some(model), Some(id))
            }
            None => (None, None),
        };
        let mut reader = Reader::new(model.as_ref(), layout, rule, self.context.options())?;
        let options = CorpusOptions {
            columns: Columns {
                text: self.text_column.clone(),
                id: self.id_column.clone(),
            },
            data_set: self.dataset.clone(),
            model: id,
            shard: self.shard,
        };
        let corpus = Corpus::open(&self.inputs, &self.output, &reader, options)?;
        let mut progress = Progress::new("", None, !global.quiet);
        let start = Instant::now();
        let run = corpus.run(&mut reader, |state| {
            progress.show(state.done, state.total, || message(state, start.elapsed()));
            go_on()
        });
        let done = run.await?;
        progress.end();
        let on = match &model {
            Some(model) => format!("on {}", adapter(model.device().summary())),
            None => "on the CPU (no model needed)".to_owned(),
        };
        self.report(done, start.elapsed(), &on, global)
    }

    fn report(&self, done: Done, time: Duration, on: &str, global: &Global) -> Outcome {
        let counts = done.counts;
        let mut parts = vec![counted(counts.texts, "text", "texts"), bytes(counts.bytes)];
        if counts.patches > 0 {
            let mean = counts.bytes as f64 / counts.patches as f64;
            let patches = counted(counts.patches, "patch", "patches");
            parts.push(format!("{patches}, mean {mean:.2}"));
        }
        if done.progress.bytes > 0 {
            parts.push(Rate::new(done.progress.bytes, time).to_string());
        }
        if done.progress.texts < counts.texts {
            let earlier = counts.texts - done.progress.texts;
            parts.push(format!("{earlier} of the texts by earlier runs"));
        }
        parts.push(on.to_owned());
        global.say(&parts.join(" · "));
        if let Some(first) = &done.first_bad {
            global.say(&format_args!(
                "{} bad {} in {}; the first is {first}",
                counts.bad_lines,
                if counts.bad_lines == 1 {
                    "line is"
                } else {
                    "lines are"
                },
                self.output.join("bad").display()
            ));
        }
        let unread = done.unread.len();
        match done.unread.into_iter().next() {
            None => Ok(()),
            Some((name, error)) => {
                global.say(&format_args!(
                    "{unread} {} could not be read to the end, {name} first; run the command \
                     again once that is mended",
                    if unread == 1 { "input" } else { "inputs" },
                ));
                Err(Failure::Error(error))
            }
        }
    }
}

/// What a model is called in names of folders.
fn short_name(origin: &str) -> String {
    let name = Path::new(origin).file_name();
    let name = name.map_or_else(|| origin.to_owned(), |name| name.to_string_lossy().into());
    match name.split_once('@') {
        Some((name, _)) => name.to_owned(),
        None => name,
    }
}

/// How far it is: texts, bytes per second, and the time for what is left of the inputs.
fn message(state: &State, time: Duration) -> String {
    let rate = Rate::new(state.bytes, time);
    let own = state.done.saturating_sub(state.earlier);
    let left = Rate::new(own, time).time_for(state.total.saturating_sub(state.done));
    let texts = counted(state.texts, "text", "texts");
    match own {
        0 => format!("{texts}, {rate}"),
        _ => format!("{texts}, {rate}, {left} left"),
    }
}
