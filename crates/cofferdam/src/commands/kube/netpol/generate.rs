use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use cofferdam_kube::network::{
    Cluster,
    generate::{Difference, Need, declared, flows, generate},
};

use super::{super::input, Blocks};
use crate::{
    bounded,
    error::{CliError, OrFail as _},
    session::{Ended, Session},
};

/// Bytes of a flow log: some millions of connections.
const LONGEST_LOG: u64 = 1 << 30;
/// Differences that are told one by one; the rest as a number.
const TOLD: usize = 20;

/// Write policies that permit what is declared or was observed, and nothing else
///
/// Each namespace gets a default deny in both directions and lookups of names; each workload what it
/// needs. Needs come from the manifests (services that settings name, services and ingresses that
/// lead in from outside), or with --flows from logs: Hubble's JSON, JSON lines with source,
/// destination, port and protocol, or CSV as 'kube netpol list --format csv' writes it. The policies
/// are read again and analysed in the place of the NetworkPolicies there are; it is an error if they
/// permit less or more than what was asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube netpol generate ./manifests -o policies.yaml
  cofferdam kube netpol generate dump.json --flows hubble.jsonl --namespace shop
  cofferdam kube netpol list dump.json --format csv > now.csv
  cofferdam kube netpol generate dump.json --flows now.csv

Exit status:
  0  the policies permit exactly what was asked
  1  they do not, and stderr says where they differ
  2  wrong usage, or nothing could be written")]
pub(crate) struct Args {
    #[command(flatten)]
    input: input::Input,
    /// A log of connections that are needed, instead of what is declared; may be repeated
    #[arg(long, value_name = "FILE")]
    flows: Vec<PathBuf>,
    /// With --flows: what is declared is needed, too
    #[arg(long, requires = "flows")]
    declared: bool,
    /// Only for this namespace; may be repeated [default: all with pods]
    #[arg(long, short, value_name = "NAMESPACE")]
    namespace: Vec<String>,
    /// What blocks of addresses in policies mean: pods and nodes too, or only the outside (Cilium)
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    ip_blocks: Blocks,
}

pub(super) fn run(args: &Args, session: &mut Session) -> Ended {
    let snapshot = args.input.read(session)?;
    let cluster = super::understood(&snapshot, &args.input.name(), session)?;
    super::check_namespaces(&cluster, &args.namespace)?;
    let mut needs = Vec::new();
    if args.flows.is_empty() || args.declared {
        needs.extend(declared::needs(&snapshot, &cluster));
    }
    for path in &args.flows {
        needs.extend(observed(path, &cluster, session)?);
    }
    let generated = generate(&cluster, &needs, &args.namespace, args.ip_blocks.into());
    session.printer.data().write_all(generated.manifest.as_bytes())?;
    let proof = &generated.proof;
    for why in &generated.unexpressed {
        session.printer.warning(format_args!("not expressed: {why}"));
    }
    tell("asked and not permitted", &proof.missing, session);
    tell("permitted and not asked", &proof.extra, session);
    let (policies, compared) = (generated.policies, proof.compared);
    let holds = proof.holds() && generated.unexpressed.is_empty();
    let word = if holds { "exactly" } else { "not exactly" };
    session.printer.message(format_args!(
        "{policies} policies; they permit {word} what was asked, by {compared} comparisons"
    ));
    Ok(ExitCode::from(u8::from(!holds)))
}

fn observed(path: &Path, cluster: &Cluster, session: &Session) -> Result<Vec<Need>, CliError> {
    let attempt = || format!("could not read flows '{}'", path.display());
    let text = bounded::text(path, LONGEST_LOG, attempt)?;
    let observed = flows::needs(&text, cluster).or_fail(attempt)?;
    if observed.skipped > 0 {
        let skipped = observed.skipped;
        session.printer.message(format_args!(
            "dropped flows, replies and lines without ports left out of '{}': {skipped}",
            path.display()
        ));
    }
    for (name, count) in observed.unknown.iter().take(TOLD) {
        session
            .printer
            .warning(format_args!("'{name}' is not in the cluster; flows left out: {count}"));
    }
    if observed.unknown.len() > TOLD {
        let more = observed.unknown.len() - TOLD;
        session.printer.warning(format_args!("{more} more names are not in the cluster"));
    }
    Ok(observed.needs)
}

fn tell(what: &str, differences: &[Difference], session: &Session) {
    for Difference { from, to, ports } in differences.iter().take(TOLD) {
        session.printer.warning(format_args!("{what}: {from} to {to} on {ports}"));
    }
    if differences.len() > TOLD {
        let more = differences.len() - TOLD;
        session.printer.warning(format_args!("{more} more are {what}"));
    }
}
