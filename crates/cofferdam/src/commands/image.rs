use crate::{
    error::CliError,
    session::{Ended, Session},
};

/// List, inspect, pull and remove images of the store
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args, _session: &mut Session) -> Ended {
    Err(CliError::new("could not image: this command is not in this build yet"))
}
