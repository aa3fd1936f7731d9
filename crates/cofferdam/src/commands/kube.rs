mod input;
mod netpol;
mod pss;
mod rbac;
mod report;
mod snapshot;
mod tenants;

use crate::session::{Ended, Session};

/// Look into Kubernetes clusters, dumps and manifests
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube pss --level baseline manifests/
  cofferdam kube rbac paths dump.json
  cofferdam kube snapshot dump.json -o cluster.json

A dump of a cluster, as an administrator:
  kubectl get -A -o json all,cm,sa,roles,rolebindings,clusterroles,clusterrolebindings,\
    networkpolicies,ns,nodes > dump.json")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Netpol(netpol::Args),
    Pss(pss::Args),
    Rbac(rbac::Args),
    Snapshot(snapshot::Args),
    Tenants(tenants::Args),
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    match &args.command {
        Command::Netpol(args) => netpol::run(args, session),
        Command::Pss(args) => pss::run(args, session),
        Command::Rbac(args) => rbac::run(args, session),
        Command::Snapshot(args) => snapshot::run(args, session),
        Command::Tenants(args) => tenants::run(args, session),
    }
}
