//! Findings about Kubernetes objects as a report.

use cofferdam_finding::Target;

pub(super) use crate::reporting::{Found, Reporting};
use crate::{
    reporting::{hide, judged, write},
    session::{Ended, Session, exit_code},
};

/// Judges and writes what was found about the objects of `target`.
pub(super) fn report(
    target: String,
    found: Found,
    args: &Reporting,
    session: &mut Session,
) -> Ended {
    let mut report = judged(objects(target), found, args)?;
    let verdict = report.decision.verdict;
    hide(&mut report, args.severity, &mut session.printer);
    write(&report, args.format, &mut session.printer)?;
    Ok(exit_code(verdict))
}

/// Judges what was found and written already.
pub(super) fn judge(target: String, found: Found, args: &Reporting) -> Ended {
    Ok(exit_code(judged(objects(target), found, args)?.decision.verdict))
}

fn objects(name: String) -> Target {
    Target { name, kind: "kubernetes".into(), ..Target::default() }
}
