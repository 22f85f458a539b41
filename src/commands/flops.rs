//! `blt flops`

use blt::checkpoint::{Checkpoint, Config};
use blt::measure::bench::DecodeReads;
use blt::measure::flops::{Flops, TextShape, larger_latent};
use clap::Args;

use super::failure::{Outcome, argument};
use super::global::Global;
use super::model::AnyModelArgs;
use super::output;
use super::summary::scaled;
use super::table::{Cell, Table, TableFormat};

const EXAMPLES: &str = "\
Examples:
  blt flops --like blt-1b
  blt flops --like blt-7b --patch-size 6 --format md
  blt flops --like blt-1b --budget
  blt flops -m models/my-blt --budget=6,8 --format csv

A multiplication with its addition counts 2. Training takes three times as many operations.
The share is that of all parts; the paper's formula has neither projections nor entropy model.
No GPU is needed, and no weight is read.";

/// Count the floating-point operations per byte of a model, by part
///
/// With --budget: what larger patches save, spent on a larger latent model.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct FlopsCommand {
    #[command(flatten)]
    model: AnyModelArgs,

    /// Mean bytes per patch
    #[arg(long, value_name = "BYTES", default_value_t = 4.5)]
    patch_size: f64,

    /// Bytes that the latent model looks back over
    #[arg(long, value_name = "BYTES", default_value_t = 8192)]
    context: u32,

    /// For these mean patches (else 4.5,6,8,10,12): how deep or wide the latent model may
    /// become at the same cost
    #[arg(
        long,
        value_name = "BYTES,...",
        value_delimiter = ',',
        num_args = 0..,
        require_equals = true,
        default_missing_value = "4.5,6,8,10,12"
    )]
    budget: Option<Vec<f64>>,

    /// How to write it
    #[arg(long, value_enum, default_value = "text")]
    format: TableFormat,
}

impl FlopsCommand {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let checkpoint = self.model.open()?;
        let shape = TextShape::new(self.patch_size, self.context)?;
        let table = match &self.budget {
            None => by_part(checkpoint.config(), shape),
            Some(sizes) => budget(checkpoint.config(), shape, sizes)?,
        };
        output::print(&table.render(self.format))?;
        global.say(&format_args!(
            "{} · mean patch {} · context of {} bytes",
            checkpoint.origin(),
            shape.patch_size,
            shape.context
        ));
        global.say(&weights_read(&checkpoint, shape));
        Ok(())
    }
}

/// The weights that writing a byte reads, as they are and in fewer bits.
fn weights_read(checkpoint: &Checkpoint, shape: TextShape) -> String {
    let read = |checkpoint: &Checkpoint| {
        let bytes = DecodeReads::of(checkpoint).per_byte(0.0, shape.patch_size.recip());
        scaled(bytes, "B")
    };
    format!(
        "weights read to write a byte: {} · {} in 8 bits · {} in 4",
        read(checkpoint),
        read(&checkpoint.in_bits(8)),
        read(&checkpoint.in_bits(4)),
    )
}

fn by_part(config: &Config, shape: TextShape) -> Table {
    let flops = Flops::of(config, shape);
    let mut table = Table::new(&[
        ("part", "part"),
        ("MFLOP per byte", "flops_per_byte"),
        ("share", "share"),
    ]);
    let total = flops.total();
    let mut add = |name: String, count: f64| {
        table.add(vec![
            Cell::word(name),
            mega(count),
            Cell::shown(count / total, format!("{:.1} %", 100.0 * count / total)),
        ]);
    };
    for (part, count) in &flops.parts {
        add(part.to_string(), *count);
    }
    if config.blt.is_some() {
        add("by the paper's formula".to_owned(), flops.paper());
    }
    add("all".to_owned(), total);
    table
}

fn budget(config: &Config, shape: TextShape, sizes: &[f64]) -> blt::Result<Table> {
    let Some(blt) = &config.blt else {
        return Err(argument(
            "--budget is about the latent model, and this is an entropy model alone; \
             name a whole BLT with -m, or --like blt-1b",
        ));
    };
    let mut table = Table::new(&[
        ("mean patch", "patch_size"),
        ("MFLOP per byte", "flops_per_byte"),
        ("layers", "layers"),
        ("parameters", "deeper_parameters"),
        ("times", "deeper_times"),
        ("or width", "width"),
        ("parameters", "wider_parameters"),
        ("times", "wider_times"),
    ]);
    let own = larger_latent(blt, shape, &[shape.patch_size])?;
    let own = own.first().map_or(0, |row| row.deeper);
    for row in larger_latent(blt, shape, sizes)? {
        let times = |parameters: u64| {
            let times = parameters as f64 / own as f64;
            Cell::shown(times, format!("{times:.2}x"))
        };
        table.add(vec![
            Cell::shown(row.patch_size, row.patch_size.to_string()),
            mega(row.flops),
            Cell::count(row.layers.into()),
            Cell::count(row.deeper),
            times(row.deeper),
            Cell::count(row.width.into()),
            Cell::count(row.wider),
            times(row.wider),
        ]);
    }
    Ok(table)
}

/// Operations, shown in millions.
fn mega(flops: f64) -> Cell {
    Cell::shown(flops, format!("{:.3}", flops / 1e6))
}
