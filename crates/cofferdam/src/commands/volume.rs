mod ls;
mod rm;

use crate::session::{Ended, Session};

/// List and remove the volumes that containers keep files in
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A volume is made when a container first asks for it: cofferdam run -v www:/srv …

Examples:
  cofferdam volume ls
  cofferdam volume rm www")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Ls(ls::Args),
    Rm(rm::Args),
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    match &args.command {
        Command::Ls(args) => ls::run(args, session),
        Command::Rm(args) => rm::run(args, session),
    }
}
