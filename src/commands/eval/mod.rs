//! `blt eval`

mod characters;
mod noise;

use clap::{Args, Subcommand};

use super::failure::Outcome;
use super::global::Global;

/// Evaluate a model
#[derive(Debug, Args)]
pub(super) struct Eval {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Noise(noise::NoiseCommand),
    Characters(characters::CharactersCommand),
}

impl Eval {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        match &self.what {
            What::Noise(command) => command.run(global),
            What::Characters(command) => command.run(global),
        }
    }
}
