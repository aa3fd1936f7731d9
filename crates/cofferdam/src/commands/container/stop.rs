use std::{process::ExitCode, time::Duration};

use cofferdam_runtime::{ContainerId, record::LONGEST_STOP};

use crate::{
    containers,
    error::CliError,
    session::{Ended, Session},
};

/// Ask containers to end, and end those that do not
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The signal is SIGTERM, or what the image names. A program that runs as PID 1 and has no handler for it
does not get it at all, which is how Linux is: cofferdam run --init helps.

Examples:
  cofferdam stop web
  cofferdam stop --time 60 web database")]
pub(crate) struct Args {
    /// Which containers
    #[arg(value_name = "NAME", required = true)]
    names: Vec<ContainerId>,
    /// Seconds that they have to end by themselves [default: what run was told, or 10]
    #[arg(
        short,
        long,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u32).range(0..=i64::from(LONGEST_STOP))
    )]
    time: Option<u32>,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    each(&args.names, session, |id| {
        let found = containers::find(id)?;
        let grace = args.time.unwrap_or(found.record.stop_timeout);
        containers::stop(&found, found.record.stop_signal, Duration::from_secs(grace.into()))
    })
}

/// Does something with each, whatever becomes of the others, and names those with which it was done.
pub(super) fn each(
    names: &[ContainerId],
    session: &mut Session,
    mut act: impl FnMut(&ContainerId) -> Result<(), CliError>,
) -> Ended {
    use std::io::Write as _;
    let mut failed = None;
    for id in names {
        match act(id) {
            Ok(()) => writeln!(session.printer.data(), "{id}")?,
            Err(error) => {
                if let Some(earlier) = failed.replace(error) {
                    session.printer.error(&earlier);
                }
            }
        }
    }
    failed.map_or(Ok(ExitCode::SUCCESS), |error| {
        // What was done is told all the same.
        std::io::Write::flush(session.printer.data())?;
        Err(error)
    })
}
