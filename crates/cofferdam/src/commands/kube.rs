mod input;
mod snapshot;

use crate::session::{Ended, Session};

/// Look into Kubernetes clusters, dumps and manifests
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kubectl get all,cm,sa,roles,rolebindings,clusterroles,clusterrolebindings,netpol,ns,nodes \\
    -A -o json > dump.json
  cofferdam kube snapshot dump.json -o cluster.json    what it holds, without the secrets' values")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Snapshot(snapshot::Args),
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    match &args.command {
        Command::Snapshot(args) => snapshot::run(args, session),
    }
}
