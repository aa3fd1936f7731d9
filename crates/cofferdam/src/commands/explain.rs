use crate::{
    error::CliError,
    session::{Ended, Session},
};

/// Explain a rule or a vulnerability
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args, _session: &mut Session) -> Ended {
    Err(CliError::new("could not explain: this command is not in this build yet"))
}
