use std::{path::PathBuf, process::ExitCode};

use cofferdam_kube::network::{Cluster, Listing, Reachability, Scope, difference};

use super::Blocks;
use crate::{
    cli::Format,
    session::{Ended, Session},
};

/// Show which connections become possible and which impossible from one state to another
///
/// Both states are analysed and the connections compared, not the texts of policies: a change that
/// permits the same shows nothing. '+' is new, '-' is gone, '~' is on other ports.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube netpol diff main/manifests branch/manifests
  cofferdam kube netpol diff before.json after.json --exit-code

Exit status:
  0  done
  1  something differs, under --exit-code
  2  wrong usage, or it could not be worked out")]
pub(crate) struct Args {
    /// The state before: a dump, or a folder of manifests
    before: PathBuf,
    /// The state after
    after: PathBuf,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Exit with 1 if something differs
    #[arg(long)]
    exit_code: bool,
    /// Only connections from or to this namespace; may be repeated
    #[arg(long, short, value_name = "NAMESPACE")]
    namespace: Vec<String>,
    /// What blocks of addresses in policies mean: pods and nodes too, or only the outside (Cilium)
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    ip_blocks: Blocks,
}

pub(super) fn run(args: &Args, session: &mut Session) -> Ended {
    let scope = Scope { nodes: false, namespaces: args.namespace.clone() };
    let listing = |cluster: &Cluster| {
        let reachability = Reachability::of(cluster, args.ip_blocks.into());
        Listing::of(cluster, &reachability, &scope)
    };
    let before = listing(&super::cluster_at(&args.before, session)?);
    let after = listing(&super::cluster_at(&args.after, session)?);
    let difference = difference(&before, &after);
    match args.format {
        Format::Json => session.printer.json(&difference)?,
        Format::Table => difference.write(session.printer.data())?,
    }
    if difference.is_empty() {
        session.printer.message("the same connections are possible");
    }
    Ok(ExitCode::from(u8::from(args.exit_code && !difference.is_empty())))
}
