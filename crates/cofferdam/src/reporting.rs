//! Findings as a report: the flags, the verdict, the written form.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use cofferdam_finding::{
    DataSource, Finding, Gap, Policy, Report, Rule, SCHEMA_VERSION, Severity, Status, Target,
    Waivers, decide, render,
};
use time::OffsetDateTime;

use crate::{
    bounded,
    commands::rules,
    error::{CliError, OrFail as _},
    printer::Printer,
    stamp,
};

/// Bytes of a waivers file: tens of thousands of waivers, more than anybody answers for.
const LONGEST_WAIVERS: u64 = 8 << 20;

/// Flags of every command that reports findings.
#[derive(Debug, clap::Args)]
pub(crate) struct Reporting {
    /// How to write the report
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ReportFormat,
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
    pub(crate) severity: Option<Severity>,
}

/// What a command found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) findings: Vec<Finding>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) data: Vec<DataSource>,
    /// Rules that are not the program's own: vulnerabilities.
    pub(crate) rules: Vec<Rule>,
}

/// Written form of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ReportFormat {
    // Not doc comments: clap would stretch the help page over them.
    // For people.
    #[default]
    Table,
    // Everything, schema-versioned.
    Json,
    // SARIF 2.1.0, for code hosts.
    Sarif,
    // For CI systems.
    Junit,
}

/// Severities with their names, so that wrong usage lists them.
pub(crate) fn severity() -> impl clap::builder::TypedValueParser<Value = Severity> {
    use clap::builder::{PossibleValuesParser, TypedValueParser as _};
    PossibleValuesParser::new(Severity::DESCENDING.map(Severity::name))
        .try_map(|name| name.parse::<Severity>())
}

/// Judges what was found about `target`.
pub(crate) fn judged(target: Target, found: Found, args: &Reporting) -> Result<Report, CliError> {
    let now = OffsetDateTime::now_utc();
    let waivers = args.waivers.as_deref().map_or_else(|| Ok(Waivers::default()), read_waivers)?;
    let policy = Policy { fail_on: args.fail_on, strict: args.strict };
    let mut findings = found.findings;
    findings.extend(found.gaps.into_iter().map(from_gap));
    let named: BTreeSet<String> = findings.iter().map(|finding| finding.rule.to_string()).collect();
    let own = rules::own().filter(|rule| named.contains(rule.id.as_ref())).cloned();
    let rules = own.chain(found.rules).collect();
    let decision = decide(&target.name, findings, &waivers, &policy, now.date());
    Ok(Report {
        schema_version: SCHEMA_VERSION,
        tool: stamp::tool(),
        created: stamp::time(now)?,
        target,
        data: found.data,
        packages: Vec::new(),
        rules,
        decision,
    })
}

/// Takes out failures that are less severe, and says how many. What is hidden still counts: the
/// summary and the verdict are those of everything. What could not be looked at is never hidden.
pub(crate) fn hide(report: &mut Report, least: Option<Severity>, printer: &mut Printer) {
    let Some(least) = least else { return };
    let before = report.decision.findings.len();
    let is_shown = |one: &Finding| one.status != Status::Fail || one.severity >= least;
    report.decision.findings.retain(is_shown);
    let hidden = before - report.decision.findings.len();
    if hidden > 0 {
        printer.message(format_args!("{hidden} findings below {least} are not shown"));
    }
}

/// A gap is a finding of the rule that reports it.
pub(crate) fn from_gap(gap: Gap) -> Finding {
    let severity = rules::own().find(|rule| rule.id == gap.rule).map(|rule| rule.severity);
    gap.into_finding(severity.unwrap_or(Severity::Medium))
}

/// The waivers in the file at `path`.
pub(crate) fn read_waivers(path: &Path) -> Result<Waivers, CliError> {
    let attempt = || format!("could not read waivers '{}'", path.display());
    Waivers::parse(&bounded::text(path, LONGEST_WAIVERS, attempt)?).or_fail(attempt)
}

/// Writes `report` to where data goes.
pub(crate) fn write(
    report: &Report,
    format: ReportFormat,
    printer: &mut Printer,
) -> Result<(), CliError> {
    let terminal = printer.terminal();
    let out = printer.data();
    match format {
        ReportFormat::Table => render::table(report, terminal, out)?,
        ReportFormat::Json => render::json(report, out)?,
        ReportFormat::Sarif => render::sarif(report, out)?,
        ReportFormat::Junit => render::junit(report, out)?,
    }
    Ok(())
}
