use std::{io::Write as _, process::ExitCode};

use crate::{
    containers::volumes::{VolumeName, Volumes},
    session::{Ended, Session},
};

/// Remove volumes that no container uses, with what is in them
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which volumes
    #[arg(value_name = "NAME", required = true)]
    names: Vec<VolumeName>,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let volumes = Volumes::of(session)?;
    for name in &args.names {
        volumes.remove(name)?;
        writeln!(session.printer.data(), "{name}")?;
    }
    Ok(ExitCode::SUCCESS)
}
