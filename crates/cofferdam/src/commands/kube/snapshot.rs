use std::process::ExitCode;

use cofferdam_kube::load;

use super::input;
use crate::session::{Ended, Session};

/// Write what a cluster, a dump or a folder holds as one file, without the values of secrets
///
/// The file is a list as 'kubectl get -o json' writes it, one object a line; every kube command
/// reads it. Left out are values of Secrets, managed fields and repeated objects; what could not be
/// read is noted in it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube snapshot dump.json -o cluster.json
  cofferdam kube snapshot --context staging -o cluster.json
  helm template ./chart | cofferdam kube snapshot - -o chart.json")]
pub(crate) struct Args {
    #[command(flatten)]
    input: input::Input,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let snapshot = args.input.read(session)?;
    load::write(&snapshot, session.printer.data())?;
    for kind in snapshot.kinds() {
        let group = if kind.group.is_empty() { "core" } else { &kind.group };
        session.printer.detail(format_args!("{:>7} {} ({group})", kind.count, kind.kind));
    }
    let count = snapshot.objects.len();
    let (kinds, gaps) = (snapshot.kinds().len(), snapshot.gaps.len());
    session.printer.message(format_args!("{count} objects of {kinds} kinds, {gaps} gaps"));
    Ok(ExitCode::SUCCESS)
}
