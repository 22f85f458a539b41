//! `blt eval noise`

use std::path::PathBuf;
use std::time::Instant;

use blt::measure::noise::Noise;
use blt::measure::score::Score;
use clap::Args;

use crate::commands::failure::Outcome;
use crate::commands::global::Global;
use crate::commands::input::Input;
use crate::commands::interrupt;
use crate::commands::output::{Output, OutputArgs};
use crate::commands::progress::Progress;
use crate::commands::scoring::{ModelPart, Opened, ScoringArgs, on, read};
use crate::commands::summary::{self, Rate};
use crate::commands::table::{Cell, Table, TableFormat};

const EXAMPLES: &str = "\
Examples:
  blt eval noise book.txt
  blt eval noise -m models/blt-1b *.txt --format md
  blt eval noise stories.txt --separator '\\x1e\\n'

The noises are those of the paper: antspeak (upper case, spaced out), drop (1 character in 10 is
missing), randomcase, repeat (1 character in 5 is written two to four times) and uppercase. Bits
per byte and patches are those of the noisy text.";

/// Say how much noise in a text hurts: bits per byte and mean patch with and without it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct NoiseCommand {
    /// The texts; `-`, or nothing in a pipe, reads standard input. They are held in memory
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Seed of the noise
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// How to write it
    #[arg(long, value_enum, default_value = "text")]
    format: TableFormat,

    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    scoring: ScoringArgs,
}

impl NoiseCommand {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let documents = |input| self.scoring.documents.of(input).whole();
        let texts = match self.files.as_slice() {
            [] => documents(Input::of_pipe("no text; name files, or pipe one in")?)?,
            files => {
                let read = |file: &PathBuf| documents(Input::of_path(file)?);
                let texts = files.iter().map(read).collect::<blt::Result<Vec<_>>>()?;
                texts.concat()
            }
        };
        let asking = &self.scoring.asking;
        let opened = self.scoring.open()?;
        interrupt::watch(global.colored())?;
        let mut output = Output::open(&self.output)?;
        let table = pollster::block_on(self.evaluate(&texts, &opened, global))
            .map_err(|failure| asking.blame(failure, &opened, global))?;
        output.write(table.render(self.format).as_bytes())?;
        output.commit()
    }

    async fn evaluate(
        &self,
        texts: &[Vec<u8>],
        opened: &Opened,
        global: &Global,
    ) -> Outcome<Table> {
        let loaded = self.scoring.asking.load(opened, global).await?;
        let mut scorer = self.scoring.scorer(opened, &loaded)?;
        let both = opened.part == ModelPart::Both;
        let mut columns = vec![
            ("noise", "noise"),
            ("bytes", "bytes"),
            ("mean patch", "mean_patch"),
            ("bits per byte", "bits_per_byte"),
            ("more", "more_bits_per_byte"),
        ];
        if both {
            columns.push(("entropy model", "entropy_bits_per_byte"));
        }
        let mut table = Table::new(&columns);
        let start = Instant::now();
        let mut progress = Progress::new("", None, !global.quiet);
        let mut clean = None;
        let mut read_bytes = 0;
        for noise in std::iter::once(None).chain(Noise::ALL.map(Some)) {
            let mut total = Score::default();
            for (index, text) in (0..).zip(texts) {
                // Each text has a seed of its own: the same chance would hit all beginnings alike.
                let seed = self.seed.wrapping_add(index);
                let noisy = noise.map(|noise| noise.apply(text, seed));
                let mut left = noisy.as_ref().unwrap_or(text).as_slice();
                let next = |most: usize| {
                    let (now, later) = left.split_at(left.len().min(most));
                    left = later;
                    progress.add(now.len() as u64);
                    Ok(Some(now.to_vec()).filter(|now| !now.is_empty()))
                };
                total.merge(&read(&mut scorer, next, |_| Ok(())).await?);
            }
            read_bytes += total.bytes();
            let bits = total.bits_per_byte();
            let clean = *clean.get_or_insert(bits);
            let more = bits.zip(clean).map(|(noisy, clean)| noisy - clean);
            let mut row = vec![
                Cell::word(noise.map_or_else(|| "none".to_owned(), |noise| noise.to_string())),
                Cell::count(total.bytes()),
                Cell::maybe(total.mean_patch(), 3),
                Cell::maybe(bits, 4),
                Cell::maybe(more.filter(|_| noise.is_some()), 4),
            ];
            if both {
                row.push(Cell::maybe(total.entropy_bits_per_byte(), 4));
            }
            table.add(row);
        }
        progress.end();
        let rate = Rate::new(read_bytes, start.elapsed());
        let bytes = summary::bytes(read_bytes);
        global.say(&format_args!("{bytes} · {rate} · {}", on(loaded.device())));
        Ok(table)
    }
}
