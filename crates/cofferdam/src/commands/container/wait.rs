use std::{io::Write as _, process::ExitCode};

use cofferdam_runtime::{ContainerId, record::Phase};

use super::attach::Joined;
use crate::{
    containers::{self, Found, wait_for_keeper},
    error::CliError,
    session::{Ended, Session},
};

/// Wait until containers have ended, and print how
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam container wait web")]
pub(crate) struct Args {
    /// Which containers
    #[arg(value_name = "NAME", required = true)]
    names: Vec<ContainerId>,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    for id in &args.names {
        let code = wait(containers::find(id)?)?;
        writeln!(session.printer.data(), "{code}")?;
        session.printer.data().flush()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The exit code, when it has ended for good.
fn wait(mut found: Found) -> Result<u8, CliError> {
    let unknown = |found: &Found, why: &str| {
        CliError::new(format!("could not learn how '{}' has ended", found.id()))
            .because([why.to_owned()])
    };
    if found.condition.phase != Phase::Ended && found.record.detached {
        // Told by its monitor, which may remove it in the same moment.
        if let Some(code) = Joined::join(&found, false)?.map(Joined::wait).transpose()?.flatten() {
            return Ok(code);
        }
    }
    wait_for_keeper(&found)?;
    found.look_again()?;
    match found.exit_code() {
        Some(code) => Ok(code),
        None if found.record.detached => Err(unknown(&found, "its monitor has ended before it")),
        None => Err(unknown(&found, "it ran in the foreground, and its command was told")),
    }
}
