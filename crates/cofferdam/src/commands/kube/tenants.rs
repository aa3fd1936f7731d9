mod check;
mod generate;

use crate::session::{Ended, Session};

/// Find what lets one tenant of a cluster get at another, and write tenants that are apart
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube tenants check dump.json --label team
  cofferdam kube tenants generate blue --group blue-developers -o tenant.yaml")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Check(check::Args),
    Generate(generate::Args),
}

pub(super) fn run(args: &Args, session: &mut Session) -> Ended {
    match &args.command {
        Command::Check(args) => check::run(args, session),
        Command::Generate(args) => generate::run(args, session),
    }
}
