mod ago;
pub(crate) mod attach;
pub(crate) mod exec;
pub(crate) mod inspect;
pub(crate) mod kill;
pub(crate) mod logs;
pub(crate) mod ps;
pub(crate) mod rm;
pub(crate) mod stop;
pub(crate) mod wait;

use crate::session::{Ended, Session};

/// Look at, join, stop and remove containers that run or have run
///
/// ps, logs, exec, stop and rm are commands of their own as well.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam container ps --all
  cofferdam container logs --follow web
  cofferdam container exec -it web sh
  cofferdam container attach web
  cofferdam container kill -s HUP web
  cofferdam container inspect web
  cofferdam container rm --force web")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Ps(ps::Args),
    Logs(logs::Args),
    Exec(exec::Args),
    Attach(attach::Args),
    Stop(stop::Args),
    Kill(kill::Args),
    Wait(wait::Args),
    Inspect(inspect::Args),
    Rm(rm::Args),
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    match &args.command {
        Command::Ps(args) => ps::run(args, session),
        Command::Logs(args) => logs::run(args, session),
        Command::Exec(args) => exec::run(args, session),
        Command::Attach(args) => attach::run(args, session),
        Command::Stop(args) => stop::run(args, session),
        Command::Kill(args) => kill::run(args, session),
        Command::Wait(args) => wait::run(args, session),
        Command::Inspect(args) => inspect::run(args, session),
        Command::Rm(args) => rm::run(args, session),
    }
}
