mod admission;
mod audit;
mod cis;
mod fix;
mod input;
mod netpol;
mod pss;
mod rbac;
mod report;
mod snapshot;
mod tenants;
mod versions;

use crate::session::{Ended, Session};

/// Look into Kubernetes clusters, dumps and manifests
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube audit --fail-on high manifests/
  cofferdam kube pss --level baseline manifests/
  cofferdam kube rbac paths dump.json
  cofferdam kube snapshot --context staging -o cluster.json

A dump of a cluster, as an administrator:
  kubectl get -A -o json \\
    all,cm,sa,ns,nodes,roles,rolebindings,clusterroles,clusterrolebindings,networkpolicies \\
    > dump.json")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Admission(admission::Args),
    Audit(audit::Args),
    Cis(cis::Args),
    Fix(fix::Args),
    Netpol(netpol::Args),
    Pss(pss::Args),
    Rbac(rbac::Args),
    Snapshot(snapshot::Args),
    Tenants(tenants::Args),
    Versions(versions::Args),
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    match &args.command {
        Command::Admission(args) => admission::run(args, session),
        Command::Audit(args) => audit::run(args, session),
        Command::Cis(args) => cis::run(args, session),
        Command::Fix(args) => fix::run(args, session),
        Command::Netpol(args) => netpol::run(args, session),
        Command::Pss(args) => pss::run(args, session),
        Command::Rbac(args) => rbac::run(args, session),
        Command::Snapshot(args) => snapshot::run(args, session),
        Command::Tenants(args) => tenants::run(args, session),
        Command::Versions(args) => versions::run(args, session),
    }
}
