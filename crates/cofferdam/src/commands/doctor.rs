use crate::{
    error::CliError,
    session::{Ended, Session},
};

/// Say what works on this machine, and what to do where something does not
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args, _session: &mut Session) -> Ended {
    Err(CliError::new("could not doctor: this command is not in this build yet"))
}
