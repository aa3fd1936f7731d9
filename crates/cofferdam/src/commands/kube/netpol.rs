mod audit;
mod diff;
mod eval;
mod exposure;
mod generate;
mod list;

use std::path::Path;

use cofferdam_kube::{
    Snapshot,
    network::{Cluster, IpBlocks},
};

use super::input::{self, Input};
use crate::{
    error::CliError,
    session::{Ended, Session},
};

/// Work out who can reach whom under the network policies of a cluster
///
/// Understood are NetworkPolicy, AdminNetworkPolicy, BaselineAdminNetworkPolicy and
/// ClusterNetworkPolicy, Services, Ingresses and routes. The result is exact for the objects given;
/// what cannot be decided from them is said.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube netpol list ./manifests
  cofferdam kube netpol eval dump.json shop/web shop/db 5432
  cofferdam kube netpol diff main/manifests branch/manifests
  cofferdam kube netpol audit ./manifests
  cofferdam kube netpol generate ./manifests -o policies.yaml")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(list::Args),
    Eval(eval::Args),
    Diff(diff::Args),
    Exposure(exposure::Args),
    Audit(audit::Args),
    Generate(generate::Args),
}

pub(super) fn run(args: &Args, session: &mut Session) -> Ended {
    match &args.command {
        Command::List(args) => list::run(args, session),
        Command::Eval(args) => eval::run(args, session),
        Command::Diff(args) => diff::run(args, session),
        Command::Exposure(args) => exposure::run(args, session),
        Command::Audit(args) => audit::run(args, session),
        Command::Generate(args) => generate::run(args, session),
    }
}

/// What a block of addresses in a policy is compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Blocks {
    // Not doc comments: clap would stretch the help page over them.
    // Every address, those of pods and nodes too.
    #[default]
    Everything,
    // Only addresses outside of the cluster.
    External,
}

impl From<Blocks> for IpBlocks {
    fn from(blocks: Blocks) -> Self {
        match blocks {
            Blocks::Everything => Self::Everything,
            Blocks::External => Self::External,
        }
    }
}

/// Gaps that are told one by one; the rest as a number.
const GAPS_TOLD: usize = 10;

/// The cluster that is read; says what of it could not be understood.
fn cluster(input: &Input, session: &Session) -> Result<Cluster, CliError> {
    understood(&input.read(session)?, &input.name(), session)
}

/// The cluster at `path`; says what of it could not be understood.
fn cluster_at(path: &Path, session: &Session) -> Result<Cluster, CliError> {
    understood(&input::read(path, session)?, &path.display().to_string(), session)
}

/// The cluster that `snapshot` of `name` shows; says what of it could not be understood.
fn understood(snapshot: &Snapshot, name: &str, session: &Session) -> Result<Cluster, CliError> {
    let cluster = Cluster::read(snapshot);
    for gap in cluster.gaps.iter().take(GAPS_TOLD) {
        session.printer.warning(format_args!("{}: {}", gap.object, gap.why));
    }
    if cluster.gaps.len() > GAPS_TOLD {
        let more = cluster.gaps.len() - GAPS_TOLD;
        session.printer.warning(format_args!("{more} more could not be understood"));
    }
    if cluster.pods.is_empty() {
        let hint = "name a folder that has the workloads, too, not only their policies";
        let message = format!("there is nothing in '{name}' that runs pods");
        return Err(CliError::new(message).hint(hint));
    }
    Ok(cluster)
}

/// A namespace that is not there is a typing error.
fn check_namespaces(cluster: &Cluster, names: &[String]) -> Result<(), CliError> {
    let known = || cluster.namespaces.iter().map(|namespace| namespace.name.as_str());
    match names.iter().find(|name| !known().any(|known| known == *name)) {
        None => Ok(()),
        Some(name) => {
            let error = CliError::new(format!("could not find namespace '{name}'"));
            Err(match crate::nearest::nearest(name, known()) {
                Some(nearest) => error.hint(format!("did you mean '{nearest}'")),
                None => error.hint("nothing in what was read is in that namespace"),
            })
        }
    }
}
