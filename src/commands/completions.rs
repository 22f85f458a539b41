//! `blt completions`

use clap::Args;
use clap_complete::Shell;

use super::failure::Outcome;
use super::output;

const EXAMPLES: &str = "\
Examples:
  blt completions bash > ~/.local/share/bash-completion/completions/blt
  blt completions zsh > ~/.zfunc/_blt
  blt completions fish > ~/.config/fish/completions/blt.fish";

/// Print the completion script of a shell
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self, command: &mut clap::Command) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, command, "blt", &mut script);
        output::print(&String::from_utf8_lossy(&script))
    }
}
