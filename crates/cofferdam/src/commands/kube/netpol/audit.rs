use cofferdam_kube::network::{Cluster, Reachability, findings};

use super::{
    super::{
        input,
        report::{Found, Reporting, report},
    },
    Blocks,
};
use crate::session::{Ended, Session};

/// Find what is wrong with the networks: missing default deny, open egress, the metadata address
///
/// Findings rest on what all policies together permit, not on whether a policy exists.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube netpol audit ./manifests
  cofferdam kube netpol audit dump.json --fail-on medium --format sarif -o network.sarif")]
pub(crate) struct Args {
    #[command(flatten)]
    input: input::Input,
    #[command(flatten)]
    reporting: Reporting,
    /// What blocks of addresses in policies mean: pods and nodes too, or only the outside (Cilium)
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    ip_blocks: Blocks,
}

pub(super) fn run(args: &Args, session: &mut Session) -> Ended {
    let snapshot = args.input.read(session)?;
    let cluster = Cluster::read(&snapshot);
    let reachability = Reachability::of(&cluster, args.ip_blocks.into());
    let found = Found {
        findings: findings(&cluster, &reachability),
        gaps: snapshot.gaps.into_iter().chain(cluster.gaps).collect(),
        ..Found::default()
    };
    report(args.input.name(), found, &args.reporting, session)
}
