use cofferdam_kube::pss::{Level, NEWEST_MINOR, Version, evaluate};

use super::{
    input,
    report::{self, Found},
};
use crate::session::{Ended, Session};

/// Check pods and workloads against the Pod Security Standards
///
/// Every check of the levels baseline and restricted is made as the given version of Kubernetes
/// makes it, on pods and on the template of everything that makes pods. Each finding begins with the
/// standard's own name of the check.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube pss manifests/
  cofferdam kube pss --level baseline --standard-version v1.31 --fail-on low dump.json
  helm template ./chart | cofferdam kube pss --format sarif -o pss.sarif -

Exit status:
  0  nothing at or above --fail-on
  1  findings at or above --fail-on
  2  wrong usage, or nothing could be read
  3  something could not be looked at, under --strict")]
pub(crate) struct Args {
    #[command(flatten)]
    input: input::Input,
    /// How much a pod may do: privileged, baseline or restricted
    #[arg(long, default_value = "restricted")]
    level: Level,
    /// Version of the standard: latest, or that of a release (v1.31)
    #[arg(long, value_name = "VERSION", default_value = "latest")]
    standard_version: Version,
    #[command(flatten)]
    report: report::Reporting,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let snapshot = args.input.load(session)?;
    if let Version::Minor(minor) = args.standard_version
        && minor > NEWEST_MINOR
    {
        let message =
            format!("v1.{minor} is taken for v1.{NEWEST_MINOR}, the newest that is known");
        session.printer.warning(message);
    }
    let found = snapshot.workloads();
    let mut gaps = snapshot.gaps.clone();
    gaps.extend(found.gaps);
    let mut findings = Vec::new();
    let mut allowed = 0;
    for workload in &found.workloads {
        let violations = evaluate(workload, args.level, args.standard_version);
        allowed += usize::from(violations.is_empty());
        findings.extend(violations.iter().map(|one| one.finding(workload, &snapshot)));
    }
    session.printer.message(format_args!(
        "{allowed} of {} workloads are allowed at level {} ({})",
        found.workloads.len(),
        args.level.name(),
        args.standard_version
    ));
    let found = Found { findings, gaps, ..Found::default() };
    report::report(args.input.name(), found, &args.report, session)
}
