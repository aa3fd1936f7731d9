use std::io::{self, Write};

use super::{
    Terminal,
    columns::{Column, Row, grid},
    detail,
    text::{Style, cut, escape, wrap},
};
use crate::{ExitStatus, Finding, PackageEvidence, RemedyState, Report, Status, Upgrade};

mod aside;

/// Writes the report as text for people: what was looked at and with data of what age,
/// vulnerabilities, other findings, gaps, waivers, and a summary, each sorted worst first.
///
/// # Errors
///
/// The writer fails.
pub fn table(report: &Report, terminal: Terminal, out: &mut dyn Write) -> io::Result<()> {
    written(report, &[], terminal, out)
}

/// Writes the same with a section of what to upgrade.
///
/// # Errors
///
/// The writer fails.
pub fn table_with_upgrades(
    report: &Report,
    terminal: Terminal,
    out: &mut dyn Write,
) -> io::Result<()> {
    written(report, &report.decision.upgrades, terminal, out)
}

fn written(
    report: &Report,
    upgrades: &[Upgrade],
    terminal: Terminal,
    out: &mut dyn Write,
) -> io::Result<()> {
    head(report, terminal, out)?;
    stale_data(report, terminal, out)?;
    vulnerabilities(report, terminal, out)?;
    aside::upgrades(upgrades, terminal, out)?;
    other_findings(report, terminal, out)?;
    gaps(report, terminal, out)?;
    aside::aside(report, terminal, out)?;
    writeln!(out)?;
    field("Summary", &summary(report), terminal, out)?;
    field("Verdict", &verdict(report), terminal, out)
}

/// Columns of labels: a digest of 71 characters fits beside one in 80 columns.
const LABEL: usize = 9;

/// A label and its text, wrapped under itself.
fn field(label: &str, text: &str, terminal: Terminal, out: &mut dyn Write) -> io::Result<()> {
    for (index, line) in wrap(&escape(text), terminal.width() - LABEL).iter().enumerate() {
        let label = format!("{:LABEL$}", if index == 0 { label } else { "" });
        writeln!(out, "{}{line}", terminal.paint(Style::Bold, &label))?;
    }
    Ok(())
}

fn head(report: &Report, terminal: Terminal, out: &mut dyn Write) -> io::Result<()> {
    let target = &report.target;
    let platform = target.platform.as_ref().map_or_else(String::new, |name| format!(", {name}"));
    let name = &target.name;
    field("Target", &format!("{name} ({}{platform})", target.kind), terminal, out)?;
    for (label, text) in [("Digest", &target.digest), ("System", &target.os)] {
        if let Some(text) = text {
            field(label, text, terminal, out)?;
        }
    }
    let layers = match target.layers.len() {
        0 => String::new(),
        count => format!("{}, ", plural(count, "layer")),
    };
    let packages = plural(report.packages.len(), "package");
    // Manifests have no packages, and rules on them rest on no advisories.
    let has_packages = target.kind != "kubernetes";
    if has_packages {
        field("Contents", &format!("{layers}{packages}"), terminal, out)?;
    }
    if has_packages && report.data.is_empty() {
        field("Data", "no advisory data was used", terminal, out)?;
    }
    for (index, source) in report.data.iter().enumerate() {
        field(if index == 0 { "Data" } else { "" }, &detail::data(source), terminal, out)?;
    }
    let tool = &report.tool;
    field("Made", &format!("{} by {} {}", report.created, tool.name, tool.version), terminal, out)
}

fn stale_data(report: &Report, terminal: Terminal, out: &mut dyn Write) -> io::Result<()> {
    for warning in detail::data_warnings(report) {
        for line in wrap(&escape(&format!("warning: {warning}")), terminal.width()) {
            writeln!(out, "{}", terminal.paint(Style::Warning, &line))?;
        }
    }
    Ok(())
}

/// An empty line and the title of a section.
fn section(title: &str, count: usize, terminal: Terminal, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out)?;
    writeln!(out, "{}", terminal.paint(Style::Bold, &format!("{title} ({count})")))
}

fn failures(report: &Report) -> impl Iterator<Item = &Finding> {
    report.decision.findings.iter().filter(|finding| finding.status == Status::Fail)
}

/// Packages in which a vulnerability was matched; none for any other finding.
fn packages(finding: &Finding) -> impl Iterator<Item = &PackageEvidence> {
    finding.evidence.iter().filter_map(|evidence| evidence.package.as_ref())
}

