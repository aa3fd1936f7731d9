use std::process::ExitCode;

use cofferdam_runtime::ContainerId;

use crate::{
    containers::monitor,
    session::{Ended, Session},
};

/// Stay with a container in the background; started by run --detach, and of no use by hand
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which container
    name: ContainerId,
    /// Descriptor that keeps the image in the store while it is open
    #[arg(long, value_name = "NUMBER")]
    holding: Option<i32>,
}

pub(crate) fn run(args: &Args, _session: &mut Session) -> Ended {
    monitor::run(&args.name)?;
    Ok(ExitCode::SUCCESS)
}
