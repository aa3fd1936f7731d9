use cofferdam_runtime::ContainerId;
use cofferdam_sys::signal;

use super::stop::each;
use crate::{
    containers,
    session::{Ended, Session},
};

/// Send a signal to the first process of containers
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A container that a signal ends counts as one that has ended by itself: its restart policy applies.

Examples:
  cofferdam container kill web
  cofferdam container kill --signal HUP web")]
pub(crate) struct Args {
    /// Which containers
    #[arg(value_name = "NAME", required = true)]
    names: Vec<ContainerId>,
    /// Which signal, by name or number
    #[arg(short, long, value_name = "SIGNAL", default_value = "KILL", value_parser = number)]
    signal: i32,
}

fn number(text: &str) -> Result<i32, String> {
    let number = signal::number(text).filter(|number| *number > 0);
    number.ok_or_else(|| "a signal such as HUP, SIGTERM or 9 is wanted".to_owned())
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    each(&args.names, session, |id| {
        let found = containers::find(id)?;
        Ok(found.running("send a signal to")?.kill(args.signal, false)?)
    })
}
