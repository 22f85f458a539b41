//! `blt eval characters`

use std::time::Instant;

use blt::Result;
use blt::measure::answers::Answerer;
use blt::measure::characters::Task;
use blt::measure::score::{Answer, Request};
use blt::session::BltSession;
use clap::Args;

use crate::commands::failure::Outcome;
use crate::commands::global::Global;
use crate::commands::interrupt;
use crate::commands::output::{Output, OutputArgs};
use crate::commands::progress::Progress;
use crate::commands::requests::go_on;
use crate::commands::scoring::{AskingArgs, ModelPart, Opened, on};
use crate::commands::table::{Cell, Table, TableFormat};
use crate::commands::whole::Loaded;

const EXAMPLES: &str = "\
Examples:
  blt eval characters
  blt eval characters -m models/blt-1b --shots 8 --model-part both --format md

Each question is asked after a few examples of its task, with words that are made up for it, so
that no model has seen them:

  copy     tovaku -> tovaku
  reverse  tovaku -> ukavot
  spell    tovaku -> t o v a k u
  count    a in tovaka -> 2

Bits per byte are those of the answers and the ends of their lines. An answer is exact if each of
its bytes is the one that the model holds most likely.";

/// Say how well a model copies, reverses and spells words and counts their letters
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CharactersCommand {
    /// Questions of each task
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    questions: u32,

    /// Examples before each question
    #[arg(long, value_name = "N", default_value_t = 4)]
    #[arg(value_parser = clap::value_parser!(u32).range(..=1000))]
    shots: u32,

    /// Seed of the words
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// How to write it
    #[arg(long, value_enum, default_value = "text")]
    format: TableFormat,

    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    asking: AskingArgs,
}

impl CharactersCommand {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let opened = self.asking.open()?;
        interrupt::watch(global.colored())?;
        let mut output = Output::open(&self.output)?;
        let table = pollster::block_on(self.evaluate(&opened, global))
            .map_err(|failure| self.asking.blame(failure, &opened, global))?;
        output.write(table.render(self.format).as_bytes())?;
        output.commit()
    }

    async fn evaluate(&self, opened: &Opened, global: &Global) -> Outcome<Table> {
        let loaded = self.asking.load(opened, global).await?;
        let mut answerers = self.answerers(opened, &loaded)?;
        let mut columns = vec![
            ("task", "task"),
            ("questions", "questions"),
            ("bytes", "bytes"),
            ("bits per byte", "bits_per_byte"),
            ("exact", "exact"),
        ];
        if answerers.len() > 1 {
            columns.push(("entropy model", "entropy_bits_per_byte"));
            columns.push(("exact by it", "entropy_exact"));
        }
        let mut table = Table::new(&columns);
        let (questions, shots) = (self.questions as usize, self.shots as usize);
        let asked = Task::ALL.map(|task| task.requests(questions, shots, self.seed));
        let bytes = |request: &Request| request.context.len() + request.continuation.len();
        let total = asked.iter().flatten().map(bytes).sum::<usize>() * answerers.len();
        let start = Instant::now();
        let mut progress = Progress::new("", Some(total as u64), !global.quiet);
        for (task, requests) in Task::ALL.iter().zip(&asked) {
            let answered: usize = requests
                .iter()
                .map(|request| request.continuation.len())
                .sum();
            let mut row = vec![
                Cell::word(task.to_string()),
                Cell::count(requests.len() as u64),
                Cell::count(answered as u64),
            ];
            for answerer in &mut answerers {
                let (mut nats, mut exact, mut left) = (0.0, 0_u64, requests.iter());
                let each = |answer: &Answer| -> Result<()> {
                    nats -= answer.logprob;
                    exact += u64::from(answer.is_greedy);
                    progress.add(left.next().map_or(0, bytes) as u64);
                    Ok(())
                };
                answerer.answer(requests, go_on, each).await?;
                let bits = nats / std::f64::consts::LN_2 / answered as f64;
                let share = exact as f64 / requests.len() as f64;
                row.push(Cell::number(bits, 4));
                row.push(Cell::shown(share, format!("{:.0} %", 100.0 * share)));
            }
            table.add(row);
        }
        progress.end();
        global.say(&format_args!(
            "{} questions in {:.1} s · {}",
            questions * Task::ALL.len(),
            start.elapsed().as_secs_f64(),
            on(loaded.device())
        ));
        Ok(table)
    }

    /// Of the part that is asked, and of the entropy model if both are.
    fn answerers(&self, opened: &Opened, loaded: &Loaded) -> Result<Vec<Answerer>> {
        let context = self.asking.context();
        let model = match loaded {
            Loaded::Entropy(model) => return Ok(vec![Answerer::of_entropy(model, context)?]),
            Loaded::Blt(model, _) => model,
        };
        let session = BltSession::new(model, self.asking.options(opened))?;
        let mut answerers = vec![Answerer::of_blt(session)];
        if let (ModelPart::Both, Some(entropy)) = (opened.part, model.entropy()) {
            answerers.push(Answerer::of_entropy(entropy, context)?);
        }
        Ok(answerers)
    }
}
