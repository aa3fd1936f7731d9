//! Findings about Kubernetes objects as a report: the flags, the verdict, the written form.

use std::{collections::BTreeSet, path::PathBuf};

use cofferdam_finding::{
    DataSource, Finding, Gap, Policy, Report, Rule, SCHEMA_VERSION, Severity, Target, Waivers,
    decide,
};
use time::OffsetDateTime;

use crate::{
    commands::{
        rules,
        scan::{ReportFormat, read_waivers, severity, write},
    },
    error::CliError,
    session::{Ended, Session, exit_code},
    stamp,
};

/// Flags of every command that reports findings.
#[derive(Debug, clap::Args)]
pub(super) struct Reporting {
    /// How to write the report
    #[arg(long, value_enum, default_value_t)]
    format: ReportFormat,
    /// Exit with 1 if something is this severe or worse
    #[arg(long, value_name = "SEVERITY", value_parser = severity())]
    fail_on: Option<Severity>,
    /// Exit with 3 if something could not be looked at
    #[arg(long)]
    strict: bool,
    /// File of accepted findings, each with reason, owner and expiry
    #[arg(long, value_name = "FILE")]
    waivers: Option<PathBuf>,
    /// Show only what is this severe or worse; the exit status is not affected
    #[arg(long, value_name = "SEVERITY", value_parser = severity())]
    severity: Option<Severity>,
}

/// What a command found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) findings: Vec<Finding>,
    pub(super) gaps: Vec<Gap>,
    pub(super) data: Vec<DataSource>,
    /// Rules that are not the program's own: vulnerabilities.
    pub(super) rules: Vec<Rule>,
}

/// Judges and writes what was found about the objects of `target`.
pub(super) fn report(
    target: String,
    found: Found,
    args: &Reporting,
    session: &mut Session,
) -> Ended {
    let mut report = judged(target, found, args)?;
    let verdict = report.decision.verdict;
    hide(&mut report, args.severity, session);
    write(&report, args.format, &mut session.printer)?;
    Ok(exit_code(verdict))
}

/// Judges what was found and written already.
pub(super) fn judge(target: String, found: Found, args: &Reporting) -> Ended {
    Ok(exit_code(judged(target, found, args)?.decision.verdict))
}

fn judged(target: String, found: Found, args: &Reporting) -> Result<Report, CliError> {
    let now = OffsetDateTime::now_utc();
    let waivers = args.waivers.as_deref().map_or_else(|| Ok(Waivers::default()), read_waivers)?;
    let policy = Policy { fail_on: args.fail_on, strict: args.strict };
    let mut findings = found.findings;
    findings.extend(found.gaps.into_iter().map(finding));
    let named: BTreeSet<String> = findings.iter().map(|finding| finding.rule.to_string()).collect();
    let own = rules::own().filter(|rule| named.contains(rule.id.as_ref())).cloned();
    let rules = own.chain(found.rules).collect();
    let decision = decide(&target, findings, &waivers, &policy, now.date());
    Ok(Report {
        schema_version: SCHEMA_VERSION,
        tool: stamp::tool(),
        created: stamp::time(now)?,
        target: Target { name: target, kind: "kubernetes".into(), ..Target::default() },
        data: found.data,
        packages: Vec::new(),
        rules,
        decision,
    })
}

/// What is hidden still counts: the summary and the verdict are those of everything.
fn hide(report: &mut Report, least: Option<Severity>, session: &Session) {
    let Some(least) = least else { return };
    let before = report.decision.findings.len();
    report.decision.findings.retain(|finding| finding.severity >= least);
    let hidden = before - report.decision.findings.len();
    if hidden > 0 {
        session.printer.message(format_args!("{hidden} findings below {least} are not shown"));
    }
}

fn finding(gap: Gap) -> Finding {
    let severity = rules::own().find(|rule| rule.id == gap.rule).map(|rule| rule.severity);
    gap.into_finding(severity.unwrap_or(Severity::Medium))
}
