use crate::{
    error::CliError,
    session::{Ended, Session},
};

/// Write the bill of materials of a target as CycloneDX 1.6
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args, _session: &mut Session) -> Ended {
    Err(CliError::new("could not sbom: this command is not in this build yet"))
}
