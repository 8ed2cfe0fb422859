//! `crowsnest completions SHELL`: what makes the shell complete commands.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::options::Cli;
use crate::print;

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest completions bash > ~/.local/share/bash-completion/completions/crowsnest
  crowsnest completions zsh > ~/.zfunc/_crowsnest")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) async fn run(self, _context: &Context) -> Result<Done, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "crowsnest", &mut script);
        print::bytes(&script)?;
        Ok(Done::Well)
    }
}
