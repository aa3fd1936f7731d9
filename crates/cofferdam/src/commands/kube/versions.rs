use cofferdam_kube::{
    Snapshot,
    versions::{Judged, inventory, judge, table},
};
use time::OffsetDateTime;

use super::{
    input,
    report::{self, Found},
};
use crate::session::{Ended, Session};

/// Check the versions of server, nodes and container runtimes
///
/// Support, missing patches, versions that are too far apart, known vulnerabilities: by a table that
/// comes with the program, whose age every report states. The versions of nodes are in a dump; that
/// of the server is read off the kube-apiserver pods, or said with --server-version.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube versions dump.json
  cofferdam kube versions --server-version v1.33.2 --fail-on high dump.json

Exit status:
  0  nothing at or above --fail-on
  1  findings at or above --fail-on
  2  wrong usage, or nothing could be read
  3  something could not be looked at, under --strict")]
pub(crate) struct Args {
    #[command(flatten)]
    input: input::Input,
    /// Version of the API server, as 'kubectl version' says it
    #[arg(long, value_name = "VERSION")]
    server_version: Option<String>,
    #[command(flatten)]
    report: report::Reporting,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let snapshot = args.input.load(session)?;
    let judged = judged(&snapshot, args.server_version.as_deref());
    let mut gaps = snapshot.gaps;
    gaps.extend(judged.gaps);
    let Judged { findings, rules, data, .. } = judged;
    let found = Found { findings, gaps, data, rules };
    report::report(args.input.name(), found, &args.report, session)
}

/// The versions of a snapshot, judged today.
pub(super) fn judged(snapshot: &Snapshot, server: Option<&str>) -> Judged {
    judge(&inventory(snapshot, server), table(), OffsetDateTime::now_utc().date())
}
