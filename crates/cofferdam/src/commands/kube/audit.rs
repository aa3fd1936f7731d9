use std::{io::Write as _, process::ExitCode};

use cofferdam_kube::{
    Snapshot, live,
    practice::{self, Settings},
    pss::{self, Level, Version},
    rbac::{
        Access,
        paths::{self, Options, Path},
    },
    versions::Judged,
    wiring,
};

use super::{
    input,
    report::{self, Found},
    versions,
};
use crate::session::{Ended, Session};

/// Check a cluster or manifests against all rules at once
///
/// Pod Security Standards, the other rules on workloads, attack paths, and, where there are nodes,
/// versions. One report, one threshold.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube audit manifests/
  cofferdam kube audit --fail-on high --registry quay.io/org dump.json
  cofferdam kube audit --context staging
  cofferdam kube audit --print-rbac | kubectl apply -f -
  helm template ./chart | cofferdam kube audit --format sarif -o audit.sarif -

Exit status:
  0  nothing at or above --fail-on
  1  findings at or above --fail-on
  2  wrong usage, or nothing could be read
  3  something could not be looked at, under --strict")]
pub(crate) struct Args {
    #[command(flatten)]
    input: input::Input,
    /// Level of the Pod Security Standards: privileged, baseline or restricted
    #[arg(long, default_value = "restricted")]
    level: Level,
    /// Version of the standard: latest, or that of a release (v1.31)
    #[arg(long, value_name = "VERSION", default_value = "latest")]
    standard_version: Version,
    /// Registry or repository that images may come from; all, if none is named
    #[arg(long = "registry", value_name = "PREFIX")]
    registries: Vec<String>,
    /// Label of namespaces that says whose they are: finds ways from one tenant to another
    #[arg(long, value_name = "LABEL")]
    tenant_label: Option<String>,
    /// Version of the API server, as 'kubectl version' says it
    #[arg(long, value_name = "VERSION")]
    server_version: Option<String>,
    /// Print the ClusterRole that an account needs for reading a cluster, and do nothing else
    #[arg(long, conflicts_with = "path")]
    print_rbac: bool,
    #[command(flatten)]
    report: report::Reporting,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    if args.print_rbac {
        let role = live::role("cofferdam-audit", args.input.secret_names());
        session.printer.data().write_all(role.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let snapshot = args.input.load(session)?;
    let mut found = Found { gaps: snapshot.gaps.clone(), ..Found::default() };
    look(&snapshot, args, &mut found);
    report::report(args.input.name(), found, &args.report, session)
}

fn look(snapshot: &Snapshot, args: &Args, found: &mut Found) {
    let workloads = snapshot.workloads();
    let access = Access::of(snapshot);
    found.gaps.extend(workloads.gaps.iter().chain(&access.gaps).cloned());
    let settings = Settings { registries: args.registries.clone() };
    for workload in &workloads.workloads {
        let broken = pss::evaluate(workload, args.level, args.standard_version);
        found.findings.extend(broken.iter().map(|one| one.finding(workload, snapshot)));
        found.findings.extend(practice::evaluate(workload, snapshot, &settings));
    }
    found.findings.extend(wiring::evaluate(snapshot, &workloads.workloads));
    let options = Options { tenant_label: args.tenant_label.clone(), control_plane: false };
    let paths = paths::find(snapshot, access, &workloads, &options).paths;
    found.findings.extend(paths.iter().map(Path::finding));
    // Manifests have no nodes, and no version is missing there.
    if args.server_version.is_some() || snapshot.of("", "Node").next().is_some() {
        let Judged { findings, gaps, rules, data } =
            versions::judged(snapshot, args.server_version.as_deref());
        found.findings.extend(findings);
        found.gaps.extend(gaps);
        found.rules.extend(rules);
        found.data.extend(data);
    }
}