fn vulnerabilities(report: &Report, terminal: Terminal, out: &mut dyn Write) -> io::Result<()> {
    const COLUMNS: [Column; 5] = [
        Column::new("SEVERITY", 8),
        Column::new("ID", 20),
        Column::new("PACKAGE", 8),
        Column::new("INSTALLED", 13),
        Column::new("FIXED IN", 13),
    ];
    const WITH_ATTACKS: [Column; 6] = [
        Column::new("SEVERITY", 8),
        Column::new("ID", 20),
        Column::new("ATTACKS", 7),
        Column::new("PACKAGE", 7),
        Column::new("INSTALLED", 9),
        Column::new("FIXED IN", 9),
    ];
    let vulnerable = || failures(report).filter(|finding| packages(finding).next().is_some());
    // Where nothing is known of attacks there is nothing to show of them.
    let with_attacks = vulnerable().any(|finding| !attacks(finding).is_empty());
    let rows: Vec<Row> = vulnerable()
        .map(|finding| {
            let risk = attacks(finding);
            let (names, installed, fixed) = (
                package_names(finding),
                several(packages(finding).map(|package| package.source.version.as_str())),
                fixed_in(finding),
            );
            let cells = [severity(finding), &finding.rule, &names, &installed, &fixed];
            let risk = with_attacks.then_some(risk.as_str());
            let cells = cells[..2].iter().copied().chain(risk).chain(cells[2..].iter().copied());
            Row::new(Style::Severity(finding.severity), cells, &finding.title)
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let columns: &[Column] = if with_attacks { &WITH_ATTACKS } else { &COLUMNS };
    section("Vulnerabilities", rows.len(), terminal, out)?;
    grid(columns, "TITLE", &rows, terminal, out)
}

/// What is known of attacks: that there are some, or how likely that is.
fn attacks(finding: &Finding) -> String {
    if finding.exploited().is_some() {
        return "known".to_owned();
    }
    finding.epss().map_or_else(String::new, |epss| epss.probability.percent())
}

const fn severity(finding: &Finding) -> &'static str {
    finding.severity.name()
}

/// The source package, and the installed ones where they are named otherwise: `glibc (libc6 +1)`.
fn package_names(finding: &Finding) -> String {
    let binaries = several(packages(finding).map(|package| package.name.as_str()));
    if binaries == finding.subject {
        return binaries;
    }
    format!("{} ({binaries})", finding.subject)
}

/// The first of several texts, and how many others there are.
fn several<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut distinct: Vec<&str> = texts.collect();
    distinct.sort_unstable();
    distinct.dedup();
    match distinct.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first, others @ ..] => format!("{first} +{}", others.len()),
    }
}

fn fixed_in(finding: &Finding) -> String {
    let fixed = several(packages(finding).filter_map(|package| package.fixed_version.as_deref()));
    if !fixed.is_empty() {
        return fixed;
    }
    match packages(finding).map(|package| package.remedy).min() {
        Some(RemedyState::Fixed) => "yes",
        Some(RemedyState::Unfixed) => "not fixed",
        Some(RemedyState::Deferred) => "deferred",
        Some(RemedyState::WontFix) => "won't fix",
        Some(RemedyState::EndOfLife) => "end of life",
        Some(RemedyState::Unknown) | None => "unknown",
    }
    .to_owned()
}

fn other_findings(report: &Report, terminal: Terminal, out: &mut dyn Write) -> io::Result<()> {
    const COLUMNS: [Column; 3] =
        [Column::new("SEVERITY", 8), Column::new("RULE", 20), Column::new("SUBJECT", 16)];
    let rows: Vec<Row> = failures(report)
        .filter(|finding| packages(finding).next().is_none())
        .map(|finding| {
            let cells = [severity(finding), &finding.rule, &finding.subject];
            Row::new(Style::Severity(finding.severity), cells, &finding.title)
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    section("Findings", rows.len(), terminal, out)?;
    grid(&COLUMNS, "TITLE", &rows, terminal, out)
}

fn gaps(report: &Report, terminal: Terminal, out: &mut dyn Write) -> io::Result<()> {
    const COLUMNS: [Column; 2] = [Column::new("RULE", 20), Column::new("OBJECT", 20)];
    let rows: Vec<Row> = report
        .decision
        .findings
        .iter()
        .filter_map(|finding| {
            let why = detail::gap(finding)?;
            Some(Row::new(Style::Warning, [&*finding.rule, &finding.subject], why))
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    section("Gaps: what could not be looked at", rows.len(), terminal, out)?;
    grid(&COLUMNS, "WHY", &rows, terminal, out)
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn summary(report: &Report) -> String {
    let summary = &report.decision.summary;
    let severities: Vec<String> = summary
        .by_severity()
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(severity, count)| format!("{count} {severity}"))
        .collect();
    let total = summary.failures();
    let mut parts = vec![plural(total, "finding")];
    if total > 0 {
        parts[0] = format!("{}: {}", parts[0], severities.join(", "));
        if summary.exploited > 0 {
            parts.push(format!("{} known to be exploited", summary.exploited));
        }
        parts.push(format!("{} fixable", summary.fixable));
    }
    parts.push(plural(summary.gaps, "gap"));
    for (count, what) in [
        (summary.waived, "waived"),
        (summary.suppressed, "closed by VEX"),
        (summary.known, "known before"),
        (summary.passed, "passed"),
        (summary.not_applicable, "not applicable"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    parts.join("; ")
}

fn verdict(report: &Report) -> String {
    let decision = &report.decision;
    let text = match (decision.verdict, decision.policy.fail_on) {
        (ExitStatus::Findings, Some(threshold)) => {
            format!("failed: findings of severity {threshold} or above")
        }
        (ExitStatus::Findings, None) => "failed: findings".to_owned(),
        (ExitStatus::Success, Some(threshold)) => {
            format!("passed: no finding of severity {threshold} or above")
        }
        (ExitStatus::Success, None) => "passed: no threshold is set".to_owned(),
        (ExitStatus::Incomplete, _) => "incomplete: not everything could be looked at".to_owned(),
        (ExitStatus::Error, _) => "failed: the work could not be done".to_owned(),
    };
    cut(&format!("{text} (exit {})", decision.verdict.code()), Terminal::WIDEST)
}
