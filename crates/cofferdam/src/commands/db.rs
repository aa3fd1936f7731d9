use crate::{
    error::CliError,
    session::{Ended, Session},
};

/// Show, build and update the advisory database
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args, _session: &mut Session) -> Ended {
    Err(CliError::new("could not db: this command is not in this build yet"))
}
