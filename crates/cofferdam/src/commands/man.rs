use std::{fs, path::PathBuf, process::ExitCode};

use clap::CommandFactory as _;
use clap_mangen::Man;

use crate::{
    cli::Cli,
    error::OrFail as _,
    session::{Ended, Session},
};

/// Print the manual page, or write the pages of all commands to a directory
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam man | man -l -
  cofferdam man /usr/local/share/man/man1")]
pub(crate) struct Args {
    /// Where to write cofferdam.1, cofferdam-scan.1, …
    dir: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let Some(directory) = &args.dir else {
        Man::new(Cli::command()).render(session.printer.data())?;
        return Ok(ExitCode::SUCCESS);
    };
    let attempt = || format!("could not write manual pages to '{}'", directory.display());
    fs::create_dir_all(directory).or_fail(attempt)?;
    clap_mangen::generate_to(Cli::command(), directory).or_fail(attempt)?;
    session.printer.message(format_args!("manual pages written to {}", directory.display()));
    Ok(ExitCode::SUCCESS)
}
