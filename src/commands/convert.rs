//! `blt convert`

use std::path::PathBuf;
use std::time::Instant;

use blt::checkpoint::{ConvertOptions, Dtype};
use blt::numerics::Quantisation;
use clap::{Args, ValueEnum};

use super::failure::Outcome;
use super::global::Global;
use super::interrupt;
use super::model::ModelArgs;
use super::progress::Progress;
use super::summary::{Rate, bytes};

const EXAMPLES: &str = "\
Examples:
  blt convert -m facebook/blt-1b models/blt-1b
  blt convert -m downloads/blt_7b models/blt-7b-bf16 --dtype bf16
  blt convert -m facebook/blt-7b models/blt-7b-q4 --dtype q4

No GPU is needed. The folder appears when it is whole; weights pass through in small pieces.";

/// Write a model in the layout of transformers: config.json and model.safetensors
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Convert {
    #[command(flatten)]
    model: ModelArgs,

    /// The folder to make; if it is there, it must be empty
    #[arg(value_name = "OUT_DIR")]
    folder: PathBuf,

    /// What to store weights as
    #[arg(long, value_enum, default_value = "keep")]
    dtype: Stored,
}

/// What weights are stored as.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Stored {
    /// Each as it is
    Keep,
    /// 32 bits
    F32,
    /// 16 bits, IEEE half precision
    F16,
    /// 16 bits, the upper half of f32
    Bf16,
    /// 8 bits: matrices and tables, in groups of 64 with scale and bias, as MLX has it
    Q8,
    /// 4 bits, in the same way
    Q4,
    /// 4 bits for hash tables and the latent model, which are most of the weights, 8 for the rest
    Mixed,
}

impl Convert {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        interrupt::watch(global.colored())?;
        let mut checkpoint = self.model.open()?;
        if let Stored::Mixed = self.dtype {
            checkpoint = checkpoint.in_mixed_bits();
        }
        let options = ConvertOptions {
            dtype: match self.dtype {
                Stored::Keep | Stored::Mixed => None,
                Stored::F32 => Some(Dtype::F32),
                Stored::F16 => Some(Dtype::F16),
                Stored::Bf16 => Some(Dtype::Bf16),
                Stored::Q8 => Quantisation::of_bits(8).map(Dtype::Quantised),
                Stored::Q4 => Quantisation::of_bits(4).map(Dtype::Quantised),
            },
            unfinished: Some(interrupt::unfinished),
            ..ConvertOptions::default()
        };
        let total = checkpoint.converted_bytes(&options)?;
        let start = Instant::now();
        let mut progress = Progress::new("converting: ", Some(total), !global.quiet);
        let written = checkpoint.convert(&self.folder, &options, |bytes| {
            progress.add(bytes);
            interrupt::check()
        })?;
        progress.end();
        let files = match written.files {
            1 => "1 file".to_owned(),
            n => format!("{n} files"),
        };
        global.say(&format_args!(
            "{} tensors · {} in {files} · {} · {}",
            written.tensors,
            bytes(written.bytes),
            Rate::new(written.bytes, start.elapsed()),
            self.folder.display()
        ));
        Ok(())
    }
}
