use crate::{
    error::CliError,
    session::{Ended, Session},
};

/// Run a command in a container with least privilege
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args, _session: &mut Session) -> Ended {
    Err(CliError::new("could not run: this command is not in this build yet"))
}
