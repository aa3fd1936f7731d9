use std::process::ExitCode;

use cofferdam_kube::network::{Cluster, Listing, Reachability, Scope, render};

use super::{super::input::Input, Blocks};
use crate::{
    error::CliError,
    printer::Printer,
    session::{Ended, Session},
};

/// List who reaches whom, on which ports
///
/// Connections are as the receiving pod sees them, behind a Service. Ends that no policy tells apart
/// are one row in a table and one group in JSON; the other forms have a line for each pair. Not
/// listed is what is always so: a pod reaches itself, and a node the pods that run on it. IPv6 is
/// listed where an object of the cluster speaks of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube netpol list ./manifests
  cofferdam kube netpol list dump.json --namespace shop
  cofferdam kube netpol list ./manifests --format svg -o network.svg")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
    /// Only connections from or to this namespace; may be repeated
    #[arg(long, short, value_name = "NAMESPACE")]
    namespace: Vec<String>,
    /// Nodes too
    #[arg(long)]
    nodes: bool,
    /// What blocks of addresses in policies mean: pods and nodes too, or only the outside (Cilium)
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    ip_blocks: Blocks,
}

/// Written form of connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum ListFormat {
    // Not doc comments: clap would stretch the help page over them.
    // For people.
    #[default]
    Table,
    // A line a pair.
    Txt,
    Csv,
    // Groups and links, schema-versioned.
    Json,
    // A Markdown table.
    Md,
    // For Graphviz.
    Dot,
    // A picture.
    Svg,
}

pub(super) fn run(args: &Args, session: &mut Session) -> Ended {
    let cluster = super::cluster(&args.input, session)?;
    let reachability = Reachability::of(&cluster, args.ip_blocks.into());
    let scope = Scope { nodes: args.nodes, namespaces: args.namespace.clone() };
    super::check_namespaces(&cluster, &args.namespace)?;
    let listing = Listing::of(&cluster, &reachability, &scope);
    write(&listing, &cluster, args.format, &mut session.printer)?;
    let (pods, policies) = (cluster.pods.len(), cluster.policies.len());
    session.printer.detail(format_args!(
        "{pods} pods, {policies} policies, {} classes, {} pairs of pods reach each other",
        reachability.class_count(),
        reachability.pod_pairs()
    ));
    Ok(ExitCode::SUCCESS)
}

fn write(
    listing: &Listing,
    cluster: &Cluster,
    format: ListFormat,
    printer: &mut Printer,
) -> Result<(), CliError> {
    let out = printer.data();
    match format {
        ListFormat::Table => render::table(listing, out)?,
        ListFormat::Txt => render::text(listing, out)?,
        ListFormat::Csv => render::csv(listing, out)?,
        ListFormat::Json => render::json(listing, cluster, out)?,
        ListFormat::Md => render::markdown(listing, out)?,
        ListFormat::Dot => render::dot(listing, out)?,
        ListFormat::Svg => render::svg(listing, out)?,
    }
    Ok(())
}
