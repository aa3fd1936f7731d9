use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use crate::{
    cli::Cli,
    session::{Ended, Session},
};

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam completions bash > /etc/bash_completion.d/cofferdam
  cofferdam completions zsh > ~/.zfunc/_cofferdam
  cofferdam completions fish -o ~/.config/fish/completions/cofferdam.fish")]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    generate(args.shell, &mut Cli::command(), "cofferdam", session.printer.data());
    Ok(ExitCode::SUCCESS)
}
