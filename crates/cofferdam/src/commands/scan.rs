use crate::{
    error::CliError,
    session::{Ended, Session},
    settings::Override,
};

/// Find the packages of an image or a root file system and their vulnerabilities
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

impl Args {
    /// What the flags set.
    pub(crate) fn overrides(&self) -> Vec<Override> {
        Vec::new()
    }
}

pub(crate) fn run(_args: &Args, _session: &mut Session) -> Ended {
    Err(CliError::new("could not scan: this command is not in this build yet"))
}
