use std::io::Write as _;

use cofferdam_kube::rbac::{
    Access,
    paths::{self, Options, Path},
};

use crate::{
    commands::kube::{
        input,
        report::{self, Found},
    },
    error::CliError,
    session::{Ended, Session},
};

/// Find every way to cluster-admin, root on a node, all secrets or another tenant
///
/// From what each subject and workload may do, through what follows from it, however many steps it
/// takes. Whoever goes the same way is one row, with the rule that permits each step and the
/// smallest cut that closes it; the cut is proven by searching again without what it takes away.
/// What the control plane itself may do is left out unless asked for.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube rbac paths dump.json
  cofferdam kube rbac paths --tenant-label team --fail-on high dump.json
  cofferdam kube rbac paths --format json dump.json | jq '.findings[].title'

Exit status:
  0  nothing at or above --fail-on
  1  findings at or above --fail-on
  2  wrong usage, or nothing could be read
  3  something could not be looked at, under --strict")]
pub(crate) struct Args {
    #[command(flatten)]
    input: input::Input,
    /// Label of namespaces that says whose they are: finds ways from one tenant to another
    #[arg(long, value_name = "LABEL")]
    tenant_label: Option<String>,
    /// Tell the ways of the control plane, too
    #[arg(long)]
    control_plane: bool,
    /// Print each way step by step instead of a table
    #[arg(long)]
    steps: bool,
    #[command(flatten)]
    report: report::Reporting,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let snapshot = args.input.load(session)?;
    let mut gaps = snapshot.gaps.clone();
    let workloads = snapshot.workloads();
    let access = Access::of(&snapshot);
    gaps.extend(workloads.gaps.iter().chain(&access.gaps).cloned());
    let options =
        Options { tenant_label: args.tenant_label.clone(), control_plane: args.control_plane };
    let begin = std::time::Instant::now();
    let found = paths::find(&snapshot, access, &workloads, &options);
    session.printer.detail(format_args!(
        "{} nodes, {} edges, searched in {:?}",
        found.nodes,
        found.edges,
        begin.elapsed()
    ));
    if found.trusted > 0 {
        let trusted = found.trusted;
        session.printer.message(format_args!(
            "{trusted} ways of the control plane itself are left out; --control-plane tells them"
        ));
    }
    if args.steps {
        steps(&found.paths, session)?;
    }
    let findings = found.paths.iter().map(Path::finding).collect();
    let found = Found { findings, gaps, ..Found::default() };
    if args.steps {
        return report::judge(args.input.name(), found, &args.report);
    }
    report::report(args.input.name(), found, &args.report, session)
}

fn steps(paths: &[Path], session: &mut Session) -> Result<(), CliError> {
    let out = session.printer.data();
    for (index, path) in paths.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        writeln!(out, "{}  {}", path.severity, path.title())?;
        for hop in &path.hops {
            writeln!(out, "  {}", hop.text())?;
            for because in &hop.because {
                let rule = &because.rule;
                match because.role.as_str() {
                    "" => writeln!(out, "      {}: {rule}", because.place)?,
                    role => writeln!(out, "      {} gives {role}: {rule}", because.object)?,
                }
            }
        }
        if path.sources.len() > 1 {
            writeln!(out, "  also {}", path.sources[1..].join(", "))?;
        }
        let Some(cut) = &path.cut else { continue };
        let closes = if cut.proven { "closed by" } else { "closed in part by" };
        for removal in &cut.removals {
            writeln!(out, "  {closes} taking {}", removal.what)?;
            writeln!(out, "      {}", removal.patch)?;
        }
    }
    Ok(())
}
