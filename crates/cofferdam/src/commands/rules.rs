use crate::{
    error::CliError,
    session::{Ended, Session},
};

/// List the rules
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args, _session: &mut Session) -> Ended {
    Err(CliError::new("could not rules: this command is not in this build yet"))
}
