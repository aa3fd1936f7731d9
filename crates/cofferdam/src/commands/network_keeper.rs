use std::{os::fd::AsFd as _, path::PathBuf, process::ExitCode};

use crate::session::{Ended, Session};

/// Keep the network of a container; started by `run`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The container's directory
    directory: PathBuf,
}

pub(crate) fn run(args: &Args, _session: &mut Session) -> Ended {
    let control = rustix::stdio::stdin().try_clone_to_owned()?;
    // The place is taken by what nobody hears from.
    let nothing = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(nothing.as_fd()).map_err(std::io::Error::from)?;
    cofferdam_network::keeper::run(&args.directory, control)?;
    Ok(ExitCode::SUCCESS)
}
